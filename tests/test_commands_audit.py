"""`flask audit verify` finds the first place where the trail is not as it was written."""

from contextvars import Context

import pytest
import sqlalchemy as sa

import commands_audit
import models_rekey
from models import db, now
from models_events import Event, TrailHead, log
from trail import forget_the_last_event, unprotected
from vault import Vault


@pytest.fixture
def verify(app):
    """Run the command; return its exit status and the one line it says."""

    def run():
        result = Context().run(app.test_cli_runner().invoke, args=("audit", "verify"))
        db.session.rollback()
        return result.exit_code, result.output.strip()

    return run


@pytest.fixture
def five(app):
    """A trail of five events."""
    for number in range(1, 6):
        log("sensitive_read", detail=f"number {number}")
        db.session.commit()


def tamper(*statements):
    """Do what somebody with the database, and without the key, could do."""
    with db.engine.begin() as connection, unprotected(connection):
        for statement in statements:
            connection.execute(statement)


def change(number, **columns):
    return sa.update(Event).where(Event.id == number).values(**columns)


def remove(*numbers):
    return sa.delete(Event).where(Event.id.in_(numbers))


def forged(number, **columns):
    values = {"id": number, "at": now(), "name": "sensitive_list", "detail": "", "hash": "ab" * 32}
    return sa.insert(Event).values(**values | columns)


def test_a_whole_trail_is_counted(five, verify):
    assert verify() == (0, "ok: 5 events")


def test_an_empty_trail_is_whole(verify):
    assert verify() == (0, "ok: 0 events")


def test_looking_leaves_the_trail_as_it_is(five, verify):
    verify()
    assert verify() == (0, "ok: 5 events")


@pytest.mark.parametrize(
    "columns",
    [
        {"detail": "number 33"},
        {"name": "sensitive_list"},
        {"at": now()},
        {"hash": "ab" * 32},
        {"hash": "not a härsh"},
    ],
    ids=lambda columns: next(iter(columns)),
)
def test_a_changed_event_is_named(five, verify, columns):
    tamper(change(3, **columns))
    status, line = verify()
    assert status == 1
    assert line.startswith("Error: The audit trail is broken: event 3 (sensitive_")
    assert " was changed" in line
    assert "\n" not in line


@pytest.mark.parametrize(
    ("numbers", "words"),
    [
        ((1,), "event 1 was removed."),
        ((3,), "event 3 was removed."),
        ((2, 3, 4), "events 2 to 4 were removed."),
        ((5,), "its end is cut off: event 5 was the last, and now it is 4."),
        ((1, 2, 3, 4, 5), "its end is cut off: event 5 was the last, and now it is none."),
    ],
)
def test_removed_events_are_named(five, verify, numbers, words):
    tamper(remove(*numbers))
    assert verify() == (1, f"Error: The audit trail is broken: {words}")


def test_an_event_put_in_at_the_beginning_is_named(five, verify):
    tamper(forged(0))
    status, line = verify()
    assert status == 1
    assert "event 0 (sensitive_list" in line
    assert line.endswith("was put in.")


def test_an_event_put_in_at_the_end_is_named(five, verify):
    tamper(forged(6))
    assert "event 6 (sensitive_list" in verify()[1]


def test_a_copy_of_an_earlier_event_does_not_pass_for_a_later_one(five, verify):
    first = db.session.get(Event, 1)
    db.session.expunge(first)
    db.session.rollback()
    tamper(forged(6, at=first.at, name=first.name, detail=first.detail, hash=first.hash))
    assert "event 6" in verify()[1]


def test_two_events_that_changed_places_are_found(five, verify):
    tamper(change(2, id=99), change(3, id=2), change(99, id=3))
    assert "event 2 (sensitive_read" in verify()[1]


def test_a_cut_end_is_found_although_the_head_was_set_back(five, verify):
    third = db.session.get(Event, 3)
    back = sa.update(TrailHead).values(last_id=3, hash=third.hash)
    db.session.rollback()
    tamper(remove(4, 5), back)
    status, line = verify()
    assert status == 1
    assert "the record of its last event was changed; events may be missing at the end." in line


def test_an_event_of_a_history_that_was_given_up_does_not_pass(five, verify):
    """After a backup was put back, the trail goes on anew; what came before is rightly stamped."""
    before = row_of(TrailHead)
    log("sensitive_read")
    db.session.commit()
    given_up = row_of(Event, Event.id == 6)
    tamper(sa.update(TrailHead).values(**before))
    assert verify()[1].endswith("was put in at the end.")
    tamper(remove(6))
    log("sensitive_export")
    db.session.commit()
    assert verify() == (0, "ok: 6 events")
    tamper(remove(6), sa.insert(Event).values(**given_up))
    assert "the record of its last event was changed" in verify()[1]


def row_of(table, *where):
    found = db.session.execute(sa.select(table.__table__).where(*where)).mappings().one()
    db.session.rollback()
    return dict(found)


def test_a_head_that_is_gone_is_noticed(five, verify):
    row = row_of(TrailHead)
    tamper(sa.delete(TrailHead))
    assert verify()[1].endswith("the record of its last event is gone.")
    tamper(sa.insert(TrailHead).values(**row))


def test_a_trail_whose_key_does_not_open_says_so(five, app, verify, monkeypatch):
    monkeypatch.setitem(app.extensions, "vault", Vault([bytes(range(32))]))
    status, line = verify()
    assert status == 1
    assert "trail_head.key:1 was sealed with key " in line
    assert "which is not in VAULT_KEYS. Add that key, with a comma between" in line


def test_somebody_who_puts_in_a_key_of_his_own_is_found(five, app, verify, caplog):
    """He cannot seal it. Patients can send their forms nonetheless."""
    before = db.session.scalar(sa.select(TrailHead.key_sealed))
    db.session.rollback()
    his = Vault([bytes(range(32))]).seal("ab" * 32, "trail_head.key:1")
    tamper(sa.update(TrailHead).values(key_sealed=his))
    log("submission_created")
    db.session.commit()
    assert "the audit trail was tampered with" in caplog.text
    assert verify()[0] == 1
    tamper(sa.update(TrailHead).values(key_sealed=before))
    assert "event 6 (submission_created" in verify()[1]


def test_a_trail_is_checked_under_a_new_key_and_without_the_old_one(five, app, verify, monkeypatch):
    new, old = bytes(range(32)), app.extensions["vault"]
    monkeypatch.setitem(app.extensions, "vault", Vault([new, *app.config["VAULT_KEYS"]]))
    list(models_rekey.reseal())
    monkeypatch.setitem(app.extensions, "vault", Vault([new]))
    log("keys_changed")
    db.session.commit()
    assert verify() == (0, "ok: 6 events")
    monkeypatch.setitem(app.extensions, "vault", Vault([*app.config["VAULT_KEYS"], new]))
    list(models_rekey.reseal())
    app.extensions["vault"] = old


def test_long_trails_are_read_in_parts(five, verify, monkeypatch):
    monkeypatch.setattr(commands_audit, "BATCH", 2)
    monkeypatch.setattr(commands_audit, "LONG", 1)
    status, line = verify()
    assert status == 0
    assert line.endswith("ok: 5 events")


def test_the_trail_can_begin_anew_only_for_its_owner(five, verify):
    tamper(remove(1, 2, 3, 4, 5))
    assert verify()[0] == 1
    with db.engine.begin() as connection:
        forget_the_last_event(connection)
    assert verify() == (0, "ok: 0 events")
