"""Patients follow their request with the link from the letter and their date of birth."""

from datetime import UTC, datetime, timedelta

import icalendar
import pytest
import sqlalchemy as sa
import time_machine

from mail import deliver_due
from models import Submission, db
from models_events import Event
from pages import Person
from people import BIRTH, an_appointment, an_intake, an_open_day, letters, link_in, submissions
from security import sign


@pytest.fixture
def phone(app):
    """A device that did not send the request."""
    return Person(app.test_client())


@pytest.fixture
def link(submission):
    return link_in(letters("received")[0])


def open_request(person, link):
    page = person.visit(link).submit(**BIRTH)
    assert page.path == link
    return page


def book(ada, reference, day=None, time="09:30"):
    page = ada.visit(f"/staff/submissions/{reference}")
    return page.submit("form[action$=schedule]", day=day or an_open_day(), time=time)


def status():
    return submissions()[0].status


def change(ada, status):
    page = ada.visit(f"/staff/submissions/{submissions()[0].reference}")
    assert page.submit("form[action$=status]", status=status).status == 200


def test_the_link_shows_nothing_before_the_date_of_birth(phone, link, submission):
    page = phone.visit(link)
    for secret in ("Siobhán", "555-0187", submission.shown_reference, "not a booked appointment"):
        assert secret not in page.text
    assert page.headers["Referrer-Policy"] == "no-referrer"
    assert page.headers["Cache-Control"] == "no-store"


def test_with_the_date_of_birth_it_says_how_the_request_stands(phone, link, submission):
    page = open_request(phone, link)
    assert submission.shown_reference in page.text
    assert "This is a request, not a booked appointment." in page.text
    for secret in ("Siobhán", "555-0187", "siobhan@", "crash"):
        assert secret not in page.text


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ("contacted", "We have been in touch with you"),
        ("closed", "Your request is closed"),
        ("cancelled", "Your request is cancelled"),
        ("spam", "This is a request, not a booked appointment"),
    ],
)
def test_each_status_has_words_for_patients(phone, link, changed, words):
    db.session.scalar(sa.select(Submission)).status = changed
    db.session.commit()
    page = open_request(phone, link)
    assert words in page.text
    assert "spam" not in page.text.lower()


def test_a_booked_time_can_be_put_in_a_calendar(phone, link, ada, submission):
    book(ada, submission.shown_reference)
    page = open_request(phone, link)
    assert "Your appointment:" in page.text
    assert "9:30 am" in page.text
    answer = page.link("Add it to your calendar").response
    (visit,) = icalendar.Calendar.from_ical(answer.data).events
    assert visit["SUMMARY"] == "Appointment"
    assert visit["STATUS"] == "CONFIRMED"
    assert visit.start == submissions()[0].scheduled_for
    assert answer.mimetype == "text/calendar"


def test_there_is_no_calendar_file_before_a_time_is_booked(phone, link):
    open_request(phone, link)
    assert phone.visit(f"{link}/appointment.ics").status == 404


@pytest.mark.parametrize("page", ["cancel", "times", "appointment.ics"])
def test_nothing_opens_without_the_date_of_birth(phone, link, page):
    asked = phone.visit(f"{link}/{page}")
    assert asked.path == link
    if page != "appointment.ics":
        sent = {**asked.typed(), "window1_day": an_open_day()}
        assert phone.send(f"{link}/{page}", sent).path == link
    assert status() == "new"
    assert len(letters()) == 2


def test_asking_for_times_and_opening_want_the_token_of_their_form(phone, link):
    assert phone.visit(link).submit(**BIRTH, csrf_token="stale").status == 422
    page = open_request(phone, link).link("Ask for another time")
    assert page.submit(window1_day=an_open_day(), csrf_token="stale").status == 422
    assert "later" not in submissions()[0].record


def test_an_intake_cannot_be_cancelled_or_booked(phone, bob, ada):
    an_intake(bob)
    link = link_in(letters("received")[0])
    page = open_request(phone, link)
    token = phone.visit("/appointment/").typed()["csrf_token"]
    for name in ("cancel", "times"):
        sent = {"csrf_token": token, "window1_day": an_open_day()}
        assert phone.send(f"{link}/{name}", sent).path == page.path
    assert status() == "new"
    reference = submissions()[0].shown_reference
    staff = ada.visit(f"/staff/submissions/{reference}")
    form = "form[action$=status]"
    offered = [option["value"] for option in staff.soup.select(f"{form} option")]
    assert offered == ["new", "contacted", "closed", "spam"]
    for wrong in ("cancelled", "scheduled"):
        said = staff.submit(form, status=wrong).text
        assert ("An intake form has no visit of its own." in said, status()) == (True, "new")
    sent = {**staff.typed(form), "day": an_open_day(), "time": "09:30"}
    assert ada.send(f"{staff.path}/schedule", sent).status == 404


