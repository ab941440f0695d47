"""What our patients fill in, from the first page to the last."""

from datetime import timedelta
from urllib.parse import urlsplit

import sqlalchemy as sa

from content import library
from models import Submission, db, now, place_at
from models_letters import Letter


def an_open_day(ahead=3):
    """The first open day at least so many days ahead, as the form wants it."""
    day = library().practice.today() + timedelta(days=ahead)
    while not library().practice.is_open(day):
        day += timedelta(days=1)
    return day.isoformat()


BIRTH = {"birth_month": "3", "birth_day": "31", "birth_year": "1975"}
CONTACT = {
    **BIRTH,
    "full_name": "Siobhán O'Brien-Núñez",
    "phone": "612-555-0187",
    "email": "siobhan@example.org",
    "contact_by": "phone",
}


def details(**changes):
    """A patient's details page, filled in without a mistake."""
    return {
        **CONTACT,
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


def an_unseen_appointment(person, **changes):
    """Send a request without a look at the pages in between, which take half of the time."""
    token = person.visit("/appointment/").typed()["csrf_token"]
    pages = {"safety": {"red_flags": ["none"]}, "details": details(**changes), "check": {}}
    for name, typed in pages.items():
        page = person.send(f"/appointment/{name}", {"csrf_token": token, **typed}, follow=False)
    assert page.headers["Location"].startswith("/received/")


def an_appointment(person, **changes):
    """Send a request; return the page that says it arrived."""
    page = to_check(person, **changes).submit()
    assert page.path.startswith("/received/")
    return page


YOU = {
    "filled_in_by": "self",
    **CONTACT,
    "help_with": ["headache", "neck"],
}
# What a patient fills in on each page of the intake, by field name.
INTAKE = {
    "safety": {"red_flags": ["none"]},
    "advice": {},
    "you": YOU,
    "headaches": {
        "headache_days": "12",
        "simple_days": "8",
        "strong_days": "3",
        "worst_pain": "9",
        "usual_pain": "6",
        "upright": "no",
        "with_headache": ["light", "limits"],
        "tight_neck": "yes",
        "since": "years",
        "after_injury": "unsure",
        "tried": "Rest in the dark helps a little.",
    },
    "spine": {
        "neck_pain": "long",
        "upper_back_pain": "no",
        "low_back_pain": "short",
        "limbs": ["arm-numb"],
        "injury": "earlier",
        "procedure": "no",
        "bones": ["none"],
    },
    "health": {
        "medicines_text": "Sumatriptan\nVitamin D",
        "allergies_none": "yes",
        "conditions_text": "High blood pressure",
        "pregnancy": "no",
        "peg_pain": "6",
        "peg_enjoyment": "7",
        "peg_activity": "5",
        "hope": "To go back to work.",
        "consent": "yes",
    },
}


def fill_in(page, **changes):
    """Fill in a page of the intake, with changes by page name, and press its button."""
    name, asked = page.path.rpartition("/")[2], page.asked()
    typed = {**INTAKE[name], **changes.get(name, {})}
    return page.submit(**{field: typed[field] for field in typed if field in asked})


def intake_to(person, name, start="/intake/", **changes):
    """Go as far as this page of the intake; `check` is the last."""
    return on_to(person.visit(start), name, **changes)


def on_to(page, name, **changes):
    """The same from a page of the intake on."""
    while not page.path.endswith(f"/{name}"):
        following = fill_in(page, **changes)
        assert following.path != page.path, following.errors
        page = following
    return page


def an_intake(person, start="/intake/", **changes):
    """Fill in the whole intake and send it; return the page that says it arrived."""
    page = intake_to(person, "check", start, **changes).submit()
    assert page.path.startswith("/received/")
    return page


def submissions():
    """All that was sent, newest first, with no transaction left open behind them."""
    newest_first = (Submission.received_at.desc(), Submission.id.desc())
    found = db.session.scalars(sa.select(Submission).order_by(*newest_first)).all()
    db.session.expunge_all()
    db.session.rollback()
    return found


def add_many(count, **changes):
    """Add so many requests, a minute apart, as fast as the database takes them.

    An answer in `changes` is everybody's; a list of them has one for each.
    """
    given = {"full_name": "Ana Abdi", "phone": "(612) 555-0187", "message": "x" * 200, **changes}
    for number in range(count):
        answers = {
            name: answer[number] if isinstance(answer, list) else answer
            for name, answer in given.items()
        }
        rows = [
            {"step": "details", "title": "", "label": name, "text": answer, "first_id": name}
            for name, answer in answers.items()
        ]
        at = now() - timedelta(minutes=number)
        submission = Submission(
            id=f"{number:032}",
            place=place_at(at) + number,
            reference=f"{number:08}",
            draft_id=f"{number:064}",
            kind="appointment",
            status="new",
            urgency="routine",
            received_at=at,
            reply_due_at=at,
            form_version="x",
            consent_version="x",
            consented_at=at,
        )
        submission.record = {"answers": {"details": answers}, "shown": rows, "assessment": {}}
        db.session.add(submission)
        if number % 500 == 499:
            db.session.commit()
            db.session.expunge_all()
    db.session.commit()
    db.session.remove()


def letters(name=None):
    """What is in the outbox, oldest first: (name, contents) of each letter, or of those named."""
    found = db.session.scalars(sa.select(Letter).order_by(Letter.made_at)).all()
    contents = [(letter.name, letter.contents) for letter in found if name in {None, letter.name}]
    db.session.rollback()
    return contents


def link_in(letter):
    """The path of the link in a letter."""
    return urlsplit(letter[1]["link"]).path
