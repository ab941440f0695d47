"""What a command that needs the database says when it cannot have it."""

from collections.abc import Iterator
from contextlib import contextmanager

import click
import sqlalchemy as sa

from models import db

DOWN = "the database does not answer"


@contextmanager
def one_line_if_down() -> Iterator[None]:
    """Turn a database that does not answer into one line for the owner."""
    try:
        yield
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
