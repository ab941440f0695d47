"""What commands say while they work on the database, and when they cannot have it."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import click
import psycopg
import sqlalchemy as sa

from models import db

DOWN = "the database does not answer"


@contextmanager
def one_line_if_down() -> Iterator[None]:
    """Turn a database that does not answer, or refuses our user, into one line for the owner."""
    try:
        yield
    except sa.exc.ProgrammingError as error:
        if not isinstance(error.orig, psycopg.errors.InsufficientPrivilege):
            raise
        reason = str(error.orig).splitlines()[0]
        raise click.ClickException(
            f"The user in DATABASE_URL may not do that ({reason}). To bring the database up to "
            "date, type as the user who owns the tables: .venv/bin/flask db upgrade"
        ) from None
    except sa.exc.OperationalError as error:
        reason = str(error.orig).splitlines()[0]
        raise click.ClickException(f"DATABASE_URL cannot be used: {DOWN} ({reason}).") from None


def need_tables() -> None:
    with one_line_if_down():
        ready = set(db.metadata.tables).issubset(sa.inspect(db.engine).get_table_names())
    if not ready:
        raise click.ClickException(
            "The database is not set up for this version yet. Type: .venv/bin/flask db upgrade"
        )


def show_progress(steps: Iterable[int], length: int, label: str) -> int:
    """Take steps, each of which says how far it has led, and return how far that is in all."""
    total = 0
    with click.progressbar(length=length, label=label) as bar:
        for step in steps:
            bar.update(step)
            total += step
    return total
