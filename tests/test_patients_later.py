"""Patients stop and come back: here for a week, elsewhere with a link and a date of birth."""

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
import time_machine

from models import db
from models_drafts import Draft
from pages import Person
from people import BIRTH, fill_in, intake_to, letters, link_in, submissions, to_check
from security import sign
from vault import Vault

HALF_TYPED = {"headache_days": "many", "simple_days": "3", "tried": "  Nothing yet "}


@pytest.fixture
def tablet(app):
    """The patient's other device."""
    return Person(app.test_client())


def link_for(person):
    """Ask for a link half way through; return its path."""
    later = intake_to(person, "spine").submit(later="yes")
    assert "We are sending the email" in later.submit(email="siobhan@example.org").text
    return link_in(letters("finish")[-1])


def in_days(days):
    return time_machine.travel(datetime.now(UTC) + timedelta(days=days))


def test_a_draft_stays_on_this_device_for_7_days(bob):
    intake_to(bob, "spine")
    cookie = bob.client.get_cookie("form")
    assert cookie.expires - datetime.now(UTC) > timedelta(days=6, hours=23)
    with in_days(6.9):
        assert bob.visit("/intake/").path == "/intake/spine"
    with in_days(14):
        assert bob.visit("/intake/").path == "/intake/safety"


def test_half_typed_answers_are_kept_as_they_are(bob):
    page = intake_to(bob, "headaches").submit(**HALF_TYPED, later="yes")
    assert page.path == "/intake/later"
    back = bob.visit("/intake/")
    assert back.path == "/intake/headaches"
    assert back.errors == {}
    assert back.typed()["headache_days"] == "many"
    assert back.typed()["tried"] == "Nothing yet"
    assert bob.visit("/intake/check").path == "/intake/headaches"


def test_a_wrong_page_is_still_as_it_was_typed_after_going_away(bob):
    wrong = fill_in(intake_to(bob, "headaches"), headaches={"headache_days": "31"})
    assert wrong.status == 422
    assert bob.visit("/intake/headaches").typed()["headache_days"] == "31"
    assert fill_in(bob.visit("/intake/headaches")).path == "/intake/spine"


def test_the_page_says_how_long_and_leads_on(bob):
    later = intake_to(bob, "spine").submit(later="yes")
    assert "It stays here until" in later.text
    assert later.link("Go on now").path == "/intake/spine"


def test_before_the_date_of_birth_is_known_no_link_is_offered(bob):
    later = intake_to(bob, "you").submit(later="yes")
    assert "email" not in later.asked()
    assert "once you have filled in the page" in later.text


def test_there_is_nothing_to_come_back_to_before_something_was_typed(bob):
    assert bob.visit("/intake/later").path == "/intake/safety"


def test_a_link_opens_the_form_on_another_device_with_the_date_of_birth(bob, tablet):
    page = tablet.visit(link_for(bob))
    assert "To be sure that it is you" in page.text
    assert "Siobhán" not in page.text
    page = page.submit(**BIRTH)
    assert page.path == "/intake/spine"
    page = fill_in(fill_in(page)).submit()
    assert page.path.startswith("/received/")
    assert submissions()[0].answers["headache_days"] == "12"


def test_while_the_date_of_birth_is_wrong_a_link_says_so_and_counts_nothing(bob, tablet):
    link = link_for(bob)
    fill_in(bob.visit("/intake/you"), you={"birth_year": "1800"})
    for _ in range(6):
        assert "The date of birth is missing" in tablet.visit(link).text
    fill_in(bob.visit("/intake/you"))
    assert tablet.visit(link).submit(**BIRTH).path == "/intake/spine"


def test_a_link_can_be_used_once(bob, tablet, eve):
    link = link_for(bob)
    tablet.visit(link).submit(**BIRTH)
    for person in (eve, tablet, bob):
        page = person.visit(link)
        assert page.status == 410
        assert "does not open a form any more" in page.text
        assert "(612) 555-0142" in page.text


def test_a_mail_scanner_that_follows_the_link_uses_nothing_up(bob, eve, tablet):
    link = link_for(bob)
    for _ in range(20):
        assert eve.visit(link).status == 200
    assert tablet.visit(link).submit(**BIRTH).path == "/intake/spine"


def test_a_wrong_date_of_birth_opens_nothing_and_five_lock_the_link(bob, eve, tablet):
    link = link_for(bob)
    for _ in range(5):
        page = eve.visit(link).submit(birth_month="3", birth_day="30", birth_year="1975")
        assert page.status == 422
        assert list(page.errors) == ["birth_month"]
        assert "Siobhán" not in page.text
    locked = tablet.visit(link)
    assert (locked.status, "This link is locked" in locked.text) == (410, True)
    assert "(612) 555-0142" in locked.text
    assert bob.visit("/intake/").path == "/intake/spine"  # who began can still go on


