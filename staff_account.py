"""The second step of signing in, and what people do with their own account."""

from typing import Any

import sqlalchemy as sa
from flask import (
    Blueprint,
    Flask,
    g,
    redirect,
    render_template,
    url_for,
)
from flask_security import current_user, logout_user

import security
import staff_codes
from forms_staff import CodeForm
from models import db
from models_staff import LOCKS, RecoveryCode, User, end_sessions
from staff_base import log
from staff_signin import came_in, owed, way_on

bp = Blueprint("account", __name__, url_prefix="/staff")

# The same for a wrong code, a used one, and any code while the account is locked.
WRONG_CODE = f"This code is not right. Each works once: wait for the next one. {LOCKS}"


@bp.app_template_global()
def is_in() -> bool:
    """Whether somebody has passed all steps of signing in."""
    return bool(current_user.is_authenticated) and owed() is None


@bp.app_template_global()
def recovery_codes_left() -> int:
    query = sa.select(sa.func.count()).where(RecoveryCode.user_id == current_user.id)
    return db.session.scalar(query)


@bp.route("/code", methods=["GET", "POST"])
def code() -> Any:
    """Ask for a code from the phone, or for a recovery code."""
    form = CodeForm()
    if form.validate_on_submit() and is_right(form):
        g.staff_session.proven = True
        came_in(current_user)
        db.session.commit()
        return redirect(way_on(), 303)
    return render_template("staff/code.html", form=form), 422 if form.errors else 200


def is_right(form: CodeForm) -> bool:
    """Use up the code that was typed. A wrong one counts as a wrong password does."""
    user = db.session.scalar(User.to_change(current_user.id))
    if not user.is_kept_out and staff_codes.use_code(user, form.code.data):
        return True
    user.count_failure("code")
    db.session.commit()
    form.code.errors = [WRONG_CODE]
    return False


@bp.route("/set-up", methods=["GET", "POST"])
def set_up() -> Any:
    """Join the account to an app on the phone, then show the recovery codes once."""
    form, secret = CodeForm(), g.staff_session.totp
    if form.validate_on_submit():
        if step := staff_codes.step_of(secret, form.code.data.replace(" ", "")):
            return join(secret, step)
        form.code.errors = [WRONG_CODE]
    wide, squares = staff_codes.squares(staff_codes.address(secret, current_user.email))
    html = render_template(
        "staff/set_up.html",
        form=form,
        secret=" ".join(secret[at : at + 4] for at in range(0, len(secret), 4)),
        wide=wide,
        squares=squares,
    )
    return html, 422 if form.errors else 200


def join(secret: str, step: int) -> Any:
    """Keep the secret for good, unless another browser of this person was faster."""
    codes = staff_codes.new_recovery_codes()
    user = db.session.scalar(User.to_change(current_user.id))
    if user.totp_sealed:
        return redirect(url_for(".code"), 303)
    user.totp, user.totp_step = secret, step
    staff_codes.keep_recovery_codes(user, codes)
    g.staff_session.proven, g.staff_session.totp_sealed = True, None
    log("authn_second_factor_set")
    came_in(user)
    db.session.commit()
    return render_template("staff/recovery_codes.html", codes=list(codes), way_on=way_on())


@bp.route("/recovery-codes", methods=["GET", "POST"])
def recovery_codes() -> Any:
    """Make new recovery codes for somebody who has the phone at hand."""
    form = CodeForm()
    if form.validate_on_submit() and is_right(form):
        db.session.commit()
        codes = staff_codes.new_recovery_codes()
        staff_codes.keep_recovery_codes(current_user, codes)
        log("authn_recovery_codes_made")
        db.session.commit()
        return render_template("staff/recovery_codes.html", codes=list(codes), way_on=way_on())
    return render_template("staff/new_codes.html", form=form), 422 if form.errors else 200


@bp.post("/stay")
def stay() -> str:
    """Say until when somebody is signed in now; that they asked is what keeps them in."""
    return render_template("staff/stay.html")


@bp.post("/sign-out-everywhere")
def sign_out_everywhere() -> Any:
    """End all sessions of this person, on this device as well."""
    log("sessions_ended")
    end_sessions(current_user)
    logout_user()
    return redirect(url_for("security.login"), 303)


def init_app(app: Flask) -> None:
    app.register_blueprint(bp)
    for name in ("code", "set_up", "recovery_codes"):
        security.limit_posts(app, f"account.{name}", "sign in", failed=422)
