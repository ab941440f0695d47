"""What all pages for patients share: the blueprint, drafts, and pages that keep what was typed."""

import logging
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from flask import Blueprint, Response, render_template, request, session, url_for
from werkzeug.datastructures import MultiDict
from werkzeug.routing import BaseConverter

import security
from content import library
from forms import FLOWS
from forms_contact import CONTACT, BirthForm
from forms_flow import Answers, Flow, Step, StepForm
from forms_safety import raised_flags
from models import Submission, db, now, only_read
from models_drafts import Draft
from security import csrf
from vault import VaultError

bp = Blueprint("patients", __name__)
logger = logging.getLogger("site")

NOT_SAVED = (
    "We cannot save anything right now",
    "Nothing was sent. Wait a minute and press the button again, or call us.",
)
NOT_SHOWN = (
    "We cannot show this page right now",
    "Wait a minute and load the page again, or call us. What you sent or saved before is safe.",
)
TOO_MANY = "We got a lot from your network or your contact address. Try again later, or call us."

LOCKED = (
    "This link is locked",
    "The date of birth was wrong too often. Call us, and we will find another way.",
)
NOT_THE_BIRTH = "This is not the date of birth that we were given. Check it and try again"

# A form checks its own token, so that a failed check shows the page again with what was typed.
csrf.exempt(bp)


class FlowConverter(BaseConverter):
    """The first part of an address: `appointment` is FLOWS["appointment"]."""

    regex = "|".join(FLOWS)

    def to_python(self, value: str) -> Flow:
        return FLOWS[value]

    def to_url(self, value: Flow | str) -> str:
        return getattr(value, "name", value)


@bp.app_template_filter()
def received_token(submission_id: str) -> str:
    return security.sign("received", submission_id)


@bp.before_request
def read_only() -> None:
    if request.method in {"GET", "HEAD"}:
        only_read()


@bp.after_request
def keep_link_secret(response: Response) -> Response:
    """Tell browsers to pass an address that opens something on to nobody."""
    if "token" in (request.view_args or {}):
        response.headers["Referrer-Policy"] = "no-referrer"
    return response


def current_draft(flow: Flow) -> Draft:
    """Return the draft that the form names, else this browser's, else a new one.

    A form that is sent holds its draft until the request ends, so that a double click waits.
    """
    for key in filter(None, (request.form.get("draft"), session.get(flow.name))):
        query = Draft.kept(flow.name, key)
        if request.method == "POST":
            query = query.with_for_update()
        if (draft := db.session.scalar(query)) and opens(draft):
            draft.key = key
            return draft
    return Draft.start(flow.name)


def opens(draft: Draft) -> bool:
    """Whether the key that it was sealed with is still there; without it, all begins anew."""
    try:
        return draft.answers is not None
    except VaultError as error:
        logger.error("a draft does not open: %s", error)  # noqa: TRY400 (no traceback needed)
        return False


def submission_of(draft: Draft) -> Submission | None:
    if draft not in db.session:  # it was begun right now
        return None
    return db.session.scalar(Submission.of_draft(draft.id))


def keep(draft: Draft, answers: dict[str, Any]) -> None:
    """Put the answers into the draft, where this browser finds them again for `DRAFT_LIFE`.

    What it came for is in them from then on; where they cannot be kept, it is remembered.
    """
    draft.keep(answers)
    db.session.execute(Draft.expired())
    db.session.add(draft)
    session[draft.flow], session.permanent = draft.key, True
    told = ("about", "follows") if draft.flow == "intake" else ("about",)
    db.session.commit()
    for name in told:
        session.pop(name, None)


def origin(draft: Draft) -> dict[str, Any]:
    """Return what is known of a draft besides the answers.

    That is the article that led here, the request that it follows, with the contact details that
    came with that, and what gave it away as a program's.
    """
    known = dict(draft.answers.get("origin", {}))
    if slug := session.get("about"):
        known["article"] = slug
    follows = session.get("follows") if draft.flow == "intake" else None
    first = db.session.get(Submission, follows) if follows else None
    if first and not first.erased_at:
        known["follows"] = first.id
        if "you" not in draft.answers:
            known |= {"reference": first.shown_reference, "you": contact_of(first)}
    return known


