"""Seal every value anew with the vault's current key, a few rows at a time."""

from collections.abc import Iterable, Iterator
from typing import Any

import sqlalchemy as sa

import vault
from models import Model, Sealed, db

BATCH = 500  # rows of one transaction


def sealed_values() -> list[Sealed]:
    """Every column of every table that holds sealed values."""
    classes = [mapper.class_ for mapper in Model.registry.mappers]
    return [value for kind in classes for value in vars(kind).values() if isinstance(value, Sealed)]


def missing_keys() -> set[str]:
    """The ids of keys that something is sealed with, and that we do not have."""
    found: set[bytes] = set()
    for value in sealed_values():
        sealed = sa.column(value.column, sa.LargeBinary)
        key = sa.func.substr(sealed, 1 + len(vault.VERSION), vault.KEY_ID_BYTES)
        query = sa.select(key).distinct().select_from(sa.table(value.table, sealed))
        found |= set(map(bytes, db.session.scalars(query.where(sealed.is_not(None)))))
    return {key.hex() for key in found if not vault.current().knows(key)}


def count_rows() -> int:
    """How many rows there are to look at."""
    tables = [sa.table(value.table) for value in sealed_values()]
    return sum(db.session.scalar(sa.select(sa.func.count()).select_from(t)) for t in tables)


def reseal() -> Iterator[int]:
    """Seal what is sealed with another key; yield the number of rows of each batch that was kept.

    It may end at any moment and be done again: what is sealed anew already is left alone.
    """
    for value in sealed_values():
        # Not the mapped table: that one would note the moment as a change of the submission.
        table = sa.table(value.table, sa.column("id"), sa.column(value.column))
        change = sa.update(table).where(table.c.id == sa.bindparam("row"))
        change = change.values({value.column: sa.bindparam("new")})
        query = sa.select(*table.c).order_by(table.c.id).limit(BATCH).with_for_update()
        rows = db.session.execute(query).all()
        while rows:
            if changes := list(sealed_anew(value.place, rows)):
                db.session.connection().execute(change, changes)
            db.session.commit()
            yield len(rows)
            rows = db.session.execute(query.where(table.c.id > rows[-1].id)).all()


def sealed_anew(place: str, rows: Iterable[sa.Row]) -> Iterator[dict[str, Any]]:
    """What is to be written into those rows that the current key did not seal."""
    keeper = vault.current()
    for row, sealed in rows:
        if sealed and not keeper.is_current(sealed):
            plain = keeper.open_bytes(sealed, f"{place}:{row}")
            yield {"row": row, "new": keeper.seal_bytes(plain, f"{place}:{row}")}