def test_a_request_that_was_cancelled_and_taken_up_again_has_no_old_time(phone, link, ada):
    reference = submissions()[0].shown_reference
    book(ada, reference)
    deliver_due()
    for changed in ("cancelled", "contacted"):
        page = ada.visit(f"/staff/submissions/{reference}")
        page.submit("form[action$=status]", status=changed)
        deliver_due()
    assert "Your appointment:" not in open_request(phone, link).text
    book(ada, reference, time="11:00")
    numbers = [contents["sequence"] for _name, contents in letters() if "sequence" in contents]
    assert numbers == [0, 1, 2]


def test_a_mail_scanner_that_follows_every_link_changes_nothing(phone, link):
    open_request(phone, link)
    for page in ("", "/cancel", "/times", "/appointment.ics"):
        phone.visit(link + page)
        phone.ask("HEAD", link + page)
    assert status() == "new"
    assert len(letters()) == 2


def test_a_patient_cancels_after_being_asked_once_more(phone, link, submission):
    page = open_request(phone, link).link("Cancel my request")
    assert page.title.startswith("Do you want to cancel?")
    assert status() == "new"
    page = page.submit()
    assert "Your request is cancelled." in page.text
    assert status() == "cancelled"
    names = [name for name, _contents in letters()]
    assert names == ["waiting", "cancelled", "waiting"]
    assert letters()[-1][1]["news"] == "cancelled"
    assert "request_cancelled" in db.session.scalars(sa.select(Event.name)).all()
    assert submissions()[0].contacted_at is None


def test_cancelling_twice_says_it_once(phone, link):
    page = open_request(phone, link).link("Cancel my request")
    page.submit()
    assert page.submit().path == link
    assert len(letters("cancelled")) == 1


def test_cancelling_wants_the_token_of_its_form(phone, link):
    page = open_request(phone, link).link("Cancel my request")
    assert page.submit(csrf_token="stale").status == 422
    assert status() == "new"


def test_a_cancelled_visit_is_taken_out_of_the_calendar(phone, link, ada, submission):
    book(ada, submission.shown_reference)
    deliver_due()
    open_request(phone, link).link("Cancel my appointment").submit()
    booked, cancelled = letters("scheduled")[0][1], letters("cancelled")[0][1]
    assert cancelled["uid"] == booked["uid"]
    assert cancelled["sequence"] == booked["sequence"] + 1
    assert phone.visit(f"{link}/appointment.ics").status == 404


def test_a_patient_asks_for_another_time_and_staff_see_it(phone, link, ada, submission):
    day = an_open_day(9)
    page = open_request(phone, link).link("Ask for another time")
    page = page.submit(window1_day=day, window1_part="afternoon")
    assert page.path == link
    page = ada.visit(f"/staff/submissions/{submission.shown_reference}")
    assert "Asked for another time on" in page.text
    assert "afternoon" in page.text
    assert letters("waiting")[-1][1]["news"] == "times"
    (sent,) = submissions()
    assert (sent.status, sent.scheduled_for) == ("new", None)


def test_the_page_after_sending_knows_of_a_visit_that_may_change(bob, phone, ada):
    sent = an_appointment(bob)
    assert "not a booked appointment" in sent.text
    book(ada, submissions()[0].shown_reference)
    request = open_request(phone, link_in(letters("scheduled")[0]))
    request.link("Ask for another time").submit(window1_day=an_open_day(9))
    assert "not a booked appointment" not in bob.visit(sent.path).text


def test_an_intake_that_we_have_is_not_asked_for_again(bob, phone):
    sent = an_appointment(bob)
    link = link_in(letters("received")[0])
    way = sent.soup.select_one("a.button")["href"]
    assert way in str(open_request(phone, link).soup)
    an_intake(bob, way)
    for page in (phone.visit(link), bob.visit(sent.path)):
        assert "intake form" not in page.soup.main.get_text()


def test_asking_for_another_time_wants_a_day_and_keeps_what_was_typed(phone, link):
    page = open_request(phone, link).link("Ask for another time")
    assert list(page.submit().errors) == ["window1_day"]
    wrong = page.submit(window1_day="2020-01-01", window2_day=an_open_day())
    assert list(wrong.errors) == ["window1_day"]
    assert wrong.typed()["window2_day"] == an_open_day()
    assert status() == "new"


