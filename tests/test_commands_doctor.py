"""The doctor says of each thing whether it is well, and what to do where it is not."""

from contextlib import closing
from contextvars import Context
from dataclasses import replace
from datetime import date, timedelta

import pytest
import sqlalchemy as sa
import time_machine

import commands_audit
import commands_doctor
from app import create_app
from conftest import private_folder
from content import library
from keeping import grow_old
from mail import mail_server
from models import db, now
from models_engine import sqlite
from models_events import Event, log
from serving import free_port
from settings import smtp_url
from signing_in import add_staff
from trail import unprotected


@pytest.fixture
def doctor(app):
    """Ask the doctor; return the exit status, and what is said of each thing."""

    def run(on=app):
        result = Context().run(on.test_cli_runner().invoke, args=["doctor"], catch_exceptions=False)
        db.session.rollback()
        lines = [line.split(maxsplit=2) for line in result.output.splitlines()]
        return result.exit_code, {name.rstrip(":"): (state, said) for state, name, said in lines}

    return run


def test_of_everything_there_is_one_line(doctor):
    status, said = doctor()
    assert list(said) == list(commands_doctor.CHECKS)
    assert {state for state, _words in said.values()} == {"ok", "warn"}
    assert status == 0


@pytest.mark.parametrize(
    ("settings", "name", "state", "words"),
    [
        ({"SITE_URL": "http://www.example.org"}, "address", "FAIL", "others can read what"),
        ({"SITE_URL": "https://www.example.org"}, "address", "warn", "TRUSTED_PROXIES is 0"),
        (
            {"SITE_URL": "https://www.example.org", "TRUSTED_PROXIES": 1},
            "address",
            "ok",
            "https://www.example.org",
        ),
        ({"DEMO": True}, "demo", "warn", "no place for patients"),
        ({"VAULT_KEYS": [bytes(range(32)), bytes(range(1, 33))]}, "secrets", "warn", "flask rekey"),
    ],
)
def test_a_setting_that_is_risky_is_told(app, doctor, monkeypatch, settings, name, state, words):
    for setting, value in settings.items():
        monkeypatch.setitem(app.config, setting, value)
    found = doctor()[1][name]
    assert found[0] == state
    assert words in found[1]


def test_a_mail_server_is_reached_without_a_letter(app, doctor, monkeypatch):
    with mail_server() as server:
        url = f"smtp://localhost:{server.port}?starttls=never"
        monkeypatch.setitem(app.config, "SMTP_URL", smtp_url(url))
        assert doctor()[1]["mail"] == ("ok", f"localhost:{server.port} takes letters")
        assert server.got == []
    status, said = doctor()
    assert said["mail"][0] == "FAIL"
    assert "takes no letters (ConnectionRefusedError)" in said["mail"][1]
    assert status == 1


def test_letters_that_failed_are_told(doctor, submission):
    assert doctor()[1]["letters"] == ("ok", "2 waiting, none failed")
    db.session.execute(sa.text("UPDATE letters SET state = 'failed'"))
    db.session.commit()
    status, said = doctor()
    assert said["letters"][1] == "2 could not be sent. To see why: .venv/bin/flask outbox list"
    assert status == 1


def test_a_database_without_tables_or_without_an_answer_is_told(app, doctor, tmp_path_factory):
    folder = private_folder(tmp_path_factory)
    status, said = doctor(create_app(INSTANCE_PATH=folder, DATABASE_URL="sqlite:///new.db"))
    assert said["migrations"][1].endswith("Type: .venv/bin/flask db upgrade")
    assert said["letters"][0] == "FAIL"
    assert status == 1
    nowhere = f"postgresql://nobody@127.0.0.1:{free_port()}/none"
    status, said = doctor(create_app(INSTANCE_PATH=folder, DATABASE_URL=nowhere))
    assert said["database"][1].startswith("it could not be looked at (")
    assert said["practice"][0] == "warn"
    assert status == 1


def test_a_clock_that_was_set_back_is_told(doctor):
    with time_machine.travel(now() + timedelta(hours=2), tick=False):
        log("sys_startup")
        db.session.commit()
    assert "the last event is later" in doctor()[1]["clock"][1]


