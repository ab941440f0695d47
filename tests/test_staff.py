"""Staff sign in, find what came in, and work on it; strangers and lookers-on do not."""

import pytest
import sqlalchemy as sa

from models import Submission, db
from models_events import Event
from models_staff import User
from people import an_appointment, submissions


def events(name):
    found = db.session.scalars(sa.select(Event).where(Event.name == name).order_by(Event.id)).all()
    db.session.expunge_all()
    db.session.rollback()
    return found


def test_the_list_shows_who_waits_longest_first(ada, bob):
    an_appointment(bob)
    an_appointment(bob, full_name="Ana Abdi", phone="", contact_by="email", reason="neck")
    page = ada.visit("/staff/")
    rows = [row.get_text(" ", strip=True) for row in page.soup.select("tbody tr")]
    newest, older = (submission.shown_reference for submission in submissions())
    assert f"{older} ○ Routine Siobhán O'Brien-Núñez (612) 555-0187 Headache" in rows[0]
    assert f"{newest} ○ Routine Ana Abdi – Neck Request New 0 min ago Reply due" in rows[1]
    assert len(events("sensitive_list")) == 1


def test_an_empty_list_says_what_will_be_there(ada):
    assert "Nothing has come in yet." in ada.visit("/staff/").text


def test_a_long_list_is_read_page_by_page_without_gap_or_repeat(ada, app):
    copies(60)
    seen, page = [], ada.visit("/staff/")
    while True:
        seen += [link.get_text() for link in page.soup.select("tbody th a")]
        older = [a for a in page.soup.select("main a") if a.get_text() == "More"]
        if not older:
            break
        page = ada.visit(older[0]["href"])
    in_order = sorted(submissions(), key=lambda submission: submission.place)
    assert seen == [submission.shown_reference for submission in in_order]
    assert "Start of the list" in page.text


def copies(count):
    """Sixty submissions at the same moment: the order must hold on a tie as well."""
    from random import Random

    from commands_samples import sample_answers
    from models import now

    received = now()
    for number in range(count):
        answers = sample_answers(Random(number), received)
        db.session.add(
            Submission.make(
                kind="appointment",
                draft_id=f"{number:064}",
                answers=answers,
                shown=[],
                assessment={},
                urgency="routine",
                received_at=received,
                reply_due_at=received,
                form_version="x",
            )
        )
    db.session.commit()


@pytest.mark.parametrize("before", ["ZZZZ-ZZZZ", "x", "' OR 1=1 --", "", "\x00"])
def test_an_odd_page_address_is_harmless(ada, before):
    assert ada.visit("/staff/", query_string={"before": before}).status == 200


@pytest.mark.parametrize("name", ["view", "assigned", "since", "until", "find", "factor", "kind"])
@pytest.mark.parametrize(
    "value",
    ["9" * 30, "-1", "0001-01-01", "9999-12-31", "' OR 1=1 --", "\x00", "\ud800", "{{7*7}}"],
)
def test_an_odd_wish_for_the_list_is_harmless(ada, name, value):
    value = value.encode("utf-8", "surrogatepass")
    assert ada.visit("/staff/", query_string={name: value}).status == 200


def test_a_submission_whose_key_is_lost_does_not_hide_the_others(ada, bob, app):
    an_appointment(bob)
    an_appointment(bob, full_name="Ana Abdi")
    lost = submissions()[0]
    db.session.execute(
        sa.update(Submission).where(Submission.id == lost.id).values(record_sealed=b"\x01lost")
    )
    db.session.commit()
    text = ada.visit("/staff/").text
    assert f"{lost.shown_reference} ○ Routine Cannot be opened" in text
    assert "Siobhán" in text


def test_a_submission_shows_all_that_was_said_in_the_patients_order(ada, submission):
    page = ada.visit(f"/staff/submissions/{submission.shown_reference}")
    said = [term.get_text() for term in page.soup.select(".answers dt")]
    assert said[:3] == ["Do you have any of these right now?", "Full name", "Date of birth"]
    for words in ("Siobhán O'Brien-Núñez", "March 31, 1975", "Headache or migraine", "the crash"):
        assert words in page.text
    assert page.soup.select_one("a[href='mailto:siobhan@example.org']")
    assert "Siobhán" not in page.title


@pytest.mark.parametrize("written", [str.lower, lambda text: text.replace("-", "")])
def test_a_reference_may_be_written_as_it_was_read_out(ada, submission, written):
    address = f"/staff/submissions/{written(submission.shown_reference)}"
    assert ada.visit(address).status == 200


def test_a_reference_that_nobody_has_is_not_found(ada):
    assert ada.visit("/staff/submissions/0000-0000").status == 404


def test_every_look_at_a_submission_is_recorded_with_who_looked(ada, rita, submission):
    for person in (ada, rita):
        person.visit(f"/staff/submissions/{submission.reference}")
    looked = [(event.user_id, event.submission_id) for event in events("sensitive_read")]
    ids = db.session.scalars(sa.select(User.id).order_by(User.email)).all()
    assert looked == [(user, submission.id) for user in ids]


def test_a_handler_changes_the_status_and_it_is_recorded(ada, submission):
    page = ada.visit(f"/staff/submissions/{submission.reference}")
    page = page.submit("form.change", status="contacted")
    assert "The status is now “Contacted”." in page.text
    assert submissions()[0].status == "contacted"
    assert [event.detail for event in events("status_changed")] == ["new to contacted"]


def test_a_status_that_does_not_exist_is_refused(ada, submission):
    page = ada.visit(f"/staff/submissions/{submission.reference}")
    assert page.submit("form.change", status="eaten").status == 400
    assert submissions()[0].status == "new"


def test_an_unread_red_flag_cannot_be_missed(ada, bob):
    an_appointment(bob, flags=["thunderclap"])
    page = ada.visit("/staff/")
    assert "▲ Emergency" in page.text
    page = page.link(submissions()[0].shown_reference)
    assert "The patient saw the advice to get help first" in page.text


def test_trying_too_often_is_recorded_once(app, eve, limits):
    for _ in range(14):
        eve.visit("/staff/login").submit(email="ada@example.org", password="wrong wrong wrong")
    assert len(events("excess_rate_limit_exceeded")) == 1
