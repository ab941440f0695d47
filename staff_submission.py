"""One submission: everything the patient said, and what staff do with it."""

import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from flask import abort, flash, redirect, render_template, request, url_for
from flask_security import current_user
from flask_wtf import FlaskForm
from werkzeug.wrappers import Response

import models_retention
import models_search
import outbox_letters
from content import library
from forms_staff import (
    WITHOUT_VISIT,
    AssignForm,
    NoteForm,
    ResendForm,
    ScheduleForm,
    StatusForm,
    WorkForm,
    capitalized,
    choices,
)
from models import VIEW_OF_STATUS, Submission, db, now
from models_letters import Letter
from models_notes import Note
from models_staff import User
from staff_activity import history
from staff_base import bp, find, log, opened, refuse_wrong
from staff_letters import renew
from staff_list import kept_arguments, neighbors

MEANWHILE = "This has changed since you opened it. Look at it as it is now, then decide."


@bp.get("/submissions/<reference:reference>")
def submission(reference: str) -> str:
    """Show everything the patient said."""
    return show(find(reference))


def show(found: Submission, **forms: FlaskForm) -> str:
    """Return its page, whatever became of it, and record that it was looked at."""
    log("sensitive_read", submission=found)
    related = db.session.scalars(found.related()).all()
    if found.erased_at:
        why = models_retention.WHY[found.erased_why]
        html = render_template("staff/erased.html", submission=found, why=why, related=related)
    elif opened(found) is None:
        html = render_template("staff/unopened.html", submission=found)
    else:
        html = render_template("staff/submission.html", **contents(found, related, forms))
    db.session.commit()
    return html


def contents(
    found: Submission, related: Sequence[Submission], forms: Mapping[str, FlaskForm]
) -> dict[str, Any]:
    """What the page shows; `forms` are those that were filled in wrong."""
    return {
        "submission": found,
        "status_form": new_status_form(found),
        "assign_form": AssignForm(formdata=None, assigned=str(found.assigned_to or 0)),
        "note_form": NoteForm(formdata=None),
        "schedule_form": new_schedule_form(found),
        "related": related,
        "alike": [other for other in same_person(found) if other not in related],
        "letters": db.session.scalars(Letter.about(found)).all(),
        "notes": db.session.scalars(Note.about(found)).all(),
        "here": kept_arguments(),
        "neighbors": neighbors(found) if "view" in request.args else {},
        "assignee": db.session.get(User, found.assigned_to) if found.assigned_to else None,
        "history": history(found),
        **forms,
    }


def same_person(found: Submission) -> list[Submission]:
    """Others with the same date of birth, and the same phone number or email address.

    A suggestion: families share these, so nothing is joined by it.
    """
    things = dict(models_search.things(found.answers))
    born = models_search.marks([("birth", things.get("birth", ""))])
    contacts = [(kind, things[kind]) for kind in ("phone", "email") if kind in things]
    token, other = models_search.Token, sa.orm.aliased(models_search.Token)
    reached = (other.place == token.place) & other.mark.in_(models_search.marks(contacts))
    places = sa.select(token.place).where(token.mark.in_(born)).join(other, reached)
    query = sa.select(Submission).where(Submission.place.in_(places), Submission.id != found.id)
    return db.session.scalars(query.order_by(Submission.place.desc()).limit(5)).all()


def to_change(reference: str, form: WorkForm) -> Submission:
    """Return a submission to change; show it again if it is not as it was on the screen."""
    refuse_wrong(form)
    found = find(reference, lock=True)
    if form.version.data != str(found.version):
        abort(done(reference, MEANWHILE, "error"))
    return found


def done(reference: str, message: str | tuple[str, ...], category: str = "success") -> Response:
    """Keep the change, say so, and show the submission again."""
    db.session.commit()
    flash(message, category)
    return redirect(url_for("staff.submission", reference=reference, **kept_arguments()), 303)


@bp.post("/submissions/<reference:reference>/print")
def print_out(reference: str) -> str:
    """Show it as a page to print. Paper leaves the house, so that is written down."""
    found = find(reference, lock=True)  # and let nobody print what is erased
    log("sensitive_print", submission=found)
    html = render_template("staff/print.html", submission=found, here=kept_arguments())
    db.session.commit()
    return html


@bp.post("/submissions/<reference:reference>/status")
def set_status(reference: str) -> Response:
    form = StatusForm()
    found = to_change(reference, form)
    before = found.status
    if problem := why_not(found, form.status.data):
        return done(reference, problem, "error")
    change_status(found, form.status.data)
    db.session.flush()
    words = f"The status is now “{found.status.capitalize()}”."
    # Of “Cancelled” the patient is told, which nothing undoes.
    if "cancelled" in {before, found.status} or why_not(found, before):
        return done(reference, words)
    return done(reference, (words, reference, before, str(found.version)), "undo")


