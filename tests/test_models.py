"""The database keeps what it was given: settings, locks, constraints and migrations."""

import shutil
import threading
from contextvars import Context
from datetime import date, datetime, timedelta, timezone

import flask_migrate
import pytest
import sqlalchemy as sa
from alembic.script import ScriptDirectory
from alembic.util import CommandError

import models_engine
from models import Model, Submission, WeeklyCount, db, new_reference, now, only_read
from models_drafts import Draft
from models_events import log
from people import submissions
from settings import ROOT
from troubles import immutable
from vault import VaultError


def is_sqlite():
    return db.engine.dialect.name == "sqlite"


def test_a_pooled_connection_has_the_settings_that_survive_a_power_cut(app):
    if not is_sqlite():
        pytest.skip("these are SQLite's settings")
    expected = {
        "journal_mode": "wal",
        "synchronous": 2,
        "foreign_keys": 1,
        "busy_timeout": 5000,
        "trusted_schema": 0,
        "cell_size_check": 1,
        "secure_delete": 1,
    }
    if not models_engine.wal_is_safe(models_engine.sqlite.sqlite_version_info):
        expected |= {"journal_mode": "delete", "synchronous": 3}
    with db.engine.connect() as connection:
        for name, value in expected.items():
            assert connection.exec_driver_sql(f"PRAGMA {name}").scalar() == value, name


def test_a_connection_that_can_only_read_is_not_used_again(app):
    """Such a one SQLite opens while the file is read-only, and keeps so when that is over."""
    if not is_sqlite():
        pytest.skip("PostgreSQL's connections do not depend on a file")
    log("sys_startup")
    db.session.connection().exec_driver_sql("PRAGMA query_only=ON")
    with pytest.raises(sa.exc.OperationalError, match="readonly"):
        db.session.commit()
    db.session.rollback()
    log("sys_startup")
    db.session.commit()


def test_a_connection_from_when_nothing_could_be_written_is_replaced_before_it_fails(app):
    if not is_sqlite():
        pytest.skip("PostgreSQL's connections do not depend on a file")
    db.engine.dispose()
    with immutable(db.engine.url.database), db.engine.connect() as connection:
        connection.execution_options(reads_only=True).exec_driver_sql("SELECT 1")
    log("sys_startup")
    db.session.commit()


@pytest.mark.parametrize(
    ("version", "safe"),
    [
        ((3, 40, 1), False),
        ((3, 44, 5), False),
        ((3, 44, 6), True),
        ((3, 45, 0), False),
        ((3, 50, 6), False),
        ((3, 50, 7), True),
        ((3, 51, 2), False),
        ((3, 51, 3), True),
        ((3, 52, 0), False),
        ((3, 53, 4), True),
    ],
)
def test_wal_is_refused_on_a_version_that_may_corrupt_it(version, safe):
    assert models_engine.wal_is_safe(version) is safe
    pragmas = models_engine.sqlite_pragmas(version)
    assert (pragmas["journal_mode"], pragmas["synchronous"]) == (
        ("WAL", "FULL") if safe else ("DELETE", "EXTRA")
    )


