"""Patients ask for an appointment: mistakes are kind, nothing typed is lost, it is sent once."""

import io
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
import time_machine

from content import Consent, library
from forms import FLOWS
from models import db
from models_drafts import Draft
from models_events import Event
from people import (
    BIRTH,
    an_appointment,
    an_open_day,
    details,
    letters,
    link_in,
    submissions,
    to_check,
    to_details,
)


def test_a_request_arrives_with_everything_the_patient_said(bob):
    page = an_appointment(bob)
    (submission,) = submissions()
    assert submission.shown_reference in page.text
    assert "This is a request, not a booked appointment." in page.text
    assert (submission.kind, submission.status, submission.urgency) == (
        "appointment",
        "new",
        "routine",
    )
    assert submission.answers == {
        "red_flags": ["none"],
        "full_name": "Siobhán O'Brien-Núñez",
        "birth": "1975-03-31",
        "phone": "(612) 555-0187",
        "email": "siobhan@example.org",
        "contact_by": "phone",
        "visited_before": "new",
        "reason": "headache",
        "window1": {"day": an_open_day(), "part": "morning"},
        "window2": None,
        "window3": None,
        "message": "It began after the crash in spring.",
        "consent": submission.answers["consent"],
    }
    assert submission.consent_version == submission.answers["consent"]["version"]
    assert submission.reply_due_at > submission.received_at
    assert db.session.scalar(sa.select(Event.name)) == "submission_created"


@contextmanager
def transactions():
    """The transactions that the site begins in this block: for each, whether it only reads."""
    begun = []

    def note(connection):
        begun.append(connection.get_execution_options().get("reads_only", False))

    sa.event.listen(db.engine, "begin", note)
    yield begun
    sa.event.remove(db.engine, "begin", note)


def test_who_sends_a_page_waits_for_the_database_once(bob):
    page = to_details(bob)
    with transactions() as begun:
        page.submit(follow=False, full_name="")
    assert begun == [False, True]  # the second is to show it again
    with transactions() as begun:
        page.submit(follow=False, **details())
    assert begun == [False]
    check = bob.visit("/appointment/check")
    with transactions() as begun:
        check.submit(follow=False)
    assert begun == [False]


def test_the_patient_is_not_told_that_mail_was_sent(bob):
    text = an_appointment(bob).text
    for promise in ("we have sent", "was sent to", "check your inbox", "confirmation email"):
        assert promise not in text.lower()


def test_a_request_is_called_a_request_on_every_page(bob, eve):
    check = to_check(bob)
    assert "It does not book a time" in check.text
    received = check.submit()
    assert "This is a request, not a booked appointment." in received.text
    page = eve.visit(link_in(letters("received")[0])).submit(**BIRTH)
    assert "This is a request, not a booked appointment." in page.text
    assert FLOWS["appointment"].title == "Request an appointment"


def test_two_can_ask_for_the_same_hour_since_asking_books_nothing(bob, eve):
    day = an_open_day()
    for person in (bob, eve):
        an_appointment(person, window1_day=day, window1_part="morning")
    assert [submission.scheduled_for for submission in submissions()] == [None, None]


def test_families_may_share_an_email_address(bob, eve):
    an_appointment(bob)
    an_appointment(eve, full_name="Maeve O'Brien")
    assert len(submissions()) == 2


SECRETS = ("Siobhán", "555-0187", "siobhan@", "crash", "1975")


def test_the_received_page_has_a_copy_of_the_answers_for_who_sent_them(bob):
    page = an_appointment(bob)
    assert all(secret in page.text for secret in SECRETS)
    saved = page.link("Save it as a file").response
    assert all(secret in saved.text for secret in SECRETS)
    assert saved.mimetype == "text/plain"
    assert saved.headers["Content-Disposition"].startswith('attachment; filename="request-')


def test_the_received_page_shows_no_answer_to_anybody_else(bob, eve):
    page = an_appointment(bob)
    seen = eve.visit(page.path)
    assert seen.status == 200
    assert not any(secret in seen.text for secret in SECRETS)
    assert eve.visit(f"{page.path}/copy").status == 404


def test_the_received_page_shows_no_answer_once_a_day_is_over(bob):
    page = an_appointment(bob)
    with time_machine.travel(datetime.now(UTC) + timedelta(hours=25)):
        later = bob.visit(page.path)
        assert submissions()[0].shown_reference in later.text
        assert not any(secret in later.text for secret in SECRETS)
        assert bob.visit(f"{page.path}/copy").status == 404


