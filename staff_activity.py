"""Who did what, and when: the audit trail, for those who answer for it."""

from datetime import date, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from flask import render_template, request

from content import library
from forms_staff import ActivityForm
from models import Submission, db
from models_events import ACTS, BY_PATIENTS, Event
from models_staff import User
from models_trail import Part
from staff_base import bp, log, read_number, read_reference

PAGE_SIZE = 50
LOOKS = ("sensitive_read", "sensitive_print")


@bp.get("/activity")
def activity() -> Any:
    """List what was done, newest first; `?before=` goes on where a page ended."""
    people = dict(db.session.execute(sa.select(User.id, User.email).order_by(User.email)).all())
    form = ActivityForm(people)
    before = request.args.get("before", type=read_number)
    part, found = wanted(form), []
    if part:
        found = db.session.execute(part.select(before).limit(PAGE_SIZE + 1)).all()
    rows = found[:PAGE_SIZE]
    log("audit_read")
    html = render_template(
        "staff/activity.html",
        form=form,
        rows=[(event, who(event, people), more(event, people), about) for event, about in rows],
        acts=ACTS,
        more=rows[-1][0].id if len(found) > PAGE_SIZE else None,
        before=before,
        kept={name: text for name, text in request.args.items() if text and name != "before"},
    )
    db.session.commit()
    return html, 422 if form.errors else 200


def wanted(form: ActivityForm) -> Part | None:
    """Return what the form asks for; None, and an error in the form, when that cannot be."""
    reference = ""
    if not form.validate():
        return None
    if form.submission.data:
        try:
            reference = read_reference(form.submission.data)
        except ValueError:
            form.submission.errors = ["Enter a reference like 7K3F-9QRT"]
            return None
    following = form.until.data and form.until.data + timedelta(days=1)
    days = {"since": midnight(form.since.data), "until": midnight(following)}
    return Part(form.who.data, form.what.data, reference, **days)


def midnight(day: date | None) -> datetime | None:
    """When a day begins at the practice."""
    return day and datetime(day.year, day.month, day.day, tzinfo=library().practice.time_zone)


def history(found: Submission) -> list[tuple[Event, str, str, str]]:
    """What was done about a submission, latest first: when, by whom, and what. Not who looked."""
    people = dict(db.session.execute(sa.select(User.id, User.email)).all())
    about = Event.submission_id == found.id, Event.name.not_in(LOOKS)
    query = sa.select(Event).where(*about).order_by(Event.id.desc()).limit(PAGE_SIZE)
    return [
        (event, who(event, people), ACTS[event.name], more(event, people))
        for event in db.session.scalars(query)
    ]


def who(event: Event, people: dict[int, str]) -> str:
    """Who did it, in words."""
    email = people.get(event.user_id)
    if event.name in BY_PATIENTS:
        return "A patient"
    if event.is_owners:
        return f"The owner ({email})" if email else "The owner"
    return email or "Somebody unknown"


def more(event: Event, people: dict[int, str]) -> str:
    """What else is known; whom it was assigned to stands there by the number of the account."""
    if event.name == "assigned":
        return f"to {people.get(int(event.detail), 'nobody')}"
    return event.detail