def test_a_booked_time_stays_until_the_practice_answers(phone, link, ada, submission):
    book(ada, submission.shown_reference)
    page = open_request(phone, link).link("Ask for another time")
    assert "stays yours until we have agreed on another" in page.text
    page = page.submit(window1_day=an_open_day(9))
    assert "Your appointment:" in page.text
    assert "You asked for another time." in page.text
    assert (status(), submissions()[0].scheduled_for is not None) == ("new", True)


def test_pressing_twice_asks_once(phone, link):
    page = open_request(phone, link).link("Ask for another time")
    for _ in range(2):
        page.submit(window1_day=an_open_day(9))
    assert len(submissions()[0].record["later"]) == 1
    assert len(letters("waiting")) == 2


def test_who_wants_the_same_time_again_after_an_answer_is_heard(phone, link, ada, submission):
    page = open_request(phone, link).link("Ask for another time")
    for asked in (1, 2):
        page.submit(window1_day=an_open_day(9))
        assert (len(submissions()[0].record["later"]), status()) == (asked, "new")
        book(ada, submission.shown_reference, an_open_day(4 + asked))


def test_another_time_can_be_any_of_the_choices(phone, link):
    page = open_request(phone, link).link("Ask for another time")
    assert list(page.submit(window3_day="soon").errors) == ["window3_day"]
    page.submit(window3_day=an_open_day(9))
    assert len(submissions()[0].record["later"]) == 1


def test_ten_wrong_dates_of_birth_lock_the_link(phone, eve, link):
    for _ in range(10):
        page = eve.visit(link).submit(birth_month="1", birth_day="1", birth_year="1990")
        assert list(page.errors) == ["birth_month"]
    page = phone.visit(link)
    assert page.status == 410
    assert "(612) 555-0142" in page.text


def test_the_right_date_of_birth_forgives_the_wrong_ones(phone, link):
    for _ in range(9):
        phone.visit(link).submit(birth_month="1", birth_day="1", birth_year="1990")
    open_request(phone, link)
    assert submissions()[0].tries == 0


def test_after_half_an_hour_the_date_of_birth_is_asked_again(phone, link):
    open_request(phone, link)
    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=31)):
        assert "To be sure that it is you" in phone.visit(link).text


def test_an_opened_link_opens_no_other_request(phone, eve, link):
    open_request(phone, link)
    an_appointment(eve, full_name="Eve")
    other = link_in(letters("received")[-1])
    assert other != link
    assert "To be sure that it is you" in phone.visit(other).text


@pytest.mark.parametrize("token", ["made-up", "WyJhIl0.x", "%00", "x" * 3000])
def test_a_made_up_link_says_what_to_do(phone, token):
    page = phone.visit(f"/requests/{token}")
    assert page.status == 404
    assert "(612) 555-0142" in page.text


def test_a_link_made_for_another_purpose_opens_nothing(phone, submission):
    for purpose in ("received", "finish", "intake"):
        assert phone.visit(f"/requests/{sign(purpose, submission.id)}").status == 404


def test_an_old_link_has_expired(phone, link):
    with time_machine.travel(datetime.now(UTC) + timedelta(days=181)):
        assert phone.visit(link).status == 410


def test_an_intake_can_be_looked_up_too(phone, bob):
    an_intake(bob)
    page = open_request(phone, link_in(letters("received")[0]))
    assert "We have your form" in page.text
    assert "Cancel" not in page.text


def test_a_request_without_an_email_address_gets_no_letter(bob):
    an_appointment(bob, email="")
    assert [name for name, _contents in letters()] == ["waiting"]


# What staff do to it


def test_a_new_time_is_a_change_of_the_same_visit(ada, submission):
    book(ada, submission.shown_reference)
    deliver_due()
    book(ada, submission.shown_reference, time="10:00")
    first, second = letters("scheduled")[0][1], letters("changed")[0][1]
    assert second["uid"] == first["uid"]
    assert (first["sequence"], second["sequence"]) == (0, 1)


def test_a_letter_with_an_old_time_does_not_go_out_after_a_newer_one(ada, submission):
    for time in ("09:30", "10:00"):
        book(ada, submission.shown_reference, time=time)
        assert len(letters("scheduled") + letters("changed")) == 1
    change(ada, "cancelled")
    assert not letters("scheduled") + letters("changed")
    assert len(letters("cancelled")) == 1
    book(ada, submission.shown_reference)
    assert (len(letters("scheduled")), letters("cancelled")) == (1, [])


