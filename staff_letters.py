"""Letters, as far as staff have to do with them: which wait, which failed and why. Never a word."""

from typing import Any

import sqlalchemy as sa
from flask import abort, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from forms_staff import ResendForm
from models import db
from models_letters import Letter
from models_queue import AT_MOST
from staff_base import bp, find, log, refuse_wrong

PAGE_SIZE = 25
WORDS = {
    "received": "To the patient: it arrived",
    "scheduled": "To the patient: a visit is booked",
    "changed": "To the patient: another time",
    "cancelled": "To the patient: it is cancelled",
    "finish": "To the patient: a link to finish",
    "waiting": "To us: something to do",
}
STATES = ("failed", "waiting", "sent")  # what needs somebody first


@bp.get("/letters")
def letters() -> str:
    """Show a page of the letters in one state, latest first."""
    state = request.args["state"] if request.args.get("state") in STATES else STATES[0]
    after = db.session.get(Letter, request.args.get("before", "").replace("\0", ""))
    found = db.session.scalars(Letter.listed(state, after).limit(PAGE_SIZE + 1)).all()
    log("sensitive_list", detail="letters")
    html = render_template(
        "staff/letters.html",
        letters=found[:PAGE_SIZE],
        more=found[PAGE_SIZE - 1].id if len(found) > PAGE_SIZE else None,
        after=after,
        state=state,
        tabs=[(one, one.capitalize(), how_many(one)) for one in STATES],
    )
    db.session.commit()
    return html


@bp.app_template_global()
def how_many(state: str) -> int:
    """How many letters are in a state; `AT_MOST` + 1 stands for more than that."""
    some = sa.select(Letter.id).where(Letter.state == state).limit(AT_MOST + 1)
    return db.session.scalar(sa.select(sa.func.count()).select_from(some.subquery()))


@bp.app_template_filter()
def letter_words(name: str) -> str:
    """What a letter is to staff, who do not know it by the name of its folder."""
    return WORDS[name]


@bp.post("/letters/resend")
def resend_letter() -> Response:
    """Try a letter that failed once more, whatever it is about."""
    form = ResendForm()
    refuse_wrong(form)
    letter = db.session.get(Letter, form.letter.data) or abort(404)
    if letter.submission:
        find(letter.submission.reference, lock=True)  # before its letter, as who erases it does
    db.session.refresh(letter, with_for_update=True)
    flash(*renew(letter))
    db.session.commit()
    return redirect(url_for(".letters"), 303)


def renew(letter: Letter) -> tuple[str, Any]:
    """Let a failed letter wait again, in the caller's transaction; return what to say about it."""
    if letter.state != "failed":
        return "There is nothing to send again.", "error"
    letter.renew()
    log("letter_resent", submission=letter.submission)
    return "The letter goes out again.", "success"
