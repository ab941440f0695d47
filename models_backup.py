"""Copies of the whole database, taken while others use it, and put back.

SQLite copies by its own backup interface, PostgreSQL by `pg_dump` and `psql`. Either way a copy is
how the database was at one moment, and putting it back happens in one transaction.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import URL, Engine

import models_engine
from models import Model

EMPTY = "DROP SCHEMA IF EXISTS public CASCADE"


class BackupError(Exception):
    """What kept a copy from being taken or put back, and what to do, in a sentence."""


def take(engine: Engine, path: Path) -> dict[str, Any]:
    """Copy the database into a new file; return what the copy is about.

    That is its engine, the revision of its tables and how many rows each has.
    """
    path.touch(mode=0o600)
    copy = take_sqlite if engine.dialect.name == "sqlite" else take_postgresql
    return {"engine": engine.dialect.name, **copy(engine, path)}


def take_sqlite(engine: Engine, path: Path) -> dict[str, Any]:
    """Copy in one step, so that writers who come meanwhile do not make it begin again."""
    with connected(engine.url.database) as live, connected(path) as copy:
        live.backup(copy, pages=-1)
    with opened(path) as copy:
        return contents(copy)


def take_postgresql(engine: Engine, path: Path) -> dict[str, Any]:
    """Let `pg_dump` see exactly what we count."""
    with engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection:
        snapshot = connection.scalar(sa.text("SELECT pg_export_snapshot()"))
        about = contents(connection)
        keep = ["--no-owner", "--no-privileges", "--schema=public", f"--snapshot={snapshot}"]
        run(engine.url, "pg_dump", [*keep, f"--file={path}"])
    return about


def put(engine: Engine, path: Path) -> None:
    """Replace all there is in the database by a copy, at one moment."""
    engine.dispose()
    if engine.dialect.name == "sqlite":
        with connected(path) as copy, connected(engine.url.database) as live:
            copy.backup(live, pages=-1)
    else:
        once = ["--no-psqlrc", "--quiet", "--single-transaction", "--set=ON_ERROR_STOP=1"]
        run(engine.url, "psql", [*once, f"--command={EMPTY}", f"--file={path}"])


def check(engine: Engine, path: Path, about: dict[str, Any]) -> None:
    """Look into a SQLite copy before it is put back. PostgreSQL checks one as it reads it.

    Raises `BackupError` for whatever is not as it was when the copy was taken.
    """
    if engine.dialect.name == "sqlite":
        with opened(path) as copy:
            check_whole(copy, about)


def check_whole(connection: sa.Connection, about: dict[str, Any]) -> None:
    """Raise `BackupError` unless the database is sound and has the rows that it should."""
    if connection.dialect.name == "sqlite" and not is_sound(connection):
        raise BackupError("The database in it is damaged. Use another backup.")
    found = contents(connection)
    for table, count in about["rows"].items():
        if found["rows"].get(table) != count:
            raise BackupError(
                f"{table}: {count} rows were kept, and {found['rows'].get(table, 0)} are in it. "
                "Use another backup."
            )


def is_sound(connection: sa.Connection) -> bool:
    """Whether SQLite finds nothing wrong. Where the damage is bad, it cannot even look."""
    try:
        whole = connection.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"
        return whole and not connection.exec_driver_sql("PRAGMA foreign_key_check").first()
    except sa.exc.DatabaseError:
        return False


def contents(connection: sa.Connection) -> dict[str, Any]:
    """The revision of the tables, and how many rows each has."""
    present = sa.inspect(connection).get_table_names()
    version = sa.table("alembic_version", sa.column("version_num"))
    revision = connection.scalar(sa.select(version.c.version_num)) if present else None
    rows = {
        name: connection.scalar(sa.select(sa.func.count()).select_from(sa.table(name)))
        for name in sorted(set(present) & set(Model.metadata.tables))
    }
    return {"revision": revision, "rows": rows}


@contextmanager
def connected(file: str | Path) -> Iterator[Any]:
    """A connection of SQLite's own, without SQLAlchemy."""
    with closing(models_engine.sqlite.connect(file, timeout=models_engine.BUSY_TIMEOUT)) as found:
        models_engine.set_up(found)
        yield found


@contextmanager
def opened(path: Path) -> Iterator[sa.Connection]:
    """A connection to a copy in SQLite."""
    url = f"sqlite:///{path}"
    engine = sa.create_engine(url, **models_engine.engine_options(url))
    with engine.connect() as connection:
        yield connection
    engine.dispose()


def run(url: URL, program: str, arguments: list[str]) -> None:
    """Run one of PostgreSQL's programs. The password is not where others could read it."""
    path = shutil.which(program)
    if not path:
        raise BackupError(
            f"{program} is missing. On Debian and Ubuntu: sudo apt install postgresql-client"
        )
    address = url.set(drivername="postgresql", password=None).render_as_string()
    secret = {"PGPASSWORD": url.password} if url.password else {}
    command = [path, f"--dbname={address}", *arguments]
    done = subprocess.run(  # noqa: S603 (the address is one argument, and no option)
        command, check=False, env=os.environ | secret, capture_output=True, text=True
    )
    if done.returncode:
        raise BackupError(" ".join(done.stderr.split("\n")[:2]))
