"""What is due, what is taken away then, and what everybody sees of it afterwards."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

import models_engine
import models_retention
from keeping import DAY, SAID, counts, erased, grow_old, in_files
from models import Submission, db, now
from models_drafts import Draft
from models_events import Event, log
from models_letters import Letter
from models_retention import WHY, batches, due, forget
from outbox_letters import request_link
from people import an_appointment, an_intake, link_in, submissions

KEEP = {"appointment": 730, "intake": 2555}


def due_now(**options):
    found = {
        row.reference
        for kind, days in KEEP.items()
        for row in db.session.scalars(due(kind, days, **options))
    }
    db.session.rollback()
    return found


def erase_all(why="retention"):
    for row in db.session.scalars(sa.select(Submission).with_for_update()).all():
        forget(row, why)
    db.session.commit()


@pytest.fixture
def whole(bob, ada):
    """A request with a note, letters and a booked time, and the intake that goes with it."""
    page = an_appointment(bob, start="/appointment/?about=crps")
    request = submissions()[0]
    shown = ada.visit(f"/staff/submissions/{request.reference}")
    shown.submit("form[action$='/notes']", text="Called Siobhán back.")
    an_intake(bob, page.link("Start your intake form").path)
    return request


def test_each_kind_is_due_after_its_own_days(bob):
    an_appointment(bob), an_intake(bob)
    intake, request = submissions()
    grow_old(729)
    assert due_now() == set()
    grow_old(2)
    assert due_now() == {request.reference}
    grow_old(2555 - 731)
    assert due_now() == {request.reference, intake.reference}


@pytest.mark.parametrize(
    "moment", [{"changed_at": -700 * DAY}, {"scheduled_for": -700 * DAY}, {"scheduled_for": DAY}]
)
def test_what_was_changed_or_visited_later_is_kept_longer(submission, moment):
    grow_old(731, **{name: now() + age for name, age in moment.items()})
    assert due_now() == set()


def test_a_look_at_it_keeps_nothing_longer(submission):
    grow_old(731)
    row = db.session.scalar(Submission.with_reference(submission.reference))
    log("sensitive_read", submission=row)
    db.session.commit()
    assert due_now() == {submission.reference}
    assert models_retention.last_activity(row) <= now() - 731 * DAY


def test_what_is_held_is_told_apart_and_stays(submission):
    grow_old(731, hold=True)
    assert (due_now(), due_now(held=True)) == (set(), {submission.reference})
    assert models_retention.count_due(KEEP, held=True) == 1
    assert list(batches(KEEP)) == []
    db.session.rollback()


def test_nothing_that_could_identify_anybody_is_left(app, whole):
    before = db.session.get(Submission, whole.id)
    kept = {"reference", "kind", "status", "urgency", "place", "id", "follows", "received_at"}
    proof = {name: getattr(before, name) for name in kept}
    sealed = before.record_sealed
    assert before.source_article == "crps"
    db.session.rollback()
    erase_all()
    assert counts() == {"tokens": 0, "notes": 0, "letters": 0, "drafts": 0, "submissions": 2}
    row = db.session.get(Submission, whole.id)
    assert {name: getattr(row, name) for name in kept} == proof
    assert row.record == models_retention.NOTHING
    assert (row.answers, row.source_article, row.spam_reason) == ({}, None, None)
    assert row.draft_id == row.id
    assert row.record_sealed != sealed
    assert row.erased_why == "retention"
    assert now() - row.erased_at < timedelta(minutes=1)
    db.session.rollback()


def test_the_events_stay_and_one_says_that_it_was_erased(app, whole):
    before = db.session.scalar(sa.select(sa.func.count(Event.id)))
    db.session.rollback()
    erase_all("request")
    query = sa.select(Event.submission_id, Event.detail).where(Event.name == "sensitive_delete")
    assert (whole.id, "request") in db.session.execute(query).all()
    assert db.session.scalar(sa.select(sa.func.count(Event.id))) == before + 2
    details = " ".join(db.session.scalars(sa.select(Event.detail)))
    assert [said for said in SAID if said in details] == []
    db.session.rollback()


def test_a_submission_whose_key_is_lost_can_be_erased(submission):
    db.session.execute(sa.update(Submission).values(record_sealed=b"lost"))
    db.session.commit()
    erase_all()
    assert erased() == {submission.reference}


def test_old_letters_about_nothing_go_and_waiting_ones_stay(app):
    for state, age in (("sent", 31), ("failed", 31), ("sent", 29), ("waiting", 31)):
        letter = Letter.make("finish", {"to": "ana@example.org"}, None, 0)
        letter.state, letter.made_at = state, now() - age * DAY
        db.session.add(letter)
    db.session.flush()
    assert db.session.execute(models_retention.old_letters()).rowcount == 2
    db.session.commit()


def test_the_databases_files_hold_the_sealed_bytes_before_and_not_after(app, whole):
    if db.engine.dialect.name != "sqlite":
        pytest.skip("a look into the files of SQLite")
    folder = app.config["INSTANCE_PATH"]
    secrets = [
        *db.session.scalars(sa.select(Submission.record_sealed)),
        *db.session.scalars(sa.select(Letter.contents_sealed)),
    ]
    db.session.rollback()
    assert models_engine.overwrite_freed(db.engine)
    parts = [secret[17:49] for secret in secrets]  # a long one is not in one piece
    assert all(in_files(folder, part) for part in parts)
    assert in_files(folder, parts[0]) == {"site.db"}
    erase_all()
    assert in_files(folder, parts[0])  # the journal still has it, or the file has
    assert models_engine.overwrite_freed(db.engine)
    assert [part for part in parts if in_files(folder, part)] == []
    db.session.rollback()


def test_somebody_who_reads_all_the_while_is_noticed(app, submission, monkeypatch):
    if db.engine.dialect.name != "sqlite":
        pytest.skip("PostgreSQL has no journal to empty")
    db.session.rollback()
    monkeypatch.setattr(models_engine, "BUSY_TIMEOUT", 0)
    db.engine.dispose()
    with db.engine.connect().execution_options(reads_only=True) as reader:
        reader.execute(sa.select(Submission.id)).all()
        erase_all()
        assert models_engine.overwrite_freed(db.engine) is False
    assert models_engine.overwrite_freed(db.engine) is True
    db.engine.dispose()


def test_staff_read_in_plain_words_that_it_was_erased_when_and_why(whole, ada):
    erase_all()
    page = ada.visit(f"/staff/submissions/{whole.reference}")
    assert page.status == 200
    assert f"What the patient told us was erased on {now():%m/}" in page.text
    assert WHY["retention"] in page.text
    assert "The intake that went with it is" in page.text
    assert not page.soup.select("main form:not([data-stay])")


def test_the_lists_of_things_to_do_leave_it_out_and_the_list_of_all_says_so(whole, ada):
    erase_all()
    assert "There is nothing in this list." in ada.visit("/staff/").text
    page = ada.visit("/staff/?view=all")
    rows = [row.get_text(" ", strip=True) for row in page.soup.select("tbody tr")]
    assert len(rows) == 2
    assert all("Erased on" in row for row in rows)
    assert not page.soup.select("tbody input")


def test_it_is_found_by_its_reference_and_by_nothing_that_the_patient_said(whole, ada):
    erase_all()
    box = ada.visit("/staff/")
    for typed in ("Siobh", "siobhan@example.org", "612-555-0187", "3/31/1975"):
        assert "Nothing matches." in box.submit("form[action$=search]", q=typed).text
    assert "erased" in box.submit("form[action$=search]", q=whole.reference).text


@pytest.mark.parametrize("act", ["status", "assign", "notes", "hold", "schedule"])
def test_nobody_changes_what_is_erased(whole, ada, act):
    page = ada.visit(f"/staff/submissions/{whole.reference}")
    erase_all()
    answer = page.submit(f"form[action$='/{act}']", text="Late.", status="closed")
    assert "was erased on" in answer.text
    assert counts()["notes"] == 0
    row = db.session.get(Submission, whole.id)
    assert (row.status, row.view) == ("new", "erased")
    db.session.rollback()


def test_ticking_it_in_a_list_changes_nothing(whole, ada):
    page = ada.visit("/staff/?view=all")
    erase_all()
    chosen = page.soup.select_one("[name=chosen]")["value"]
    answer = page.submit("main form[action*=several]", chosen=[chosen], status="closed")
    assert "1 not changed" in answer.text


def test_the_links_that_a_patient_has_say_that_it_is_erased(app, bob):
    received = an_appointment(bob)
    request = submissions()[0]
    with app.test_request_context():
        link = link_in(("", {"link": request_link(request)}))
    links = [received.path, f"{received.path}/copy", link, f"{link}/cancel", f"{link}/times"]
    erase_all()
    for path in (*links, f"{link}/appointment.ics"):
        page = bob.visit(path)
        assert (page.status, "What you sent is erased" in page.text) == (410, True), path


def test_an_intake_takes_over_nothing_from_an_erased_request(app, bob):
    received = an_appointment(bob)
    start = next(a["href"] for a in received.soup.select("a") if "intake" in a.get_text())
    bob.visit(start)
    erase_all()
    an_intake(bob, start)
    intake = submissions()[0]
    assert (intake.kind, intake.follows) == ("intake", None)
    assert intake.answers["full_name"] == "Siobhán O'Brien-Núñez"


def test_a_browser_that_sent_it_can_send_a_new_one(app, bob):
    an_appointment(bob)
    erase_all()
    assert "You sent this form on" not in bob.visit("/appointment/").text
    an_appointment(bob)
    assert len(submissions()) == 2
    assert db.session.scalar(sa.select(sa.func.count(Draft.id))) == 1
    db.session.rollback()
