"""A backup holds all there was at one moment, tells a thief nothing, and comes back whole."""

import hashlib
import os
import re
import shutil
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from contextvars import Context
from pathlib import Path

import pytest
import sqlalchemy as sa

import models_backup
from app import create_app
from commands_backup import OCCUPIED
from conftest import private_folder
from models import Submission, db
from pages import Person
from people import an_appointment, an_intake, submissions
from vault import Vault
from vault_files import SUM_BYTES, read_about


@pytest.fixture
def flask(app):
    """Run a command; return its exit status and what it printed."""

    def run(*words, on=app):
        result = Context().run(on.test_cli_runner().invoke, args=[str(word) for word in words])
        db.session.rollback()
        return result.exit_code, result.output

    return run


@pytest.fixture
def file(tmp_path):
    return tmp_path / "site.backup"


def everything():
    """Every row of every table."""
    with db.engine.connect() as connection:
        return {
            table.name: set(connection.execute(sa.select(table)).all())
            for table in db.metadata.sorted_tables
            if table.name not in {"events", "trail_head"}
        }


def test_a_backup_comes_back_as_it_was_and_what_it_replaced_is_kept(app, flask, bob, file):
    an_appointment(bob)
    an_intake(bob)
    before = everything()
    status, output = flask("backup", file)
    assert (status, output.count("ok: 2 submissions in")) == (0, 1), output
    an_appointment(bob)
    status, output = flask("restore", file, "--replace")
    assert status == 0, output
    assert "ok: 2 submissions, as they were at" in output
    assert everything() == before
    kept = Path(output.split("What was there is kept in ")[1].splitlines()[0])
    status, output = flask("restore", kept, "--replace")
    assert status == 0, output
    assert len(submissions()) == 3


def test_a_copy_that_a_power_cut_has_left_is_removed_by_the_next_backup(app, flask, file):
    old, new = (app.config["INSTANCE_PATH"] / f"working-{name}" for name in ("old", "new"))
    for folder in (old, new):
        folder.mkdir()
        (folder / "copy").touch()
    os.utime(old, (0, 0))
    assert flask("backup", file)[0] == 0
    assert (old.exists(), new.exists()) == (False, True)
    shutil.rmtree(new)


def test_a_backup_is_for_its_owner_only_and_tells_a_thief_nothing(app, flask, bob, file):
    an_appointment(bob)
    flask("backup", file)
    data = file.read_bytes()
    assert file.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in file.parent.iterdir()] == [file.name]
    answers = submissions()[0].answers
    for word in (answers["full_name"], answers["email"], answers["phone"][-4:], "submissions.id"):
        assert word.encode() not in data[data.index(b"\n") :]


def test_a_backup_taken_among_senders_is_of_one_moment(app, flask, file):
    """Each request comes with one event; a copy from two moments would have more of one."""
    with ThreadPoolExecutor(5) as pool:
        senders = [pool.submit(send_some, app) for _ in range(4)]
        outputs = [flask("backup", file.with_name(f"{number}.backup")) for number in range(4)]
        assert [sender.result() for sender in senders] == [None] * 4
    assert [status for status, _output in outputs] == [0] * 4, outputs
    for number in range(4):
        rows = read_about(file.with_name(f"{number}.backup"))["rows"]
        assert rows["letters"] == 2 * rows["submissions"]
    assert flask("restore", file.with_name("3.backup"), "--replace")[0] == 0
    assert len(submissions()) == rows["submissions"]


def send_some(app):
    with app.app_context():
        for _ in range(3):
            an_appointment(Person(app.test_client()))


def damage(data, where):
    return data[:where] + bytes([data[where] ^ 1]) + data[where + 1 :]


