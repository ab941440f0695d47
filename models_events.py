"""The audit trail: who did what, and when. Never what a patient said.

The table is only ever added to; triggers of the database refuse all else. Each event holds a stamp
(made with a key that the database has only sealed) of its contents and of the stamp before it, so
whoever gets past the triggers still cannot change, remove or put in one without breaking the chain.
The head, stamped too, knows the last event, so that a missing end is noticed as well. What a chain
cannot notice is that the whole database was put back to how it was before.
"""

import hmac
import json
import logging
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.orm import Mapped, Session, mapped_column

from models import Model, Sealed, Submission, db, now
from vault import VaultError

logger = logging.getLogger("site")

# Every name that `log` is given, by who does it, with words for the activity page. Where OWASP's
# logging vocabulary has a name, it is used.
BY_STAFF = {
    "authn_login_success": "Signed in",
    "authn_login_fail": "Failed to sign in",
    "authn_login_lock": "Was locked after wrong tries",
    "authn_logout": "Signed out",
    "authn_password_change": "Changed the password",
    "authn_second_factor_set": "Set up a phone for codes",
    "authn_recovery_code": "Used a recovery code",
    "authn_recovery_codes_made": "Made new recovery codes",
    "authz_fail": "Was refused a page",
    "excess_rate_limit_exceeded": "Tried to sign in too often",
    "session_expired": "Was signed out after a while",
    "sessions_ended": "Signed out everywhere",
    "sensitive_list": "Looked at a list",
    "sensitive_search": "Searched",
    "sensitive_read": "Opened a submission",
    "sensitive_print": "Printed a submission",
    "sensitive_export": "Exported submissions",
    "sensitive_delete": "Erased a submission",
    "audit_read": "Looked at the activity",
    "status_changed": "Changed the status",
    "assigned": "Assigned a submission",
    "note_added": "Wrote a note",
    "held": "Held a submission",
    "released": "Let a submission go",
    "letter_resent": "Sent a letter again",
    "request_scheduled": "Booked a time",
}
BY_PATIENTS = {
    "submission_created": "Sent a form",
    "request_changed": "Asked for another time",
    "request_cancelled": "Cancelled the request",
}
BY_OWNER = {
    "sys_startup": "Started the site",
    "user_created": "Added an account",
    "user_disabled": "Shut an account out",
    "user_enabled": "Let an account in again",
    "user_role_changed": "Changed a role",
    "authn_password_reset": "Gave a new one-time password",
    "letters_sent": "Sent the letters that were due",
    "letters_retried": "Let letters be sent again",
    "search_indexed": "Rebuilt the search",
    "backup_made": "Made a backup",
    "backup_restored": "Put a backup back",
    "keys_changed": "Sealed everything with a new key",
    "retention_purge": "Erased what was due",
}
ACTS = BY_STAFF | BY_PATIENTS | BY_OWNER
# What the owner's commands do as staff do it: without an account.
BY_COMMAND = {name for name in BY_STAFF if name.startswith("sensitive_")}


class Event(Model):
    """One line of the audit trail. `hash` is the stamp that makes it a link of the chain.

    `user_id` is who did it, or whom the owner's command was about.
    """

    __tablename__ = "events"

    id: Mapped[int] = mapped_column(primary_key=True)  # one more than the event's before
    at: Mapped[datetime] = mapped_column(index=True)
    name: Mapped[str] = mapped_column(sa.String(40), index=True)
    user_id: Mapped[int | None] = mapped_column(sa.ForeignKey("users.id"), index=True)
    submission_id: Mapped[str | None] = mapped_column(sa.ForeignKey("submissions.id"), index=True)
    detail: Mapped[str] = mapped_column(sa.String(200), default="")
    hash: Mapped[str] = mapped_column(sa.String(64))

    @hybrid_property
    def is_owners(self) -> bool:
        return self.name in BY_OWNER or (self.user_id is None and self.name in BY_COMMAND)

    @is_owners.inplace.expression
    @classmethod
    def _is_owners(cls) -> sa.ColumnElement[bool]:
        return cls.name.in_(BY_OWNER) | (cls.user_id.is_(None) & cls.name.in_(BY_COMMAND))

    def follows(self, before: str, key: str) -> bool:
        """Whether it is as it was written, right after the event with this hash."""
        names = ("id", "at", "name", "user_id", "submission_id", "detail")
        contents = link(before, {name: getattr(self, name) for name in names})
        return is_stamp(self.hash, key, contents)


