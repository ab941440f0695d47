"""Letters: put in the outbox with what they are about, sent afterwards, as often as it takes.

A letter is claimed in one transaction, sent in none, and settled in another. However many threads
and machines do this at once, one of them sends it. When that one dies between sending and settling,
the claim runs out and the letter goes once more, under the same Message-ID.
"""

import logging
import random
from collections import deque
from collections.abc import Iterator
from datetime import datetime, timedelta
from threading import Event
from time import sleep
from typing import Any

import sqlalchemy as sa

import outbox_mail
from models import Submission, db, now, only_read
from models_letters import Letter
from outbox_mail import NotSent

logger = logging.getLogger("site")

# The longest that a letter waits after its first attempt, its second, and so on; then the last.
WAITS = (
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=6),
)
TRY_FOR = timedelta(hours=24)  # after that, what hinders a letter is taken to stay
LOOK_EVERY = 1  # seconds


def add(
    name: str, to: str, *, submission: Submission | None = None, edition: int = 0, **values: Any
) -> None:
    """Put a letter in the outbox, in the caller's transaction.

    `values` are what JSON can hold. Those whose name ends in `_at` are moments in ISO 8601.
    """
    db.session.add(Letter.make(name, {"to": to, **values}, submission, edition))


def keep_delivering(stop: Event) -> None:
    """Send what is due until `stop`, as the server does all the time."""
    deque(deliveries(stop), maxlen=0)


def deliveries(stop: Event | None = None) -> Iterator[str]:
    """Send what is due now, letter by letter until `stop`; yield the state each of them is in then.

    The session must hold nothing unsaved: it is committed before and after each letter.
    """
    start = now()  # what has to be tried again is for another time, even if that comes soon
    while not (stop and stop.is_set()) and (letter := claim(start)):
        yield deliver(letter)


def claim(at: datetime) -> Letter | None:
    """Return the letter that was due first, for the caller alone and outside of any session.

    On SQLite a look takes no lock. Only when there is something to send, the write lock is taken.
    """
    only_read()
    found = db.session.scalar(sa.select(Letter.due(at).exists()))
    db.session.rollback()
    if not found:
        return None
    letter = db.session.scalar(Letter.due(at).limit(1).with_for_update(skip_locked=True))
    if letter:
        letter.claim()
        db.session.flush()
        db.session.expunge(letter)
    db.session.commit()
    return letter


def deliver(letter: Letter) -> str:
    """Send a claimed letter and settle what came of it; return its state."""
    try:
        outbox_mail.send(letter)
    except NotSent as error:
        changes = after(letter, error)
        logger.warning("letter %s is %s: %s", letter.id, changes["state"], error.problem)
    else:
        changes = {"state": "sent", "sent_at": now(), "problem": ""}
        logger.info("letter %s is sent", letter.id)
    settle(letter, changes)
    return changes["state"]


def settle(letter: Letter, changes: dict[str, Any]) -> None:
    """Write down what came of a claim, as often as it takes while the claim lasts.

    A database that is locked or restarting must not make a letter that has gone out go out again.
    """
    while True:
        try:
            db.session.execute(letter.settled(**changes))
            db.session.commit()
        except sa.exc.OperationalError:
            db.session.rollback()
            if now() >= letter.due_at:
                raise
            sleep(LOOK_EVERY)
        else:
            return


def after(letter: Letter, error: NotSent) -> dict[str, Any]:
    """What becomes of a letter after an error: it waits for a random time, or has failed.

    The time is random from nothing on, so that letters which failed together do not come back
    together to a mail server that has just recovered.
    """
    last = letter.made_at + TRY_FOR
    if error.for_good or now() >= last:
        return {"state": "failed", "problem": error.problem, "due_at": now()}
    longest = WAITS[min(letter.attempts, len(WAITS)) - 1]
    wait = longest * random.random()  # noqa: S311 (no secret)
    return {"state": "waiting", "problem": error.problem, "due_at": min(now() + wait, last)}
