"""The words of the site as frozen objects: what a page, an article, the practice is.

They are read once at start, by `content_files.py`; `library()` hands them out.
"""

import re
from calendar import Calendar
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cached_property
from hashlib import sha256
from html import unescape
from itertools import groupby
from zoneinfo import ZoneInfo

from flask import current_app
from markupsafe import Markup

from content_medical import Instrument, RedFlag, RiskFactor, Source

MONTHS = (
    "january february march april may june july august september october november december"
).split()
PAGES = ("about", "privacy", "accessibility", "diary")  # pages of their own, each at its address
WEEKDAYS = "monday tuesday wednesday thursday friday saturday sunday".split()
ORDINALS = {"first": 0, "second": 1, "third": 2, "fourth": 3, "last": -1}

# How strong the evidence for a risk factor is, as pages say it.
STRENGTHS = {"strong": "Strong", "fair": "Fair", "weak": "Weak"}

WORDS_PER_MINUTE = 200  # a calm reading speed
NOT_READ = re.compile(r'<svg.*?</svg>|<sup class="citation">.*?</sup>', re.DOTALL)
BLOCK_END = re.compile(r"</(?:p|li|h[1-6]|figcaption)>")
HEADING = re.compile(r'<h2 id="([^"]+)">(.*?)</h2>', re.DOTALL)


@dataclass(frozen=True)
class Category:
    slug: str
    name: str
    summary: str


@dataclass(frozen=True)
class Page:
    """What every page of words has: about, privacy and the like have no more."""

    slug: str
    title: str
    summary: str
    updated: date
    body: Markup

    @cached_property
    def text(self) -> str:
        """The words of the body, a line for each paragraph, heading and item."""
        html = BLOCK_END.sub("\n", NOT_READ.sub("", self.body).replace("\n", " "))
        lines = unescape(re.sub(r"<[^>]*>", "", html)).split("\n")
        return "\n".join(filter(None, (" ".join(line.split()) for line in lines)))

    @cached_property
    def headings(self) -> tuple[tuple[str, str], ...]:
        """The parts of the body, as (id, words)."""
        return tuple(
            (anchor, unescape(re.sub(r"<[^>]*>", "", words)))
            for anchor, words in HEADING.findall(NOT_READ.sub("", self.body))
        )

    @property
    def words(self) -> int:
        return len(self.text.split())

    @property
    def is_long(self) -> bool:
        """Whether a reader needs a list of contents."""
        return self.words > 600

    @property
    def minutes(self) -> int:
        return max(1, round(self.words / WORDS_PER_MINUTE))


@dataclass(frozen=True)
class Reviewed(Page):
    """A page that makes medical claims: who has checked it, and what they rest on."""

    reviewed_by: str
    reviewed_on: date | None
    next_review: date
    sources: tuple[Source, ...]


@dataclass(frozen=True)
class Article(Reviewed):
    """`condition` is the health problem it is about; empty for an article about none."""

    category: Category
    author: str
    author_note: str
    condition: str
    months: tuple[str, ...]
    risk_factors: tuple[RiskFactor, ...]
    published: date
    featured: int | None  # its place on the home page
    comments: str


@dataclass(frozen=True)
class Observance:
    """A day, week or month that somebody has declared, under the name that they gave it.

    `when` is `all month`, `16`, `12 to 20`, `first saturday`, `late` in the month, or `varies`.
    """

    name: str
    when: str

    def days(self, year: int, month: int) -> tuple[date, date] | None:
        """Return its first and last day in that year, or None where the day is not known.

        Raises ValueError for a day that this month does not have, and for an end before the start.
        """
        which, _, weekday = self.when.partition(" ")
        if which in ORDINALS:
            days = Calendar().itermonthdates(year, month)
            wanted = WEEKDAYS.index(weekday)
            found = [day for day in days if (day.month, day.weekday()) == (month, wanted)]
            return (found[ORDINALS[which]],) * 2
        if which.isdigit():
            first, last = which, self.when.rpartition(" ")[2]
            span = date(year, month, int(first)), date(year, month, int(last))
            if span[0] > span[1]:
                raise ValueError
            return span
        return None