def test_a_hundred_changes_at_once_lose_none(app):
    """Four threads read a number, add one and write it, 25 times each."""
    db.session.add(Draft(id="d", flow="appointment", expires_at=now(), answers={"count": 0}))
    db.session.commit()

    def count_up():
        for _ in range(25):
            with app.app_context():
                draft = db.session.scalar(sa.select(Draft).with_for_update())
                draft.answers = {"count": draft.answers["count"] + 1}
                db.session.commit()

    threads = [threading.Thread(target=Context().run, args=(count_up,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert db.session.scalar(sa.select(Draft)).answers == {"count": 100}


def test_a_reader_does_not_wait_for_a_writer(app):
    db.session.add(Draft(id="d", flow="appointment", expires_at=now(), answers={}))
    db.session.flush()

    def read():
        with app.app_context():
            only_read()
            return db.session.scalar(sa.select(sa.func.count(Draft.id)))

    assert Context().run(read) == 0


def test_an_orphan_is_refused(app):
    log("sensitive_read", submission=Submission(id="nobody"))
    with pytest.raises(sa.exc.IntegrityError):
        db.session.commit()
    db.session.rollback()


def test_one_draft_makes_one_submission_even_if_the_code_forgets(app, submission):
    twin = Submission(
        **{
            column.name: getattr(submission, column.name)
            for column in Submission.__table__.columns
            if column.name not in {"id", "reference"}
        },
        id="twin",
        reference=new_reference(),
    )
    db.session.add(twin)
    with pytest.raises(sa.exc.IntegrityError, match="draft_id"):
        db.session.commit()
    db.session.rollback()


@pytest.mark.parametrize("column", ["kind", "status", "urgency"])
def test_the_database_refuses_a_word_that_is_not_ours(app, submission, column):
    with pytest.raises(sa.exc.IntegrityError):
        db.session.execute(sa.text(f"UPDATE submissions SET {column} = 'eaten'"))
    db.session.rollback()


def test_an_error_of_the_database_does_not_quote_what_was_given(app):
    db.session.add(Draft(id="Siobhan", flow="appointment", expires_at=now(), answers_sealed=None))
    with pytest.raises(sa.exc.IntegrityError) as caught:
        db.session.commit()
    db.session.rollback()
    assert "parameters hidden" in str(caught.value)
    if is_sqlite():
        assert "Siobhan" not in str(caught.value)


def test_a_sealed_record_that_is_moved_to_another_row_does_not_open(app, bob, submission):
    moved = Submission(id="other", record_sealed=submission.record_sealed)
    with pytest.raises(VaultError):
        _ = moved.record


def test_moments_are_utc_on_both_sides_and_naive_ones_are_refused(app):
    chicago = timezone(timedelta(hours=-6))
    moment = datetime(2026, 11, 22, 20, 30, tzinfo=chicago)
    db.session.add(Draft(id="d", flow="appointment", expires_at=moment, answers={}))
    db.session.commit()
    found = db.session.scalar(sa.select(Draft.expires_at))
    assert found == moment
    assert found.utcoffset() == timedelta(0)
    naive = moment.replace(tzinfo=None)
    db.session.add(Draft(id="e", flow="appointment", expires_at=naive, answers={}))
    with pytest.raises(sa.exc.StatementError, match="time zone"):
        db.session.commit()
    db.session.rollback()


def test_an_expired_draft_is_not_found_and_goes(app):
    draft = Draft.start("appointment")
    draft.keep({"safety": {}})
    db.session.add(draft)
    db.session.flush()
    assert db.session.scalar(Draft.kept("appointment", draft.key)) is draft
    assert db.session.scalar(Draft.kept("intake", draft.key)) is None
    draft.expires_at = now() - timedelta(seconds=1)
    db.session.flush()
    assert db.session.scalar(Draft.kept("appointment", draft.key)) is None
    assert db.session.execute(Draft.expired()).rowcount == 1


def test_references_are_easy_to_read_out(app):
    references = [new_reference() for _ in range(200)]
    assert len(set(references)) == 200
    assert not set("ILOU") & set("".join(references))
    assert {len(reference) for reference in references} == {8}


NEXT = """
from alembic import op
revision, down_revision = "next", "{head}"
def change():
    with op.batch_alter_table("submissions", recreate="auto") as table:
        table.create_unique_constraint("uq_next", ["reference", "kind"])
upgrade = change
def downgrade():
    with op.batch_alter_table("submissions") as table:
        table.drop_constraint("uq_next")
"""


def test_a_table_that_others_refer_to_can_be_migrated_with_its_rows(app, submission, tmp_path):
    """SQLite makes the table anew for that, while events point to its rows."""
    folder = tmp_path / "migrations"
    shutil.copytree(ROOT / "migrations", folder)
    head = ScriptDirectory(str(folder)).get_current_head()
    (folder / "versions" / "next.py").write_text(NEXT.format(head=head))
    flask_migrate.upgrade(directory=str(folder))
    flask_migrate.downgrade(directory=str(folder), revision=head)
    assert submissions()[0].answers["full_name"] == "Siobhán O'Brien-Núñez"
    with db.engine.connect() as connection:
        if is_sqlite():
            assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1


def test_what_was_counted_by_month_is_kept_up_and_down(app):
    flask_migrate.downgrade(revision="0004")
    with db.engine.begin() as connection:
        table = sa.Table("flag_counts", sa.MetaData(), autoload_with=connection)
        rows = [("2026-10", "stroke-signs", 3, 2), ("2026-11", "stroke-signs", 1, 0)]
        connection.execute(table.insert().values(rows))
    flask_migrate.upgrade()
    found = db.session.execute(sa.select(WeeklyCount.what, WeeklyCount.week, WeeklyCount.number))
    assert sorted(found.all()) == [
        ("flag passed", date(2026, 10, 5), 2),
        ("flag shown", date(2026, 10, 5), 3),
        ("flag shown", date(2026, 11, 2), 1),
    ]
    db.session.rollback()
    flask_migrate.downgrade(revision="0004")
    with db.engine.begin() as connection:
        assert sorted(connection.execute(sa.select(table)).all()) == rows
    flask_migrate.upgrade()


def test_the_migrations_lead_up_down_and_up_and_match_the_models(app):
    flask_migrate.downgrade(revision="base")
    left = set(sa.inspect(db.engine).get_table_names())
    assert left <= {"alembic_version"}
    flask_migrate.upgrade()
    try:
        flask_migrate.check()
    except (CommandError, SystemExit) as error:
        pytest.fail(f"migrations and models differ: {error}")
    assert set(Model.metadata.tables) <= set(sa.inspect(db.engine).get_table_names())
    assert submissions() == []
