"""Stop now and finish later: on this device, or on another one with a link in a letter."""

from typing import Any

import sqlalchemy as sa
from flask import redirect, render_template, request, session, url_for

import outbox_letters
import security
from forms_contact import BirthForm, LaterForm
from forms_flow import Flow
from models import db
from models_drafts import Draft
from patients_base import (
    LOCKED,
    TOO_MANY,
    birth_of,
    bp,
    current_draft,
    gone,
    is_birth,
    next_page,
    submission_of,
)
from security import sign, unsign

MOST_TRIES = 5  # wrong dates of birth that a link allows

NO_BIRTH = (
    "The date of birth is missing",
    "Finish “About you” on the device where you began, then open this link again. Or call us.",
)
NOT_OPEN = (
    "This link does not open a form any more",
    "A link works once, within 7 days, until the form is sent. If it is not sent, start again.",
)


@bp.route("/<flow:flow>/later", methods=["GET", "POST"])
def later(flow: Flow) -> Any:
    """Say how long the answers are kept here, and offer a link for another device."""
    draft = current_draft(flow)
    if not draft.answers or submission_of(draft):
        return redirect(url_for(".start", flow=flow), 303)
    can_send = bool(birth_of(draft.answers))
    form, status = LaterForm(), 200
    if request.method == "POST" and can_send:
        if (right := form.validate()) and send_link(draft, form.email.data):
            session["mailed"] = True
            return redirect(url_for(".later", flow=flow), 303)
        if right:
            form.form_errors = [TOO_MANY]
        status = 429 if right else 422
    form.draft.data = draft.key
    html = render_template(
        "patients/later.html",
        flow=flow,
        form=form,
        sent=session.pop("mailed", False),
        can_send=can_send,
        until=draft.expires_at,
        back=next_page(flow, draft.answers),
    )
    return html, status


def send_link(draft: Draft, email: str) -> bool:
    """Put the letter in the outbox; False when the network or this address has had enough."""
    if not security.within("links", security.network()):
        return False
    if not security.within("link", email.casefold()):
        return False
    outbox_letters.finish(draft, email, sign("finish", draft.id))
    db.session.commit()
    return True


@bp.route("/<flow:flow>/resume/<string:token>", methods=["GET", "POST"])
def resume(flow: Flow, token: str) -> Any:
    """Ask for the date of birth, then move the draft to this device. Opens once."""
    this = (Draft.id == (unsign("finish", token) or ""), Draft.flow == flow.name)
    query = sa.select(Draft).where(*this)
    draft = db.session.scalar(query.with_for_update() if request.method == "POST" else query)
    if draft is None or draft.is_over or submission_of(draft):
        return gone(*NOT_OPEN)
    if draft.tries >= MOST_TRIES:
        return gone(*LOCKED)
    form = BirthForm()
    if not (birth := birth_of(draft.answers)):
        return gone(*NO_BIRTH)
    if request.method == "POST" and form.validate() and is_birth(form, draft, birth):
        return redirect(next_page(flow, move_here(draft).answers), 303)
    html = render_template("patients/birth.html", form=form, title="Finish your form")
    return html, 422 if form.errors else 200


def move_here(draft: Draft) -> Draft:
    """Give the draft a new key, which only this browser has."""
    moved = Draft.start(draft.flow, draft.answers)
    moved.started_at, moved.expires_at = draft.started_at, draft.expires_at
    db.session.delete(draft)
    db.session.add(moved)
    session[moved.flow], session.permanent = moved.key, True
    db.session.commit()
    return moved