@dataclass(frozen=True)
class Month(Reviewed):
    """An awareness month. `topic` is what it is about, in a word or three."""

    topic: str
    observances: tuple[Observance, ...]

    @property
    def name(self) -> str:
        return self.slug.capitalize()

    @property
    def number(self) -> int:
        return MONTHS.index(self.slug) + 1

    def year(self, today: date) -> int:
        """Return the year in which it is now or comes next."""
        return today.year + (self.number < today.month)


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
    email: str
    letter_name: str
    address: tuple[str, ...]
    time_zone: ZoneInfo
    emergency_phone: str
    emergency_line: str
    reply_within_days: int
    visit_minutes: int
    hours: Mapping[str, tuple[time, time]]
    closed_on: tuple[date, ...]
    clinicians: tuple[Mapping[str, str], ...]
    security_contact_until: date

    @property
    def reply_promise(self) -> str:
        if self.reply_within_days == 1:
            return "by closing time on the next day we are open"
        return f"within {self.reply_within_days} days that we are open"

    @property
    def opening(self) -> Iterator[tuple[str, str, time, time]]:
        """Days in a row with the same hours: the first, the last, when they open and close."""
        for span, group in groupby(WEEKDAYS, self.hours.get):
            if span:
                days = list(group)
                yield days[0], days[-1], *span

    def local(self, moment: datetime) -> datetime:
        return moment.astimezone(self.time_zone)

    def today(self) -> date:
        return datetime.now(self.time_zone).date()

    def is_open(self, day: date) -> bool:
        return WEEKDAYS[day.weekday()] in self.hours and day not in self.closed_on

    def open_until(self) -> datetime | None:
        """When it closes today, if it is open at this moment."""
        here = datetime.now(self.time_zone)
        if not self.is_open_at(here.date(), here.time()):
            return None
        closes = self.hours[WEEKDAYS[here.weekday()]][1]
        return datetime.combine(here.date(), closes, tzinfo=self.time_zone)

    def is_open_at(self, day: date, moment: time) -> bool:
        if not self.is_open(day):
            return False
        opens, closes = self.hours[WEEKDAYS[day.weekday()]]
        return opens <= moment < closes

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
    risk_factors: Mapping[str, RiskFactor]
    instruments: Mapping[str, Instrument]
    categories: Mapping[str, Category]
    articles: Mapping[str, Article]
    months: Mapping[str, Month]
    pages: Mapping[str, Page]

    def current_month(self) -> Month:
        """This month's awareness page by the practice's clock, or else the next one there is."""
        now = self.practice.today().month
        return min(self.months.values(), key=lambda month: (month.number - now) % 12)

    def featured(self) -> list[Article]:
        """What a newcomer reads first."""
        found = [article for article in self.articles.values() if article.featured]
        return sorted(found, key=lambda article: article.featured)

    def articles_of(self, *, month: str = "", category: str = "") -> list[Article]:
        return [
            article
            for article in self.articles.values()
            if (not month or month in article.months)
            and (not category or category == article.category.slug)
        ]

    def related(self, article: Article, limit: int = 4) -> list[Article]:
        """Return the articles nearest in subject, nearest first."""
        others = [other for other in self.articles.values() if other is not article]
        near = {other.slug: closeness(article, other) for other in others}
        close = [other for other in others if near[other.slug]]
        return sorted(close, key=lambda other: -near[other.slug])[:limit]


def closeness(one: Article, other: Article) -> int:
    """How much two articles have in common: the same risk factor counts most."""
    factors = {factor.id for factor in one.risk_factors}
    shared = sum(factor.id in factors for factor in other.risk_factors)
    months = len(set(one.months).intersection(other.months))
    return 4 * shared + 2 * (one.category is other.category) + months


def library() -> Library:
    """The content of the running app."""
    return current_app.extensions["content"]
