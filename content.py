"""The words of the site as frozen objects: what a page, an article, the practice is.

They are read once at start, by `content_files.py`; `library()` hands them out.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from hashlib import sha256
from zoneinfo import ZoneInfo

from flask import current_app
from markupsafe import Markup

MONTHS = (
    "january february march april may june july august september october november december"
).split()
URGENCIES = ("emergency", "today", "soon", "routine")  # the first is acted on first
WEEKDAYS = "monday tuesday wednesday thursday friday saturday sunday".split()


@dataclass(frozen=True)
class Source:
    id: str
    publisher: str
    title: str
    year: str
    url: str


@dataclass(frozen=True)
class Category:
    slug: str
    name: str
    summary: str


@dataclass(frozen=True)
class Page:
    """A page of its own: about, privacy, accessibility."""

    slug: str
    title: str
    summary: str
    updated: date
    body: Markup


@dataclass(frozen=True)
class Article:
    slug: str
    title: str
    category: Category
    author: str
    author_note: str
    months: tuple[str, ...]
    summary: str
    published: date
    updated: date
    reviewed_by: str
    reviewed_on: date | None
    next_review: date
    comments: str
    sources: tuple[Source, ...]
    body: Markup


@dataclass(frozen=True)
class Month:
    """An awareness month. `observances` are its names for the month, as their hosts write them."""

    slug: str
    title: str
    summary: str
    observances: tuple[str, ...]
    updated: date
    sources: tuple[Source, ...]
    body: Markup

    @property
    def name(self) -> str:
        return self.slug.capitalize()

    @property
    def number(self) -> int:
        return MONTHS.index(self.slug) + 1


@dataclass(frozen=True)
class RedFlag:
    """A sign that needs emergency or same-day care, in the patient's words."""

    id: str
    topic: str
    level: str
    text: str
    sources: tuple[Source, ...]
    reviewed_by: str


@dataclass(frozen=True)
class Consent:
    """What a patient agrees to. The version follows from the words, so it cannot be forgotten."""

    text: str

    @property
    def version(self) -> str:
        return sha256(self.text.encode()).hexdigest()[:12]


@dataclass(frozen=True)
class Practice:
    name: str
    tagline: str
    phone: str
    address: tuple[str, ...]
    time_zone: ZoneInfo
    emergency_phone: str
    emergency_line: str
    reply_within_days: int
    hours: Mapping[str, tuple[time, time]]
    closed_on: tuple[date, ...]
    clinicians: tuple[Mapping[str, str], ...]

    @property
    def reply_promise(self) -> str:
        if self.reply_within_days == 1:
            return "by closing time on the next day we are open"
        return f"within {self.reply_within_days} days that we are open"

    def local(self, moment: datetime) -> datetime:
        return moment.astimezone(self.time_zone)

    def today(self) -> date:
        return datetime.now(self.time_zone).date()

    def is_open(self, day: date) -> bool:
        return WEEKDAYS[day.weekday()] in self.hours and day not in self.closed_on

    def reply_due(self, received: datetime) -> datetime:
        """When the practice promises an answer at the latest: closing time, N open days on."""
        day = self.local(received).date()
        left = self.reply_within_days
        while left:
            day += timedelta(days=1)
            left -= self.is_open(day)
        closes = self.hours[WEEKDAYS[day.weekday()]][1]
        return datetime.combine(day, closes, tzinfo=self.time_zone)


@dataclass(frozen=True)
class Library:
    """Everything in `content/`, by slug or id, in the order it is shown."""

    practice: Practice
    consent: Consent
    red_flags: Mapping[str, RedFlag]
    categories: Mapping[str, Category]
    articles: Mapping[str, Article]
    months: Mapping[str, Month]
    pages: Mapping[str, Page]

    def current_month(self) -> Month:
        """This month's awareness page by the practice's clock, or else the next one there is."""
        now = self.practice.today().month
        return min(self.months.values(), key=lambda month: (month.number - now) % 12)

    def articles_of(self, *, month: str = "", category: str = "") -> list[Article]:
        return [
            article
            for article in self.articles.values()
            if (not month or month in article.months)
            and (not category or category == article.category.slug)
        ]


def library() -> Library:
    """The content of the running app."""
    return current_app.extensions["content"]
