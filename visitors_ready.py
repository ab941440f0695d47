"""Whether the site can take requests in, for a balancer that asks at `/readyz`."""

from datetime import timedelta

import sqlalchemy as sa

import models_revisions
from models import db, now, only_read
from models_letters import Letter

LATE = timedelta(minutes=15)  # when nobody seems to be sending letters


def look() -> tuple[bool, list[str]]:
    """Return whether requests can be taken in, and a line about each thing that was looked at.

    Letters that are late are for the owner to look after. They keep no request from being kept.
    """
    try:
        only_read()
        if not models_revisions.is_newest():
            return False, ["database ok", "migrations missing", "letters unknown"]
        late = db.session.scalar(sa.select(Letter.due(now() - LATE).exists()))
    except sa.exc.SQLAlchemyError:
        return False, ["database down", "migrations unknown", "letters unknown"]
    return True, ["database ok", "migrations ok", "letters late" if late else "letters ok"]
