"""What patients do: fill in a flow page by page, check it, send it once."""

import logging
from typing import Any

import sqlalchemy as sa
from flask import Blueprint, Flask, abort, redirect, render_template, request, session, url_for
from werkzeug.routing import BaseConverter
from werkzeug.wrappers import Response

import triage
from content import library
from forms import FLOWS, CheckForm, ticked_flags
from forms_flow import Answers, Flow, Step, StepForm
from models import Draft, Submission, db, log, now, only_read
from security import csrf, sign, unsign

bp = Blueprint("patients", __name__)
logger = logging.getLogger("site")

NOT_SAVED = (
    "We cannot save anything right now",
    "Nothing was sent. Wait a minute and press the button again, or call us.",
)

# A form checks its own token, so that a failed check shows the page again with what was typed.
csrf.exempt(bp)


class FlowConverter(BaseConverter):
    """The first part of an address: `appointment` is FLOWS["appointment"]."""

    regex = "|".join(FLOWS)

    def to_python(self, value: str) -> Flow:
        return FLOWS[value]

    def to_url(self, value: Flow | str) -> str:
        return getattr(value, "name", value)


@bp.before_request
def read_only() -> None:
    if request.method in {"GET", "HEAD"}:
        only_read()


@bp.get("/<flow:flow>/")
def start(flow: Flow) -> Response:
    """Open the first unfinished page; after a request was sent, a new one.

    `?about=` names the article that brought the patient here, for staff to see.
    """
    draft = current_draft(flow)
    if submission_of(draft):
        session.pop(flow.name, None)
        draft = Draft.start(flow.name)
    if (slug := request.args.get("about")) in library().articles:
        session["about"] = slug
    elif not draft.answers:
        session.pop("about", None)
    return redirect(next_page(flow, draft), 303)


@bp.route("/<flow:flow>/<string:name>", methods=["GET", "POST"])
def step(flow: Flow, name: str) -> Any:
    """Ask one page of questions; keep the answers in the draft and go on."""
    page = flow.step(name) or abort(404)
    draft = current_draft(flow)
    if sent := submission_of(draft):
        return received_page(sent)
    if request.method != "POST" and not reachable(flow, page, draft):
        return redirect(next_page(flow, draft), 303)
    form = page.form(data=draft.answers.get(page.name))
    if request.method != "POST" and page.name in draft.answers:
        form.review()
    if form.validate_on_submit():
        keep(draft, flow.save(draft.answers, page, form.answers))
        return redirect(next_page(flow, draft), 303)
    return render(templates(page), flow, draft, form, page)


@bp.get("/<flow:flow>/check")
def check(flow: Flow) -> Any:
    """Show every answer, with a link to change it."""
    draft = current_draft(flow)
    if sent := submission_of(draft):
        return received_page(sent)
    if flow.next_step(draft.answers):
        return redirect(next_page(flow, draft), 303)
    return render("patients/check.html", flow, draft, CheckForm())


@bp.post("/<flow:flow>/check")
def send(flow: Flow) -> Any:
    """Send the draft once; answer 303 to its received page however often this is asked."""
    draft = current_draft(flow)
    if sent := submission_of(draft):
        return received_page(sent)
    if flow.next_step(draft.answers):
        return redirect(next_page(flow, draft), 303)
    form = CheckForm()
    if not form.validate_on_submit():
        return render("patients/check.html", flow, draft, form)
    submission = submit(flow, draft)
    draft.keep({})  # the submission has them now; the draft only remembers that it was sent
    db.session.commit()
    return received_page(submission)


@bp.get("/received/<string:token>")
def received(token: str) -> str:
    """Say that it arrived, what happens next and by when. Shows no answer."""
    submission = db.session.get(Submission, unsign("received", token) or "") or abort(404)
    return render_template("patients/received.html", submission=submission)


@bp.errorhandler(sa.exc.OperationalError)
def not_saved(error: sa.exc.OperationalError) -> tuple[str, int]:
    """Show what was typed again when the database is locked, full or gone. Asks it nothing."""
    db.session.rollback()
    logger.error("the database did not take a request: %s", type(error.orig).__name__)
    flow = request.view_args.get("flow")
    page = flow.step(request.view_args.get("name", "")) if flow else None
    if request.method != "POST" or page is None or page.name == "advice":
        title, advice = NOT_SAVED
        return render_template("errors/error.html", title=title, advice=advice), 503
    form, draft = page.form(), Draft.start(flow.name)
    draft.key = request.form.get("draft", "")
    form.form_errors = [NOT_SAVED[1]]
    html, _status = render(templates(page), flow, draft, form, page)
    return html, 503


def current_draft(flow: Flow) -> Draft:
    """Return the draft that the form names, else this browser's, else a new one.

    A form that is sent holds its draft until the request ends, so that a double click waits.
    """
    for key in filter(None, (request.form.get("draft"), session.get(flow.name))):
        query = Draft.kept(flow.name, key)
        if request.method == "POST":
            query = query.with_for_update()
        if draft := db.session.scalar(query):
            draft.key = key
            return draft
    return Draft.start(flow.name)


def submission_of(draft: Draft) -> Submission | None:
    return db.session.scalar(Submission.of_draft(draft))


def reachable(flow: Flow, page: Step, draft: Draft) -> bool:
    """Whether this page applies, and all those before it are answered."""
    return page in flow.asked(draft.answers) and (
        page.name in draft.answers or page == flow.next_step(draft.answers)
    )


def keep(draft: Draft, answers: dict[str, Any]) -> None:
    draft.keep(answers)
    db.session.execute(Draft.expired())
    db.session.add(draft)
    session[draft.flow] = draft.key
    db.session.commit()


def next_page(flow: Flow, draft: Draft) -> str:
    following = flow.next_step(draft.answers)
    if following is None:
        return url_for(".check", flow=flow)
    return url_for(".step", flow=flow, name=following.name)


def received_page(submission: Submission) -> Response:
    return redirect(url_for(".received", token=sign("received", submission.id)), 303)


def templates(page: Step) -> list[str]:
    """A page's own template, or the one that suits most."""
    return [f"patients/{page.name}.html", "patients/flow.html"]


def render(
    template: str | list[str], flow: Flow, draft: Draft, form: StepForm, page: Step | None = None
) -> tuple[str, int]:
    """Return a page of the flow (`page`, or the check page), with 400 or 422 for a wrong form."""
    form.draft.data = draft.key
    answers = draft.answers
    assessment = assess(answers)
    html = render_template(
        template,
        flow=flow,
        form=form,
        page=page,
        back=flow.before(page, answers),
        rows=[] if page else list(flow.rows(answers)),
        urgency=assessment.urgency,
        flags=[library().red_flags[flag] for flag in assessment.red_flags],
    )
    wrong = 400 if "csrf_token" in form.errors else 422
    return html, wrong if form.errors and request.method == "POST" else 200


def assess(answers: Answers) -> triage.Assessment:
    return triage.assess(ticked_flags(answers), library().red_flags)


def submit(flow: Flow, draft: Draft) -> Submission:
    """Add the submission and its event to the transaction, and return it."""
    answers, received_at = draft.answers, now()
    submission = Submission.make(
        **flow.columns(answers),
        draft_id=draft.id,
        source_article=session.pop("about", None),
        urgency=assess(answers).urgency,
        received_at=received_at,
        reply_due_at=library().practice.reply_due(received_at),
    )
    db.session.add(submission)
    log("submission_created", submission=submission)
    return submission


def init_app(app: Flask) -> None:
    app.url_map.converters["flow"] = FlowConverter
    app.register_blueprint(bp)
