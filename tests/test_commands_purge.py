"""Erasing by command and by the running site: all that is due, nothing else, and in one piece."""

import os
import random
from contextvars import Context
from datetime import timedelta
from subprocess import DEVNULL
from threading import Event as Stop

import pytest
import sqlalchemy as sa
import time_machine

import commands_purge
import models_search
from commands_samples import sample
from keeping import DAY, counts, erased, grow_old, trail
from mail import deliver_due
from models import Submission, db, now, only_read
from models_drafts import Draft
from models_events import log
from models_letters import Letter
from models_notes import Note
from models_retention import NOTHING, RUN
from models_search import Token
from models_staff import User
from people import an_appointment, an_intake, submissions
from serving import Place, at_once, kill, new_place, wait_for


@pytest.fixture
def flask(app):
    """Run `flask purge`; return its exit status and what it printed."""

    def run(*words, on=app):
        result = Context().run(on.test_cli_runner().invoke, args=["purge", *words])
        db.session.rollback()
        return result.exit_code, result.output

    return run


@pytest.fixture
def three(bob):
    """References of an old request, an old one that is held, and an intake as old."""
    for _ in range(2):
        an_appointment(bob)
    an_intake(bob)
    intake, held, request = (row.shown_reference for row in submissions())
    grow_old(800)
    grow_old(0, held, hold=True)
    return request, held, intake


def plain(reference):
    return reference.replace("-", "")


def test_a_dry_run_lists_what_is_due_and_what_is_held_and_erases_nothing(flask, three):
    request, held, _intake = three
    status, output = flask("--dry-run")
    since = f"quiet since {now() - 800 * DAY:%Y-%m-%d}  kept for 730 days"
    assert (status, output.splitlines()) == (
        0,
        [
            f"erase  {request}  appointment  {since}",
            f"held  {held}  appointment  {since}",
            "1 would be erased, 1 are held. Nothing was done.",
        ],
    )
    assert erased() == set()
    assert trail(RUN) == []


def test_it_erases_what_is_due_with_one_event_for_each_and_one_for_all(flask, three):
    status, output = flask()
    words = "erased submissions: 1, unsent forms: 0, letters: 0, letter files: 0; held: 1"
    assert (status, output.splitlines()[-1]) == (0, words)
    assert erased() == {plain(three[0])}
    assert (trail("sensitive_delete"), trail(RUN)) == (["retention"], [words])
    assert flask()[1].splitlines()[-1].startswith("erased submissions: 0,")
    assert trail("sensitive_delete") == ["retention"]


def test_it_also_deletes_expired_forms_old_letters_and_old_files(app, flask):
    draft = Draft.start("intake")
    draft.keep({})
    draft.expires_at = now() - timedelta(minutes=1)
    letter = Letter.make("finish", {"to": "ana@example.org"}, None, 0)
    letter.state, letter.made_at = "sent", now() - 31 * DAY
    db.session.add_all([draft, letter])
    db.session.commit()
    folder = app.config["INSTANCE_PATH"] / "letters"
    folder.mkdir(exist_ok=True)
    old = (now() - 31 * DAY).timestamp()
    for name in (f"{'a' * 32}.eml", f".{'b' * 32}", "owners-own.eml"):
        (folder / name).write_text("To: ana@example.org")
        os.utime(folder / name, (old, old))
    (folder / f"{'c' * 32}.eml").write_text("new")
    assert "unsent forms: 1, letters: 1, letter files: 2;" in flask()[1]
    left = {path.name for path in folder.iterdir()}
    assert left >= {"owners-own.eml", f"{'c' * 32}.eml"}
    assert not left & {f"{'a' * 32}.eml", f".{'b' * 32}"}


def test_the_files_of_its_letters_go_with_a_submission(app, flask, submission):
    deliver_due()
    ids = db.session.scalars(sa.select(Letter.id)).all()
    files = [app.config["INSTANCE_PATH"] / "letters" / f"{letter}.eml" for letter in ids]
    db.session.rollback()
    assert files
    assert all(file.exists() for file in files)
    grow_old(731)
    assert flask()[0] == 0
    assert not any(file.exists() for file in files)


def test_other_days_can_be_set(app, flask, submission, monkeypatch):
    grow_old(100)
    monkeypatch.setitem(app.config, "RETENTION_DAYS", {"appointment": 99, "intake": 2555})
    flask()
    assert erased() == {submission.reference}


