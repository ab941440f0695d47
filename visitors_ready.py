"""Whether the site can take requests in, for a balancer that asks at `/readyz`."""

from datetime import timedelta
from functools import cache

import sqlalchemy as sa
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from flask import current_app

from models import db, now, only_read
from models_letters import Letter

LATE = timedelta(minutes=15)  # when nobody seems to be sending letters


def look() -> tuple[bool, list[str]]:
    """Return whether requests can be taken in, and a line about each thing that was looked at.

    Letters that are late are for the owner to look after. They keep no request from being kept.
    """
    try:
        only_read()
        context = MigrationContext.configure(db.session.connection())
        if set(context.get_current_heads()) != newest_migrations():
            return False, ["database ok", "migrations missing", "letters unknown"]
        late = db.session.scalar(sa.select(Letter.due(now() - LATE).exists()))
    except sa.exc.SQLAlchemyError:
        return False, ["database down", "migrations unknown", "letters unknown"]
    return True, ["database ok", "migrations ok", "letters late" if late else "letters ok"]


@cache
def newest_migrations() -> set[str]:
    """The revision that the code needs the database to be at; one, or there is a mistake."""
    config = current_app.extensions["migrate"].migrate.get_config()
    return set(ScriptDirectory.from_config(config).get_heads())
