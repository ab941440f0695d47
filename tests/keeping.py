"""What is kept of submissions: made old, counted, and looked for in the database's own files."""

from datetime import timedelta

import sqlalchemy as sa

from models import Model, Submission, db, place_at
from models_events import Event
from models_search import Token

DAY = timedelta(days=1)
SAID = ("Siobh", "siobhan@example.org", "555-0187", "crash in spring", "Sumatriptan")


def grow_old(days, reference=None, **columns):
    """Let so many days go by for all submissions, or for one; `columns` are set as they are."""
    for row in db.session.scalars(sa.select(Submission)).all():
        if reference in {None, row.reference, row.shown_reference}:
            moments = {
                name: getattr(row, name) and getattr(row, name) - days * DAY
                for name in ("received_at", "changed_at", "scheduled_for", "reply_due_at")
            }
            place = place_at(moments["received_at"]) + row.place % (1 << 22)
            tokens = sa.select(Token.mark).where(Token.place == row.place)
            marks = db.session.scalars(tokens).all()
            db.session.execute(sa.delete(Token).where(Token.place == row.place))
            values = {"changed_at": None, **moments, "place": place, **columns}
            this = sa.update(Submission).where(Submission.id == row.id)
            db.session.execute(this.values(**values))
            db.session.add_all([Token(mark=mark, place=place) for mark in marks])
            db.session.flush()
    db.session.commit()


def counts():
    """How many rows each table with something of patients in it has."""
    names = ("tokens", "notes", "letters", "drafts", "submissions")
    tables = Model.metadata.tables
    found = {
        name: db.session.scalar(sa.select(sa.func.count()).select_from(tables[name]))
        for name in names
    }
    db.session.rollback()
    return found


def trail(name):
    """The details of all events of a name, oldest first."""
    found = db.session.scalars(
        sa.select(Event.detail).where(Event.name == name).order_by(Event.id)
    ).all()
    db.session.rollback()
    return found


def erased():
    """References of what is erased."""
    query = sa.select(Submission.reference).where(Submission.erased_at.is_not(None))
    found = set(db.session.scalars(query))
    db.session.rollback()
    return found


def in_files(folder, needle):
    """Which files of the database have these bytes in them."""
    return {path.name for path in folder.glob("site.db*") if needle in path.read_bytes()}
