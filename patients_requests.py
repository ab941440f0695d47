"""After sending: the page that says it arrived, and the one where a request can be followed."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from flask import (
    Response,
    abort,
    make_response,
    redirect,
    render_template,
    request,
    session,
    url_for,
)

import outbox_letters
from content import library
from forms import CheckForm, TimesForm, field_names, field_of
from forms_contact import CONTACT, BirthForm
from forms_flow import StepForm
from models import OPEN, Submission, db, now
from models_drafts import Draft
from models_events import log
from outbox_calendar import calendar_file
from patients_base import LOCKED, bp, gone, is_birth, received_token
from security import sign, unsign

COPY_LIFE = timedelta(days=1)  # how long the received page shows the answers
LINK_LIFE = timedelta(days=180)  # from the visit on, where one is booked
OPEN_FOR = timedelta(minutes=30)  # after the date of birth was given
MOST_TRIES = 10  # wrong dates of birth in a row

NOT_OURS = (
    "This link does not work",
    "Open it from our email once more, and check that all of it is there. Or call us.",
)
ERASED = (
    "What you sent is erased",
    "We kept it for as long as we may, or were asked to erase it. Call us if you have a question.",
)
TOO_OLD = ("This link has expired", "Call us, and tell us your reference.")


def received_page(submission: Submission) -> Response:
    return redirect(url_for("patients.received", token=received_token(submission.id)), 303)


@bp.get("/received/<string:token>")
def received(token: str) -> str:
    """Say that it arrived, what happens next and by when.

    For a day, the browser that sent the answers sees a copy of them. Nobody else ever does.
    """
    submission = find_received(token)
    return render_template(
        "patients/received.html",
        submission=submission,
        token=token,
        rows=copy_of(submission),
        late=session.pop("late", False),
        after=way_to_intake(submission),
    )


@bp.get("/received/<string:token>/copy")
def received_copy(token: str) -> Response:
    """The answers as a file of plain text, under the same rule."""
    submission = find_received(token)
    rows = copy_of(submission) or abort(404)
    answer = make_response(render_template("patients/copy.txt", submission=submission, rows=rows))
    answer.mimetype = "text/plain"
    name = f"request-{submission.shown_reference}.txt"
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


def find_received(token: str) -> Submission:
    found = db.session.get(Submission, unsign("received", token) or "") or abort(404)
    if found.erased_at:
        abort(make_response(gone(*ERASED)))
    return found


def copy_of(submission: Submission) -> list[dict[str, str]]:
    """How the patient saw the answers, if it is this browser that sent them within a day.

    Not once a new form is begun: that may be by the next person at this computer.
    What an intake took over from a request is not among them: who follows a link did not say that.
    """
    sent_here = Draft.id_of(session.get(submission.kind, "")) == submission.draft_id
    if not sent_here or now() - submission.received_at >= COPY_LIFE:
        return []
    taken_over, fields = CONTACT if submission.follows else (), field_names()
    return [
        row
        for row in submission.record["shown"]
        if field_of(row["first_id"], fields) not in taken_over
    ]


def may_follow(submission: Submission) -> bool:
    """Whether an intake can take over the name and contact details of this request."""
    young = now() - submission.received_at < LINK_LIFE
    return young and submission.kind == "appointment" and submission.status != "cancelled"


def way_to_intake(submission: Submission) -> str | None:
    """What begins the intake that goes with this request, unless we have one."""
    have = sa.select(Submission.id).where(Submission.follows == submission.id).limit(1)
    if not may_follow(submission) or db.session.scalar(have):
        return None
    return sign("intake", submission.id)


def submission_to_follow(token: str) -> Submission | None:
    found = db.session.get(Submission, unsign("intake", token) or "")
    return found if found and not found.erased_at and may_follow(found) else None


def is_changeable(submission: Submission) -> bool:
    """Whether the patient can cancel it or ask for another time.

    What was put aside as spam looks like any other: whoever gets here has proved to be a person.
    """
    if submission.kind != "appointment" or submission.status not in {*OPEN, "spam"}:
        return False
    return not submission.is_over


def find(token: str) -> Submission:
    """Return the request that a link in a letter leads to; answer with a page when there is none.

    A POST holds it, so that staff and the patient do not change it at the same moment.
    """
    query = sa.select(Submission).where(Submission.id == (unsign("request", token) or ""))
    submission = db.session.scalar(query.with_for_update() if request.method == "POST" else query)
    if submission is None:
        abort(make_response(gone(*NOT_OURS, 404)))
    if submission.erased_at:
        abort(make_response(gone(*ERASED)))
    if now() - (submission.scheduled_for or submission.received_at) > LINK_LIFE:
        abort(make_response(gone(*TOO_OLD)))
    if submission.tries >= MOST_TRIES:
        abort(make_response(gone(*LOCKED)))
    return submission


def find_opened(token: str) -> Submission:
    """The same, for someone who has given the date of birth; others are asked for it first."""
    submission = find(token)
    if not is_opened(submission):
        abort(redirect(url_for(".request_page", token=token), 303))
    return submission


def is_opened(submission: Submission) -> bool:
    opened = session.get("opened", {}).get(submission.id)
    return bool(opened) and now() - datetime.fromisoformat(opened) < OPEN_FOR


@bp.route("/requests/<string:token>", methods=["GET", "POST"])
def request_page(token: str) -> Any:
    """Ask for the date of birth; then show how the request stands, and what can be done."""
    submission = find(token)
    form, birth = BirthForm(), submission.answers["birth"]
    if request.method == "POST" and form.validate() and is_birth(form, submission, birth):
        session["opened"] = {submission.id: now().isoformat()}
        submission.tries = 0
        db.session.commit()
        return redirect(url_for(".request_page", token=token), 303)
    if request.method != "POST" and is_opened(submission):
        return render_template(
            "patients/request.html",
            submission=submission,
            token=token,
            changeable=is_changeable(submission),
            after=way_to_intake(submission),
        )
    html = render_template("patients/birth.html", form=form, title="See your request")
    return html, 422 if form.errors else 200


@bp.get("/requests/<string:token>/appointment.ics")
def appointment_file(token: str) -> Response:
    """The booked time, for a calendar."""
    submission = find_opened(token)
    if submission.status == "cancelled" or not submission.scheduled_for:
        abort(404)
    visit = outbox_letters.visit(submission) | {"starts_at": submission.scheduled_for}
    headers = {"Content-Disposition": 'attachment; filename="appointment.ics"'}
    return Response(calendar_file(**visit), mimetype="text/calendar", headers=headers)


@bp.route("/requests/<string:token>/cancel", methods=["GET", "POST"])
def cancel(token: str) -> Any:
    """Ask once more, then cancel. Following the link alone changes nothing."""
    return change(token, CheckForm(), "cancel", call_off)


@bp.route("/requests/<string:token>/times", methods=["GET", "POST"])
def times(token: str) -> Any:
    """Ask for another time. A booked one stays until the practice has answered."""
    return change(token, TimesForm(), "times", ask_for_times)


def change(
    token: str, form: StepForm, page: str, act: Callable[[Submission, StepForm], None]
) -> Any:
    """Show a form about an open request; when it is sent, act on it and show how things stand."""
    submission = find_opened(token)
    done = redirect(url_for(".request_page", token=token), 303)
    if not is_changeable(submission):
        return done
    if request.method == "POST" and form.validate():
        act(submission, form)
        db.session.commit()
        return done
    html = render_template(f"patients/{page}.html", submission=submission, form=form, token=token)
    return html, 422 if form.errors else 200


def call_off(submission: Submission, _form: StepForm) -> None:
    outbox_letters.call_off(submission)
    submission.move_to("cancelled")
    outbox_letters.waiting(submission, "cancelled")
    log("request_cancelled", submission=submission, detail="by the patient")


def ask_for_times(submission: Submission, form: StepForm) -> None:
    """Keep the new choices beside the old ones, and put the request back to be worked on."""
    record = submission.record
    earlier = record.get("later", [])
    rows = [
        {"label": field.label.text, "text": field.shown} for field in form.questions if field.data
    ]
    if submission.status == "new" and earlier and earlier[-1]["rows"] == rows:
        return  # the button was pressed twice
    record["later"] = [*earlier, {"at": now().isoformat(), "rows": rows}]
    submission.record = record
    submission.move_to("new")
    submission.reply_due_at = library().practice.reply_due(now())
    outbox_letters.waiting(submission, "times")
    log("request_changed", submission=submission, detail="asked for another time")
