"""A site to try: made-up submissions, what the practice has done with them, and an account."""

import random
import secrets

import click
import flask_migrate
import sqlalchemy as sa
from flask import current_app
from flask.cli import AppGroup, with_appcontext

import outbox_letters
from commands_bulk import add_samples
from commands_staff import add_user
from models import Submission, db, now
from models_events import log
from models_letters import Letter
from models_notes import Note
from models_staff import DEMO_EMAIL, User

STAFF = ("maria@example.org", "sam@example.org")
WORKED_THROUGH = 500  # of the newest submissions have letters, and notes by those who had them
NOTES = (
    "Called, no answer. Left a message to call back.",
    "Prefers mornings. Her daughter drives her.",
    "Asked for last year’s MRI from the other clinic.",
    "Insurance checked.",
    "Spoke with her: the pain is no worse. She will wait for the visit.",
)
PROBLEMS = ("SMTP 550", "SMTP 552", "TimeoutError")


def demonstration_only() -> None:
    """Stop on a real site, so that nothing made up ever meets a real patient."""
    if not current_app.config["DEMO"]:
        raise click.ClickException("This is not a demonstration. Type: make demo")
    flask_migrate.upgrade()


demo = AppGroup(
    "demo",
    callback=with_appcontext(demonstration_only),
    help="Sample data for trying the site, with DEMO=true only.",
)


@demo.command("data")
@click.argument("count", type=click.IntRange(1))
def demo_data(count: int) -> None:
    """Add COUNT made-up requests and intakes over the last 60 days. A million takes minutes."""
    members = tuple(member(email).id for email in STAFF)
    db.session.commit()
    with click.progressbar(length=count, label="Sample submissions") as bar:
        add_samples(count, members, bar.update)
    work_through(random.Random(count))  # noqa: S311 (sample data, the same each time; no secret)


@demo.command("account")
def demo_account() -> None:
    """Make a staff account and print its password."""
    if db.session.scalar(sa.select(User.id).where(User.email == DEMO_EMAIL)):
        raise click.ClickException("This demonstration has its account already.")
    password = secrets.token_urlsafe(12)
    add_user(DEMO_EMAIL, "admin", password)
    db.session.commit()
    click.echo(f"  Staff sign in at /staff/ as {DEMO_EMAIL} with the password {password}")


def member(email: str) -> User:
    """Return a member of staff whose password nobody knows."""
    found = db.session.scalar(sa.select(User).where(User.email == email))
    return found or add_user(email, "handler", secrets.token_urlsafe(15))


def work_through(chance: random.Random) -> None:
    """Give the newest submissions what the practice has written about them and to their people."""
    start, told = now(), sa.exists().where(Letter.submission_id == Submission.id)
    newest = sa.select(Submission).where(~told).order_by(Submission.place.desc())
    with current_app.test_request_context(base_url=current_app.config["SITE_URL"]):
        for submission in db.session.scalars(newest.limit(WORKED_THROUGH)).all():
            if submission.status != "spam":
                write_letters(submission)
            if submission.assigned_to and chance.random() < 0.5:
                add_note(submission, chance.choice(NOTES))
    db.session.flush()
    for letter in db.session.scalars(sa.select(Letter).where(Letter.made_at >= start)):
        settle(letter, chance)
    db.session.commit()


def write_letters(submission: Submission) -> None:
    outbox_letters.received(submission)
    if submission.status == "scheduled":
        visit = outbox_letters.visit(submission)
        outbox_letters.to_patient("scheduled", submission, **visit)


def settle(letter: Letter, chance: random.Random) -> None:
    """Let a letter be on its way for as long as what it is about; few have failed."""
    letter.made_at = letter.due_at = letter.submission.received_at
    letter.state, letter.attempts, letter.sent_at = "sent", 1, letter.made_at
    if chance.random() < 0.02:
        letter.state, letter.problem, letter.sent_at = "failed", chance.choice(PROBLEMS), None


def add_note(submission: Submission, text: str) -> None:
    note = Note(
        id=secrets.token_hex(16),
        submission_id=submission.id,
        user_id=submission.assigned_to,
        at=min(submission.received_at + (now() - submission.received_at) / 2, now()),
    )
    note.text = text
    db.session.add(note)
    log("note_added", user_id=note.user_id, submission=submission)
