"""Nothing a patient has typed is lost, whatever goes wrong, and they are told the truth."""

from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
import sqlalchemy as sa
import time_machine

from keeping import counts, trail
from models import db
from models_drafts import Draft
from models_engine import BUSY_TIMEOUT
from pages import Person
from people import (
    BIRTH,
    INTAKE,
    an_appointment,
    an_open_day,
    details,
    fill_in,
    intake_to,
    letters,
    link_in,
    submissions,
    to_check,
    to_details,
)

PHONE = "(612) 555-0142"
NAME = "Siobhán O'Brien-Núñez"


def is_sqlite():
    return db.engine.dialect.name == "sqlite"


@contextmanager
def heard(**listeners):
    """Call these listeners at what happens in the database, each under the name of its event."""
    for name, listener in listeners.items():
        sa.event.listen(db.engine, name, listener)
    try:
        yield
    finally:
        for name, listener in listeners.items():
            sa.event.remove(db.engine, name, listener)


@contextmanager
def locked():
    """Somebody else writes, for longer than a patient's request can wait, which is no time here."""
    if not is_sqlite():
        pytest.skip("only SQLite locks the whole database")

    def hurry(connection, _record, _proxy):
        connection.execute("PRAGMA busy_timeout=0")

    def wait(connection, _record):
        connection.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT * 1000}")

    with db.engine.begin(), heard(checkout=hurry, checkin=wait):
        yield


@contextmanager
def full_disk():
    """The database cannot grow by a single page."""
    if not is_sqlite():
        pytest.skip("a limit of pages is SQLite's way to have a full disk")

    def limit(connection, _record, _proxy):
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count={pages}")

    def no_limit(connection, _record):
        connection.execute("PRAGMA max_page_count=1073741823")

    db.session.remove()
    with db.engine.connect() as connection:  # no free page inside the file either
        connection.connection.driver_connection.execute("VACUUM")
    with heard(checkout=limit, checkin=no_limit):
        yield


def long_page():
    """So much text that it needs new pages in the database."""
    return {**INTAKE["health"], "medicines_text": "x" * 2000, "conditions_text": "y" * 2000}


def test_the_back_button_shows_the_answers(bob):
    page = intake_to(bob, "health")
    for name in ("spine", "headaches", "you", "safety"):
        page = page.submit(back="yes")
        assert page.path == f"/intake/{name}"
        if name == "headaches":
            assert page.typed()["tried"] == "Rest in the dark helps a little."
    assert bob.visit("/intake/").path == "/intake/health"


def test_a_refresh_of_any_page_shows_the_answers(bob):
    intake_to(bob, "check")
    for name in ("you", "headaches", "spine", "health"):
        page = bob.visit(f"/intake/{name}")
        assert page.status == 200
        assert page.errors == {}
        kept = page.typed()
        for field in ("full_name", "tried", "injury", "hope"):
            assert kept.get(field) == INTAKE[name].get(field)


def test_a_second_tab_goes_on_with_the_same_answers(bob):
    first = intake_to(bob, "spine")
    second = bob.visit("/intake/")
    assert second.path == "/intake/spine"
    fill_in(second)
    page = fill_in(first, spine={"bones": ["osteoporosis"]})  # the tab that is sent last counts
    assert page.path == "/intake/health"
    assert bob.visit("/intake/spine").typed()["bones"] == ["osteoporosis"]


def test_two_flows_at_once_do_not_mix(bob):
    intake = intake_to(bob, "spine")
    an_appointment(bob, full_name="Other")
    fill_in(fill_in(intake)).submit()
    kinds = {submission.kind: submission.answers["full_name"] for submission in submissions()}
    assert kinds == {"appointment": "Other", "intake": NAME}


def test_an_expired_session_keeps_what_was_typed_as_long_as_the_draft_lives(bob):
    page = intake_to(bob, "health")
    with time_machine.travel(datetime.now(UTC) + timedelta(days=6)):
        assert fill_in(page).path == "/intake/check"


def test_when_the_draft_has_expired_too_what_was_typed_is_shown_again(bob):
    page = to_details(bob)
    with time_machine.travel(datetime.now(UTC) + timedelta(days=8)):
        page = page.submit(**details())
        assert page.typed()["full_name"] == NAME
        assert PHONE in page.text


def test_a_lost_cookie_in_the_intake_loses_nothing(bob):
    page = intake_to(bob, "health")
    bob.client.delete_cookie("form")
    page = fill_in(page)
    assert page.status == 400
    assert "This was not sent yet" in page.text
    assert page.typed()["hope"] == "To go back to work."
    assert PHONE in page.text
    check = page.submit()
    assert check.path == "/intake/check"
    assert NAME in check.text


def test_a_mistake_keeps_every_answer_right_or_wrong(bob):
    wrong = {"headache_days": "lots", "worst_pain": None, "tried": "x" * 1001}
    page = fill_in(intake_to(bob, "headaches"), headaches=wrong)
    assert page.status == 422
    assert list(page.errors) == ["headache_days", "worst_pain-0", "tried"]
    typed = page.typed()
    assert (typed["headache_days"], len(typed["tried"])) == ("lots", 1001)
    assert (typed["usual_pain"], typed["with_headache"]) == ("6", ["light", "limits"])


