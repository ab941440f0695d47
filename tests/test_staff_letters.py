"""Staff see which letters wait or have failed, and send them again; never what they say."""

import pytest
import sqlalchemy as sa

from models import db
from models_events import Event
from models_letters import Letter
from people import an_appointment
from settings import ROOT
from staff_letters import WORDS


def fail(count=None):
    chosen = sa.select(Letter.id).order_by(Letter.id).limit(count)
    state = {"state": "failed", "problem": "SMTP 550", "attempts": 3}
    db.session.execute(sa.update(Letter).where(Letter.id.in_(chosen)).values(state))
    db.session.commit()


def rows(page):
    return [" ".join(row.get_text(" ").split()) for row in page.soup.select("tbody tr")]


@pytest.mark.parametrize(
    ("state", "words"),
    [("failed", "No letter has failed."), ("waiting", "is waiting."), ("sent", "gone out yet.")],
)
def test_an_empty_list_says_so(ada, state, words):
    assert words in ada.visit(f"/staff/letters?state={state}").text


@pytest.mark.parametrize(("server", "told"), [("", True), ("smtp://mail.example.org", False)])
def test_staff_are_told_when_letters_reach_nobody(app, ada, monkeypatch, server, told):
    monkeypatch.setitem(app.config, "SMTP_URL", server)
    assert ("Letters reach nobody yet." in ada.visit("/staff/letters").text) is told


def test_a_letter_that_failed_is_shown_by_what_kept_it_and_not_by_what_it_says(ada, submission):
    fail(1)
    page = ada.visit("/staff/").link("Letters (1 failed)")
    (row,) = rows(page)
    assert row.startswith(submission.shown_reference)
    assert "3" in row
    assert "SMTP 550" in row
    assert "siobhan" not in page.text.lower()
    assert "Waiting (1)" in page.text
    assert db.session.scalar(sa.select(Event.detail).where(Event.detail == "letters"))


def test_a_request_whose_letters_failed_is_there_and_says_so(ada, submission):
    fail()
    page = ada.visit("/staff/")
    assert "2 letters could not be sent" in page.text
    assert "failed (SMTP 550)" in page.link(submission.shown_reference).text


def test_it_goes_out_again(ada, submission):
    fail(1)
    page = ada.visit("/staff/letters").submit("main form")
    assert "The letter goes out again." in page.text
    assert "No letter has failed." in page.text
    assert len(rows(page.link("Waiting (2)"))) == 2


def test_one_that_goes_out_already_is_not_sent_twice(ada, submission):
    fail(1)
    page = ada.visit("/staff/letters")
    page.submit("main form")
    assert "There is nothing to send again." in page.submit("main form").text


def test_a_reader_sees_them_and_is_not_offered_to_send_any(rita, submission):
    fail()
    page = rita.visit("/staff/letters")
    assert len(rows(page)) == 2
    assert not page.soup.select("main form[action*=resend]")


def test_many_are_read_page_by_page_without_gap_or_repeat(ada, bob):
    for _ in range(15):
        an_appointment(bob)
    page = ada.visit("/staff/letters?state=waiting")
    seen = rows(page)
    assert len(seen) == 25
    page = page.link("More")
    seen += rows(page)
    assert len(seen) == 30
    assert len(rows(page.link("Start of the list"))) == 25


@pytest.mark.parametrize("query", ["before=made-up", "before=%00", "state=eaten", "before="])
def test_an_odd_address_is_harmless(ada, query):
    assert ada.visit(f"/staff/letters?{query}").status == 200


def test_every_letter_has_words_for_staff():
    folders = (ROOT / "templates/letters").glob("*/subject.txt")
    assert set(WORDS) == {subject.parent.name for subject in folders}
