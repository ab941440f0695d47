"""Numbers that are kept without a person, so that nobody has to count all the rows there are."""

import math
from collections import Counter
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from itertools import accumulate
from typing import Any, ClassVar

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, Session, SessionTransaction, mapped_column, object_session

from content import library

Counts = Mapping[tuple[str, date, str], int]  # (what, the week's Monday, name): how many

# How long a first contact took is kept as the shortest of these that it is within. Hours to a day,
# then days: that is as exactly as anybody plans.
HOURS = [*map(float, range(1, 13)), 16, 20, 24]
DAYS = [1.5, 2, 2.5, 3, 4, 5, 6, 7, 10, 14, 21, 30]
WAITS = [timedelta(minutes=15), timedelta(minutes=30)]
WAITS += [timedelta(hours=hours) for hours in HOURS] + [timedelta(days=days) for days in DAYS]

# Where a request goes when staff first do something about it. To put it aside as spam is nothing.
HANDLED = ("contacted", "scheduled", "closed", "cancelled")


def week_of(moment: datetime) -> date:
    """Return the Monday of the week, as the practice's calendar has it."""
    day = library().practice.local(moment).date()
    return day - timedelta(days=day.weekday())


def wait_name(wait: timedelta) -> str:
    """Return the place in `WAITS` of the shortest that it is within; longer ones are `over`."""
    return next((f"{at:02}" for at, most in enumerate(WAITS) if wait <= most), "over")


def percentile(waits: Mapping[str, int], share: float) -> timedelta | None:
    """Return within how long this share of them was (nearest rank), rounded up to one of `WAITS`.

    `timedelta.max` when it is over the longest; None where there is nothing to say it of.
    """
    names = sorted(waits)  # "over" comes after the digits
    rank = math.ceil(share * sum(waits.values()))
    passed = accumulate(waits[name] for name in names)
    name = next((name for name, far in zip(names, passed, strict=True) if far >= rank > 0), None)
    if name is None:
        return None
    return timedelta.max if name == "over" else WAITS[int(name)]


class CountColumns:
    """How often something was so in a week: `what` is the subject, `name` one of its kinds."""

    what: Mapped[str] = mapped_column(sa.String(20), primary_key=True)
    week: Mapped[date] = mapped_column(primary_key=True)  # a Monday
    name: Mapped[str] = mapped_column(sa.String(100), primary_key=True)
    number: Mapped[int]

    @classmethod
    def add(cls, session: Session, counts: Counts) -> None:
        """Count when the transaction commits, or not at all; several at once lose no count."""
        session.info.setdefault(cls, Counter()).update(counts)

    @classmethod
    def write(cls, session: Session) -> None:
        """Write all that the transaction has counted, as the last it does but for the trail.

        Those who count the same wait for each other until they have committed. So the wait is kept
        short, and all take the rows in one order, or two could wait for ever.
        """
        rows = [
            {"what": what, "week": week, "name": name, "number": number}
            for (what, week, name), number in sorted(session.info.pop(cls, Counter()).items())
            if number
        ]
        if not rows:
            return
        dialect = {"sqlite": sqlite, "postgresql": postgresql}[session.get_bind().dialect.name]
        new = dialect.insert(cls.__table__)
        changed = {"number": cls.number + new.excluded.number}
        place = ["what", "week", "name"]
        session.flush()
        session.connection().execute(
            new.on_conflict_do_update(index_elements=place, set_=changed), rows
        )

    @classmethod
    def forget(cls, session: Session, transaction: SessionTransaction) -> None:
        """Let what a transaction has counted go with it."""
        if transaction.parent is None:
            session.info.pop(cls, None)

    @classmethod
    def since(cls, week: date, *whats: str) -> sa.Select[Any]:
        """Select (what, name, number), summed up from this week on."""
        total = sa.func.sum(cls.number).label("number")
        query = sa.select(cls.what, cls.name, total).where(cls.what.in_(whats), cls.week >= week)
        return query.group_by(cls.what, cls.name)

    @classmethod
    def by_week(cls, week: date, what: str) -> sa.Select[Any]:
        """Select (week, name, number) from this week on."""
        query = sa.select(cls.week, cls.name, cls.number)
        return query.where(cls.what == what, cls.week >= week)


class Counted:
    """What makes a submission appear in the counts. Spam does not."""

    weekly: ClassVar[type[CountColumns]]
    contacted_at: Mapped[datetime | None]  # when staff first did something about it
    counted: Mapped[bool] = mapped_column(default=False, server_default=sa.false())

    def count(self) -> None:
        """Count it as received, unless it is spam."""
        self.weekly.add(object_session(self), self.take_uncounted())

    def move_to(self, status: str, at: datetime | None = None) -> None:
        """Give it this status, and count what follows from that.

        `at` is the moment when staff did so; None where it was the patient.
        """
        before, self.status = self.status, status
        counts = Counter(self.take_uncounted() if "spam" in {before, status} else {})
        if at and self.contacted_at is None and before in {"new", "spam"} and status in HANDLED:
            counts.update(self.note_contact(at))
        self.weekly.add(object_session(self), counts)

    def note_contact(self, at: datetime) -> Counts:
        """Keep the moment; return what that adds to the counts. An intake waits for no answer."""
        self.contacted_at = at
        if self.kind == "intake":
            return {}
        return {("wait", week_of(at), wait_name(at - self.received_at)): 1}

    def take_uncounted(self) -> Counts:
        """Return what has to be added to the counts, and take it for done."""
        due = (self.status != "spam") - bool(self.counted)
        self.counted = self.status != "spam"
        return dict.fromkeys(self.places(), due) if due else {}

    def places(self) -> list[tuple[str, date, str]]:
        """Return where it counts: its kind, reason, risk factors, and article."""
        assessment = self.record.get("assessment") or {}
        found = {
            "kind": [self.kind],
            "reason": [self.answers.get("reason")],
            "article": [self.source_article],
            "factor": assessment.get("risk_factors", []),
        }
        week = week_of(self.received_at)
        return [(what, week, name) for what, names in found.items() for name in names if name]
