"""What staff do: sign in, look through the submissions, work on one."""

import logging
import re
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from flask import Blueprint, Flask, abort, flash, redirect, render_template, request, url_for
from flask_login import user_logged_in, user_logged_out
from flask_security import Security, SQLAlchemyUserDatastore, current_user, password_changed
from werkzeug.routing import BaseConverter
from werkzeug.wrappers import Response

import outbox_letters
import security
from content import library
from forms_staff import ScheduleForm, SignInForm, StatusForm
from models import Submission, db, log
from models_letters import Letter
from models_staff import Role, User
from vault import VaultError

logger = logging.getLogger("site")
bp = Blueprint("staff", __name__, url_prefix="/staff")
datastore = SQLAlchemyUserDatastore(db, User, Role)

PAGE_SIZE = 25

# Who may do more than look: role names by endpoint. Looking is for every member of staff.
WORKERS = {endpoint: {"handler", "admin"} for endpoint in ("staff.set_status", "staff.schedule")}

CONFIG = {
    "URL_PREFIX": "/staff",
    "CHANGEABLE": True,
    "CHANGE_URL": "/account",
    "FRESHNESS": timedelta(-1),  # no page that asks for the password once more
    "STATIC_FOLDER": None,
    "CLI_USERS_NAME": None,
    "CLI_ROLES_NAME": None,
    "SEND_PASSWORD_CHANGE_EMAIL": False,
    "CACHE_CONTROL": None,  # security.py says it for all private pages
    "EMAIL_VALIDATOR_ARGS": {"check_deliverability": False},
    "PASSWORD_HASH": "argon2",
    "PASSWORD_SCHEMES": ["argon2"],
    "PASSWORD_SINGLE_HASH": ["argon2"],  # argon2 salts by itself
    # OWASP's password storage cheat sheet: at least 19 MiB and 2 passes.
    "PASSWORD_HASH_PASSLIB_OPTIONS": {
        "argon2__memory_cost": 19456,
        "argon2__time_cost": 2,
        "argon2__parallelism": 1,
    },
    "PASSWORD_LENGTH_MIN": 15,
    "RETURN_GENERIC_RESPONSES": True,
    "POST_LOGIN_VIEW": "staff.queue",
    "POST_LOGOUT_VIEW": "security.login",
    "POST_CHANGE_VIEW": "staff.queue",
    "LOGIN_USER_TEMPLATE": "staff/login.html",
    "CHANGE_PASSWORD_TEMPLATE": "staff/account.html",
    "MSG_GENERIC_AUTHN_FAILED": ("The email address or the password is not right.", "error"),
    "MSG_PASSWORD_CHANGE": ("Your password is changed.", "success"),
    "MSG_UNAUTHENTICATED": ("Sign in to see this page.", "info"),
    "MSG_INVALID_REDIRECT": ("That address is not ours. Open /staff/ and sign in there.", "error"),
    "MSG_PASSWORD_NOT_PROVIDED": ("Enter a password.", "error"),
    "MSG_INVALID_PASSWORD": ("This is not your current password.", "error"),
    "MSG_PASSWORD_INVALID_LENGTH": ("Use at least %(length)s characters.", "error"),
    "MSG_RETYPE_PASSWORD_MISMATCH": ("The two new passwords are not the same.", "error"),
    "MSG_PASSWORD_IS_THE_SAME": ("Choose a password that is different from the old one.", "error"),
}


class ReferenceConverter(BaseConverter):
    """A reference however it was read out: `7K3F-9QRT`, `7k3f9qrt`; O is 0, and I and L are 1."""

    regex = "[0-9A-Za-z]{4}-?[0-9A-Za-z]{4}"

    def to_python(self, value: str) -> str:
        return read_reference(value)

    def to_url(self, value: str) -> str:
        return f"{value[:4]}-{value[4:]}"


def read_reference(text: str) -> str:
    """Return a reference as it is stored. Raises ValueError for what cannot be one."""
    if not re.fullmatch(ReferenceConverter.regex, text):
        raise ValueError
    return text.upper().replace("-", "").translate(str.maketrans("OIL", "011"))


@bp.before_request
def members_only() -> Response | None:
    """Refuse strangers, one-time passwords, and those whose role does not allow this."""
    if not current_user.is_authenticated:
        asked = request.full_path.rstrip("?") if request.method == "GET" else None
        return redirect(url_for("security.login", next=asked))
    if current_user.must_change_password:
        return redirect(url_for("security.change_password"))
    if not may(request.endpoint):
        abort(403)
    return None


@bp.app_template_global()
def may(endpoint: str) -> bool:
    """Whether the person who is signed in may do what this staff address does."""
    roles = {role.name for role in current_user.roles}
    return endpoint not in WORKERS or bool(roles & WORKERS[endpoint])