def test_no_letter_says_that_nothing_is_booked_after_the_one_about_the_visit(ada, submission):
    assert len(letters("received")) == 1
    book(ada, submission.shown_reference)
    assert letters("received") == []
    assert link_in(letters("scheduled")[0])


def test_who_keeps_the_booked_time_after_all_gets_no_letter_about_a_new_one(phone, link, ada):
    reference, day = submissions()[0].shown_reference, an_open_day()
    book(ada, reference, day)
    deliver_due()
    open_request(phone, link).link("Ask for another time").submit(window1_day=an_open_day(9))
    change(ada, "contacted")
    seen = phone.visit(link).text
    assert ("This time stays yours for now." in seen, "No time is booked" in seen) == (True, False)
    assert "Visit " in ada.visit("/staff/").soup.tbody.get_text()
    book(ada, reference, day)
    assert (status(), letters("changed")) == ("scheduled", [])


def test_the_link_opens_until_half_a_year_after_the_visit(phone, link, ada, submission):
    book(ada, submission.shown_reference, an_open_day(170))
    with time_machine.travel(submission.received_at + timedelta(days=300), tick=False):
        assert phone.visit(link).status == 200


def test_booking_the_same_time_again_says_nothing_new(ada, submission):
    for _ in range(2):
        book(ada, submission.shown_reference)
    assert len(letters("scheduled")) == 1
    assert letters("changed") == []


def test_the_second_of_two_who_book_one_request_is_told_and_overwrites_nothing(ada, submission):
    page = ada.visit(f"/staff/submissions/{submission.shown_reference}")
    book(ada, submission.shown_reference)
    late = page.submit("form[action$=schedule]", day=an_open_day(), time="11:00")
    assert "This has changed since you opened it" in late.text
    assert [name for name, _contents in letters()] == ["waiting", "scheduled"]


def test_a_time_that_has_passed_cannot_be_booked(ada, submission):
    page = book(ada, submission.shown_reference, day="2020-01-01")
    assert page.status == 422
    assert "Enter a time that is still to come" in page.text
    assert status() == "new"


@pytest.mark.parametrize(
    "typed",
    [
        {"day": "9999-12-31", "anyway": "y"},
        {"day": "0001-01-01"},
        {"day": "x"},
        {"time": "x"},
        {"time": "25:00"},
        {"day": "", "time": ""},
    ],
)
def test_an_odd_time_is_refused_in_words(ada, submission, typed):
    page = ada.visit(f"/staff/submissions/{submission.shown_reference}")
    typed = {"day": an_open_day(), "time": "09:30", **typed}
    page = page.submit("form[action$=schedule]", **typed)
    assert page.status == 422
    assert page.soup.select_one("form[action$=schedule] + p.error")
    assert status() == "new"


def test_staff_who_cancel_a_booked_visit_tell_the_patient(ada, submission):
    book(ada, submission.shown_reference)
    page = ada.visit(f"/staff/submissions/{submission.shown_reference}")
    page.submit("form[action$=status]", status="cancelled")
    assert letters("cancelled")[0][1]["sequence"] == 1


def test_a_visit_in_the_past_can_not_be_cancelled_or_moved(phone, link, ada, submission):
    book(ada, submission.shown_reference)
    with time_machine.travel(datetime.now(UTC) + timedelta(days=20)):
        page = open_request(phone, link)
        assert "Your appointment was:" in page.text
        assert "Cancel" not in page.text
        assert phone.visit(f"{link}/cancel").path == link


def test_a_time_when_the_practice_is_closed_is_booked_only_on_purpose(ada, submission):
    page = book(ada, submission.shown_reference, time="23:00")
    assert page.status == 422
    assert page.title.startswith("Error: ")
    assert page.errors["time"].startswith("We are closed then.")
    time = page.soup.select_one("#time")
    assert (time["aria-invalid"], time["aria-describedby"]) == ("true", "time-error")
    assert status() == "new"
    page.submit("form[action$=schedule]", time="23:00", anyway="y")
    assert status() == "scheduled"


def test_only_a_time_when_the_practice_is_closed_can_be_booked_anyway(ada, submission):
    page = book(ada, submission.shown_reference, day="2020-01-02", time="23:00")
    assert page.errors == {"time": "Enter a time that is still to come"}
    assert "anyway" not in page.asked()


def test_a_visit_that_would_meet_another_is_said(ada, bob, submission):
    an_appointment(bob)
    first, second = (one.shown_reference for one in submissions())
    book(ada, first, time="09:30")
    assert f"{first} is booked at the same time." in book(ada, second, time="09:45").text
    assert "is booked at the same time" not in book(ada, second, time="10:00").text
