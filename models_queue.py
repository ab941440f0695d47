"""The lists of the staff pages: what is in each, in which order, narrowed by what is asked for.

A page begins after the last row of the one before, so that a page deep inside costs no more than
the first. Every list and every filter has an index that leads there in its order.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa

import models_search
from models import RANKS, VIEW_OF_STATUS, Submission, db, now, place_at

HALF_A_DAY = timedelta(hours=12)
VISIT = ("scheduled_for", "place")
AT_MOST = 1_000  # what is counted; beyond, it is "more than"
Query = sa.Select[tuple[Submission]]


@dataclass(frozen=True)
class View:
    """A list: its title, the value of `Submission.view`, and the columns that it is ordered by."""

    title: str
    holds: str | None
    order: tuple[str, ...] = ("place",)
    newest_first: bool = True
    only: Callable[[], tuple[Any, ...]] = tuple  # more that must be so, as of this moment

    def select(self) -> Query:
        query = sa.select(Submission)
        if self.holds:
            # In the statement itself: only so do databases find the indexes of one list.
            holds = sa.literal(self.holds, literal_execute=True)
            a_range = Submission.view.between(holds, holds)
            query = query.where(a_range if "view" in self.order else Submission.view == holds)
        return query.where(*self.only())

    def unfiltered(self) -> "View":
        """Return the same list, in an order that only its own index has.

        By `place` alone, PostgreSQL goes down the index of all submissions, past however many
        younger ones there are in other lists. A range keeps it from seeing that `view` is one.
        """
        alone = self.holds and self.order == ("place",)
        return replace(self, order=("view", "place")) if alone else self

    def can_hold(self, row: Submission) -> bool:
        """Whether it has a place in this order; without the visit that was booked, it has none."""
        return all(getattr(row, name) is not None for name in self.order)

    def in_order(
        self, query: Query, place: Any, after: Submission | None, *, backwards: bool = False
    ) -> Query:
        """Put a select in this list's order, from behind a submission on.

        `backwards` leads from that submission up, nearest first.
        """
        alone = place if self.order == ("place",) else Submission.place
        columns = [alone if name == "place" else getattr(Submission, name) for name in self.order]
        falls = self.newest_first != backwards
        if after:
            here = sa.tuple_(*columns)
            values = {name: getattr(after, name) for name in self.order}
            if "view" in values:  # it may have left this list since
                values["view"] = self.holds
            last = sa.tuple_(*map(sa.literal, values.values()))
            query = query.where(here < last if falls else here > last)
        return query.order_by(*(c.desc() if falls else c.asc() for c in columns))


def any_rank() -> sa.ColumnElement[bool]:
    """Say that a rank is one of those there are.

    It is true of all. But with it, an index goes through each rank by what comes next in it.
    """
    return Submission.rank.in_(list(RANKS.values()))


def is_overdue() -> tuple[Any, ...]:
    return any_rank(), Submission.reply_due_at < now()


def is_ahead() -> tuple[Any, ...]:
    """Today's visits stay until the evening, whether they have begun or not."""
    return (Submission.scheduled_for >= now() - HALF_A_DAY,)


def is_past() -> tuple[Any, ...]:
    return (Submission.scheduled_for < now() - HALF_A_DAY,)


def visits_in_question() -> Query:
    """Select what is to do as the patient asks for another time, though a visit still stands."""
    query = sa.select(Submission).where(Submission.view == "todo", *is_ahead())
    return query.order_by(Submission.scheduled_for)


URGENT_FIRST: dict[str, Any] = {"order": ("rank", "place"), "newest_first": False}
MOST_OVERDUE: dict[str, Any] = {"order": ("rank", "reply_due_at", "place"), "newest_first": False}
VIEWS: Mapping[str, View] = {
    "todo": View("To do", "todo", **URGENT_FIRST),
    "overdue": View("Overdue", "todo", only=is_overdue, **MOST_OVERDUE),
    "scheduled": View("Scheduled", "scheduled", VISIT, newest_first=False, only=is_ahead),
    "visited": View("Past visits", "scheduled", VISIT, only=is_past),
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

    def narrow(self, query: Query, view: View, zone: ZoneInfo) -> Query:
        """Narrow a list by all but what has to be looked up in the blind index."""
        wanted = {
            Submission.kind: self.kind,
            Submission.status: self.status,
            Submission.source_article: self.article,
        }
        query = query.where(*(column == value for column, value in wanted.items() if value))
        if self.urgency:  # both say the same: the one that has an index in this order
            rank, urgency = Submission.rank == RANKS[self.urgency], Submission.urgency
            query = query.where(rank if "rank" in view.order else urgency == self.urgency)
        if self.assigned is not None:
            query = query.where(Submission.assigned_to == (self.assigned or None))
        if self.since or self.until:
            query = query.where(any_rank())
        if self.since:
            query = query.where(Submission.place >= first_place(self.since, zone))
        if self.until:
            query = query.where(Submission.place < first_place(self.until + timedelta(1), zone))
        return query


def listed(
    view: View,
    filters: Filters,
    zone: ZoneInfo,
    after: Submission | None = None,
    *,
    backwards: bool = False,
) -> Query:
    """Select what is in a list, in its order, from behind a submission on or `backwards` up."""
    if filters == Filters():
        view = view.unfiltered()
    query, place = selected(view, filters, zone)
    return view.in_order(query, place, after, backwards=backwards)


def selected(view: View, filters: Filters, zone: ZoneInfo) -> tuple[Query, Any]:
    """Select what is in a list, in no order; with the column that holds the places."""
    if filters.status and view.holds not in {None, VIEW_OF_STATUS[filters.status]}:
        return sa.select(Submission).where(sa.false()), Submission.place
    wanted = models_search.understand(filters.search)
    if filters.search and not wanted:
        return sa.select(Submission).where(sa.false()), Submission.place
    query = filters.narrow(view.select(), view, zone)
    # Many submissions have the same risk factor, and few are looked for by it alone: where their
    # order is by rank, not by when they came, going through the list finds a page sooner.
    factor = [("risk factor", filters.factor)] if filters.factor else []
    query, place = models_search.having(query, models_search.marks(wanted))
    return models_search.having(
        query, models_search.marks(factor), place, along="rank" in view.order
    )


def first_place(day: date, zone: ZoneInfo) -> int:
    return place_at(datetime(day.year, day.month, day.day, tzinfo=zone))


def counts() -> dict[str, int]:
    """How many there are in each list, by one query; `AT_MOST` + 1 stands for more than that."""

    def count(view: View) -> Any:
        view = view.unfiltered()
        places = view.select().with_only_columns(Submission.place)
        # In order, so that the index of that order is chosen.
        places = view.in_order(places, Submission.place, None).limit(AT_MOST + 1)
        return sa.select(sa.func.count()).select_from(places.subquery()).scalar_subquery()

    numbers = [count(view).label(name) for name, view in VIEWS.items()]
    return dict(db.session.execute(sa.select(*numbers)).mappings().one())
