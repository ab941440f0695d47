"""Numbers that are kept without a person."""

from collections.abc import Iterable

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, mapped_column

from models import Model, db


class FlagCount(Model):
    """How often a red flag led to the advice page in a month, and how often people went on.

    The others left, we hope to call for help. It is a number, and tells of no person.
    """

    __tablename__ = "flag_counts"

    month: Mapped[str] = mapped_column(sa.String(7), primary_key=True)  # like 2026-11
    flag: Mapped[str] = mapped_column(sa.String(100), primary_key=True)
    shown: Mapped[int]
    went_on: Mapped[int]

    @classmethod
    def add(cls, month: str, flags: Iterable[str], *, shown: int = 0, went_on: int = 0) -> None:
        """Count in the caller's transaction; several at once lose no count."""
        insert = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}[db.engine.dialect.name]
        for flag in sorted(flags):  # in one order, so that two at once do not wait for each other
            new = insert(cls).values(month=month, flag=flag, shown=shown, went_on=went_on)
            changes = {"shown": cls.shown + shown, "went_on": cls.went_on + went_on}
            place = ["month", "flag"]
            db.session.execute(new.on_conflict_do_update(index_elements=place, set_=changes))
