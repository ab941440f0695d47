"""How staff sign in and out. What they do then is in the other `staff_*.py`."""

from datetime import timedelta
from typing import Any

from flask import Flask
from flask_login import user_logged_in, user_logged_out
from flask_security import Security, SQLAlchemyUserDatastore, password_changed

import security
import staff_overview  # noqa: F401 (adds its page)
import staff_queue  # noqa: F401 (adds its pages)
from forms_staff import SignInForm
from models import db, log
from models_staff import Role, User
from staff_base import ReferenceConverter, bp

datastore = SQLAlchemyUserDatastore(db, User, Role)

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
