"""The two databases' own settings, and column types that both keep the same way."""

import importlib
import os
import sqlite3
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import Connection, Engine, ExceptionContext

from settings import SettingsError

try:
    # Debian 12's SQLite is 3.40.1, which may corrupt a database in WAL mode; this one is newer.
    sqlite: ModuleType = importlib.import_module("pysqlite3.dbapi2")
except ImportError:  # no wheel for this machine
    sqlite = sqlite3

BUSY_TIMEOUT = 5  # seconds that a writer waits for another before the request fails
LOST_AFTER = 10  # seconds without a sign of PostgreSQL's machine until it counts as gone


class UTCDateTime(sa.types.TypeDecorator[datetime]):
    """A moment, UTC in the database and in Python. Naive values are refused."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, _dialect: sa.Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise TypeError("a moment needs a time zone; use models.now()")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, _dialect: sa.Dialect) -> datetime | None:
        if value is None:
            return None
        # SQLite hands back what was stored, without its zone.
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def wal_is_safe(version: tuple[int, ...]) -> bool:
    """Whether this SQLite is free of the WAL-reset bug (sqlite.org/wal.html#walresetbug).

    Fixed in 3.51.3, 3.50.7 and 3.44.6; 3.52.0 was withdrawn.
    """
    if version[:2] in {(3, 50), (3, 44)}:
        return version >= {(3, 50): (3, 50, 7), (3, 44): (3, 44, 6)}[version[:2]]
    return version >= (3, 51, 3) and version != (3, 52, 0)


def sqlite_pragmas(version: tuple[int, ...]) -> dict[str, str]:
    """The settings of each connection: an answered request survives a power cut."""
    safe = wal_is_safe(version)
    return {
        "journal_mode": "WAL" if safe else "DELETE",
        "synchronous": "FULL" if safe else "EXTRA",
        "busy_timeout": str(BUSY_TIMEOUT * 1000),
        "foreign_keys": "ON",
        "trusted_schema": "OFF",
        "cell_size_check": "ON",
        "secure_delete": "ON",
    }


def set_up(connection: Any) -> None:
    """Give a connection of SQLite's driver these settings."""
    for name, value in sqlite_pragmas(sqlite.sqlite_version_info).items():
        connection.execute(f"PRAGMA {name}={value}")


def engine_options(url: str) -> dict[str, Any]:
    """What `create_engine` needs for this address. Parameters stay out of error messages."""
    if url.startswith("sqlite"):
        connect_args = {"timeout": BUSY_TIMEOUT}
        return {"module": sqlite, "connect_args": connect_args, "hide_parameters": True}
    connect_args = {"connect_timeout": BUSY_TIMEOUT, "tcp_user_timeout": LOST_AFTER * 1000}
    return {"pool_pre_ping": True, "connect_args": connect_args, "hide_parameters": True}


def make_private(file: Path) -> None:
    """Make the database's file, where there is none, for its owner only. Journals do the same."""
    try:
        if not file.exists():
            file.touch(mode=0o600)
    except OSError as error:
        raise SettingsError(
            f"DATABASE_URL cannot be used: {file} cannot be made ({error.strerror})."
        ) from None


def wait_no_longer(connection: Any, _record: Any) -> None:
    """Let a request on PostgreSQL fail, as on SQLite, when others hold what it waits for."""
    # Not among the options of the connection, which some connection poolers refuse.
    connection.execute(f"SET lock_timeout = '{BUSY_TIMEOUT}s'")
    connection.commit()


def take_over(connection: Any, record: Any) -> None:
    """Begin transactions ourselves, and set up a connection to SQLite."""
    connection.isolation_level = None
    set_up(connection)
    record.info["read_only"] = not can_be_written(connection)


def can_be_written(connection: Any) -> bool:
    """Whether the file of a connection to SQLite can be written to now."""
    _number, _name, file = connection.execute("PRAGMA database_list").fetchone()
    return os.access(file, os.W_OK)


def open_anew(connection: Any, record: Any, _proxy: Any) -> None:
    """What is opened while the file cannot be written to, SQLite takes for read-only ever after."""
    if record.info["read_only"] and can_be_written(connection):
        raise sa.exc.DisconnectionError


def begin(connection: Connection) -> None:
    reads = connection.get_execution_options().get("reads_only")
    connection.exec_driver_sql("BEGIN DEFERRED" if reads else "BEGIN IMMEDIATE")


def leave_read_only(context: ExceptionContext) -> None:
    """Do not use a connection again that turned out to be read-only."""
    code = getattr(context.original_exception, "sqlite_errorcode", 0)
    context.is_disconnect |= code & 0xFF == sqlite3.SQLITE_READONLY


def prepare(engine: Engine) -> None:
    """Set up every connection of an engine.

    PostgreSQL would wait for a lock without end, and soon all threads that answer requests with it.

    SQLite's transactions we begin ourselves. The driver's own way skips SELECT and DDL, and a
    deferred transaction that writes later loses other people's changes or fails at once when it
    meets one. So it takes the write lock from the start, unless it says that it only reads.
    """
    if engine.dialect.name != "sqlite":
        event.listen(engine, "connect", wait_no_longer)
        return
    make_private(Path(engine.url.database))
    event.listen(engine, "connect", take_over)
    event.listen(engine, "checkout", open_anew)
    event.listen(engine, "begin", begin)
    event.listen(engine, "handle_error", leave_read_only)


def overwrite_freed(engine: Engine) -> bool:
    """Let nothing that was deleted be read from the database's files; return whether that worked.

    SQLite has overwritten it in its file (`secure_delete`), but the write-ahead log has the pages
    as they were until it is emptied, which waits `BUSY_TIMEOUT` for who reads or writes just now.
    PostgreSQL makes the room free for new rows. Must not be called within a transaction.
    """
    connection = engine.raw_connection()
    try:
        if engine.dialect.name == "sqlite":
            busy = connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
            return not busy
        connection.driver_connection.autocommit = True
        connection.cursor().execute("SET lock_timeout = 0")  # another server may be doing the same
        connection.cursor().execute("VACUUM")
        return True
    finally:
        connection.invalidate()  # it is not as the pool's others are


def take_stock(connection: Connection) -> None:
    """Let the database see how its data are spread, by which it chooses among indexes.

    PostgreSQL does this by itself now and then, SQLite does not.
    """
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("PRAGMA analysis_limit=1000")
    connection.exec_driver_sql("ANALYZE")


def describe(engine: Engine) -> str:
    """One line for the owner: which database, and why it keeps its journal as it does."""
    if engine.dialect.name != "sqlite":
        return "PostgreSQL"
    version = sqlite.sqlite_version_info
    reason = "" if wal_is_safe(version) else " (WAL is unsafe in this version)"
    mode = sqlite_pragmas(version)["journal_mode"]
    return f"SQLite {sqlite.sqlite_version}, journal mode {mode}{reason}"
