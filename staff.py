"""Everything for staff: signing in, their account, and the pages they work with."""

from flask import Flask

import staff_account
import staff_activity  # noqa: F401 (adds its page)
import staff_export  # noqa: F401 (likewise)
import staff_letters  # noqa: F401 (likewise)
import staff_overview  # noqa: F401 (likewise)
import staff_queue  # noqa: F401 (likewise)
import staff_signin
import staff_submission  # noqa: F401 (likewise)
from staff_base import ReferenceConverter, bp


def init_app(app: Flask) -> None:
    app.url_map.converters["reference"] = ReferenceConverter
    staff_signin.init_app(app)
    staff_account.init_app(app)
    app.register_blueprint(bp)
