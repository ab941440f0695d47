"""Which version of the tables the database has, and which the code needs."""

from functools import cache

from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from flask import current_app

from models import db


@cache
def known() -> tuple[str, ...]:
    """Every revision that the code knows, the newest first."""
    config = current_app.extensions["migrate"].migrate.get_config()
    return tuple(s.revision for s in ScriptDirectory.from_config(config).walk_revisions())


def is_newest() -> bool:
    """Whether the database is at the revision that the code needs."""
    context = MigrationContext.configure(db.session.connection())
    return context.get_current_heads() == known()[:1]