def test_a_disk_that_fills_up_is_told(doctor, monkeypatch):
    monkeypatch.setattr(commands_doctor, "SOME", 10**18)
    assert doctor()[1]["disk"][0] == "warn"
    monkeypatch.setattr(commands_doctor, "LITTLE", 10**18)
    assert doctor()[1]["disk"][0] == "FAIL"


def test_a_damaged_database_is_told(doctor):
    if db.engine.dialect.name != "sqlite":
        pytest.skip("PostgreSQL looks at its pages itself")
    assert doctor()[1]["damage"] == ("ok", "none found")
    with closing(sqlite.connect(db.engine.url.database)) as careless:
        careless.execute("INSERT INTO tokens (mark, place) VALUES (1, 1)")  # nobody's
        careless.commit()
    assert doctor()[1]["damage"][0] == "FAIL"


def test_a_broken_trail_is_told(doctor):
    for number in range(1, 6):
        log("sensitive_read", detail=f"number {number}")
        db.session.commit()
    assert doctor()[1]["trail"] == ("ok", "5 events, as they were written")
    with db.engine.begin() as connection, unprotected(connection):
        connection.execute(sa.update(Event).where(Event.id == 2).values(detail="number 9"))
    state, words = doctor()[1]["trail"]
    assert (state, "event 2 (sensitive_read" in words) == ("FAIL", True)


def test_of_a_long_trail_only_the_end_is_looked_at(doctor, monkeypatch):
    for number in range(1, 6):
        log("sensitive_read", detail=f"number {number}")
        db.session.commit()
    monkeypatch.setattr(commands_audit, "LONG", 3)
    said = ("ok", "the last 3 of 5 events. All: .venv/bin/flask audit verify")
    for changed, state in ((1, "ok"), (3, "FAIL")):
        with db.engine.begin() as connection, unprotected(connection):
            query = sa.update(Event).where(Event.id == changed).values(detail="number 9")
            connection.execute(query)
        found = doctor()[1]["trail"]
        assert found == said if state == "ok" else found[0] == state
    with db.engine.begin() as connection, unprotected(connection):
        connection.execute(sa.delete(Event).where(Event.id == 2))
    assert doctor()[1]["trail"] == ("FAIL", "it is broken: event 2 was removed.")


def test_staff_without_a_second_factor_are_told(app, doctor):
    assert doctor()[1]["staff"][1].startswith("nobody can sign in. Type:")
    add_staff(app, "ada@example.org", "handler")
    assert doctor()[1]["staff"] == ("ok", "1 with a second factor")
    add_staff(app, "rita@example.org", "reader", phone=False)
    state, words = doctor()[1]["staff"]
    assert (state, "rita@" in words, "ada@" in words) == ("warn", True, False)


def test_erasing_that_nobody_does_is_told(doctor, submission):
    assert doctor()[1]["erasures"] == ("ok", "0 to be erased")
    grow_old(5000)
    state, words = doctor()[1]["erasures"]
    assert (state, words[:10]) == ("warn", "1 are due,")


def test_content_with_a_fault_is_told(doctor):
    with time_machine.travel("2030-01-01T12:00:00Z", tick=False):
        status, said = doctor()
    assert "to fix. To see them: .venv/bin/flask content check" in said["content"][1]
    assert status == 1


def test_a_practice_with_its_own_phone_and_address_is_well(app, doctor, monkeypatch):
    own = replace(library().practice, phone="612-555-9999", email="office@spine.example.com")
    monkeypatch.setitem(app.extensions, "content", replace(library(), practice=own))
    assert doctor()[1]["practice"] == ("ok", "612-555-9999, office@spine.example.com")


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"security_contact_until": date(2026, 6, 1)}, "put a later day into security_contact"),
        ({"closed_on": (date(2026, 6, 1),)}, "put the next holidays into closed_on"),
    ],
)
def test_dates_that_run_out_are_told(app, doctor, monkeypatch, changed, words):
    assert doctor()[1]["dates"][0] == "ok"
    old = replace(library().practice, **changed)
    monkeypatch.setitem(app.extensions, "content", replace(library(), practice=old))
    state, said = doctor()[1]["dates"]
    assert (state, said.startswith(words)) == ("warn", True)
