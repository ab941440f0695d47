"""What all staff pages share: who may enter, and how a submission is found by its reference."""

import logging
from datetime import date
from typing import Any

from flask import Blueprint, abort, redirect, request, url_for
from flask_security import current_user
from flask_wtf import FlaskForm
from werkzeug.routing import BaseConverter
from werkzeug.wrappers import Response

import models_events
import security
from models import Submission, db, flat
from models_search import REFERENCE, read_reference
from vault import VaultError

logger = logging.getLogger("site")
bp = Blueprint("staff", __name__, url_prefix="/staff")

# Role names by endpoint. An endpoint that is not here is for every member of staff, readers too.
WORK = {"handler", "admin"}
ONLY_FOR = {
    "staff.set_status": WORK,
    "staff.assign": WORK,
    "staff.add_note": WORK,
    "staff.schedule": WORK,
    "staff.hold": WORK,
    "staff.resend": WORK,
    "staff.several": WORK,
    "staff.activity": {"admin"},
    "staff.export": {"admin"},
    "staff.resend_letter": WORK,
}

YEARS = range(2000, 2039)  # a submission's place has room up to then


class ReferenceConverter(BaseConverter):
    """A reference however it was read out: `7K3F-9QRT`, `7k3f9qrt`; O is 0, and I and L are 1."""

    regex = REFERENCE

    def to_python(self, value: str) -> str:
        return read_reference(value)

    def to_url(self, value: str) -> str:
        return f"{value[:4]}-{value[4:]}"


def read_number(text: str) -> int:
    """Return a number that can be an id, which every database can look for. Raises ValueError."""
    number = int(text)
    if not 0 <= number < 2**31:
        raise ValueError
    return number


def read_day(text: str) -> date:
    """Return a day on which something can have come in. Raises ValueError."""
    day = date.fromisoformat(text)
    if day.year not in YEARS:
        raise ValueError
    return day


def log(name: str, **about: Any) -> None:
    """Add what the person who is signed in does to the trail; `about` is as for `models_events`."""
    models_events.log(name, user_id=current_user.id, **about)


@bp.before_request
def by_role() -> None:
    """Refuse those whose role does not allow this. `staff_signin` has refused all others."""
    if not may(request.endpoint):
        log("authz_fail", detail=request.endpoint)
        db.session.commit()
        abort(403)


@bp.after_app_request
def note_flood(response: Response) -> Response:
    """Record it when a network is over its budget to sign in.

    Once an hour is enough: a flood of requests must not become a flood of events.
    """
    over = request.endpoint == "security.login" and response.status_code == 429
    if over and security.within("told", security.network()):
        models_events.log("excess_rate_limit_exceeded")
        db.session.commit()
    return response


@bp.app_template_global()
def may(endpoint: str) -> bool:
    """Whether the person who is signed in may do what this staff address does."""
    roles = {role.name for role in current_user.roles}
    return endpoint not in ONLY_FOR or bool(roles & ONLY_FOR[endpoint])


def refuse_wrong(form: FlaskForm) -> None:
    """Answer 400 to what no page of ours sends. Each address has its token looked at before."""
    if not form.validate():
        abort(400)


def find(reference: str, *, lock: bool = False) -> Submission:
    """Return a submission; `lock` it to change it, which nobody can once it is erased.

    Nor can they without its key. Its page says why.
    """
    query = Submission.with_reference(reference)
    found = db.session.scalar(query.with_for_update() if lock else query) or abort(404)
    if lock and (found.erased_at or opened(found) is None):
        abort(redirect(url_for("staff.submission", reference=reference), 303))
    return found


def opened(row: Submission) -> dict[str, Any] | None:
    """Return the record, with all answers by field name as `flat`.

    None when its key is missing: the other rows must still show.
    """
    try:
        record = row.record
    except VaultError as error:
        logger.error("a submission does not open: %s", error)  # noqa: TRY400 (no traceback needed)
        return None
    return {**record, "flat": flat(record["answers"].values())}
