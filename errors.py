"""What people see when something goes wrong, and what to do next."""

import logging

from flask import Flask, current_app
from flask.globals import request_ctx
from flask_wtf.csrf import CSRFError
from passlib.exc import PasswordSizeError
from werkzeug.exceptions import HTTPException, InternalServerError, RequestEntityTooLarge

from content import library
from errors_log import Line, request_id, where

logger = logging.getLogger("site")

# status: (title, what to do next). A status that is not here is explained like a 400 or a 500.
WORDS = {
    400: (
        "That did not work",
        "Your browser sent something we could not read. Go back, reload the page and try again.",
    ),
    403: (
        "You cannot open this page",
        "Your account is not allowed to do this, or the page was sent from another website.",
    ),
    404: (
        "Page not found",
        "Check the address for mistakes, or start from the home page.",
    ),
    405: (
        "That did not work",
        "This address cannot be used that way. Go back and use the buttons on the page.",
    ),
    413: (
        "That was too long to send",
        "Go back, make what you typed shorter, and send it again.",
    ),
    429: (
        "Too many tries",
        "Wait a few minutes, then try again.",
    ),
    500: (
        "Something went wrong on our side",
        "Try again in a few minutes. If you were sending a request, call us too.",
    ),
}
STALE_FORM = "This page was open too long to be sent. Go back, reload it and try again."


def show(error: HTTPException, incident: str = "") -> tuple[str, int, dict[str, str]]:
    """Render the error page; keep the answer's own headers, such as Allow and Retry-After."""
    status = error.code or 500
    title, advice = WORDS.get(status, WORDS[400 if status < 500 else 500])
    if isinstance(error, CSRFError):
        advice = STALE_FORM
    kept = {
        name: value
        for name, value in error.get_headers()
        if name not in {"Content-Type", "Content-Length"}
    }
    if request_ctx.url_adapter is None:  # an untrusted host: no address of ours can be built
        advice = "The site is not known by this name. Its owner can add it to TRUSTED_HOSTS."
        return f"{title}. {advice}", status, {**kept, "Content-Type": "text/plain; charset=utf-8"}
    # Not `render_template`: it asks the database who is signed in, and that may be what failed.
    page = current_app.jinja_env.get_template("errors/error.html").render(
        practice=library().practice, title=title, advice=advice, incident=incident
    )
    return page, status, kept


def crash(error: InternalServerError) -> tuple[str, int, dict[str, str]]:
    """Log where it happened under an id that the person can tell us.

    The message of the exception stays out of the log: it may quote what a patient typed.
    """
    incident, cause = request_id(), error.original_exception or error
    logger.error("incident %s: %s\n%s", incident, type(cause).__name__, where(cause.__traceback__))
    return show(error, incident)


def refuse_length(_error: PasswordSizeError) -> tuple[str, int, dict[str, str]]:
    """Nobody has a password of more than 4,096 characters; to hash one takes long."""
    return show(RequestEntityTooLarge())


def init_app(app: Flask) -> None:
    logging.lastResort.setFormatter(Line())
    if not app.debug:
        app.log_exception = lambda _exc_info: None  # Flask's own line has the message; see `crash`
    app.register_error_handler(HTTPException, show)
    app.register_error_handler(InternalServerError, crash)
    app.register_error_handler(PasswordSizeError, refuse_length)