def test_who_begins_the_next_request_on_this_device_sees_no_copy(bob):
    page = an_appointment(bob)
    assert "or until somebody begins a new form" in page.text
    sent = bob.visit("/appointment/").link(f"We have it: {submissions()[0].shown_reference}")
    assert not any(secret in sent.text for secret in SECRETS)
    assert bob.visit(f"{page.path}/copy").status == 404


def test_nor_does_who_begins_another_form_which_does_not_go_with_it(bob):
    page = an_appointment(bob, flags=["thunderclap"])
    bob.visit(page.soup.select_one("a.button")["href"])
    assert "You told us about a sign of an emergency." in bob.visit(page.path).text
    bob.visit("/intake/")
    sent = bob.visit(page.path)
    assert not any(secret in sent.text for secret in (*SECRETS, "a sign of an emergency"))
    assert bob.visit(f"{page.path}/copy").status == 404


def test_the_received_page_promises_nothing_once_the_request_has_gone_on(bob):
    page = an_appointment(bob)
    assert "What happens next" in page.text
    db.session.merge(submissions()[0]).move_to("cancelled")
    db.session.commit()
    later = bob.visit(page.path).text
    assert "Your request has gone on since you sent it." in later
    assert "What happens next" not in later


def test_the_check_page_shows_every_answer_in_words(bob):
    text = to_check(bob).text
    for words in ("Siobhán O'Brien-Núñez", "March 31, 1975", "(612) 555-0187", "Phone call"):
        assert words in text
    assert "Second choice Not provided" in text


def test_an_empty_page_names_what_is_missing_in_page_order(bob):
    page = to_details(bob).submit(follow=False)
    assert page.status == 422
    assert page.title.startswith("Error: Your details")
    assert list(page.errors) == [
        "full_name",
        "birth_month",
        "phone",
        "contact_by-0",
        "visited_before-0",
        "reason-0",
        "consent",
    ]
    name = page.soup.select_one("#full_name")
    assert name["aria-invalid"] == "true"
    assert name["aria-describedby"] == "full_name-error"
    # A hint stays tied to its input when there is an error as well.
    assert page.soup.select_one("#phone")["aria-describedby"] == "phone-hint phone-error"


def test_a_mistake_keeps_everything_that_was_typed(bob):
    typed = details(
        phone="555", window1_day="2026-02-31", message="  two\r\nlines ", birth_month="Mar"
    )
    page = to_details(bob).submit(**typed)
    assert page.status == 422
    shown = page.typed()
    assert shown["phone"] == "555"
    assert shown["window1_day"] == "2026-02-31"
    assert shown["birth_month"] == "Mar"
    assert shown["message"] == "two\nlines"
    assert shown["contact_by"] == "phone"
    assert shown["consent"] == ["yes"]


def test_a_corrected_page_goes_on(bob):
    page = to_details(bob).submit(**details(full_name=""))
    assert page.submit(full_name="Bo").path == "/appointment/check"


def test_change_returns_to_the_check_page_with_the_other_answers_kept(bob):
    page = to_check(bob)
    change = next(a for a in page.soup.select("dl a") if a["href"].endswith("#full_name"))
    page = bob.visit(change["href"]).submit(full_name="Ana Núñez")
    assert page.path == "/appointment/check"
    assert "Ana Núñez" in page.text
    assert "March 31, 1975" in page.text


def test_back_keeps_the_answers(bob):
    page = to_check(bob).link("Back")
    assert page.path == "/appointment/details"
    assert page.typed()["full_name"] == "Siobhán O'Brien-Núñez"


@pytest.mark.parametrize("address", ["details", "check", "advice"])
def test_a_page_cannot_be_reached_before_those_in_front_of_it(bob, address):
    assert bob.visit(f"/appointment/{address}").path == "/appointment/safety"


def test_an_emergency_is_told_to_call_911_before_any_contact_detail_is_asked(bob):
    page = bob.visit("/appointment/").submit(red_flags=["back-fever", "thunderclap"])
    assert page.path == "/appointment/advice"
    assert page.title.startswith("Call 911 now")
    assert "at its worst within about a minute" in page.text
    assert page.soup.select_one("a[href='tel:911']")


