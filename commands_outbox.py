"""Letters, as far as the owner has to do with them. No command shows whom they are for."""

from collections import Counter
from datetime import timedelta

import click
import sqlalchemy as sa
from flask.cli import AppGroup, with_appcontext

import outbox
from commands_database import need_tables, one_line_if_down
from models import db, now
from models_events import log
from models_letters import LETTER_STATES, Letter

LIST = "To see them: .venv/bin/flask outbox list"

letters = AppGroup(
    "outbox", callback=with_appcontext(need_tables), help="Letters to patients and staff."
)


@letters.command("send")
def send() -> None:
    """Send what is due now."""
    with one_line_if_down():
        found = Counter(outbox.deliveries())
        waiting = counts()["waiting"]
        log("letters_sent", detail=f"{found['sent']} sent, {found['failed']} failed")
        db.session.commit()
    click.echo(f"{found['sent']} sent, {waiting} waiting, {found['failed']} failed.")
    if found["failed"]:
        raise click.ClickException(f"Letters failed that were due. {LIST}")


def counts() -> Counter[str]:
    return Counter(dict(db.session.execute(Letter.count(*LETTER_STATES)).all()))


@letters.command("list")
def show() -> None:
    """Count the letters, and list those that wait or have failed."""
    found = counts()
    click.echo(", ".join(f"{found[state]} {state}" for state in LETTER_STATES))
    for letter in db.session.scalars(Letter.unsent()):
        reference = letter.submission.shown_reference if letter.submission else "no reference"
        about = [letter.id, letter.name, letter.state, f"attempts: {letter.attempts}"]
        about += [f"made {span(now() - letter.made_at)} ago", when_due(letter)]
        click.echo("  ".join([*about, letter.problem or "no problem", reference]))


def when_due(letter: Letter) -> str:
    if letter.state == "failed":
        return "not due"
    left = letter.due_at - now()
    return f"due in {span(left)}" if left > timedelta() else "due now"


def span(length: timedelta) -> str:
    """Like 3 h, in the largest unit that there is at least one of."""
    seconds = int(length.total_seconds())
    sizes = {"d": 86_400, "h": 3600, "min": 60}
    unit = next((unit for unit, size in sizes.items() if seconds >= size), "s")
    return f"{seconds // sizes.get(unit, 1)} {unit}"


@letters.command("retry")
@click.argument("ids", metavar="[ID]...", nargs=-1)
def retry(ids: tuple[str, ...]) -> None:
    """Let letters be sent again as if they were new.

    All that have failed, or those with these IDs.
    """
    wanted = Letter.id.in_(ids) if ids else Letter.state == "failed"
    with one_line_if_down():
        found = db.session.scalars(sa.select(Letter).where(wanted).with_for_update()).all()
        check({letter.id: letter for letter in found}, ids)
        for letter in found:
            letter.renew()
        log("letters_retried", detail=f"{len(found)} letters")
        db.session.commit()
    click.echo(f"{len(found)} due now. To send them here and now: .venv/bin/flask outbox send")


def check(found: dict[str, Letter], ids: tuple[str, ...]) -> None:
    """Refuse what could reach somebody twice, or nobody."""
    for given in ids:
        letter = found.get(given)
        if letter is None:
            raise click.ClickException(f'"{given}" is not the ID of a letter. {LIST}')
        if letter.state == "sent":
            raise click.ClickException(f"Letter {given} is sent already.")
        if letter.is_under_way:
            raise click.ClickException(f"Letter {given} is being sent. Wait for what comes of it.")
