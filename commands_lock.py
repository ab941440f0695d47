"""Who serves the site, and who needs that nobody does.

All servers share a lock on the site's folder and, since some may be on other machines, one in
PostgreSQL. Whoever puts keys or the database in place anew takes both alone. However a process
ends, its locks end with it.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event

import click
import sqlalchemy as sa
from flask import current_app

from commands_database import one_line_if_down
from models import db

NUMBER = 7_353_001  # of the lock in PostgreSQL, where each database has its own
LOOK_EVERY = 30  # seconds
WHY_NOT = {
    True: "The site runs. Stop it first, on every machine that serves it.",
    False: "The site's keys or its database are being replaced. Wait until that is done.",
}


@contextmanager
def hold(*, alone: bool) -> Iterator[None]:
    """Hold the locks, as one of several servers or alone. Raises ClickException when others do."""
    folder = hold_folder(current_app.config["INSTANCE_PATH"], alone=alone)
    try:
        with hold_database(alone=alone):
            yield
    finally:
        os.close(folder)


def hold_folder(path: Path, *, alone: bool) -> int:
    """Lock a folder until the descriptor that this returns is closed."""
    folder = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(folder, (fcntl.LOCK_EX if alone else fcntl.LOCK_SH) | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(folder)
        raise click.ClickException(WHY_NOT[alone]) from None
    return folder


@contextmanager
def hold_database(*, alone: bool) -> Iterator[sa.Connection | None]:
    """Lock PostgreSQL by a connection of its own; SQLite is on this machine."""
    if db.engine.dialect.name == "sqlite":
        yield None
        return
    with one_line_if_down():
        # Outside of a transaction, which would keep old rows from being cleaned up.
        connection = db.engine.connect().execution_options(isolation_level="AUTOCOMMIT")
    connection.detach()  # so that it is closed in the end, and not kept with its lock
    with connection:
        lock = sa.func.pg_try_advisory_lock if alone else sa.func.pg_try_advisory_lock_shared
        if not connection.scalar(sa.select(lock(NUMBER))):
            raise click.ClickException(WHY_NOT[alone])
        yield connection


def keep_database(stop: Event) -> None:
    """Share the lock in PostgreSQL, and notice when that was restarted and has forgotten it."""
    with hold_database(alone=False) as connection:
        while connection and not stop.wait(LOOK_EVERY):
            connection.execute(sa.text("SELECT 1"))
