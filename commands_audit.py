"""Check the audit trail. Looking changes nothing, so this leaves no event itself."""

import sys
from collections.abc import Iterator

import click
import sqlalchemy as sa
from flask.cli import AppGroup, with_appcontext

from commands_database import need_tables, one_line_if_down
from models import db, only_read
from models_events import Event, TrailHead
from vault import VaultError

BATCH = 1000  # events that are in memory at a time
LONG = 20_000  # events; they take about a second

audit = AppGroup("audit", callback=with_appcontext(need_tables), help="The trail of who did what.")


class BrokenTrailError(Exception):
    """The first place where the trail is not as it was written, in a sentence."""


@audit.command("verify")
def verify() -> None:
    """Check that no event was changed, removed or put in."""
    with one_line_if_down():
        only_read(snapshot=True)
        head = db.session.scalar(sa.select(TrailHead))
        count = head.last_id if head else 0
        bar = {"label": "Checking the trail", "file": sys.stderr, "hidden": count < LONG}
        try:
            with click.progressbar(links(head), length=count, **bar) as found:
                number = sum(1 for _event in found)
        except (BrokenTrailError, VaultError) as error:
            raise click.ClickException(f"The audit trail is broken: {error}") from None
    click.echo(f"ok: {number} events")


def links(head: TrailHead | None, after: int = 0) -> Iterator[Event]:
    """Yield every event after the one of this id, as long as each follows from the one before it.

    Raises BrokenTrailError at the first that does not, or when the last is not the last written;
    VaultError when the key that tells this does not open.
    """
    if head is None:
        raise BrokenTrailError("the record of its last event is gone.")
    key, before = head.key, db.session.get(Event, after) if after else Event(id=None, hash="")
    if before is None:
        raise BrokenTrailError(f"event {after} was removed.")
    for event in in_batches(after):
        if not event.follows(before.hash, key):
            raise BrokenTrailError(describe(event, before, key))
        if event.id > head.last_id:
            raise BrokenTrailError(f"{name(event)} was put in at the end.")
        before = event
        yield event
    check_end(head, before)


def in_batches(after: int) -> Iterator[Event]:
    """Yield events in their order; only `BATCH` of them are in memory at a time."""
    # From the very first on, whatever its id: one may have been put in.
    query = (in_order().where(Event.id > after) if after else in_order()).limit(BATCH)
    while events := db.session.scalars(query).all():
        yield from events
        query = in_order().where(Event.id > events[-1].id).limit(BATCH)
        db.session.expunge_all()


def in_order() -> sa.Select[tuple[Event]]:
    return sa.select(Event).order_by(Event.id)


def describe(event: Event, before: Event, key: str) -> str:
    """Say what became of the trail between these two, as far as the next event can tell."""
    following = db.session.scalar(in_order().where(Event.id > event.id).limit(1))
    if following and following.follows(before.hash, key):
        return f"{name(event)} was put in."
    if following and following.follows(event.hash, key) and event.id == (before.id or 0) + 1:
        return f"{name(event)} was changed."
    first, last = (before.id or 0) + 1, event.id - 1
    if first < last:
        return f"events {first} to {last} were removed."
    if first == last:
        return f"event {first} was removed."
    return f"{name(event)} was changed or put in."


def check_end(head: TrailHead, last: Event) -> None:
    if (last.id or 0) < head.last_id:
        raise BrokenTrailError(
            f"its end is cut off: event {head.last_id} was the last, and now it is "
            f"{last.id or 'none'}."
        )
    if not head.stands or last.hash != head.hash:
        raise BrokenTrailError(
            "the record of its last event was changed; events may be missing at the end."
        )


def name(event: Event) -> str:
    return f"event {event.id} ({event.name}, {event.at:%Y-%m-%d %H:%M} UTC)"
