"""What staff do with submissions: nobody is overwritten, misled, or left without a word."""

from datetime import timedelta

import pytest
import sqlalchemy as sa
import time_machine

import staff_csv
from content import library
from forms import field_names
from models import Submission, db, now
from models_events import Event
from people import an_appointment, letters, submissions
from vault import Vault


def one(person):
    return person.visit(f"/staff/submissions/{submissions()[0].reference}")


def act(person, name, **changes):
    return one(person).submit(f"form[action*='/{name}']", **changes)


def book(person, ahead=3):
    day = library().practice.today() + timedelta(days=ahead)
    return act(person, "schedule", day=day.isoformat(), time="10:00", anyway="y")


def let_it_pass():
    """Let all visits have been yesterday."""
    db.session.rollback()
    db.session.execute(sa.update(Submission).values(scheduled_for=now() - timedelta(days=1)))
    db.session.commit()


def tick_all(page, **changes):
    chosen = [box["value"] for box in page.soup.select("[name=chosen]")]
    return page.submit("main form[action*=several]", chosen=chosen, **changes)


def test_nothing_is_scheduled_without_a_time(ada, submission):
    page = act(ada, "status", status="scheduled")
    assert "Book a time, and the status follows." in page.text
    assert submissions()[0].status == "new"


def test_no_list_offers_a_status_that_goes_with_a_visit(ada, submission):
    offered = {o["value"] for o in ada.visit("/staff/").soup.select("[name=status] option")}
    boxes = {o["value"] for o in ada.visit("/staff/").soup.select("#several-status option")}
    assert {"scheduled", "cancelled"} <= offered
    assert boxes == {"", "new", "contacted", "closed", "spam"}


def test_spam_that_is_closed_gets_no_answer_and_what_is_none_gets_a_promise_that_holds(ada, bob):
    with time_machine.travel(now() - timedelta(days=9)):
        an_appointment(bob, website="https://example.org")
    assert submissions()[0].status == "spam"
    for put_away in ("closed", "spam", "cancelled"):
        act(ada, "status", status=put_away)
    assert letters() == []
    act(ada, "status", status="spam")
    act(ada, "status", status="new")
    assert len(letters("received")) == 1
    assert submissions()[0].reply_due_at > now()


def test_a_visit_that_is_to_come_stays_booked_until_it_is_called_off(ada, submission):
    book(ada)
    page = act(ada, "status", status="closed")
    assert "A visit is booked, and the patient counts on it." in page.text
    assert submissions()[0].status == "scheduled"
    page = act(ada, "status", status="cancelled")
    assert (submissions()[0].status, submissions()[0].scheduled_for) == ("cancelled", None)
    assert not page.soup.select("form.message-success")  # the letter is on its way


def test_a_visit_that_is_over_can_be_closed(ada, submission):
    book(ada)
    let_it_pass()
    act(ada, "status", status="closed")
    assert submissions()[0].status == "closed"


def test_visits_to_come_and_past_ones_have_lists_of_their_own(ada, submission):
    book(ada)
    reference = submission.shown_reference
    assert reference in ada.visit("/staff/?view=scheduled").text
    assert reference not in ada.visit("/staff/?view=visited").text
    let_it_pass()
    assert reference not in ada.visit("/staff/?view=scheduled").text
    assert reference in ada.visit("/staff/?view=visited").text


def test_a_visit_that_may_change_is_said_above_the_list_of_visits(ada, submission):
    book(ada)
    assert "Booked too" not in ada.visit("/staff/?view=scheduled").text
    db.session.merge(submissions()[0]).move_to("new")  # the patient asks for another time
    db.session.commit()
    page = ada.visit("/staff/?view=scheduled")
    assert f"until another time is agreed: {submission.shown_reference} on" in page.text
    assert "Booked too" not in ada.visit("/staff/").text


def test_of_several_that_are_ticked_those_changed_meanwhile_stay_as_they_are(ada, bob):
    an_appointment(bob)
    an_appointment(bob)
    old = ada.visit("/staff/")
    act(ada, "status", status="closed")
    page = tick_all(old, status="contacted")
    assert "1 changed." in page.text
    assert "1 not changed: somebody else has just changed it." in page.text
    assert sorted(row.status for row in submissions()) == ["closed", "contacted"]


def test_of_several_that_are_ticked_those_with_a_visit_stay_booked(ada, submission):
    book(ada)
    before = len(letters())
    page = tick_all(ada.visit("/staff/?view=scheduled"), status="closed")
    assert "1 not changed: a visit is booked." in page.text
    assert (submissions()[0].status, len(letters())) == ("scheduled", before)


def test_several_with_a_visit_can_be_handed_to_somebody(ada, submission):
    book(ada)
    page = ada.visit("/staff/?view=scheduled")
    me = page.soup.find("option", string="ada@example.org")["value"]
    assert "1 changed." in tick_all(page, assigned=me).text
    assert submissions()[0].assigned_to == int(me)


