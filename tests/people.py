"""What our patients fill in, from the first page to the last."""

from datetime import timedelta

from content import library
from models import Submission, db


def an_open_day(ahead=3):
    """The first open day at least so many days ahead, as the form wants it."""
    day = library().practice.today() + timedelta(days=ahead)
    while not library().practice.is_open(day):
        day += timedelta(days=1)
    return day.isoformat()


def details(**changes):
    """A patient's details page, filled in without a mistake."""
    return {
        "full_name": "Siobhán O'Brien-Núñez",
        "birth_month": "3",
        "birth_day": "31",
        "birth_year": "1975",
        "phone": "612-555-0187",
        "email": "siobhan@example.org",
        "contact_by": "phone",
        "visited_before": "new",
        "reason": "headache",
        "window1_day": an_open_day(),
        "window1_part": "morning",
        "message": "It began after the crash in spring.",
        "consent": "yes",
        **changes,
    }


def to_details(person, flags=("none",), start="/appointment/"):
    """Go as far as the details page."""
    page = person.visit(start).submit(red_flags=list(flags))
    return page.submit() if page.path.endswith("advice") else page


def to_check(person, *, flags=("none",), start="/appointment/", **changes):
    """Go as far as the page with all answers."""
    page = to_details(person, flags, start).submit(**details(**changes))
    assert page.path == "/appointment/check", page.errors
    return page


def an_appointment(person, **changes):
    """Send a request; return the page that says it arrived."""
    page = to_check(person, **changes).submit()
    assert page.path.startswith("/received/")
    return page


def submissions():
    """All that was sent, newest first, with no transaction left open behind them."""
    found = db.session.scalars(Submission.newest_first()).all()
    db.session.expunge_all()
    db.session.rollback()
    return found