class TrailHead(Model):
    """The one row that knows which event is the last. Who adds events holds it until the commit.

    `key` makes the stamps. It is the trail's own, so that events can be checked for as long as they
    are kept, under whichever key it is sealed by then.
    """

    __tablename__ = "trail_head"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    last_id: Mapped[int]
    hash: Mapped[str] = mapped_column(sa.String(64))  # of that event; empty when there is none
    seal: Mapped[str] = mapped_column(sa.String(64))
    key_sealed: Mapped[bytes]
    key = Sealed()  # 32 bytes, in hex digits

    @property
    def stands(self) -> bool:
        """Whether it is as the site wrote it. Raises `VaultError` when its key does not open."""
        return is_stamp(self.seal, self.key, seal(self.last_id, self.hash))


def link(before: str, event: dict[str, Any]) -> str:
    """The text that an event's hash is the stamp of: the same on every database."""
    at = event["at"].astimezone(UTC).isoformat(timespec="microseconds")
    names = ("name", "user_id", "submission_id", "detail")
    return json.dumps(["event", before, event["id"], at, *map(event.get, names)])


def seal(last_id: int, last_hash: str) -> str:
    """The text that the head's seal is the stamp of."""
    return json.dumps(["head", last_id, last_hash])


def stamp(key: str, text: str) -> str:
    """Return a proof that somebody with this key wrote this text."""
    return hmac.digest(bytes.fromhex(key), text.encode(), "sha256").hex()


def is_stamp(given: str, key: str, text: str) -> bool:
    return hmac.compare_digest(given.encode(), stamp(key, text).encode())


def log(
    name: str,
    *,
    user_id: int | None = None,
    submission: Submission | None = None,
    detail: str = "",
) -> None:
    """Add an event to the caller's transaction. Names are those of `ACTS`.

    It is written right before the commit, so that no other transaction waits longer than that.
    """
    session = db.session()
    if not session.in_transaction():
        session.begin()  # so that a rollback is noticed
    session.info.setdefault("events", []).append(
        {
            "at": now(),
            "name": name,
            "user_id": user_id,
            "submission_id": submission.id if submission else None,
            "detail": detail,
        }
    )


@sa.event.listens_for(db.session, "after_soft_rollback")
def forget(session: Session, transaction: Any) -> None:
    """Drop what a transaction that is rolled back would have added.

    A savepoint's events stay: better one too many than a thing that happened and left no trace.
    """
    if not transaction.nested:
        session.info.pop("events", None)


@sa.event.listens_for(db.session, "before_commit")
def write(session: Session) -> None:
    """Add the transaction's events to the chain.

    The head is the last row that a transaction locks, and it locks all else that the events refer
    to before it. So whoever holds the head waits for nobody, and no two wait for each other.
    """
    if session.in_nested_transaction() or not (events := session.info.pop("events", [])):
        return
    session.flush()
    if session.get_bind().dialect.name == "postgresql":
        hold_what_is_referred_to(session, events)
    query = sa.select(TrailHead).with_for_update().execution_options(populate_existing=True)
    head = session.scalars(query).one()
    intact, key, last = is_intact(head), key_of(head), head.hash
    for number, event in enumerate(events, start=head.last_id + 1):
        event["id"] = number
        event["hash"] = last = stamp(key, link(last, event))
    session.execute(sa.insert(Event), events)
    head.last_id, head.hash = head.last_id + len(events), last
    if intact:
        head.seal = stamp(key, seal(head.last_id, head.hash))


def check_key() -> None:
    """Raise `VaultError` when the trail's own key does not open, since nothing could be added."""
    if head := db.session.scalar(sa.select(TrailHead)):
        head.key  # noqa: B018 (opens it)


def hold_what_is_referred_to(session: Session, events: Iterable[dict[str, Any]]) -> None:
    """Take the locks that PostgreSQL takes to check the events' foreign keys, ahead of the head's.

    Somebody may hold such a row for a change, and be about to wait for the head.
    """
    for key in sorted(Event.__table__.foreign_keys, key=lambda key: key.parent.name):
        ids = {event[key.parent.name] for event in events} - {None}
        rows = sa.select(key.column).where(key.column.in_(ids)).order_by(key.column)
        if ids:
            session.execute(rows.with_for_update(read=True, key_share=True))


def is_intact(head: TrailHead) -> bool:
    """Whether to seal the head again after new events.

    One that was tampered with is left with its wrong seal, for `flask audit verify` to find:
    patients must be able to send their forms nonetheless.
    """
    intact = bool(key_of(head)) and head.stands
    if not intact:
        logger.error("the audit trail was tampered with; type: .venv/bin/flask audit verify")
    return intact


def key_of(head: TrailHead) -> str:
    """Return the key of the trail; an empty one, which proves nothing, when it does not open."""
    try:
        return head.key
    except VaultError:
        return ""
