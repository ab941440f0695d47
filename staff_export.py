"""A list as a file for a spreadsheet. It takes the answers out of our care, so it is asked why."""

import time
from datetime import timedelta
from typing import Any

from flask import Response, render_template, request, session
from flask.globals import app_ctx
from flask_security import check_and_update_authn_fresh, current_user

import staff_csv
from content import library
from forms_staff import TRIED_TOO_OFTEN, ExportForm
from models import db
from models_queue import Query
from models_staff import User
from staff_base import bp, log
from staff_list import kept_arguments, selected_here

FRESH_FOR = timedelta(minutes=5)  # after the password was given


@bp.route("/export.csv", methods=["GET", "POST"])
def export() -> Any:
    """Ask what the export is for; then send the list that the address asks for as a file."""
    form, (query, place) = ExportForm(), selected_here()
    count = staff_csv.count(query)
    if request.method == "POST" and form.validate() and is_known(form):
        log("sensitive_export", detail=f"{count} rows: {form.reason.data}")
        db.session.commit()
        return file(query, place)
    page = render_template(
        "staff/export.html",
        form=form,
        count=count,
        ask_password=not is_fresh(),
        kept=kept_arguments(),
    )
    return page, 422 if form.errors else 200


def file(query: Query, place: Any) -> Response:
    """The rows as they are read. Nobody waits for the last of them, or keeps them all."""
    rows = staff_csv.export(app_ctx.app, query, place)
    name = f"submissions-{library().practice.today()}.csv"
    attachment = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(rows, mimetype="text/csv", headers=attachment)


def is_fresh() -> bool:
    return check_and_update_authn_fresh(FRESH_FOR, grace=timedelta())


def is_known(form: ExportForm) -> bool:
    """Whether who asks has just given the password; put an error in the form when not."""
    if is_fresh():
        return True
    if not form.password.data:
        form.password.errors = ["Enter your password. You signed in more than 5 minutes ago"]
        return False
    user = db.session.scalar(User.to_change(current_user.id))  # so that no try goes uncounted
    if user.is_kept_out:
        form.password.errors = [TRIED_TOO_OFTEN]
    elif is_password(user, form.password.data):
        session["fs_paa"] = time.time()  # where Flask-Security keeps the moment
        return True
    else:
        user.count_failure("export")
        form.password.errors = ["This is not your password"]
    db.session.commit()
    return False


def is_password(user: User, typed: str) -> bool:
    return "\x00" not in typed and user.verify_and_update_password(typed)