def why_not(found: Submission, status: str) -> str:
    """Say what keeps it from having this status: a visit that is booked, or one that is not."""
    if found.kind == "intake" and status not in WITHOUT_VISIT:
        return "An intake form has no visit of its own. Change the request that it goes with."
    if status == "scheduled" and not found.scheduled_for:
        return "Book a time, and the status follows."
    fits = {"scheduled", "cancelled"}
    if found.status != "scheduled":  # the patient wants another time, and still has this one
        fits |= {"new", "contacted"}
    if found.scheduled_for and not found.is_over and status not in fits:
        return "A visit is booked, and the patient counts on it. Set “Cancelled” to call it off."
    return ""


def change_status(found: Submission, status: str) -> None:
    """Change it in the caller's transaction, and say what patients have to know of that."""
    log("status_changed", submission=found, detail=f"{found.status} to {status}")
    is_back = found.status == "spam" and VIEW_OF_STATUS[status] == "todo"
    if status == "cancelled" and found.status not in {"cancelled", "spam"}:
        outbox_letters.call_off(found)
    elif is_back and not db.session.scalars(Letter.about(found)).all():  # they were held back
        found.reply_due_at = library().practice.reply_due(now())
        outbox_letters.received(found)
    found.move_to(status, now())


@bp.post("/submissions/<reference:reference>/assign")
def assign(reference: str) -> Response:
    form = AssignForm()
    found = to_change(reference, form)
    hand_to(found, current_user.id if form.me.data else int(form.assigned.data))
    return done(reference, "It is assigned." if found.assigned_to else "Nobody has it now.")


def hand_to(found: Submission, user_id: int) -> None:
    """Let a member of staff have it, or nobody (0)."""
    found.assigned_to = user_id or None
    log("assigned", submission=found, detail=str(user_id))


@bp.post("/submissions/<reference:reference>/notes")
def add_note(reference: str) -> Any:
    """Add a note. That never overwrites anything, so it goes in whatever others do meanwhile."""
    form = NoteForm()
    if not form.validate():
        return show(find(reference), note_form=form), 422
    found = find(reference, lock=True)
    note = Note(id=secrets.token_hex(16), submission_id=found.id, user_id=current_user.id, at=now())
    note.text = form.text.data
    db.session.add(note)
    found.changed_at = now()
    log("note_added", submission=found)
    return done(reference, "The note is saved.")


@bp.post("/submissions/<reference:reference>/hold")
def hold(reference: str) -> Response:
    """Keep it from being erased when its time is over, or no longer."""
    found = to_change(reference, WorkForm())
    found.hold = not found.hold
    log("held" if found.hold else "released", submission=found)
    return done(reference, "It is held." if found.hold else "It is not held any more.")


@bp.post("/submissions/<reference:reference>/resend")
def resend(reference: str) -> Response:
    """Try a letter that failed once more."""
    form = ResendForm()
    refuse_wrong(form)
    found = find(reference, lock=True)  # before its letter, as who erases it does
    letter = db.session.get(Letter, form.letter.data, with_for_update=True) or abort(404)
    if letter.submission != found:
        abort(404)
    return done(reference, *renew(letter))


def new_status_form(found: Submission) -> StatusForm:
    form = StatusForm(formdata=None, status=found.status)
    if found.kind == "intake":
        form.status.choices = choices(capitalized(WITHOUT_VISIT))
    return form


def new_schedule_form(found: Submission) -> ScheduleForm:
    at = found.scheduled_for and library().practice.local(found.scheduled_for)
    return ScheduleForm(formdata=None, day=at and at.date(), time=at and at.time())


@bp.post("/submissions/<reference:reference>/schedule")
def schedule(reference: str) -> Any:
    """Book a time, or another one; the patient gets a letter with a file for the calendar."""
    form = ScheduleForm()
    if not form.validate():
        return show(find(reference), schedule_form=form), 422
    found = to_change(reference, form)
    if found.kind != "appointment":
        abort(404)
    at = datetime.combine(form.day.data, form.time.data, library().practice.time_zone)
    if at == found.scheduled_for and found.status == "scheduled":
        return done(reference, "It is booked for this time already.", "info")
    book(found, at)
    return done(reference, "The time is booked.")


def book(found: Submission, at: datetime) -> None:
    length = timedelta(minutes=library().practice.visit_minutes)
    others = Submission.booked_around(at, length).where(Submission.id != found.id)
    if twin := db.session.scalar(others.limit(1)):
        flash(f"{twin.shown_reference} is booked at the same time.", "error")
    if at != found.scheduled_for:  # else the patient, who had asked for another, keeps this one
        outbox_letters.book(found, at)
    found.move_to("scheduled", now())
    log("request_scheduled", submission=found)
