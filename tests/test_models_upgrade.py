"""A site that began with the first release keeps everything through all updates, and back."""

from datetime import UTC, datetime

import flask_migrate
import pytest
import sqlalchemy as sa

import vault
from commands_audit import links
from models import Submission, db, place_at
from models_events import Event, TrailHead
from models_staff import User
from serving import a_place  # noqa: F401 (a fixture, asked for by its name)

FIRST = "0001"
AT = datetime(2026, 6, 1, 20, 30, 15, tzinfo=UTC)
RECORD = {"answers": {"details": {"full_name": "Siobhán O'Brien"}}, "shown": [], "assessment": {}}


def rows_of_the_first_release():
    """What its tables held, in an order that they can be filled in."""
    one, two = "a" * 32, "b" * 32
    common = {
        "kind": "appointment",
        "received_at": AT,
        "reply_due_at": AT,
        "form_version": "1",
        "consent_version": "1",
        "consented_at": AT,
    }
    user = {"id": 1, "email": "ada@example.org", "password": "x", "active": True}
    return {
        "drafts": [{"id": "c" * 64, "flow": "intake", "expires_at": AT, "answers_sealed": b"x"}],
        "roles": [{"id": 1, "name": "admin"}],
        "users": [{**user, "fs_uniquifier": "u", "must_change_password": False}],
        "roles_users": [{"user_id": 1, "role_id": 1}],
        "submissions": [
            {**common, "id": one, "draft_id": "d1", "reference": "7K3F9QRT", "status": "new"}
            | {"urgency": "today", "record_sealed": sealed(one)},
            {**common, "id": two, "draft_id": "d2", "reference": "7K3F9QRV", "status": "spam"}
            | {"urgency": "routine", "record_sealed": sealed(two)},
        ],
        "events": [
            {"id": 1, "at": AT, "name": "submission_created", "submission_id": one, "detail": ""},
            {"id": 2, "at": AT, "name": "sensitive_read", "user_id": 1, "submission_id": one}
            | {"detail": ""},
        ],
    }


def sealed(submission_id):
    return vault.current().seal(RECORD, f"submissions.record:{submission_id}")


def tables():
    """The tables as the database has them now."""
    found = sa.MetaData()
    found.reflect(db.engine)
    return found.tables


def fill():
    found = tables()
    with db.engine.begin() as connection:
        for name, rows in rows_of_the_first_release().items():
            for row in rows:
                connection.execute(sa.insert(found[name]), row)


def contents(columns):
    """What is in these columns of each table, whichever others there are."""
    found = tables()
    with db.engine.connect() as connection:
        return {
            name: sorted(connection.execute(sa.select(*(found[name].c[c] for c in wanted))).all())
            for name, wanted in columns.items()
        }


@pytest.fixture
def old_site(place):
    """A site with the tables and the rows of the first release."""
    with place.look():
        flask_migrate.upgrade(revision=FIRST)
        fill()
        yield


def test_everything_is_there_after_up_down_and_up(old_site):
    columns = {name: table.columns.keys() for name, table in tables().items()}
    del columns["alembic_version"]
    before = contents(columns)
    flask_migrate.upgrade()
    assert contents(columns) == before
    check_newest()
    flask_migrate.downgrade(revision=FIRST)
    assert contents(columns) == before
    assert {name: table.columns.keys() for name, table in tables().items()} == {
        **columns,
        "alembic_version": ["version_num"],
    }
    flask_migrate.upgrade()
    assert contents(columns) == before
    check_newest()


def test_rows_are_looked_through_after_a_step_and_not_at_every_start(place):
    with place.look():
        said = []
        sa.event.listen(db.engine, "before_cursor_execute", lambda *about: said.append(about[2]))
        flask_migrate.upgrade()
        assert ("PRAGMA foreign_key_check" in said) == (db.engine.dialect.name == "sqlite")
        said.clear()
        flask_migrate.upgrade()
        assert said
        assert "PRAGMA foreign_key_check" not in said


def check_newest():
    """What the code of today sees in it."""
    first, second = db.session.scalars(sa.select(Submission).order_by(Submission.reference))
    assert (first.record, second.record) == (RECORD, RECORD)
    assert (first.view, second.view) == ("todo", "spam")
    assert first.place >> 22 == place_at(AT) >> 22
    assert db.session.scalars(sa.select(User.email)).all() == ["ada@example.org"]
    assert len(list(links(db.session.scalar(sa.select(TrailHead))))) == 2
    assert db.session.scalar(sa.select(sa.func.count(Event.id))) == 2
    db.session.rollback()
