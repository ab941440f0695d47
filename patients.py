"""What patients do: fill in a flow page by page, check it, send it once."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from flask import Flask, abort, current_app, redirect, request, session, url_for
from werkzeug.wrappers import Response

import models_search
import outbox_letters
import patients_later  # noqa: F401 (adds its pages)
import security
import triage
from content import library
from forms import FLOWS, CheckForm, check_rules
from forms_flow import TRAPPED, Flow, Step, StepForm
from forms_safety import raised_flags
from models import Submission, WeeklyCount, db, flat, now, only_read
from models_counts import week_of
from models_drafts import Draft
from models_events import log
from patients_base import (
    TOO_MANY,
    FlowConverter,
    birth_of,
    bp,
    current_draft,
    filled,
    keep,
    next_page,
    origin,
    render,
    submission_of,
)
from patients_requests import received_page, submission_to_follow

TOO_QUICK = "filled in faster than people can"


@bp.get("/<flow:flow>/")
def start(flow: Flow) -> Response:
    """Open the first unfinished page; after a request was sent, a new one.

    `?about=` names the article that brought the patient here, for staff to see; `?after=` the
    appointment request whose name and contact details an intake takes over.
    """
    first = submission_to_follow(request.args.get("after", ""))
    leave_behind([flow] if first else FLOWS.values())
    draft = current_draft(flow)
    about = request.args.get("about")
    if known := about in library().articles:
        session["about"] = about
    if first:
        session["follows"] = first.id
        if is_about_another(draft, first):
            draft = begin_anew(flow)
    if not draft.answers:  # what an earlier visit came for is not what this one is about
        if not known:
            session.pop("about", None)
        if not first:
            session.pop("follows", None)
    return redirect(next_page(flow, draft.answers), 303)


def leave_behind(flows: Iterable[Flow]) -> None:
    """Let this browser show no copy any more of what it has sent by these flows."""
    for flow in flows:
        if sent := submission_of(current_draft(flow)):
            session["sent"] = {**session.get("sent", {}), flow.name: sent.id}
            session.pop(flow.name)


def is_about_another(draft: Draft, first: Submission) -> bool:
    """Whether the intake that was begun goes with another request, or is of another person."""
    follows = draft.answers.get("origin", {}).get("follows", first.id)
    return follows != first.id or birth_of(draft.answers) not in {None, first.answers["birth"]}


def begin_anew(flow: Flow) -> Draft:
    session.pop(flow.name, None)
    return Draft.start(flow.name)


@bp.get("/<flow:flow>/<string:name>")
def step(flow: Flow, name: str) -> Any:
    """Ask one page of questions, as it was left."""
    page, draft = flow.step(name) or abort(404), current_draft(flow)
    if sent := submission_of(draft):
        return received_page(sent)
    if not reachable(flow, page, draft):
        return redirect(next_page(flow, draft.answers), 303)
    return render(flow, draft, filled(page, draft.answers), page)


@bp.post("/<flow:flow>/<string:name>")
def answer(flow: Flow, name: str) -> Any:
    """Keep what was typed in the draft, and go on when it is right."""
    page = flow.step(name) or abort(404)
    within = security.within("page", security.network())  # before others wait for the draft
    draft = current_draft(flow)
    if sent := submission_of(draft):
        session["late"] = True  # a page was changed in another tab
        return received_page(sent)
    form = page.fill(draft.answers)
    if not within:
        form.form_errors = [TOO_MANY]
        return render(flow, draft, form, page, 429)
    right = form.validate()
    if "csrf_token" in form.errors:
        return render(flow, draft, form, page)
    answers = draft.answers
    back = flow.before(page, answers) if "back" in request.form else None
    if not (back and page.interrupts):  # going back from advice is not going on
        answers = answers_after(draft, page, form, right=right)
        keep(draft, answers)
    if right or back or "later" in request.form:
        return redirect(onward(flow, answers, back), 303)
    only_read()  # nobody has to wait while it is shown again
    return render(flow, draft, form, page)


def onward(flow: Flow, answers: dict[str, Any], back: Step | None) -> str:
    """Where somebody who has sent a page wants to go: by default, to the next one."""
    if "later" in request.form:
        return url_for(".later", flow=flow)
    if back:
        return url_for(".step", flow=flow, name=back.name)
    return next_page(flow, answers)


def answers_after(draft: Draft, page: Step, form: StepForm, *, right: bool) -> dict[str, Any]:
    """Return what the draft holds now: the answers, or what was typed until they are right."""
    before, typed = draft.answers, dict(draft.answers.get("typed", {}))
    known = origin(draft)
    if form.website.data:
        known["caught"] = TRAPPED
    # An answer that was right before is not what the patient means now; the last one comes last.
    rest = {name: given for name, given in before.items() if name != page.name}
    if not right:
        return {**rest, "origin": known, "typed": {**typed, page.name: form.typed()}}
    typed.pop(page.name, None)
    after = {**rest, "origin": known, "typed": typed, page.name: form.answers}
    count_flags(before, after)
    return after


def count_flags(before: dict[str, Any], after: dict[str, Any]) -> None:
    """Count the red flags that lead to the advice page now, and those that people go on with."""
    week = week_of(now())
    shown = set(raised_flags(after)) - set(raised_flags(before))
    seen = [set(answers.get("advice", {}).get("shown", [])) for answers in (before, after)]
    news = {"flag shown": shown, "flag passed": seen[1] - seen[0]}
    counts = {(what, week, flag): 1 for what, flags in news.items() for flag in flags}
    WeeklyCount.add(db.session(), counts)


@bp.get("/<flow:flow>/check")
def check(flow: Flow) -> Any:
    """Show every answer, with a link to change it."""
    draft = current_draft(flow)
    if sent := submission_of(draft):
        return received_page(sent)
    if flow.next_step(draft.answers):
        return redirect(next_page(flow, draft.answers), 303)
    return render(flow, draft, CheckForm(), None)


@bp.post("/<flow:flow>/check")
def send(flow: Flow) -> Any:
    """Send the draft once; answer 303 to its received page however often this is asked."""
    draft = current_draft(flow)
    if sent := submission_of(draft):
        return received_page(sent)
    if "later" in request.form:
        return redirect(url_for(".later", flow=flow), 303)
    if flow.next_step(draft.answers):
        return redirect(next_page(flow, draft.answers), 303)
    form = CheckForm()
    if not form.validate():
        return render(flow, draft, form, None)
    columns = flow.columns(complete(draft))
    if not may_send(flat(columns["answers"].values())):
        form.form_errors = [TOO_MANY]
        return render(flow, draft, form, None, 429)
    submission = submit(draft, columns, trapped=bool(form.website.data))
    page = received_page(submission)  # to look at it after the commit would be a transaction more
    db.session.commit()
    return page


def complete(draft: Draft) -> dict[str, Any]:
    """The answers, with those that an earlier request has given where they are missing."""
    answers = {name: given for name, given in draft.answers.items() if name != "origin"}
    carried = draft.answers.get("origin", {}).get("you")
    return {**answers, "you": {**carried, **answers["you"]}} if carried else answers


def may_send(answers: dict[str, Any]) -> bool:
    """Whether this network and this person may send one more now."""
    contacts = [answers[name].casefold() for name in ("phone", "email") if answers.get(name)]
    return security.within("send", security.network()) and all(
        security.within("contact", contact) for contact in contacts
    )


def submit(draft: Draft, columns: dict[str, Any], *, trapped: bool) -> Submission:
    """Add the submission, its letters and its event to the transaction, and return it."""
    answers = flat(columns["answers"].values())
    reason = draft.answers.get("origin", {}).get("caught") or spam_reason(draft, trapped=trapped)
    assessment = triage.assess(answers, library())
    # Nobody in danger is put aside because a browser filled in too much.
    is_spam = reason and assessment.urgency not in {"emergency", "today"}
    submission = new_submission(draft, columns, assessment)
    submission.spam_reason, submission.status = reason, "spam" if is_spam else "new"
    db.session.add(submission)
    submission.count()
    if not is_spam:
        outbox_letters.received(submission)
    draft.keep({})  # the submission has them now; the draft only remembers that it was sent
    models_search.index(submission, answers, assessment.risk_factors)
    log("submission_created", submission=submission, detail=reason or "")
    return submission


def new_submission(
    draft: Draft, columns: dict[str, Any], assessment: triage.Assessment
) -> Submission:
    known, received_at = draft.answers.get("origin", {}), now()
    return Submission.make(
        **columns,
        assessment=assessment.as_json(),
        draft_id=draft.id,
        source_article=known.get("article"),
        follows=known.get("follows"),
        urgency=assessment.urgency,
        received_at=received_at,
        reply_due_at=library().practice.reply_due(received_at),
    )


def spam_reason(draft: Draft, *, trapped: bool) -> str | None:
    """Say why this looks like a program's work, if it does. The moment it began is ours to know.

    When our clock was set back since then, it does not tell how long this took.
    """
    if trapped:
        return TRAPPED
    quick = timedelta(seconds=current_app.config["SPAM_SECONDS"])
    if draft.started_at and timedelta(0) <= now() - draft.started_at < quick:
        return TOO_QUICK
    return None


@bp.post("/<flow:flow>/forget")
def forget(flow: Flow) -> Response:  # noqa: ARG001 (whichever it was asked from, all go)
    """Erase what was typed in this browser so far, and let it show no copy of what was sent."""
    if not CheckForm().validate():
        abort(400)
    for draft in map(current_draft, FLOWS.values()):
        if draft.answers and not submission_of(draft):
            db.session.delete(draft)
    db.session.commit()
    session.clear()
    return redirect(url_for("visitors.home"), 303)


def reachable(flow: Flow, page: Step, draft: Draft) -> bool:
    """Whether this page applies, and is answered already or the next to answer."""
    return page in flow.asked(draft.answers) and (
        page.name in draft.answers or page == flow.next_step(draft.answers)
    )


def init_app(app: Flask) -> None:
    with app.app_context():
        check_rules(library())
    app.url_map.converters["flow"] = FlowConverter
    app.register_blueprint(bp)