def test_a_mistake_on_a_page_that_was_right_keeps_the_form_from_being_sent(bob):
    check = intake_to(bob, "check")
    fill_in(bob.visit("/intake/headaches"), headaches={"headache_days": "lots"})
    assert check.submit().path == "/intake/headaches"
    assert bob.visit("/intake/headaches").typed()["headache_days"] == "lots"
    assert submissions() == []


def test_a_locked_database_keeps_a_page_of_the_intake(bob):
    page = intake_to(bob, "health")
    with locked():
        failed = fill_in(page)
    assert (failed.status, failed.title.startswith("Error: ")) == (503, True)
    assert "This was not saved" in failed.text
    assert PHONE in failed.text
    assert failed.typed()["hope"] == "To go back to work."
    assert failed.typed()["medicines_text"] == "Sumatriptan\nVitamin D"
    assert failed.typed()["draft"] == page.typed()["draft"]  # even if the cookie is lost too
    assert failed.submit().path == "/intake/check"


def test_a_full_disk_keeps_a_page_of_the_intake(bob):
    page = intake_to(bob, "health")
    with full_disk():
        failed = page.submit(**long_page())
    assert failed.status == 503
    assert "This was not saved" in failed.text
    assert PHONE in failed.text
    assert failed.typed()["medicines_text"] == "x" * 2000
    assert failed.submit().path == "/intake/check"


def test_a_locked_database_does_not_let_an_intake_forget_its_request(bob):
    first = bob.visit(an_appointment(bob).soup.select_one("a.button")["href"])
    with locked():
        failed = first.submit(red_flags=["none"])
    assert failed.status == 503
    assert "full_name" not in failed.submit(red_flags=["none"]).asked()


def test_a_full_disk_at_the_last_button_sends_nothing_and_says_so(bob):
    check = intake_to(bob, "health").submit(**long_page())
    with full_disk():
        failed = check.submit()
    assert failed.status == 503
    assert "Nothing was sent." in failed.text
    assert PHONE in failed.text
    assert submissions() == []
    assert letters() == []
    assert check.submit().path.startswith("/received/")


def test_a_locked_database_at_the_last_button_offers_to_try_again(bob):
    check = intake_to(bob, "check")
    with locked():
        failed = check.submit()
    assert failed.status == 503
    assert "Nothing was sent." in failed.text
    assert PHONE in failed.text
    assert failed.submit().path.startswith("/received/")
    assert len(submissions()) == 1


def test_a_locked_database_keeps_the_days_and_the_address_that_were_typed(bob):
    later = intake_to(bob, "spine").submit(later="yes")
    with locked():
        failed = later.submit(email="siobhan@example.org")
    assert failed.status == 503
    assert "We are sending the email" in failed.submit().text
    an_appointment(bob)
    link = link_in(letters("received")[0])
    times = bob.visit(link).submit(**BIRTH).link("Ask for another time")
    with locked():
        failed = times.submit(window1_day=an_open_day(9))
    assert failed.status == 503
    failed.submit()
    assert len(submissions()[0].record["later"]) == 1


@contextmanager
def breaks_at(number):
    """The database is gone when so many changes are made and the next one is to come."""
    made = count()

    def hear(_connection, _cursor, statement, *_rest):
        if statement.startswith(("INSERT", "UPDATE", "DELETE")) and next(made) == number:
            raise sa.exc.OperationalError(statement, None, Exception("gone"))

    with heard(before_cursor_execute=hear):
        yield


def test_whichever_change_fails_a_request_is_kept_whole_or_not_at_all(bob):
    check = to_check(bob)
    before = counts()
    for number in count():
        with breaks_at(number):
            answer = check.submit(follow=False)
        if answer.status == 303:
            break
        assert (answer.status, counts(), trail("submission_created")) == (503, before, [])
    assert number >= 7
    kept = {**before, "submissions": 1, "letters": 2, "tokens": counts()["tokens"]}
    assert (counts(), trail("submission_created")) == (kept, [""])
    assert kept["tokens"] > 0


def test_an_unfinished_intake_cannot_be_sent_from_the_check_page(bob):
    page = intake_to(bob, "spine")
    page = bob.send("/intake/check", page.typed())
    assert page.path == "/intake/spine"
    assert submissions() == []


def test_a_sent_intake_cannot_be_sent_empty_again(bob):
    first = intake_to(bob, "safety")
    check = intake_to(bob, "check")
    received = check.submit()
    for page in (check, first):
        assert page.submit().path == received.path
    assert bob.send("/intake/check", {}).path == received.path
    for name in ("health", "check"):
        assert bob.visit(f"/intake/{name}").path == received.path
    (submission,) = submissions()
    assert submission.answers["full_name"] == NAME


def test_a_refresh_of_the_received_page_makes_nothing_new(bob):
    received = to_check(bob).submit()
    before = (len(submissions()), len(letters()))
    for _ in range(5):
        assert bob.visit(received.path).soup.select_one(".reference") is not None
    assert (len(submissions()), len(letters())) == before == (1, 2)


def test_what_one_person_typed_is_never_shown_to_another(bob, app):
    intake_to(bob, "check")
    eve = Person(app.test_client())
    for name in ("you", "headaches", "spine", "health", "check", "later"):
        assert NAME not in eve.visit(f"/intake/{name}").text
    assert db.session.scalar(sa.select(sa.func.count(Draft.id))) == 1
    db.session.rollback()
