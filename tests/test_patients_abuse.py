"""Programs and floods are kept off, and no patient is harmed by that."""

from datetime import timedelta

import pytest
import sqlalchemy as sa
import time_machine

import patients
import security
from models import Submission, db, now
from models_drafts import Draft
from models_events import Event
from pages import Person
from people import (
    BIRTH,
    an_appointment,
    an_intake,
    details,
    letters,
    submissions,
    to_check,
    to_details,
)


@pytest.fixture
def slow_down(app, monkeypatch):
    """As on a real site: nobody fills in a form within 3 seconds."""
    monkeypatch.setitem(app.config, "SPAM_SECONDS", 3)


def test_a_program_that_fills_in_every_field_is_put_aside_with_the_reason(bob, ada):
    page = an_appointment(bob, website="https://spam.example")
    (submission,) = submissions()
    assert (submission.status, submission.spam_reason) == ("spam", patients.TRAPPED)
    assert submission.shown_reference in page.text  # a patient by mistake has lost nothing
    assert letters() == []
    assert submission.shown_reference not in ada.visit("/staff/").text
    spam = ada.visit("/staff/").link("Spam (1)")
    page = spam.link(submission.shown_reference)
    assert "filled in a field that people do not see" in page.text
    assert "crash" in page.text


def test_the_trap_on_any_page_catches(bob, eve):
    page = bob.visit("/appointment/").submit(red_flags=["none"], website="x")
    page.submit(**details()).submit()
    check = to_check(eve)
    check.submit(website="x")
    assert [submission.status for submission in submissions()] == ["spam", "spam"]


def test_spam_is_taken_back_by_changing_its_status(bob, ada):
    an_appointment(bob, website="x")
    reference = submissions()[0].shown_reference
    page = ada.visit(f"/staff/submissions/{reference}")
    page.submit("form[action$=status]", status="new")
    assert reference in ada.visit("/staff/").text
    assert reference not in ada.visit("/staff/?view=spam").text
    assert [name for name, _contents in letters()] == ["received", "waiting"]


def test_who_is_faster_than_people_is_put_aside(bob, slow_down):
    an_appointment(bob)
    assert submissions()[0].spam_reason == patients.TOO_QUICK
    assert submissions()[0].status == "spam"


def test_who_takes_as_long_as_people_do_is_not(bob, slow_down):
    check = to_check(bob)
    with time_machine.travel(now() + timedelta(seconds=4)):
        check.submit()
    assert (submissions()[0].status, submissions()[0].spam_reason) == ("new", None)


def test_a_program_cannot_make_up_when_it_began(bob, slow_down):
    check = to_check(bob)
    check.submit(started_at="2020-01-01T00:00:00+00:00", started="1")
    assert submissions()[0].status == "spam"


@pytest.mark.parametrize("flag", ["thunderclap", "back-fever"])
def test_nobody_in_danger_is_put_aside(bob, ada, flag):
    an_appointment(bob, flags=[flag], website="autofill")
    (submission,) = submissions()
    assert (submission.status, submission.spam_reason) == ("new", patients.TRAPPED)
    assert [name for name, _contents in letters()] == ["received", "waiting"]
    assert submission.shown_reference in ada.visit("/staff/").text


def test_people_do_not_find_the_trap(bob):
    trap = bob.visit("/appointment/").soup.select_one("[name=website]")
    assert (trap["tabindex"], trap["autocomplete"]) == ("-1", "off")
    assert trap.parent["aria-hidden"] == "true"
    assert "visually-hidden" in trap.parent["class"]


def test_too_many_requests_with_one_phone_number_are_kept_and_told_to_call(
    app, limits, monkeypatch
):
    monkeypatch.setitem(security.LIMITS, "contact", "2 per day")
    people = [Person(app.test_client()) for _ in range(4)]
    for number, person in enumerate(people[:2]):
        an_appointment(person, email=f"p{number}@example.org")
    check = to_check(people[2], email="other@example.org")
    page = check.submit()
    assert page.status == 429
    assert "(612) 555-0142" in page.text
    assert "What you typed is still here" in page.text
    assert "It began after the crash in spring." in page.text
    assert len(submissions()) == 2
    an_appointment(people[3], phone="612-555-0100", email="")  # others go on
    with time_machine.travel(now() + timedelta(days=1, minutes=1)):
        assert people[2].visit("/appointment/check").submit().path.startswith("/received/")


def test_one_network_cannot_send_without_end(app, limits, monkeypatch):
    monkeypatch.setitem(security.LIMITS, "send", "2 per hour")
    people = [Person(app.test_client()) for _ in range(3)]
    for number, person in enumerate(people[:2]):
        an_appointment(person, phone=f"612-555-010{number}", email="")
    page = to_check(people[2], phone="612-555-0109", email="").submit()
    assert (page.status, len(submissions())) == (429, 2)
    other = to_check(Person(app.test_client()), phone="612-555-0108", email="")
    other.person.client.environ_base["REMOTE_ADDR"] = "192.0.2.7"
    assert other.submit().path.startswith("/received/")


def test_a_page_that_comes_too_often_shows_what_was_typed(bob, limits, monkeypatch):
    monkeypatch.setitem(security.LIMITS, "page", "1 per hour")
    page = to_details(bob).submit(**details())
    assert page.status == 429
    assert page.typed()["full_name"] == "Siobhán O'Brien-Núñez"
    assert "(612) 555-0142" in page.text


def test_dates_of_birth_cannot_be_tried_from_one_network_without_end(bob, limits, monkeypatch):
    monkeypatch.setitem(security.LIMITS, "birth", "1 per hour")
    an_appointment(bob)
    link = letters("received")[0][1]["link"]
    path = link[link.index("/requests/") :]
    for _ in range(2):
        page = bob.visit(path).submit(birth_month="1", birth_day="1", birth_year="1990")
    assert "Try again later, or call us" in page.text
    assert "Your request" in bob.visit(path).submit(**BIRTH).title  # who knows it, still comes in


def test_when_the_store_of_the_limits_is_down_patients_go_on(bob, limits, monkeypatch):
    def down(*_args):
        raise ConnectionError("no store here")

    monkeypatch.setattr(limits.limiter, "hit", down)
    assert an_appointment(bob).status == 200


def test_the_store_of_the_limits_never_sees_a_contact(bob, limits):
    an_appointment(bob)
    kept = str(vars(limits.storage))
    assert "contact" in kept
    for secret in ("siobhan", "555-0187", "5550187"):
        assert secret not in kept


def test_a_draft_remembers_when_it_began(bob):
    an_intake(bob)
    draft = db.session.scalar(sa.select(Draft))
    assert now() - draft.started_at < timedelta(minutes=1)
    db.session.rollback()


def test_the_reason_is_in_the_trail(bob):
    an_appointment(bob, website="x")
    assert db.session.scalar(sa.select(Event.detail)) == patients.TRAPPED
    assert db.session.scalar(sa.select(Submission.spam_reason)) == patients.TRAPPED