def test_who_asks_for_another_time_can_be_contacted_and_not_closed(ada, submission):
    book(ada)
    db.session.rollback()
    asked = sa.update(Submission).values(status="new", view="todo")  # as the patient's page does
    db.session.execute(asked)
    db.session.commit()
    assert "A visit is booked" in act(ada, "status", status="closed").text
    act(ada, "status", status="contacted")
    assert submissions()[0].status == "contacted"


def test_no_way_back_is_offered_that_would_be_refused(ada, submission):
    book(ada)
    db.session.rollback()
    db.session.execute(sa.update(Submission).values(status="new", view="todo"))
    db.session.commit()
    page = act(ada, "status", status="scheduled")
    assert "The status is now “Scheduled”." in page.text
    assert "Undo" not in page.text


def test_everybody_sees_who_has_done_what(ada, rita, submission):
    act(ada, "status", status="contacted")
    act(ada, "assign", me="1")
    history = one(rita).soup.find("h2", string="What was done").find_next("ul").get_text()
    assert history.index("Assigned a submission (to ada@example.org)") < history.index(
        "new to contacted"
    )
    assert history.count("ada@example.org") == 3
    assert "Opened" not in history


def test_a_note_that_is_too_long_stays_as_it_was_typed(ada, submission):
    page = act(ada, "notes", text="x" * 2001)
    assert page.status == 422
    assert "Use 2,000 characters or less." in page.text
    assert page.soup.select_one("#text").get_text().strip() == "x" * 2001
    assert page.title.startswith("Error: ")
    assert page.errors == {"text": "Use 2,000 characters or less."}


def test_no_browser_cuts_or_refuses_a_note_before_we_say_why(ada, submission):
    note = one(ada).soup.select_one("#text")
    assert not {"maxlength", "required"} & set(note.attrs)


def test_a_line_end_in_a_note_is_one_character_as_the_counter_says(ada, submission):
    assert "The note is saved." in act(ada, "notes", text="x" * 1998 + "\r\ny").text


def test_a_note_of_spaces_is_none(ada, submission):
    assert "Write something first." in act(ada, "notes", text="  \n ").text


def test_a_submission_whose_key_is_missing_says_so_and_nothing_can_be_done_with_it(
    app, ada, submission, monkeypatch
):
    page = one(ada)
    token = page.soup.select_one("[name=csrf_token]")["value"]
    db.session.rollback()
    db.session.execute(sa.text("UPDATE submissions SET record_sealed = :x"), {"x": other_key()})
    db.session.commit()
    assert "cannot be opened: its key is not in VAULT_KEYS" in one(ada).text
    answer = ada.send(f"{page.path}/print", {"csrf_token": token})
    assert (answer.status, "cannot be opened" in answer.text) == (200, True)
    assert not ada.visit("/staff/").soup.select("[name=chosen]")


def test_of_several_that_are_ticked_those_whose_key_is_missing_stay_as_they_are(ada, bob):
    an_appointment(bob)
    an_appointment(bob)
    queue = ada.visit("/staff/")
    lost, query = other_key(), sa.text("UPDATE submissions SET record_sealed = :x WHERE id = :id")
    db.session.execute(query, {"x": lost, "id": submissions()[0].id})
    db.session.commit()
    page = tick_all(queue, status="spam")
    assert "1 changed." in page.text
    assert {row.status for row in submissions()} == {"new", "spam"}


def other_key():
    row = submissions()[0]
    sealed = Vault([bytes(range(32))]).seal(row.record, f"submissions.record:{row.id}")
    db.session.rollback()
    return sealed


@pytest.mark.parametrize(
    "day", ["0202-11-25", "0026-11-25", "1066-01-01", "9999-12-31", "2039-01-01"]
)
def test_a_day_on_which_nothing_can_have_come_in_narrows_nothing(ada, submission, day):
    for name in ("since", "until"):
        page = ada.visit(f"/staff/?view=all&{name}={day}")
        assert submission.shown_reference in page.text


def test_paper_and_table_have_what_the_patient_asked_for_later(ada, submission):
    row = submissions()[0]
    asked = {"label": "First choice", "text": "Friday, May 7, 2027, morning", "first_id": "w"}
    row.record = {**row.record, "later": [{"at": now().isoformat(), "rows": [asked]}]}
    sealed = {"record_sealed": row.record_sealed}
    db.session.execute(sa.update(Submission).values(**sealed))
    db.session.commit()
    assert asked["text"] in act(ada, "print").text
    assert asked["text"] in staff_csv.cells(submissions()[0], field_names())[-1]


def test_a_page_that_comes_back_with_an_error_counts_as_a_look(ada, submission):
    page = one(ada)
    looks = sa.select(sa.func.count()).where(Event.name == "sensitive_read")
    before = db.session.scalar(looks)
    db.session.rollback()
    page.submit("form[action*='/schedule']", day="", time="")
    assert db.session.scalar(looks) == before + 1