def test_an_expired_link_says_so(bob, tablet):
    link = link_for(bob)
    with in_days(8):
        assert tablet.visit(link).status == 410


@pytest.mark.parametrize("change", [lambda t: t[:-1], lambda t: "x" + t, lambda _t: "made-up"])
def test_a_tampered_link_says_so_and_offers_the_phone(bob, tablet, change):
    path, _, token = link_for(bob).rpartition("/")
    page = tablet.visit(f"{path}/{change(token)}")
    assert page.status == 410
    assert "(612) 555-0142" in page.text


def test_a_link_signed_for_something_else_opens_nothing(bob, tablet):
    link_for(bob)
    draft = db.session.scalar(sa.select(Draft.id))
    db.session.rollback()
    assert tablet.visit(f"/intake/resume/{sign('request', draft)}").status == 410


def test_a_link_to_a_form_that_was_sent_says_so(bob, tablet):
    link = link_for(bob)
    intake_to(bob, "check").submit()
    page = tablet.visit(link)
    assert page.status == 410
    assert len(submissions()) == 1


def test_a_link_without_its_token_of_the_form_changes_nothing(bob, tablet):
    link = link_for(bob)
    page = tablet.visit(link).submit(**BIRTH, csrf_token="stale")
    assert page.status == 422
    assert "This was not sent yet" in page.text
    assert tablet.visit(link).submit(**BIRTH).path == "/intake/spine"


def test_no_link_is_sent_without_the_token_of_its_form(bob):
    later = intake_to(bob, "spine").submit(later="yes")
    assert later.submit(email="siobhan@example.org", csrf_token="stale").status == 422
    assert letters("finish") == []


def test_an_address_with_a_mistake_is_asked_again(bob):
    later = intake_to(bob, "spine").submit(later="yes").submit(email="siobhan@")
    assert list(later.errors) == ["email"]
    assert later.typed()["email"] == "siobhan@"
    assert letters("finish") == []


def test_nobody_is_flooded_with_links(bob, limits):
    later = intake_to(bob, "spine").submit(later="yes")
    for _ in range(7):
        page = later.submit(email="siobhan@example.org")
    assert page.status == 429
    assert "(612) 555-0142" in page.text
    assert len(letters("finish")) == 5


def test_on_a_shared_device_everything_can_be_erased(bob):
    page = intake_to(bob, "spine")
    page = page.submit("form.no-print")
    assert page.path == "/"
    assert db.session.scalar(sa.select(sa.func.count(Draft.id))) == 0
    db.session.rollback()
    assert bob.visit("/intake/").path == "/intake/safety"


def test_erasing_wants_the_token_of_its_form(bob):
    page = intake_to(bob, "spine").submit("form.no-print", csrf_token="stale")
    assert page.status == 400
    assert bob.visit("/intake/").path == "/intake/spine"


def test_a_token_is_told_to_nobody(bob, tablet):
    assert tablet.visit(link_for(bob)).headers["Referrer-Policy"] == "no-referrer"


def test_a_link_opens_only_in_its_own_flow(bob, tablet):
    link = link_for(bob)
    assert tablet.visit(link.replace("/intake/", "/appointment/")).status == 410
    assert tablet.visit(link).submit(**BIRTH).path == "/intake/spine"


def test_erasing_takes_the_drafts_of_both_flows_and_the_copy_of_what_was_sent(bob):
    to_check(bob)
    received = intake_to(bob, "check").submit()
    assert "Sumatriptan" in received.text
    received.submit("form.no-print")
    assert "Sumatriptan" not in bob.visit(received.path).text
    assert bob.visit("/appointment/").path == "/appointment/safety"
    assert bob.visit("/appointment/details").path == "/appointment/safety"


def test_a_draft_whose_key_is_lost_begins_anew(bob, app, monkeypatch):
    intake_to(bob, "spine")
    monkeypatch.setitem(app.extensions, "vault", Vault([b"another key of 32 bytes, not ours"[:32]]))
    page = bob.visit("/intake/")
    assert (page.status, page.path) == (200, "/intake/safety")


def test_a_reload_sends_no_second_link(bob):
    later = intake_to(bob, "spine").submit(later="yes")
    sent = later.submit(email="siobhan@example.org", follow=False)
    assert sent.status == 303
    assert "We are sending the email" in bob.visit(later.path).text
    assert "We are sending the email" not in bob.visit(later.path).text
    assert len(letters("finish")) == 1
