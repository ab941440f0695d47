"""The lists of the staff pages: what is in each, in which order, narrowed by what is asked for.

A page begins after the last row of the one before, so that a page deep inside costs no more than
the first. Every list and every filter has an index that leads there in its order.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa

import models_search
from models import Submission, db, now, place_at

AT_MOST = 5_000  # what is counted; beyond, it is "more than"
Query = sa.Select[tuple[Submission]]


@dataclass(frozen=True)
class View:
    """A list: its title, the value of `Submission.view`, and the columns that it is ordered by."""

    title: str
    holds: str | None
    order: tuple[str, ...] = ("place",)
    newest_first: bool = True
    overdue: bool = False

    def select(self) -> Query:
        query = sa.select(Submission)
        if self.holds:
            query = query.where(Submission.view == self.holds)
        if self.overdue:
            query = query.where(Submission.reply_due_at < now())
        return query

    def in_order(self, query: Query, place: Any, after: Submission | None) -> Query:
        """Put a select in this list's order, from behind a submission on."""
        columns = [place if name == "place" else getattr(Submission, name) for name in self.order]
        if after:
            place = sa.tuple_(*columns)
            last = sa.tuple_(*(sa.literal(getattr(after, name)) for name in self.order))
            query = query.where(place < last if self.newest_first else place > last)
        return query.order_by(*(c.desc() if self.newest_first else c.asc() for c in columns))


URGENT_FIRST: dict[str, Any] = {"order": ("rank", "place"), "newest_first": False}
VIEWS: Mapping[str, View] = {
    "todo": View("To do", "todo", **URGENT_FIRST),
    "overdue": View("Overdue", "todo", overdue=True, **URGENT_FIRST),
    "scheduled": View("Scheduled", "scheduled", ("scheduled_for", "place"), newest_first=False),
    "closed": View("Closed", "closed"),
    "spam": View("Spam", "spam"),
    "all": View("All", None),
}


@dataclass(frozen=True)
class Filters:
    """What a list is narrowed by; what is None is not asked for."""

    kind: str | None = None
    urgency: str | None = None
    status: str | None = None
    assigned: int | None = None  # 0: nobody
    factor: str | None = None
    article: str | None = None
    since: date | None = None
    until: date | None = None
    search: str = ""

    def apply(self, query: Query, zone: ZoneInfo) -> tuple[Query, Any]:
        """Narrow a select; return it with the column that holds the places."""
        wanted = {
            Submission.kind: self.kind,
            Submission.urgency: self.urgency,
            Submission.status: self.status,
            Submission.source_article: self.article,
        }
        query = query.where(*(column == value for column, value in wanted.items() if value))
        if self.assigned is not None:
            query = query.where(Submission.assigned_to.is_not_distinct_from(self.assigned or None))
        if self.since:
            query = query.where(Submission.place >= first_place(self.since, zone))
        if self.until:
            query = query.where(Submission.place < first_place(self.until + timedelta(1), zone))
        things = models_search.understand(self.search)
        if self.factor:
            things.append(("risk factor", self.factor))
        return models_search.having(query, models_search.marks(things))


def first_place(day: date, zone: ZoneInfo) -> int:
    return place_at(datetime(day.year, day.month, day.day, tzinfo=zone))


def counts() -> dict[str, int]:
    """How many there are in each list, by one query; `AT_MOST` + 1 stands for more than that."""

    def count(view: View) -> Any:
        places = view.select().with_only_columns(Submission.place).limit(AT_MOST + 1)
        return sa.select(sa.func.count()).select_from(places.subquery()).scalar_subquery()

    numbers = [count(view).label(name) for name, view in VIEWS.items()]
    return dict(db.session.execute(sa.select(*numbers)).mappings().one())