@bp.get("/")
def queue() -> str:
    """List the submissions, most urgent first; `?before=` goes on where a page ended.

    `?view=spam` lists what a program seems to have sent.
    """
    before, spam = request.args.get("before", type=read_reference), request.args.get("view")
    query = Submission.queue(spam=spam == "spam", before=before)
    rows = db.session.scalars(query.limit(PAGE_SIZE + 1)).all()
    log("sensitive_list", user_id=current_user.id)
    html = render_template(
        "staff/queue.html",
        rows=[(row, opened(row)) for row in rows[:PAGE_SIZE]],
        more=len(rows) > PAGE_SIZE,
        before=before,
        spam=spam == "spam",
        spam_count=db.session.scalar(sa.select(sa.func.count()).where(Submission.status == "spam")),
        failed=db.session.scalar(sa.select(sa.func.count()).where(Letter.state == "failed")),
    )
    db.session.commit()
    return html


@bp.get("/submissions/<reference:reference>")
def submission(reference: str) -> str:
    """Show everything the patient said."""
    found = find(reference)
    log("sensitive_read", user_id=current_user.id, submission=found)
    html = show(found, StatusForm(status=found.status), new_schedule_form(found))
    db.session.commit()
    return html


def show(found: Submission, form: StatusForm, schedule_form: ScheduleForm) -> str:
    return render_template(
        "staff/submission.html",
        submission=found,
        form=form,
        schedule_form=schedule_form,
        related=db.session.scalars(found.related()).all(),
        letters=db.session.scalars(Letter.about(found)).all(),
    )


@bp.post("/submissions/<reference:reference>/status")
def set_status(reference: str) -> Any:
    found, form = find(reference), StatusForm()
    if not form.validate_on_submit():
        abort(400)
    change = f"{found.status} to {form.status.data}"
    if form.status.data == "cancelled" != found.status and found.scheduled_for:
        found.schedule_changes += 1
        outbox_letters.cancelled(found)
    found.status = form.status.data
    log("status_changed", user_id=current_user.id, submission=found, detail=change)
    db.session.commit()
    flash(f"The status is now “{form.status.data.capitalize()}”.", "success")
    return redirect(url_for(".submission", reference=reference), 303)


def new_schedule_form(found: Submission) -> ScheduleForm:
    at = found.scheduled_for and library().practice.local(found.scheduled_for)
    return ScheduleForm(day=at and at.date(), time=at and at.time(), changes=found.schedule_changes)


@bp.post("/submissions/<reference:reference>/schedule")
def schedule(reference: str) -> Any:
    """Book a time, or another one; the patient gets a letter with a file for the calendar."""
    found, form = find(reference, lock=True), ScheduleForm()
    if not form.validate_on_submit():
        if form.csrf_token.errors:
            abort(400)
        return show(found, StatusForm(status=found.status), form), 422
    at = datetime.combine(form.day.data, form.time.data, library().practice.time_zone)
    if int(form.changes.data) != found.schedule_changes:
        flash("Somebody else has just changed the time. Look at it, then decide.", "error")
    elif at != found.scheduled_for or found.status != "scheduled":
        book(found, at)
    return redirect(url_for(".submission", reference=reference), 303)


def book(found: Submission, at: datetime) -> None:
    others = Submission.booked_at(at).where(Submission.id != found.id)
    if twin := db.session.scalar(others):
        flash(f"{twin.shown_reference} is booked at the same time.", "error")
    found.schedule_changes += found.scheduled_for is not None
    found.scheduled_for, found.status = at, "scheduled"
    outbox_letters.scheduled(found)
    log("request_scheduled", user_id=current_user.id, submission=found)
    db.session.commit()
    flash("The time is booked.", "success")


def opened(row: Submission) -> dict[str, Any] | None:
    """Return the answers, or None when their key is missing: the other rows must still show."""
    try:
        return row.answers
    except VaultError as error:
        logger.error("a submission does not open: %s", error)  # noqa: TRY400 (no traceback needed)
        return None


def find(reference: str, *, lock: bool = False) -> Submission:
    query = Submission.with_reference(reference)
    return db.session.scalar(query.with_for_update() if lock else query) or abort(404)


@user_logged_in.connect
def signed_in(_app: Flask, user: User) -> None:
    log("authn_login_success", user_id=user.id)


@user_logged_out.connect
def signed_out(_app: Flask, user: User) -> None:
    """End every session of this person: a signed cookie that was saved cannot be revoked alone."""
    if isinstance(user, User):
        datastore.set_uniquifier(user)
        log("authn_logout", user_id=user.id)
        db.session.commit()


@password_changed.connect
def password_is_own(_app: Flask, user: User, **_more: Any) -> None:
    user.must_change_password = False
    log("authn_password_change", user_id=user.id)


def init_app(app: Flask) -> None:
    app.url_map.converters["reference"] = ReferenceConverter
    app.config.update({f"SECURITY_{name}": value for name, value in CONFIG.items()})
    # Flask-Security asks for one; with argon2, which salts by itself, it is not used.
    app.config["SECURITY_PASSWORD_SALT"] = app.config["SECRET_KEY"]
    extension = Security(app, datastore, login_form=SignInForm)
    extension.want_json(lambda _request: False)
    security.limit_posts(app, "security.login", "sign in")
    app.register_blueprint(bp)
