"""How the practice does: numbers and charts, with nobody's name."""

from flask import render_template

from models import db
from models_retention import last_run
from staff_base import bp, log
from staff_numbers import read


@bp.get("/overview")
def overview() -> str:
    numbers, retention = read(), last_run()
    log("sensitive_list", detail="overview")
    db.session.commit()  # before the charts are drawn: on SQLite, nobody can send until then
    return render_template(
        "staff/overview.html", numbers=numbers, charts=numbers.charts(), retention=retention
    )
