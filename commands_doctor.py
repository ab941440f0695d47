"""The owner's check-up: one line for each thing that can be wrong, and what to do about it."""

from collections.abc import Callable

import click
from flask.cli import with_appcontext

from commands_database import need_tables
from content import library
from models import db
from models_letters import Letter

Finding = tuple[str, str]  # "ok", "warn" or "FAIL", and what was seen


def letters() -> Finding:
    counts = dict(db.session.execute(Letter.count()).all())
    if failed := counts.get("failed"):
        return "FAIL", f"letters: {failed} could not be sent. To see why: flask outbox list"
    return "ok", f"letters: {counts.get('waiting', 0)} waiting, none failed"


def practice() -> Finding:
    found = library().practice
    if "555-01" in found.phone or found.email.endswith("@example.org"):
        return "warn", "practice: put your phone and email address in content/practice.toml"
    return "ok", f"practice: {found.phone}, {found.email}"


CHECKS: tuple[Callable[[], Finding], ...] = (letters, practice)


@click.command("doctor")
@with_appcontext
def doctor() -> None:
    """Look for what keeps the site from working, and say what to do."""
    need_tables()
    findings = [check() for check in CHECKS]
    for state, words in findings:
        click.echo(f"{state:4}  {words}")
    if any(state == "FAIL" for state, _words in findings):
        raise click.exceptions.Exit(1)
