"""A new key takes over from the old one, whatever comes in between."""

import os
import shutil
import signal
from subprocess import DEVNULL
from threading import Event, Thread

import pytest
import sqlalchemy as sa

import commands_lock
from commands_jobs import Job
from commands_lock import WHY_NOT, keep_database
from conftest import private_folder
from models import Submission, db, only_read
from models_rekey import sealed_values
from models_search import Token
from people import an_appointment, an_intake, submissions
from serving import (
    Place,
    a_place,  # noqa: F401 (a fixture)
    free_port,
    kill,
    new_database,
    new_place,
    wait_for,
)
from settings import vault_keys, written_key
from vault import Vault, VaultError


def test_every_table_with_sealed_values_is_known(app):
    names = {f"{value.table}.{value.column}" for value in sealed_values()}
    columns = {
        f"{table.name}.{column.name}"
        for table in db.metadata.sorted_tables
        for column in table.columns
        if column.name.endswith("_sealed")
    }
    assert names == columns


def test_after_a_kill_it_goes_on_and_then_the_old_key_opens_nothing(place):
    assert place.flask("demo", "data", "600", DEMO="true").returncode == 0
    file = place.instance / "vault_keys"
    (old,) = vault_keys(file.read_text())
    process = place.start("rekey", stdout=DEVNULL, stderr=DEVNULL)
    try:
        with place.look():
            wait_for(lambda: sealed_with_other(old))
    finally:
        kill(process)
    new, left = vault_keys(file.read_text())
    assert (process.returncode, left) == (-signal.SIGKILL, old)
    done = place.flask_alone("rekey")
    assert (done.returncode, done.stderr) == (0, "")
    assert vault_keys(file.read_text()) == [new]
    assert place.flask("audit", "verify").stdout.startswith("ok: ")
    with place.look():
        check_all(Vault([new]), Vault([old]))


def sealed_with_other(key):
    """How many submissions another key than this one seals."""
    db.session.rollback()
    only_read()  # so that nobody who writes has to wait for us
    sealed = db.session.scalars(sa.select(Submission.record_sealed))
    return sum(not Vault([key]).is_current(value) for value in sealed)


def check_all(new, old):
    """Every submission opens with one key only, and is found by its marks under that key."""
    for submission in db.session.scalars(sa.select(Submission)):
        place = f"submissions.record:{submission.id}"
        answers = new.open(submission.record_sealed, place)["answers"]
        with pytest.raises(VaultError, match="not in VAULT_KEYS"):
            old.open(submission.record_sealed, place)
        email = next(step["email"] for step in answers.values() if "email" in step)
        mark = new.mark("email", email.casefold())
        places = db.session.scalars(sa.select(Token.place).where(Token.mark == mark)).all()
        assert submission.place in places


def test_it_changes_nothing_but_the_seals(app, flask, bob):
    an_appointment(bob)
    an_intake(bob)
    before = {s.id: (s.version, s.changed_at, s.record) for s in submissions()}
    keys = app.config["VAULT_KEYS"]
    status, output = flask("rekey")
    assert status == 0, output
    app.config["VAULT_KEYS"] = vault_keys((app.config["INSTANCE_PATH"] / "vault_keys").read_text())
    assert keys[0] not in app.config["VAULT_KEYS"]
    app.extensions["vault"] = Vault(app.config["VAULT_KEYS"])
    db.session.expire_all()
    assert {s.id: (s.version, s.changed_at, s.record) for s in submissions()} == before


def refused(place, *words):
    """Whether a command says that the site runs, wherever that would listen."""
    done = place.flask(*words, PORT=str(free_port()))
    return (done.returncode, done.stderr) == (1, f"Error: {WHY_NOT[True]}\n")


def test_nothing_is_replaced_under_a_site_that_runs(place, tmp_path):
    file = str(tmp_path / "site.backup")
    with place.serve() as one, place.serve():
        assert place.flask("backup", file).returncode == 0
        assert refused(place, "rekey")
        assert refused(place, "restore", file, "--replace")
        one.kill()
        assert refused(place, "rekey")  # the other still runs
        assert "," not in (place.instance / "vault_keys").read_text()
    assert place.flask("restore", file, "--replace").returncode == 0
    assert place.flask("rekey").returncode == 0


def test_nothing_is_replaced_under_workers_that_outlive_their_supervisor(place):
    with place.serve() as server:
        os.kill(server.process.pid, signal.SIGKILL)
        server.process.wait()
        assert refused(place, "rekey")


def test_nothing_is_replaced_under_a_site_on_another_machine(postgres, tmp_path_factory):
    one = new_place(tmp_path_factory, new_database(postgres))
    with one.serve():
        other = Place(private_folder(tmp_path_factory), one.database)
        shutil.copy(one.instance / "vault_keys", other.instance)
        assert refused(other, "rekey")
    assert other.flask("rekey").returncode == 0


def test_the_site_does_not_start_under_a_new_key_in_the_making(app, place):
    assert place.flask("db", "upgrade").returncode == 0
    with place.look(), commands_lock.hold(alone=True):
        done = place.flask_alone("serve", PORT=str(free_port()))
    assert (done.returncode, done.stderr) == (1, f"Error: {WHY_NOT[False]}\n")


def test_a_lock_that_the_database_forgot_is_taken_again(postgres, tmp_path_factory, monkeypatch):
    place, stop = new_place(tmp_path_factory, new_database(postgres)), Event()
    monkeypatch.setattr(commands_lock, "LOOK_EVERY", 0.05)
    thread = Thread(target=Job("locks", keep_database, 0.05).run, args=(place.app, stop))
    thread.start()
    try:
        with place.look():
            (first,) = wait_for(holders)
            db.session.execute(sa.select(sa.func.pg_terminate_backend(first)))
            wait_for(lambda: holders() not in ([], [first]))
    finally:
        stop.set()
        thread.join()


def holders():
    """The connections to this database that hold the lock."""
    db.session.rollback()
    here = "database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    query = f"SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted AND {here}"
    return db.session.scalars(sa.text(query)).all()


def test_keys_that_the_site_did_not_make_are_the_owners_to_change(place):
    one, two = (written_key(bytes([number, *range(31)])) for number in (1, 2))
    assert place.flask("db", "upgrade", VAULT_KEYS=one).returncode == 0
    done = place.flask("rekey", VAULT_KEYS=one)
    assert (done.returncode, "Put a new key in front of" in done.stderr) == (1, True)
    done = place.flask("rekey", VAULT_KEYS=f"{two},{one}")
    assert done.returncode == 0, done.stderr
    assert "take all keys but the first out of VAULT_KEYS" in done.stdout
