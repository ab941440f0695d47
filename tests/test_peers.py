"""What other systems got wrong, one test for each failure, named after it."""

import sqlalchemy as sa

from forms import FLOWS
from models import db
from models_letters import Letter
from pages import Person
from people import (
    BIRTH,
    an_appointment,
    an_intake,
    an_open_day,
    details,
    intake_to,
    letters,
    link_in,
    submissions,
    to_check,
    to_details,
)

# Duplicates and lost work


def test_a_double_click_does_not_send_twice(bob):
    """Contact Form 7 #40 and #179, formtools #515, mautic #12023, jetpack #18708, coursys #77."""
    check = to_check(bob)
    check.submit()
    check.submit()
    assert len(submissions()) == 1
    assert len(letters("received")) == len(letters("waiting")) == 1


def test_the_landing_page_comes_by_redirect_so_that_a_refresh_resubmits_nothing(bob):
    """wagtail #2834."""
    answer = to_check(bob).submit(follow=False)
    assert answer.status == 303
    assert bob.visit(answer.headers["Location"]).status == 200
    assert len(submissions()) == 1


def test_back_after_sending_does_not_send_a_form_without_answers(bob):
    """govuk-forms runner #277."""
    check = intake_to(bob, "check")
    received = check.submit()
    assert bob.visit("/intake/health").path == received.path
    assert bob.send("/intake/check", check.typed()).path == received.path
    assert all(submission.answers["full_name"] for submission in submissions())
    assert len(submissions()) == 1


def test_an_incomplete_form_in_a_duplicated_tab_is_not_sent(bob):
    """govuk-forms runner #762."""
    page = intake_to(bob, "headaches")
    assert bob.send("/intake/check", page.typed()).path == "/intake/headaches"
    assert submissions() == []


def test_an_expired_token_does_not_swallow_the_form(bob):
    """contentdb #437, vulnerability-lookup #375, hasjob #203, eq-survey-runner #1297."""
    page = to_details(bob).submit(**details(csrf_token="an hour old"))
    assert page.typed()["message"] == "It began after the crash in spring."
    assert page.submit().path == "/appointment/check"


# Lost or unseen entries


def test_an_entry_does_not_depend_on_mail(bob, app, ada):
    """Contact Form 7 stores nothing: when mail fails, the entry is gone."""
    an_appointment(bob)
    db.session.execute(sa.update(Letter).values(state="failed", problem="SMTP 550"))
    db.session.commit()
    page = ada.visit("/staff/")
    assert submissions()[0].shown_reference in page.text
    assert "2 letters could not be sent" in page.text


def test_the_patient_is_not_told_that_mail_was_sent(bob):
    """easyappointments #782 and #1419."""
    text = an_appointment(bob).text
    for promise in ("we have sent", "was sent to", "check your inbox", "confirmation email"):
        assert promise not in text.lower()


def test_a_letter_that_failed_is_shown_beside_its_request(bob, ada):
    """formie #2493, easyappointments #1670."""
    an_appointment(bob)
    db.session.execute(sa.update(Letter).values(state="failed", problem="SMTP 550"))
    db.session.commit()
    text = ada.visit(f"/staff/submissions/{submissions()[0].shown_reference}").text
    assert "failed (SMTP 550)" in text


def test_everybody_gets_a_reference_on_the_screen(bob, eve):
    """platform-forms-client #6086."""
    for send, person in ((an_appointment, bob), (an_intake, eve)):
        reference = send(person).soup.select_one(".reference").get_text()
        assert reference == submissions()[0].shown_reference


def test_people_can_keep_a_copy_of_what_they_sent(bob):
    """platform-forms-client #4904."""
    saved = an_intake(bob).link("Save it as a file").response.text
    for said in ("Siobhán O'Brien-Núñez", "Sumatriptan", "To go back to work."):
        assert said in saved


# Double booking and request confusion


def test_a_request_takes_no_time_away_from_anybody(bob, eve):
    """easyappointments #31, #845, #996, #1783, LibreBooking #147, cal.diy #28151.

    Two people can ask for the same hour, since asking books nothing.
    """
    day = an_open_day()
    for person in (bob, eve):
        an_appointment(person, window1_day=day, window1_part="morning")
    assert [submission.scheduled_for for submission in submissions()] == [None, None]


def test_staff_are_told_when_two_visits_are_booked_for_the_same_time(bob, eve, ada):
    """The same failures, where a time is really given: nothing is refused or done in silence."""
    for person in (bob, eve):
        an_appointment(person)
    one, other = (submission.shown_reference for submission in submissions())
    for reference in (one, other):
        page = ada.visit(f"/staff/submissions/{reference}")
        page = page.submit("form[action$=schedule]", day=an_open_day(), time="09:30")
    assert f"{one} is booked at the same time." in page.text


def test_two_people_who_book_one_request_do_not_overwrite_each_other(bob, ada):
    """LibreBooking #147: checked first, saved later."""
    an_appointment(bob)
    page = ada.visit(f"/staff/submissions/{submissions()[0].shown_reference}")
    page.submit("form[action$=schedule]", day=an_open_day(), time="09:30")
    ada.visit(page.path).submit("form[action$=schedule]", day=an_open_day(), time="10:00")
    late = page.submit("form[action$=schedule]", day=an_open_day(), time="11:00")
    assert "This has changed since you opened it" in late.text
    assert [name for name, _contents in letters()][2:] == ["scheduled", "changed"]


def test_a_request_is_called_a_request_on_every_page(bob, app):
    """va.gov-team #31540, #51648, #51668: people think that a request is an appointment."""
    check = to_check(bob)
    assert "It does not book a time" in check.text
    received = check.submit()
    assert "This is a request, not a booked appointment." in received.text
    elsewhere = Person(app.test_client())
    page = elsewhere.visit(link_in(letters("received")[0])).submit(**BIRTH)
    assert "This is a request, not a booked appointment." in page.text
    assert FLOWS["appointment"].title == "Request an appointment"


def test_asking_for_another_time_makes_no_twin_and_skips_no_approval(bob, app):
    """cal.diy #3595 and #2990."""
    an_appointment(bob)
    path = link_in(letters("received")[0])
    person = Person(app.test_client())
    person.visit(path).submit(**BIRTH).link("Ask for another time").submit(
        window1_day=an_open_day(9)
    )
    (submission,) = submissions()
    assert (submission.status, submission.scheduled_for) == ("new", None)


def test_a_request_can_be_cancelled_before_it_is_answered(bob, app):
    """cal.diy #5615."""
    an_appointment(bob)
    person = Person(app.test_client())
    page = person.visit(link_in(letters("received")[0])).submit(**BIRTH)
    page.link("Cancel my request").submit()
    assert submissions()[0].status == "cancelled"


def test_a_mail_scanner_does_not_cancel(bob, app):
    """easyappointments #1178, activepieces #14024, nextcloud #58746."""
    an_appointment(bob)
    path = link_in(letters("received")[0])
    scanner = Person(app.test_client())
    page = scanner.visit(path)
    for link in [a["href"] for a in page.soup.select("a[href^='/']")] + [f"{path}/cancel"]:
        scanner.visit(link)
    assert submissions()[0].status == "new"


def test_families_may_share_an_email_address(bob, eve):
    """openemr #6227: do not make it unique."""
    an_appointment(bob)
    an_appointment(eve, full_name="Maeve O'Brien")
    assert len(submissions()) == 2
