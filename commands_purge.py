"""Erase what has been kept for as long as `RETENTION_DAYS` says: every day, or by `flask purge`."""

import logging
from collections.abc import Iterator
from datetime import UTC
from threading import Event

import click
from flask import current_app
from flask.cli import with_appcontext

import models_engine
import models_retention
import outbox_mail
from commands_database import need_tables, one_line_if_down, show_progress
from content import library
from models import Submission, db, only_read
from models_drafts import Draft
from models_events import log

logger = logging.getLogger("site")
LOOK_EVERY = 3600  # seconds
STILL_READ = (
    "Somebody used the database all the while, so its journal still has the pages as they were "
    "before. Type the same again when it is quiet."
)


def once_a_day(stop: Event) -> None:
    """Erase what is due if that was not done today yet, at the practice."""
    practice = library().practice
    only_read()
    last = models_retention.last_run()
    db.session.rollback()
    if last and practice.local(last).date() >= practice.today():
        return
    erased = sum(erase_due(stop))
    if not stop.is_set() and not finish(erased)[1]:
        logger.warning("erased pages are still in the journal: somebody used the database")


def erase_due(stop: Event | None = None) -> Iterator[int]:
    """Erase what is due, batch by batch until `stop`; yield how many each of them had.

    A crash leaves each submission whole or erased, since a batch is one transaction.
    """
    for batch in models_retention.batches(current_app.config["RETENTION_DAYS"]):
        for submission in batch:
            erase(submission, "retention")
        db.session.commit()
        yield len(batch)
        if stop and stop.is_set():
            return


def erase(submission: Submission, why: str) -> dict[str, int]:
    """Erase one in the caller's transaction; return how many rows went beside it, by table.

    Letters that are files go at once: after a crash, nothing would know them any more.
    """
    removed = models_retention.forget(submission, why)
    outbox_mail.forget(removed["letters"])
    return {table: len(rows) for table, rows in removed.items()}


def finish(erased: int) -> tuple[str, bool]:
    """Delete what nobody waits for, log the run, and have freed pages overwritten.

    Return what was done, in words without anybody's, and whether the pages are.
    """
    counts = {
        "submissions": erased,
        "unsent forms": db.session.execute(Draft.expired()).rowcount,
        "letters": db.session.execute(models_retention.old_letters()).rowcount,
        "letter files": outbox_mail.forget_older(models_retention.LETTERS_KEPT),
    }
    held = models_retention.count_due(current_app.config["RETENTION_DAYS"], held=True)
    words = ", ".join(f"{name}: {number}" for name, number in counts.items())
    words = f"erased {words}; held: {held}"
    log(models_retention.RUN, detail=words)
    db.session.commit()
    return words, models_engine.overwrite_freed(db.engine)


@click.command("purge")
@click.option("--dry-run", is_flag=True, help="List what would be erased, and erase nothing.")
@with_appcontext
def purge(*, dry_run: bool) -> None:
    """Erase what RETENTION_DAYS no longer keeps."""
    need_tables()
    with one_line_if_down():
        if dry_run:
            list_due()
        else:
            purge_now()


def purge_now() -> None:
    only_read()
    expected = models_retention.count_due(current_app.config["RETENTION_DAYS"])
    db.session.rollback()
    words, clean = finish(show_progress(erase_due(), expected, "Erasing"))
    click.echo(words)
    if not clean:
        raise click.ClickException(STILL_READ)


def list_due() -> None:
    """One line for each that would be erased, or would be if it were not held."""
    only_read()
    retention = current_app.config["RETENTION_DAYS"]
    for held in (False, True):
        for kind, days in retention.items():
            for submission in db.session.scalars(models_retention.due(kind, days, held=held)):
                last = models_retention.last_activity(submission).astimezone(UTC)
                what = "held" if held else "erase"
                about = (what, submission.shown_reference, kind, f"quiet since {last:%Y-%m-%d}")
                click.echo("  ".join([*about, f"kept for {days} days"]))
    counts = [models_retention.count_due(retention, held=held) for held in (False, True)]
    click.echo("{} would be erased, {} are held. Nothing was done.".format(*counts))
