"""The site: settings, then each part plugs itself in."""

from typing import Any

from flask import Flask

import commands
import content_files
import errors
import layout
import models
import pagecache
import patients
import security
import settings
import staff
import vault
import visitors

PARTS = (
    content_files,
    vault,
    models,
    pagecache,
    security,
    layout,
    visitors,
    patients,
    staff,
    errors,
    commands,
)


def create_app(**overrides: Any) -> Flask:
    """Make the app. `overrides` are settings, or Flask's own configuration, for this app alone.

    Raises `SettingsError` or `ContentError`, in one sentence, when something cannot be used.
    """
    config = settings.load(overrides)
    app = Flask(__name__, instance_path=str(config["INSTANCE_PATH"]))
    app.config.update(config)
    app.extensions["is_private"] = security.is_private
    for part in PARTS:
        part.init_app(app)
    return app
