"""The audit trail is only ever added to, and its chain holds however many write at once."""

import ast
import threading
from contextvars import Context
from datetime import UTC, datetime

import flask_migrate
import pytest
import sqlalchemy as sa

import models_retention
from models import Submission, db
from models_events import ACTS, Event, TrailHead, log
from serving import wait_for
from settings import ROOT
from signing_in import add_staff
from trail import unprotected


def trail():
    """Every event in its order, with no transaction left open behind them."""
    found = db.session.scalars(sa.select(Event).order_by(Event.id)).all()
    db.session.expunge_all()
    db.session.rollback()
    return found


def head_of_trail():
    found = db.session.scalar(sa.select(TrailHead))
    db.session.expunge(found)
    db.session.rollback()
    return found


def is_whole():
    """Whether each event follows from the one before, and the head knows the last."""
    head, before = head_of_trail(), Event(id=0, hash="")
    for event in trail():
        if event.id != before.id + 1 or not event.follows(before.hash, head.key):
            return False
        before = event
    return head.stands and (head.last_id, head.hash) == (before.id, before.hash)


def do(*names):
    for name in names:
        log(name)
        db.session.commit()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE events SET detail = 'nothing'",
        "UPDATE events SET hash = 'x' WHERE id = 2",
        "DELETE FROM events WHERE id = 2",
        "DELETE FROM events",
        "DELETE FROM trail_head",
    ],
)
def test_the_database_refuses_to_change_or_remove_an_event(app, statement):
    do("sensitive_read", "sensitive_list")
    with pytest.raises(sa.exc.IntegrityError, match=r"only ever added|stays"):
        db.session.execute(sa.text(statement))
    db.session.rollback()
    assert [event.name for event in trail()] == ["sensitive_read", "sensitive_list"]
    assert is_whole()


def test_the_database_refuses_to_put_one_event_in_the_place_of_another(app):
    """SQLite's REPLACE removes a row and asks no trigger for that; PostgreSQL has TRUNCATE."""
    do("sensitive_read")
    statement = (
        "INSERT OR REPLACE INTO events (id, at, name, detail, hash) SELECT id, at, 'x', '', hash "
        "FROM events"
    )
    if db.engine.dialect.name == "postgresql":
        statement = "TRUNCATE events"
    with pytest.raises(sa.exc.IntegrityError, match="only ever added"):
        db.session.execute(sa.text(statement))
    db.session.rollback()
    assert is_whole()


def test_a_transaction_that_is_rolled_back_leaves_no_event(app):
    log("sensitive_read")
    db.session.rollback()
    log("sensitive_list")
    db.session.commit()
    assert [event.name for event in trail()] == ["sensitive_list"]


def test_what_was_done_before_a_savepoint_is_not_forgotten_with_it(app):
    log("sensitive_read")
    db.session.begin_nested().rollback()
    with db.session.begin_nested():
        log("sensitive_list")
    assert trail() == []
    log("sensitive_read")
    db.session.begin_nested().rollback()
    db.session.commit()
    assert [event.name for event in trail()] == ["sensitive_read"]


def test_many_who_write_at_once_make_one_chain(app):
    """Each thread also changes a row of its own first, as requests do."""
    start = threading.Barrier(6)

    def work():
        start.wait()
        for _ in range(20):
            with app.app_context():
                log("sensitive_read")
                log("sensitive_list")
                db.session.commit()

    run_at_once([work] * 6)
    assert len(trail()) == 240
    assert is_whole()


def test_who_views_a_submission_that_another_changes_waits_and_both_are_done(app, submission):
    """One holds the row and then adds an event; the others' events refer to that row.

    If they took the head first, PostgreSQL would have to end somebody for a deadlock.
    """
    done = []

    def view():
        with app.app_context():
            log("sensitive_read", submission=submission)
            db.session.commit()
            done.append("view")

    query = Submission.with_reference(submission.reference).with_for_update()
    found = db.session.scalar(query)
    threads = [threading.Thread(target=Context().run, args=(view,)) for _ in range(3)]
    for thread in threads:
        thread.start()
    if db.engine.dialect.name == "postgresql":
        wait_for(lambda: waiting() == 3)
    found.status = "contacted"
    log("status_changed", submission=found)
    db.session.commit()
    for thread in threads:
        thread.join()
    assert done == ["view"] * 3
    assert is_whole()


def waiting():
    """How many transactions wait for another one on PostgreSQL."""
    query = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    with db.engine.connect() as connection:
        return connection.exec_driver_sql(query).scalar()


def run_at_once(jobs):
    threads = [threading.Thread(target=Context().run, args=(job,)) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_events_from_before_the_chain_become_its_beginning(app):
    user = add_staff(app, "ada@example.org", "handler")
    user_id, at = user.id, datetime(2026, 6, 1, 12, 30, 0, 42, UTC)
    db.session.remove()
    flask_migrate.downgrade(revision="0007")
    statement = sa.text(
        "INSERT INTO events (id, at, name, user_id, detail) VALUES (:i,:a,:n,:u,:d)"
    )
    statement = statement.bindparams(sa.bindparam("a", type_=sa.DateTime(timezone=True)))
    rows = [(3, "sensitive_list", user_id, ""), (7, "status_changed", None, "new to “closed”")]
    db.session.execute(
        statement, [{"i": i, "a": at, "n": name, "u": u, "d": d} for i, name, u, d in rows]
    )
    db.session.commit()
    flask_migrate.upgrade()
    do("sensitive_read")
    first, second, third = trail()
    assert (first.id, second.id, third.id) == (3, 7, 8)
    assert first.at == at
    key = head_of_trail().key
    assert first.follows("", key)
    assert second.follows(first.hash, key)
    assert third.follows(second.hash, key)


def test_a_cut_end_is_not_covered_up_by_going_on(app, caplog):
    """Whoever cuts the end off and sets the head back cannot seal it, nor does the site for him."""
    do("sensitive_read", "sensitive_list", "sensitive_export")
    first, *_others = trail()
    with db.engine.begin() as connection, unprotected(connection):
        connection.execute(sa.delete(Event).where(Event.id > first.id))
        connection.execute(sa.update(TrailHead).values(last_id=first.id, hash=first.hash))
    do("sensitive_read")
    assert [event.id for event in trail()] == [1, 2]
    assert not is_whole()
    assert "the audit trail was tampered with" in caplog.text


def test_one_event_costs_three_statements_or_fewer_per_row_it_refers_to(app, submission):
    said = []
    sa.event.listen(db.engine, "before_cursor_execute", lambda *args: said.append(args[2]))
    try:
        do("sensitive_read")
    finally:
        db.engine.dispatch.before_cursor_execute.clear()
    commands = [statement.split()[0] for statement in said if "PRAGMA" not in statement]
    assert [word for word in commands if word != "BEGIN"] == ["SELECT", "INSERT", "UPDATE"]


def test_the_events_that_the_code_logs_are_those_that_the_activity_page_has_words_for():
    names = {
        one.value
        for path in ROOT.glob("*.py")
        for call in ast.walk(ast.parse(path.read_text()))
        if isinstance(call, ast.Call) and ast.unparse(call.func).split(".")[-1] == "log"
        for one in ast.walk(call.args[0])  # a name may depend on a condition
        if isinstance(one, ast.Constant) and isinstance(one.value, str)
    }
    assert names | {models_retention.RUN} == set(ACTS)