def test_the_command_fails_in_one_line_while_the_journal_keeps_old_pages(flask, monkeypatch):
    monkeypatch.setattr(commands_purge.models_engine, "overwrite_freed", lambda _engine: False)
    status, output = flask()
    assert (status, output.splitlines()[-1]) == (1, f"Error: {commands_purge.STILL_READ}")


def test_the_site_does_it_once_a_day(app, three):
    for _ in range(2):
        commands_purge.once_a_day(Stop())
    assert erased() == {plain(three[0])}
    assert len(trail(RUN)) == 1


def test_the_site_does_it_again_the_next_day(app, three):
    with time_machine.travel(now() - DAY):
        log(RUN, detail="yesterday")
        db.session.commit()
    commands_purge.once_a_day(Stop())
    assert len(trail(RUN)) == 2
    assert erased() == {plain(three[0])}


def test_a_site_that_is_to_stop_ends_after_the_batch_in_hand(app, bob, monkeypatch):
    monkeypatch.setattr("models_retention.BATCH", 1)
    an_appointment(bob), an_appointment(bob)
    grow_old(731)
    stop = Stop()
    stop.set()
    assert list(commands_purge.erase_due(stop)) == [1]
    commands_purge.once_a_day(stop)
    assert trail(RUN) == []


def test_the_running_site_erases_by_itself_and_two_of_them_do_it_once(tmp_path_factory):
    place = new_place(tmp_path_factory)
    assert place.flask("db", "upgrade").returncode == 0
    with place.look():
        add_old(1)
    with place.serve() as server:
        wait_for(lambda: runs_at(place))
        assert server.stop() == 0
    with place.serve(server.port) as again:
        wait_for(lambda: "Ctrl+C" in again.output)
        assert again.stop() == 0
    with place.look():
        assert len(erased()) == 1
        assert len(trail(RUN)) == 1


def runs_at(place):
    with place.look():
        only_read()
        return trail(RUN)


MANY = 200


def test_a_purge_that_is_killed_leaves_each_submission_whole_or_erased(app):
    place = Place(app.config["INSTANCE_PATH"], app.config["DATABASE_URL"])
    add_old(MANY)
    with place.start("purge", stdout=DEVNULL, stderr=DEVNULL) as process:
        wait_for(lambda: only_read() or erased())
        kill(process)
    gone = erased()
    assert 0 < len(gone) <= MANY
    for row in db.session.scalars(sa.select(Submission)):
        left = [has(Note, Note.submission_id == row.id), has(Token, Token.place == row.place)]
        if row.reference in gone:
            assert (row.record, left) == (NOTHING, [False, False])
        else:
            assert row.answers["full_name"]
            assert (left, row.view) == ([True, True], "todo")
    db.session.rollback()
    assert len(trail("sensitive_delete")) == len(gone)
    assert place.flask("purge").returncode == 0
    assert len(erased()) == MANY
    assert counts() == {"tokens": 0, "notes": 0, "letters": 0, "drafts": 0, "submissions": MANY}


def test_two_at_once_erase_each_submission_once(app):
    place = Place(app.config["INSTANCE_PATH"], app.config["DATABASE_URL"])
    add_old(MANY)
    runs = at_once([lambda: place.flask_alone("purge")] * 2)
    assert [run.returncode for run in runs] == [0, 0], [run.stderr for run in runs]
    assert len(erased()) == MANY
    assert trail("sensitive_delete") == ["retention"] * MANY
    assert sum(int(words.split(",")[0].split()[-1]) for words in trail(RUN)) == MANY


def has(table, its):
    return db.session.scalar(sa.select(sa.exists().select_from(table).where(its)))


def add_old(count):
    """Add requests, each with a note, that nobody has touched for 1,000 days."""
    author = User(email="ada@example.org", password="", active=True, fs_uniquifier="x")
    db.session.add(author)
    db.session.flush()
    chance = random.Random(count)
    for number in range(count):
        row = sample(chance, 1000 * DAY, ())[0].submission
        row.status, row.scheduled_for, row.hold = "new", None, False
        db.session.add(row)
        db.session.flush()
        models_search.index(row, row.answers, ())
        note = Note(id=f"{number:032}", submission_id=row.id, user_id=author.id, at=row.received_at)
        note.text = "Called back."
        db.session.add(note)
    db.session.commit()
