"""Five hundred people fill in the intake while the power fails: all are there, and once."""

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from http.client import HTTPException

import pytest
import sqlalchemy as sa

from models import Submission, db
from models_letters import Letter
from people import INTAKE
from serving import new_place, wait_for

PATIENTS, AT_ONCE = 500, 20


@pytest.fixture
def place(tmp_path_factory):
    """Behind a proxy, so that each patient has a network address of their own."""
    place = new_place(tmp_path_factory)
    place.settings = {"TRUSTED_PROXIES": "1"}
    return place


class Patient:
    """Somebody who fills in the intake, and tries again when the site does not answer."""

    def __init__(self, server, number):
        self.server, self.number = server, number
        self.person = server.person()
        self.person.checks = False  # others look at these pages; here it is about their number
        self.person.client.address = f"192.0.2.{number % 250}"
        self.changes = {
            "full_name": f"Patient {number}",
            "phone": f"612-55{number // 100}-{number % 10000:04}",
            "email": f"patient{number}@example.org",
        }

    def keep_trying(self, act):
        while True:
            try:
                return act()
            except (OSError, HTTPException):
                wait_for(self.server.is_up, seconds=60)

    def fill_in(self):
        """Return the reference that was shown."""
        page = self.keep_trying(lambda: self.person.visit("/intake/"))
        while not page.path.startswith("/received/"):
            name, asked = page.path.rpartition("/")[2], page.asked()
            typed = {**INTAKE.get(name, {}), **self.changes}
            given = {field: typed[field] for field in typed if field in asked}
            page = self.keep_trying(lambda page=page, given=given: page.submit(**given))
        return page.soup.select_one(".reference").get_text()


class Power:
    """A server that can lose power, and its successor on the same port."""

    def __init__(self, place):
        self.place, self.running, self.lock = place, place.serve(), threading.Lock()
        self.server = self.running.__enter__()
        self.up = threading.Event()
        self.up.set()

    def person(self):
        return self.server.person()

    def is_up(self):
        return self.up.is_set()

    def fail(self):
        self.up.clear()
        port = self.server.port
        self.server.kill()
        self.running = self.place.serve(port)
        self.server = self.running.__enter__()
        self.up.set()

    def off(self):
        self.running.__exit__(None, None, None)


def test_500_intakes_by_20_at_once_survive_two_power_cuts(place):
    power, shown = Power(place), []
    with place.look(), ThreadPoolExecutor(AT_ONCE) as pool:
        patients = [Patient(power, number) for number in range(PATIENTS)]
        jobs = [pool.submit(copy_context().run, patient.fill_in) for patient in patients]
        for share in (PATIENTS // 3, 2 * PATIENTS // 3):
            wait_for(lambda share=share: sum(job.done() for job in jobs) >= share, seconds=240)
            power.fail()
        shown = [job.result() for job in jobs]
    power.off()
    with place.look():
        stored = db.session.scalars(sa.select(Submission)).all()
        assert Counter(shown) == Counter(submission.shown_reference for submission in stored)
        names = Counter(submission.answers["full_name"] for submission in stored)
        assert names == Counter(f"Patient {number}" for number in range(PATIENTS))
        letters = db.session.execute(sa.select(Letter.submission_id, Letter.name)).all()
        assert Counter(letters) == Counter(
            (submission.id, name) for submission in stored for name in ("received", "waiting")
        )
        states = set(db.session.scalars(sa.select(Letter.state)))
        assert states <= {"sent", "waiting"}
