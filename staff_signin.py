"""How staff sign in, and who is let in how far: password, own password, second factor, page.

Flask-Security checks and changes passwords. That a cookie counts, and for how long, is for a row in
the database to say, so that it can be ended here at any time.
"""

from contextlib import suppress
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from flask import (
    Flask,
    after_this_request,
    current_app,
    flash,
    g,
    redirect,
    request,
    session,
    url_for,
)
from flask_login import user_logged_in, user_logged_out
from flask_security import Security, SQLAlchemyUserDatastore, current_user, password_changed
from flask_security.core import _user_loader
from werkzeug.wrappers import Response

import security
import staff_codes
from forms_staff import NewPasswordForm, Passwords, SignInForm
from models import db, now
from models_events import log
from models_staff import DEMO_EMAIL, LOCKS, Role, StaffSession, User

datastore = SQLAlchemyUserDatastore(db, User, Role)

# The only way in for strangers, and what somebody may always do who has come halfway.
OPEN, ALWAYS = {"security.login"}, {"security.logout", "account.stay"}
STEPS = {"account.code", "account.set_up"}  # nothing to see there once they are passed

# The same for an account that does not exist, and for the right password of one that is locked.
OVER = "For safety you were signed out. Sign in again to go on."
NOT_RIGHT = f"The email address or the password is not right. {LOCKS}"
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
    "MSG_GENERIC_AUTHN_FAILED": (NOT_RIGHT, "error"),
    "MSG_PASSWORD_CHANGE": ("Your password is changed.", "success"),
    "MSG_UNAUTHENTICATED": ("Sign in to see this page.", "info"),
    "MSG_INVALID_REDIRECT": ("That address is not ours. Open /staff/ and sign in there.", "error"),
    "MSG_PASSWORD_NOT_PROVIDED": ("Enter a password.", "error"),
    "MSG_INVALID_PASSWORD": ("This is not your current password.", "error"),
    "MSG_PASSWORD_INVALID_LENGTH": ("Use %(length)s to 128 characters.", "error"),
    "MSG_RETYPE_PASSWORD_MISMATCH": ("The two new passwords are not the same.", "error"),
    "MSG_PASSWORD_IS_THE_SAME": ("Choose a password that is different from the old one.", "error"),
}


def load_user(uniquifier: str) -> User | None:
    """Return whose cookie this is, while the account is open and the session is not over."""
    user = _user_loader(uniquifier)
    if user is None or not user.is_active:
        return send_away(
            "You were signed out everywhere, by you or by a change of your account. Sign in again."
        )
    found = db.session.get(StaffSession, StaffSession.id_of(session.get("staff", "")))
    if found is None or found.user_id != user.id:  # another tab has seen its end, or its age has
        return send_away(OVER)
    if found.over_at <= now():
        db.session.delete(found)
        log("session_expired", user_id=user.id)
        db.session.commit()
        return send_away(OVER)
    found.touch()
    g.staff_session = found
    db.session.commit()
    return user


def send_away(why: str) -> None:
    """Forget whose this browser was, and say why on the sign-in page, once."""
    session.pop("_user_id", None)
    session.pop("staff", None)
    flash(why, "info")


def owed() -> str | None:
    """The page that this person has to pass before any other, if there is one."""
    if current_user.totp_sealed and not g.staff_session.proven:
        return "account.code"
    if current_user.must_change_password:
        return "security.change_password"
    return None if g.staff_session.proven else "account.set_up"


def gate() -> Response | None:
    """Close every staff address to those who have not come all the way."""
    endpoint = request.endpoint
    if not request.path.startswith(security.STAFF) or endpoint is None or endpoint in OPEN:
        return None
    asked = request.full_path.rstrip("?") if request.method == "GET" else None
    if not current_user.is_authenticated:
        return redirect(url_for("security.login", next=asked))
    step = owed()
    if endpoint in ALWAYS or endpoint == step:
        return None
    if step:
        session["next"] = (asked or session.get("next") or "")[:500]  # a cookie holds no more
        return redirect(url_for(step))
    return redirect(url_for("staff.queue")) if endpoint in STEPS else None


def way_on() -> str:
    """Where somebody wanted to go who had to pass a step first. Only `gate` writes that down."""
    return session.pop("next", None) or url_for("staff.queue")


@user_logged_in.connect
def signed_in(_app: Flask, user: User) -> None:
    """Begin a session with a key of its own. A change of the password ends all that there were."""
    earlier = g.pop("staff_session", None)
    no_phone = current_app.config["DEMO"] and user.email == DEMO_EMAIL
    proven = earlier.proven if earlier else no_phone
    begun = StaffSession.start(user, proven=proven)
    if earlier:
        begun.started_at = earlier.started_at
        db.session.execute(StaffSession.of(user))
    elif proven:
        came_in(user)
    if not user.totp_sealed:
        begun.totp = staff_codes.new_secret()
    db.session.execute(StaffSession.old())
    db.session.add(begun)
    # What was in the cookie of a stranger is of no use any more.
    session.pop("csrf_token", None)
    g.pop("csrf_token", None)
    session["staff"], g.staff_session = begun.key, begun


def came_in(user: User) -> None:
    """Record that somebody has come all the way, and forget the tries that it took."""
    user.forget_failures()
    log("authn_login_success", user_id=user.id)


@user_logged_out.connect
def signed_out(_app: Flask, user: User) -> None:
    """End the session, so that a cookie that was saved is dead, and empty the browser."""
    if found := g.pop("staff_session", None):
        db.session.execute(sa.delete(StaffSession).where(StaffSession.id == found.id))
        log("authn_logout", user_id=user.id)
        db.session.commit()
        after_this_request(clear_browser)


def clear_browser(response: Response) -> Response:
    response.headers["Clear-Site-Data"] = '"cache", "cookies", "storage"'
    return response


@password_changed.connect
def password_is_own(_app: Flask, user: User, **_more: Any) -> None:
    user.must_change_password = False
    log("authn_password_change", user_id=user.id)


def who_can_sign_in() -> dict[str, bool]:
    """For the sign-in page, which tells the owner what to do before there is any account.

    It shows without the database too.
    """
    with suppress(sa.exc.OperationalError):
        return {"nobody_can": not db.session.scalar(sa.select(User.who_work().exists()))}
    db.session.rollback()
    return {"nobody_can": False}


def init_app(app: Flask) -> None:
    app.config.update({f"SECURITY_{name}": value for name, value in CONFIG.items()})
    # Flask-Security asks for one; with argon2, which salts by itself, it is not used.
    app.config["SECURITY_PASSWORD_SALT"] = app.config["SECRET_KEY"]
    extension = Security(
        app,
        datastore,
        login_form=SignInForm,
        change_password_form=NewPasswordForm,
        password_util_cls=Passwords,
    )
    extension.login_context_processor(who_can_sign_in)
    extension.want_json(lambda _request: False)
    app.login_manager.user_loader(load_user)
    app.before_request(gate)
    security.limit_posts(app, "security.login", "sign in")
    security.limit_posts(app, "security.change_password", "sign in")
