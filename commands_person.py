"""The owner's answer to “What do you keep about me?” and “Erase it”."""

import json
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click
import sqlalchemy as sa
from flask.cli import AppGroup, with_appcontext

import commands_purge
import models_engine
import models_person
import outbox_mail
from commands_database import need_tables, one_line_if_down
from models import Submission, db, only_read
from models_drafts import Draft
from models_events import log
from models_letters import Letter
from models_person import Found
from models_search import read_reference

WHOM = "Whom: a reference, an email address or a phone number"
SEVERAL = (
    "This is about more than one person, or does not say about whom: families share addresses and "
    "phone numbers. Look at each at /staff/, then name those you mean: --only REFERENCE"
)
BACKUPS = "Backups made before now have it until you delete them. So do mailboxes with our letters."
NAMES = {"drafts": "forms not sent", "tokens": "search marks"}

person = AppGroup(
    "person", callback=with_appcontext(need_tables), help="What is kept about one person."
)


def about_somebody(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the words by which somebody is found."""
    only = click.option(
        "--only", multiple=True, metavar="REFERENCE", help="Only this one; can be given again."
    )
    # Asked for when left out, so that it need not stand in the shell's history.
    return click.argument("who", required=False)(only(command))


@person.command("export")
@about_somebody
@click.option("--to", "path", required=True, type=click.Path(path_type=Path), help="A new file.")
def export(who: str | None, only: Sequence[str], path: Path) -> None:
    """Write all that is kept about somebody into a file.

    Nobody but you can read the file. WHO is a reference, an email address or a phone number.
    """
    with one_line_if_down():
        found = look_up(who, only)
        everything = models_person.export(found)
        references = [row.id for row in found.submissions]
        closed = sum(models_person.opened(row) is None for row in found.submissions)
        db.session.rollback()
        for row in db.session.scalars(sa.select(Submission).where(Submission.id.in_(references))):
            log("sensitive_read", submission=row, detail="flask person export")
        log("sensitive_export", detail=f"flask person export: {len(references)} submissions")
        write_private(path, everything)  # first: where it cannot be written, nothing was exported
        db.session.commit()
    click.echo(f"Written to {path}. Delete it when it is no longer needed.")
    if closed:
        raise click.ClickException(f"{closed} do not open: their key is not in VAULT_KEYS.")


@person.command("erase")
@about_somebody
@click.option("--yes", is_flag=True, help="Do not ask once more.")
def erase(who: str | None, only: Sequence[str], *, yes: bool) -> None:
    """Erase what is kept about somebody.

    It says what was erased and what was kept; what is held is kept. WHO is as for export.
    """
    with one_line_if_down():
        found = look_up(who, only)
        left = [row for row in found.submissions if not row.erased_at]
        ids = [[row.id for row in rows] for rows in (left, found.drafts, found.letters)]
        if not any(ids):
            last = max(row.erased_at for row in found.submissions)
            click.echo(f"It was erased on {last:%Y-%m-%d}. There is nothing more to erase.")
            return
        db.session.rollback()  # nobody waits for us while we wait for an answer
        if not yes:
            click.confirm("Erase this? It cannot be brought back.", abort=True)
        erase_all(*ids)
        clean = models_engine.overwrite_freed(db.engine)
    if not clean:
        raise click.ClickException(
            "The database's journal still has it, because somebody used the database. "
            "Type: .venv/bin/flask purge"
        )


def erase_all(submissions: list[str], drafts: list[str], letters: list[str]) -> None:
    """Erase what has these ids, and say what became of it."""
    removed, kept = Counter(), []
    for submission_id in submissions:
        kept += erase_one(submission_id, removed)
    erase_rest(drafts, letters, removed)
    report(removed, kept, events=count_events(submissions))
    db.session.rollback()


def look_up(who: str | None, only: Sequence[str]) -> Found:
    """Return what is kept, and list it. Stops where it could be somebody else's."""
    only_read()
    try:
        thing = models_person.understand(who or click.prompt(WHOM))
        wanted = {read_reference(reference) for reference in only}
    except ValueError:
        raise click.ClickException(f"This is none of the three. {WHOM}.") from None
    found = models_person.find(thing)
    if wanted - {row.reference for row in found.submissions}:
        raise click.ClickException("One that --only names is not among what was found.")
    several = thing[0] != "reference" and (len(found.people) > 1 or None in found.people)
    shown = found.only(wanted) if wanted else found
    if not shown:
        raise click.ClickException("Nothing is kept under this. Try the others, if you have them.")
    for line in lines(shown):
        click.echo(line)
    for line in lines(Found([], found.drafts, found.letters)) if wanted else []:
        click.echo(f"Not touched, as it may be somebody else’s: {line}")
    if several and not wanted:
        raise click.ClickException(SEVERAL)
    return shown


def lines(found: Found) -> list[str]:
    """What was found, in words that name nobody."""
    rows = [
        f"{row.shown_reference}  {row.kind}, {row.received_at:%Y-%m-%d}, {state(row)}"
        for row in found.submissions
    ]
    rows += [
        f"A form not sent: {row.flow}, until {row.expires_at:%Y-%m-%d}" for row in found.drafts
    ]
    rows += [f"A letter: {row.name}, {row.made_at:%Y-%m-%d}, {row.state}" for row in found.letters]
    return rows


def state(row: Submission) -> str:
    if row.erased_at:
        return f"erased on {row.erased_at:%Y-%m-%d}"
    visit = f", visit {row.scheduled_for:%Y-%m-%d}" if row.scheduled_for else ""
    return f"{row.status}{visit}{', held' if row.hold else ''}"


def erase_one(submission_id: str, removed: Counter[str]) -> list[str]:
    """Erase a submission as it is now; return what to say of one that is not."""
    query = sa.select(Submission).where(Submission.id == submission_id).with_for_update()
    row = db.session.scalars(query).one()
    if row.hold and not row.erased_at:
        words = [f"{row.shown_reference} is held. Let it go at /staff/, then do this again."]
    elif row.erased_at:
        words = [f"{row.shown_reference} was erased before."]
    else:
        removed.update({"submissions": 1, **commands_purge.erase(row, "request")})
        words = []
    db.session.commit()
    return words


def erase_rest(drafts: list[str], letters: list[str], removed: Counter[str]) -> None:
    """Erase forms that are not sent, and letters about no submission."""
    if not drafts and not letters:
        return
    outbox_mail.forget(letters)
    for table, ids in ((Draft, drafts), (Letter, letters)):
        gone = db.session.execute(sa.delete(table).where(table.id.in_(ids))).rowcount
        removed[table.__tablename__] += gone
    log("sensitive_delete", detail=f"request: {len(drafts)} drafts, {len(letters)} letters")
    db.session.commit()


def count_events(submission_ids: list[str]) -> int:
    about = models_person.events_about(submission_ids)
    return db.session.scalar(sa.select(sa.func.count()).select_from(about.subquery())) or 0


def report(removed: Counter[str], kept: list[str], events: int) -> None:
    counts = [f"{NAMES.get(name, name)} {number}" for name, number in removed.items() if number]
    click.echo(f"Erased: {', '.join(counts) or 'nothing'}.")
    if removed["submissions"]:
        click.echo("Kept of each submission: reference, kind, status, urgency and times.")
    click.echo(f"Kept: {events} events about them, none of which has what a patient said.")
    for words in kept:
        click.echo(f"Kept: {words}")
    click.echo(BACKUPS)


def write_private(path: Path, everything: dict[str, Any]) -> None:
    """Write a new file for its owner only. What is there already stays as it is."""
    try:
        path.touch(mode=0o600, exist_ok=False)
        with path.open("w", encoding="utf-8") as file:
            json.dump(everything, file, ensure_ascii=False, indent=2)
    except FileExistsError:
        raise click.ClickException(f"{path} is there already. Choose another name.") from None
    except OSError as error:
        raise click.ClickException(f"{path} cannot be written ({error.strerror}).") from None