def contact_of(request: Submission) -> dict[str, Any]:
    """What an intake takes over from a request."""
    return {name: value for name, value in request.answers.items() if name in CONTACT}


def birth_of(answers: dict[str, Any]) -> str | None:
    """The date of birth that a draft holds, whichever page has asked for it."""
    pages = (answers.get("you"), answers.get("origin", {}).get("you"), answers.get("details"))
    return next((page["birth"] for page in pages if page and page.get("birth")), None)


def is_birth(form: BirthForm, row: Draft | Submission, birth: str | None) -> bool:
    """Whether the form says this date of birth. If not, count that, and say so in the form."""
    if form.birth.data == birth:
        return True
    if not security.within("birth", security.network()):
        form.form_errors = [TOO_MANY]
        return False
    row.tries += 1
    db.session.commit()
    form.birth.errors = [NOT_THE_BIRTH]
    return False


def filled(page: Step, answers: dict[str, Any]) -> StepForm:
    """The form as it was left: with what was typed when that could not be accepted yet."""
    if typed := answers.get("typed", {}).get(page.name):
        return page.fill(answers, formdata=MultiDict(typed))
    form = page.fill(answers)
    if page.name in answers:
        form.review()
    return form


def next_page(flow: Flow, answers: Answers) -> str:
    following = flow.next_step(answers)
    if following is None:
        return url_for("patients.check", flow=flow)
    return url_for("patients.step", flow=flow, name=following.name)


def templates(page: Step | None) -> list[str]:
    """A page's own template, or the one that suits most; the check page's for None."""
    return [f"patients/{page.name if page else 'check'}.html", "patients/flow.html"]


def render(
    flow: Flow, draft: Draft, form: StepForm, page: Step | None, status: int | None = None
) -> tuple[str, int]:
    """Return a page of the flow (the check page, for None), with 400 or 422 for a wrong form."""
    form.draft.data = draft.key
    answers = draft.answers
    flags = [library().red_flags[flag] for flag in raised_flags(answers)]
    ticked = answers.get("safety", {}).get("red_flags", [])
    html = render_template(
        templates(page),
        flow=flow,
        form=form,
        page=page,
        position=flow.position(page, answers),
        back=flow.before(page, answers),
        rows=[] if page else list(flow.rows(answers)),
        follows=answers.get("origin", {}).get("reference"),
        emergency=any(flag.level == "emergency" for flag in flags),
        flags=flags,
        ticked=[flag for flag in flags if flag.id in ticked],
        kept=bool(answers),
        sent=sent_before(flow),
    )
    wrong = 400 if "csrf_token" in form.errors else 422
    return html, status or (wrong if form.errors and request.method == "POST" else 200)


def sent_before(flow: Flow) -> Submission | None:
    """What this browser has sent within a day, for who opens the form to see whether it arrived."""
    known = session.get("sent", {}).get(flow.name)
    found = db.session.get(Submission, known) if known and request.method == "GET" else None
    if found is None or found.erased_at:
        return None
    return found if now() - found.received_at < timedelta(days=1) else None


def gone(title: str, advice: str, status: int = 410) -> tuple[str, int]:
    """Say that a link does not lead anywhere any more, and what to do instead."""
    return render_template("patients/gone.html", title=title, advice=advice), status


@bp.errorhandler(sa.exc.OperationalError)
def not_saved(error: sa.exc.OperationalError) -> tuple[str, int]:
    """Show what was typed again when the database is locked, full or gone. Asks it nothing."""
    db.session.rollback()
    logger.error("the database did not take a request: %s", type(error.orig).__name__)
    given = request.view_args or {}
    page = given["flow"].step(given.get("name", "")) if "flow" in given else None
    title, advice = NOT_SAVED if request.method == "POST" else NOT_SHOWN
    if request.method != "POST":
        return render_template("errors/error.html", title=title, advice=advice), 503
    if page is None or page.interrupts:
        typed = request.form.items(multi=True)
        return render_template("patients/again.html", title=title, typed=typed), 503
    draft = Draft.start(given["flow"].name)
    draft.key = request.form.get("draft", "")
    form = page.fill({})
    form.form_errors = [advice]
    return render(given["flow"], draft, form, page, 503)
