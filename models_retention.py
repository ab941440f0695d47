"""When what a patient told us has to go, and what is left then.

A submission is due when none of the moments in `ACTIVITY` is younger than `RETENTION_DAYS` allows
for its kind. Everything that changes it counts, by staff (a note too) or by the patient; that
somebody looked at it does not. Whatever is held stays.

What is left is a proof that tells of no person: reference, kind, status, urgency, times, versions
of form and consent, and its events, which never have an answer in them.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from models import Submission, db, now, place_at
from models_drafts import Draft
from models_events import Event, log
from models_letters import Letter
from models_notes import Note
from models_search import Token

# Why something was erased, in the column, and in words.
WHY = {
    "retention": "the time for which we keep it was over",
    "request": "the patient asked for it, or someone who may",
}
ACTIVITY = (Submission.received_at, Submission.changed_at, Submission.scheduled_for)
LETTERS_KEPT = timedelta(days=30)  # those about no submission, and letters that are files
BATCH = 50  # submissions that one transaction erases; others wait for it on SQLite
NOTHING: dict[str, Any] = {"answers": {}, "shown": [], "assessment": {}}
RUN = "retention_purge"  # the event of each run


def last_activity(submission: Submission) -> datetime:
    moments = (getattr(submission, column.key) for column in ACTIVITY)
    return max(moment for moment in moments if moment)


def due(kind: str, days: int, *, held: bool = False) -> sa.Select[tuple[Submission]]:
    """Select what is due of a kind, oldest first; or what would be if it were not held."""
    limit = now() - timedelta(days=days)
    quiet = (sa.or_(moment.is_(None), moment <= limit) for moment in ACTIVITY)
    kept = (Submission.kind == kind, Submission.erased_at.is_(None), Submission.hold.is_(held))
    before = Submission.place < place_at(limit + timedelta(seconds=1))  # an index leads there
    return sa.select(Submission).where(*kept, before, *quiet).order_by(Submission.place)


def count_due(retention: Mapping[str, int], *, held: bool = False) -> int:
    counts = (
        sa.select(sa.func.count()).select_from(due(kind, days, held=held).subquery())
        for kind, days in retention.items()
    )
    return sum(db.session.scalar(count) or 0 for count in counts)


def batches(retention: Mapping[str, int]) -> Iterator[list[Submission]]:
    """Yield what is due, locked, a few at a time; the caller commits each before the next.

    Who does the same at the same time gets others.
    """
    for kind, days in retention.items():
        place = -1
        while True:
            following = due(kind, days).where(Submission.place > place).limit(BATCH)
            found = db.session.scalars(following.with_for_update(skip_locked=True)).all()
            if not found:
                break
            place = found[-1].place
            yield list(found)


def forget(submission: Submission, why: str) -> dict[str, list[Any]]:
    """Take away all that the patient told us and all that was said about it, and log that.

    It happens in the caller's transaction. Return what was taken away beside the answers: the keys
    of the rows, by table. None of them has to open, so a lost key keeps nothing from going.
    """
    removed = {
        table.__tablename__: db.session.scalars(
            sa.delete(table).where(its).returning(key),
            execution_options={"synchronize_session": False},
        ).all()
        for table, key, its in (
            (Token, Token.mark, Token.place == submission.place),
            (Note, Note.id, Note.submission_id == submission.id),
            (Letter, Letter.id, Letter.submission_id == submission.id),
            (Draft, Draft.id, Draft.id == submission.draft_id),
        )
    }
    submission.record = NOTHING
    submission.draft_id = submission.id  # the old one is the trace of a key in somebody's browser
    submission.source_article = submission.spam_reason = None
    submission.view = "erased"  # in no list of things to do, whatever the status was
    submission.erased_at, submission.erased_why = now(), why
    log("sensitive_delete", submission=submission, detail=why)
    return removed


def old_letters() -> sa.Delete:
    """Delete the letters about no submission that have been sent or given up for long."""
    done = (Letter.submission_id.is_(None), Letter.state != "waiting")
    return sa.delete(Letter).where(*done, Letter.made_at <= now() - LETTERS_KEPT)


def last_run() -> datetime | None:
    """When all that was due was last erased; None when it never was."""
    return db.session.scalar(sa.select(sa.func.max(Event.at)).where(Event.name == RUN))
