"""What each letter says, to whom, and when: the values that its templates fill in."""

from datetime import datetime
from urllib.parse import urlsplit

import sqlalchemy as sa
from flask import current_app, url_for

import outbox
from content import library
from models import Submission, db
from models_drafts import Draft
from models_letters import Letter
from security import sign

# What newer news of a visit takes the place of, if it was not sent yet.
OVERTAKEN = ("received", "scheduled", "changed", "cancelled")


def address(endpoint: str, **values: str) -> str:
    """Return a full address on the site, as letters need it."""
    return current_app.config["SITE_URL"] + url_for(endpoint, **values)


def request_link(submission: Submission) -> str:
    """The address at which the patient can follow a request, once the date of birth is given."""
    return address("patients.request_page", token=sign("request", submission.id))


def received(submission: Submission) -> None:
    """Tell the patient that it arrived, and the practice that it is waiting."""
    due = submission.reply_due_at.isoformat()
    to_patient("received", submission, kind=submission.kind, reply_due_at=due)
    waiting(submission, "new")


def waiting(submission: Submission, news: str) -> None:
    """Tell the practice that there is something to do: `new`, `times` or `cancelled`."""
    outbox.add(
        "waiting",
        library().practice.email,
        submission=submission,
        edition=0 if news == "new" else next_edition("waiting", submission),
        news=news,
        reference=submission.shown_reference,
        kind=submission.kind,
        urgency=submission.urgency,
        link=address("staff.submission", reference=submission.reference),
    )


def book(submission: Submission, at: datetime) -> None:
    """Give the visit this time, and tell the patient, or that it is another one now.

    The status is for the caller to change, who knows whether staff did this or the patient.
    """
    take_back(submission)
    name = "changed" if submission.scheduled_for else "scheduled"
    # A calendar takes the higher number; one that was called off had a number of its own.
    submission.schedule_changes += bool(submission.scheduled_for or submission.schedule_changes)
    submission.scheduled_for = at
    to_patient(name, submission, edition=submission.schedule_changes, **visit(submission))


def call_off(submission: Submission) -> None:
    """Tell the patient that the request is cancelled, and with it the visit if one is booked.

    The status is for the caller to change.
    """
    take_back(submission)
    booked = {}
    if submission.scheduled_for:
        submission.schedule_changes += 1
        booked = visit(submission)
    edition = next_edition("cancelled", submission)
    to_patient("cancelled", submission, edition=edition, **booked)
    submission.scheduled_for = None


def take_back(submission: Submission) -> None:
    """Remove what was not sent yet to the patient: tried again, it would come after newer news."""
    unsent = Letter.submission_id == submission.id, Letter.state != "sent"
    db.session.execute(sa.delete(Letter).where(*unsent, Letter.name.in_(OVERTAKEN)))


def finish(draft: Draft, to: str, token: str) -> None:
    """Send the link with which a form can be finished on another device."""
    link = address("patients.resume", flow=draft.flow, token=token)
    outbox.add("finish", to, link=link, until_at=draft.expires_at.isoformat())


def visit(submission: Submission) -> dict[str, str | int]:
    """What a calendar needs to know of a booked time, and to tell a newer one from an older."""
    return {
        "uid": f"{submission.id}@{urlsplit(current_app.config['SITE_URL']).hostname}",
        "sequence": submission.schedule_changes,
        "starts_at": submission.scheduled_for.isoformat(),
    }


def to_patient(name: str, submission: Submission, *, edition: int = 0, **values: str | int) -> None:
    """Put a letter in the outbox for a patient who has given an email address."""
    if to := submission.answers.get("email"):
        outbox.add(
            name,
            to,
            submission=submission,
            edition=edition,
            reference=submission.shown_reference,
            link=request_link(submission),
            **values,
        )


def next_edition(name: str, submission: Submission) -> int:
    earlier = (Letter.name == name, Letter.submission_id == submission.id)
    last = sa.select(sa.func.coalesce(sa.func.max(Letter.edition), -1))
    return db.session.scalar(last.where(*earlier)) + 1
