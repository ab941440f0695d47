"""Many patients who send at once, whatever happens to the site, and what has to be there then."""

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import partial
from http.client import HTTPException

import sqlalchemy as sa

from models import Submission, db
from models_engine import sqlite
from models_events import Event
from models_letters import Letter
from people import INTAKE, details
from serving import wait_for

PHONE = "(612) 555-0142"  # the practice's own
AT_THE_DOOR = {"safety": {"red_flags": ["none"]}, "advice": {}}


class Patient:
    """Somebody who fills in a form, and tries again when the site does not answer.

    Each has a network address of their own, as a proxy in front of the site would tell it. When
    the site says that it could not save a page, they press the button of the answer, and type
    nothing again.
    """

    def __init__(self, site, number, flow):
        self.site, self.flow = site, flow
        self.person = site.person()
        self.person.checks = False  # others look at these pages; here it is about their number
        self.person.client.address = f"192.0.2.{number % 250}"
        self.name = f"Patient {number}"
        own = {
            "full_name": self.name,
            "phone": f"612-55{number // 100}-{number % 10000:04}",
            "email": f"patient{number}@example.org",
        }
        pages = INTAKE if flow == "intake" else {**AT_THE_DOOR, "details": details()}
        self.pages = {name: {**typed, **own} for name, typed in pages.items()}

    def keep_trying(self, act):
        while True:
            try:
                return act()
            except (OSError, HTTPException):
                wait_for(self.site.is_up, seconds=60)

    def send(self):
        """Fill in the form and send it; return the reference that was shown."""
        page = self.keep_trying(lambda: self.person.visit(f"/{self.flow}/"))
        while not page.path.startswith("/received/") or page.status != 200:
            page = self.keep_trying(partial(self.go_on, page))
        return page.soup.select_one(".reference").get_text()

    def go_on(self, page):
        if page.status == 503:
            return self.try_again(page)
        assert page.status == 200, (page.path, page.status, page.errors)
        typed, asked = self.pages.get(page.path.rpartition("/")[2], {}), page.asked()
        return page.submit(**{field: typed[field] for field in typed if field in asked})

    def try_again(self, page):
        """Believe the page, once it is back. It says that nothing was kept, and whom to call."""
        assert PHONE in page.text
        wait_for(self.site.is_up, seconds=60)
        if not page.soup.select("main form"):  # what they typed was kept; it is the next page
            assert "was sent" not in page.text
            return self.person.visit(page.path)
        assert "not saved" in page.text or "Nothing was sent" in page.text
        return page.submit()


class Power:
    """A server that can lose power, and its successor on the same port."""

    def __init__(self, place):
        self.place = place
        self.up = threading.Event()
        self.begin()

    def begin(self, port=None):
        self.running = self.place.serve(port, workers=2)
        self.server = self.running.__enter__()
        self.up.set()

    def person(self):
        return self.server.person()

    def is_up(self):
        return self.up.is_set()

    def fail(self):
        self.up.clear()
        self.server.kill()
        self.begin(self.server.port)

    def off(self):
        self.running.__exit__(None, None, None)


def send_all(site, patients, at_once, trouble, moments, flow="appointment"):
    """Let so many patients send, so many at once; return the references that they were shown.

    The moment that the last of `moments` many know that their request has arrived, `trouble`
    comes, while the others are in the middle of something.
    """
    shown, lock = [], threading.Lock()

    def send(number):
        reference = Patient(site, number, flow).send()
        with lock:
            shown.append(reference)
            if len(shown) in moments:
                trouble()

    with site.place.look(), ThreadPoolExecutor(at_once) as pool:
        jobs = [pool.submit(copy_context().run, send, number) for number in range(patients)]
        for job in jobs:
            job.result()
    return shown


def all_is_there(place, shown, names):
    """See that each request is there once, opens, and has its letters; and that all is whole.

    `shown` are the references that were acknowledged, `names` the patients who sent something.
    """
    with place.look():
        stored = db.session.scalars(sa.select(Submission)).all()
        assert Counter(shown) == Counter(one.shown_reference for one in stored)
        assert Counter(names) == Counter(one.answers["full_name"] for one in stored)
        letters = db.session.execute(sa.select(Letter.submission_id, Letter.name)).all()
        assert Counter(map(tuple, letters)) == Counter(
            (one.id, name) for one in stored for name in ("received", "waiting")
        )
        assert set(db.session.scalars(sa.select(Letter.state))) <= {"sent", "waiting"}
        sent = sa.select(sa.func.count()).where(Event.name == "submission_created")
        assert db.session.scalar(sent) == len(stored)
    database_is_whole(place)


def database_is_whole(place):
    if place.database.startswith("sqlite"):
        connection = sqlite.connect(place.instance / "site.db")
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        connection.close()
    verified = place.flask("audit", "verify")
    assert verified.returncode == 0, verified.stderr