def told(data, name, value):
    """The same whose first line says something else, without its sum."""
    return re.sub(b'(?<="%s": ")' % name, value, data, count=1)[:-SUM_BYTES]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda data: damage(data, len(data) // 2), "is damaged: its sum is wrong. Use another"),
        (lambda data: data[:-1], "is damaged"),
        (lambda data: data + b"x", "is damaged"),
        (lambda data: summed(damage(data[:-SUM_BYTES], len(data) // 2)), "was changed or moved"),
        (lambda data: summed(data[: data.index(b"\n") + 1]), "has no contents"),
        (lambda data: summed(told(data, b"revision", b"9")), "newer version"),
        (lambda _data: b"", "is not a backup of this site"),
        (lambda _data: b"[]\n", "is not a backup of this site"),
        (lambda _data: b'{"format": 2}\n', "was made by another version of the site"),
        (lambda data: summed(told(data, b"engine", b"x")), "is from x"),
    ],
)
def test_what_is_no_whole_backup_changes_nothing(app, flask, bob, file, change, says):
    an_appointment(bob)
    flask("backup", file)
    file.write_bytes(change(file.read_bytes()))
    before, files = everything(), set(app.config["INSTANCE_PATH"].iterdir())
    status, output = flask("restore", file, "--replace")
    assert status == 1
    assert output.splitlines()[-1].startswith("Error: ")
    assert says in output
    assert everything() == before
    assert set(app.config["INSTANCE_PATH"].iterdir()) == files


def summed(data):
    """The same with a sum that is right, as somebody would make it who wants to deceive us."""
    return data + hashlib.sha256(data).digest()


WRITABLE = "PRAGMA writable_schema = ON; "
LOST = "DELETE FROM sqlite_schema WHERE name = 'ix_events_at'"  # and its pages are nobody's
UNREADABLE = "UPDATE sqlite_schema SET rootpage = 4 WHERE name = 'ix_events_at'"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ("DELETE FROM letters", "letters: 2 rows were kept, and 0 are in it. Use another"),
        ("UPDATE letters SET submission_id = 'nobody'", "The database in it is damaged."),
        (WRITABLE + LOST, "The database in it is damaged."),
        (WRITABLE + UNREADABLE, "The database in it is damaged."),
    ],
)
def test_a_backup_of_a_database_that_was_damaged_before_changes_nothing(
    app, flask, bob, file, monkeypatch, change, says
):
    if db.engine.dialect.name != "sqlite":
        pytest.skip("PostgreSQL checks a copy as it reads it")
    an_appointment(bob)

    def take(engine, path):
        about = sound(engine, path)
        with closing(sqlite3.connect(path)) as copy:
            copy.executescript(change)
        return about

    sound = models_backup.take
    monkeypatch.setattr(models_backup, "take", take)
    assert flask("backup", file)[0] == 0
    before = everything()
    status, output = flask("restore", file, "--replace")
    assert status == 1
    assert output.splitlines()[-1].startswith(f"Error: {says}")
    assert everything() == before


def test_nothing_is_put_in_the_place_of_data_unless_asked_to(app, flask, bob, file):
    an_appointment(bob)
    flask("backup", file)
    before = everything()
    assert flask("restore", file) == (1, f"Error: {OCCUPIED}\n")
    assert everything() == before


def test_a_file_that_is_there_is_not_overwritten_and_one_that_is_not_is_said(flask, file):
    assert flask("restore", file) == (1, f"Error: {file} is not there.\n")
    file.write_text("mine")
    assert flask("backup", file) == (1, f"Error: {file} is there already. Choose another name.\n")
    missing = file.parent / "no" / "site.backup"
    status, output = flask("backup", missing)
    assert (status, output.splitlines()[-1][:7]) == (1, "Error: ")
    assert file.read_text() == "mine"


def test_on_another_machine_a_backup_needs_its_key(app, flask, bob, file, tmp_path_factory):
    if db.engine.dialect.name != "sqlite":
        pytest.skip("needs a second database")
    an_appointment(bob)
    flask("backup", file)
    folder = private_folder(tmp_path_factory)
    other = create_app(DATABASE_URL="sqlite:///site.db", INSTANCE_PATH=folder)
    status, output = flask("restore", file, on=other)
    assert (status, "which is not in VAULT_KEYS" in output) == (1, True)
    shutil.copy(app.config["INSTANCE_PATH"] / "vault_keys", folder)
    other = create_app(DATABASE_URL="sqlite:///site.db", INSTANCE_PATH=folder)
    status, output = flask("restore", file, on=other)
    assert (status, "ok: 1 submissions" in output) == (0, True), output
    with other.app_context():
        assert db.session.scalar(sa.select(sa.func.count(Submission.id))) == 1
        db.session.remove()
        db.engine.dispose()


def test_a_backup_of_which_not_all_opens_names_the_key_that_is_missing(app, flask, bob, file):
    an_appointment(bob)
    an_appointment(bob)
    first = submissions()[-1]  # not the newest
    other = Vault([bytes(range(32))])
    sealed = other.seal(first.record, f"submissions.record:{first.id}")
    this = sa.update(Submission).where(Submission.id == first.id)
    db.session.execute(this.values(record_sealed=sealed))
    db.session.commit()
    flask("backup", file)
    status, output = flask("restore", file, "--replace")
    assert status == 1
    assert f"not all of it opens: VAULT_KEYS lacks {other.current_id.hex()}." in output