@pytest.mark.parametrize(
    ("moment", "words"),
    [
        (datetime(2026, 12, 1, 18, tzinfo=UTC), "We are open now, until 5:00 pm."),  # a Tuesday
        (datetime(2026, 12, 1, 10, tzinfo=UTC), "We are closed now."),  # before it opens
        (datetime(2026, 12, 1, 23, tzinfo=UTC), "We are closed now."),  # at closing time
        (datetime(2026, 12, 5, 18, tzinfo=UTC), "We are closed now."),  # a Saturday
        (datetime(2026, 12, 25, 18, tzinfo=UTC), "We are closed now."),  # a holiday, a Friday
    ],
)
def test_a_same_day_flag_is_told_whether_anybody_is_there_to_call(bob, moment, words):
    with time_machine.travel(moment):
        page = bob.visit("/appointment/").submit(red_flags=["new-over-50"])
    assert words in page.text


@pytest.mark.parametrize(
    ("flag", "words"),
    [
        ("thunderclap", "do not wait for us: call 911 now"),
        ("back-fever", "Something in your answers cannot wait."),
    ],
)
def test_who_goes_on_with_a_red_flag_is_told_again_not_to_wait(bob, flag, words):
    assert words in an_appointment(bob, flags=[flag]).text


def test_going_back_keeps_what_was_typed_on_the_page(bob):
    page = to_details(bob).submit(full_name="Half typed", phone="61", back="yes")
    assert page.path == "/appointment/safety"
    page = bob.visit("/appointment/details")
    assert (page.typed()["full_name"], page.typed()["phone"]) == ("Half typed", "61")


def test_going_back_from_advice_is_not_going_on(bob):
    page = bob.visit("/appointment/").submit(red_flags=["thunderclap"])
    assert page.submit(back="yes").path == "/appointment/safety"
    assert bob.visit("/appointment/").path == "/appointment/advice"


def test_a_same_day_flag_is_told_to_call_today_with_the_hours(bob):
    page = bob.visit("/appointment/").submit(red_flags=["new-over-50"])
    assert page.title.startswith("Call us today")
    assert "(612) 555-0142" in page.text
    assert "8:00 am to 5:00 pm" in page.text


@pytest.mark.parametrize(
    ("flags", "urgency"),
    [(["new-over-50"], "today"), (["new-over-50", "leg-weakness"], "emergency")],
)
def test_a_patient_who_goes_on_is_marked_by_the_most_urgent_flag(bob, flags, urgency):
    an_appointment(bob, flags=flags)
    (submission,) = submissions()
    assert submission.urgency == urgency
    assert submission.answers["red_flags"] == flags
    assert "advice" in submission.record["answers"]


def test_advice_is_shown_again_when_the_flags_change(bob):
    to_check(bob, flags=["new-over-50"])
    page = bob.visit("/appointment/safety").submit(red_flags=["thunderclap"])
    assert page.title.startswith("Call 911 now")


def test_advice_is_not_kept_when_the_flags_are_taken_back(bob):
    to_check(bob, flags=["new-over-50"])
    bob.visit("/appointment/safety").submit(red_flags=["none"]).submit()
    (submission,) = submissions()
    assert submission.urgency == "routine"
    assert "advice" not in submission.record["answers"]


def test_a_day_that_has_passed_since_is_asked_again(bob):
    check = to_check(bob)
    with time_machine.travel(datetime.now(UTC) + timedelta(days=6)):
        page = check.submit()
        assert page.path == "/appointment/details"
        assert list(page.errors) == ["window1_day"]
        assert page.typed()["full_name"] == "Siobhán O'Brien-Núñez"
        page = page.submit(window1_day=an_open_day(), consent="yes")
        assert page.path == "/appointment/check"


def test_consent_to_other_words_is_asked_again(bob, app, monkeypatch):
    check = to_check(bob)
    changed = replace(library(), consent=Consent("I agree to something else."))
    monkeypatch.setitem(app.extensions, "content", changed)
    page = check.submit()
    assert page.path == "/appointment/details"
    assert list(page.errors) == ["consent"]
    assert page.submit(consent="yes").submit().path.startswith("/received/")
    assert submissions()[0].consent_version == changed.consent.version


def test_a_red_flag_that_is_asked_in_other_ways_now_is_asked_again(bob, app, monkeypatch):
    check = to_check(bob, flags=["thunderclap"])
    flags = {name: flag for name, flag in library().red_flags.items() if name != "thunderclap"}
    monkeypatch.setitem(app.extensions, "content", replace(library(), red_flags=flags))
    assert check.submit().path == "/appointment/safety"
    assert submissions() == []


def test_a_part_of_the_day_without_a_day_is_asked_for(bob):
    page = to_details(bob).submit(**details(window2_day="", window2_part="afternoon"))
    assert page.errors == {"window2_day": "Second choice must include a day"}


def test_a_member_of_staff_can_send_a_request_too(ada):
    assert an_appointment(ada).status == 200


def test_sending_again_leads_to_the_same_place_and_makes_nothing_new(bob):
    check = to_check(bob)
    first, again = check.submit(follow=False), check.submit(follow=False)
    assert (first.status, again.status) == (303, 303)
    assert first.headers["Location"] == again.headers["Location"]
    assert len(submissions()) == 1
    assert len(letters("received")) == len(letters("waiting")) == 1


def test_a_page_from_before_sends_nothing_of_what_was_begun_since(bob):
    before = to_check(bob)
    received = before.submit()
    to_check(bob, full_name="Ana Abdi")
    assert before.submit().path == received.path
    assert len(submissions()) == 1


def test_after_sending_a_new_request_starts_empty(bob):
    an_appointment(bob)
    page = bob.visit("/appointment/")
    assert page.path == "/appointment/safety"
    assert "red_flags" not in page.typed()
    an_appointment(bob)
    assert len(submissions()) == 2


def test_a_failed_csrf_check_shows_what_was_typed_and_can_be_sent_again(bob):
    page = to_details(bob).submit(**details(csrf_token="stale"))
    assert page.status == 400
    assert "This was not sent yet" in page.text
    assert page.typed()["full_name"] == "Siobhán O'Brien-Núñez"
    assert page.submit().path == "/appointment/check"


def test_a_lost_cookie_loses_no_answer(bob):
    check = to_check(bob)
    bob.client.delete_cookie("form")
    page = check.submit()
    assert page.status == 400
    assert "Siobhán O'Brien-Núñez" in page.text
    assert page.submit().path.startswith("/received/")
    assert len(submissions()) == 1


def test_a_lost_cookie_and_draft_still_shows_what_was_typed(bob):
    page = to_details(bob)
    bob.client.delete_cookie("form")
    db.session.execute(sa.delete(Draft))
    db.session.commit()
    page = page.submit(**details())
    assert page.typed()["full_name"] == "Siobhán O'Brien-Núñez"
    page = page.submit()
    assert page.path == "/appointment/safety"
    assert "Siobhán O'Brien-Núñez" in page.submit(red_flags=["none"]).text


def test_a_draft_of_somebody_else_cannot_be_reached(bob, eve):
    to_check(bob)
    page = eve.visit("/appointment/")
    stolen = db.session.scalar(sa.select(Draft.id))  # what a copy of the database would give her
    db.session.rollback()
    page = page.submit(draft=stolen, red_flags=["none"])
    assert "full_name" not in {name for name, typed in page.typed().items() if typed}
    assert eve.visit("/appointment/check").path == "/appointment/details"


def test_a_file_where_we_ask_for_words_is_refused_kindly(bob):
    page = to_details(bob)
    page = page.submit(**details(full_name=(io.BytesIO(b"x"), "name.txt")))
    assert page.errors == {"full_name": "Enter your full name"}


def test_a_sent_draft_keeps_no_answers(bob):
    an_appointment(bob)
    assert db.session.scalar(sa.select(Draft)).answers == {}


def test_fields_that_we_did_not_ask_for_are_ignored(bob):
    an_appointment(bob, status="closed", urgency="emergency", id="7", is_staff="1")
    (submission,) = submissions()
    assert (submission.status, submission.urgency) == ("new", "routine")
    assert "is_staff" not in submission.answers


@pytest.mark.parametrize("token", ["made-up", "WyJhIl0.x", "%00"])
def test_a_received_page_opens_only_by_its_own_token(bob, token):
    assert bob.visit(f"/received/{token}").status == 404


def test_an_unknown_step_is_not_found(bob):
    assert bob.visit("/appointment/surgery").status == 404
