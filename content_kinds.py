"""What each key of the content files may hold, file by file."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, time
from types import MappingProxyType
from typing import Any
from zoneinfo import ZoneInfo

from email_validator import validate_email

from content import MONTHS, ORDINALS, STRENGTHS, WEEKDAYS, Category, Observance
from content_medical import URGENCIES, Condition, Item, RiskFactor, Source

WHEN = re.compile(
    rf"all month|late|varies|[1-9]\d?( to [1-9]\d?)?|({'|'.join(ORDINALS)}) ({'|'.join(WEEKDAYS)})"
)


# Ends of lines, what controls a device, and what turns around the words that stand beside it.
NOT_IN_A_LINE = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")


@dataclass(frozen=True)
class Kind:
    """What a key may hold: in words, and as a function that returns our value or raises."""

    expected: str
    read: Callable[[Any], Any]


def exactly(kind: type) -> Callable[[Any], Any]:
    def read(value: Any) -> Any:
        if type(value) is not kind:  # a bool is an int, and a datetime a date, to isinstance
            raise ValueError
        return value

    return read


def line(value: Any) -> str:
    if not isinstance(value, str) or not value.strip() or NOT_IN_A_LINE.search(value.strip()):
        raise ValueError
    return value.strip()


def list_of(kind: Kind) -> Kind:
    def read(values: Any) -> tuple[Any, ...]:
        return tuple(kind.read(value) for value in exactly(list)(values))

    return Kind(f"a list, each {kind.expected}", read)


def named(things: Mapping[str, Any]) -> Kind:
    """The name of one of `things`, which is returned."""
    return Kind(f"one of: {', '.join(things)}", lambda value: things[line(value)])


def optional(kind: Kind, empty: Any = "") -> Kind:
    """As `kind`, or left out, which gives `empty`."""
    return Kind(
        f"{kind.expected}, or nothing",
        lambda value: empty if value in (None, "") else kind.read(value),
    )


def hours(value: Any) -> Mapping[str, tuple[time, time]]:
    table = {}
    for day, span in exactly(dict)(value).items():
        opens, closes = (time.fromisoformat(part.strip()) for part in span.split("-"))
        if day not in WEEKDAYS or opens >= closes:
            raise ValueError
        table[day] = (opens, closes)
    if not table:
        raise ValueError
    return MappingProxyType(table)


def at_least_one(value: Any) -> int:
    if exactly(int)(value) < 1:
        raise ValueError
    return value


def phone(value: Any) -> str:
    if not re.fullmatch(r"\([2-9]\d\d\) [2-9]\d\d-\d{4}", line(value)):
        raise ValueError
    return value


def short_phone(value: Any) -> str:
    if not re.fullmatch("[0-9]{3,4}", line(value)):
        raise ValueError
    return line(value)


def email(value: Any) -> str:
    """As every mail server takes it: in ASCII. Whether it exists is not asked of the network."""
    found = validate_email(line(value), check_deliverability=False, allow_smtputf8=False)
    return line(found.ascii_email)


def web_address(value: Any) -> str:
    if not line(value).startswith("https://"):
        raise ValueError
    return value


def clinician(value: Any) -> Mapping[str, str]:
    name, role = exactly(dict)(value).pop("name"), value.pop("role")
    if value:
        raise ValueError
    return MappingProxyType({"name": line(name), "role": line(role)})


def slug(value: Any) -> str:
    if (
        not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", line(value))
        or value == "none"
        or len(value) > 100
    ):
        raise ValueError
    return value


def text(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError
    return value.strip()


def observance(value: Any) -> Observance:
    given = {**exactly(dict)(value)}
    name, when = line(given.pop("name")), str(given.pop("when"))
    if given or not WHEN.fullmatch(when):
        raise ValueError
    return Observance(name, when)


def condition(value: Any) -> Condition:
    """Return a table of question = [answers]."""
    table = {line(question): exactly(list)(answers) for question, answers in value.items()}
    if not table or not all(table.values()):
        raise ValueError
    return MappingProxyType({name: tuple(map(line, answers)) for name, answers in table.items()})


def item(value: Any) -> Item:
    given = {"low": "", "high": "", **exactly(dict)(value)}
    return Item(**{name: line(words) if words else "" for name, words in given.items()})


def choice(*names: str) -> Kind:
    return named({name: name for name in names})


LINE = Kind("a line of text", line)
TEXT = Kind("text", text)
SLUG = Kind("lower-case words joined by hyphens, 100 characters at most, and not “none”", slug)
DAY = Kind("a date like 2026-06-30", exactly(date))
CONDITIONS = optional(list_of(Kind("a table of a question and its answers", condition)), empty=())
Kinds = Mapping[str, Kind]

PRACTICE: Kinds = {
    "name": LINE,
    "tagline": LINE,
    "phone": Kind("a US phone number like (612) 555-0142", phone),
    "email": Kind("an email address", email),
    "letter_name": LINE,
    "address": list_of(LINE),
    "time_zone": Kind("a time zone like America/Chicago", lambda value: ZoneInfo(line(value))),
    "emergency_phone": Kind("a short number like 911", short_phone),
    "emergency_line": LINE,
    "reply_within_days": Kind("a whole number of open days, 1 or more", at_least_one),
    "visit_minutes": Kind("a whole number of minutes, 1 or more", at_least_one),
    "hours": Kind('weekdays with hours, like monday = "08:00-17:00"', hours),
    "closed_on": list_of(DAY),
    "clinicians": list_of(Kind("a table with name and role", clinician)),
    "security_contact_until": DAY,
}
CONSENT: Kinds = {"text": LINE}
CATEGORY: Kinds = {"slug": SLUG, "name": LINE, "summary": LINE}
SOURCE: Kinds = {
    "id": SLUG,
    "publisher": LINE,
    "title": LINE,
    "year": optional(LINE),
    "url": optional(Kind("the publisher's page or a DOI, beginning https://", web_address)),
}
PAGE: Kinds = {"title": LINE, "summary": LINE, "updated": DAY}


# Who has checked it, and when it is to be checked again.
REVIEW: Kinds = {
    "reviewed_by": optional(LINE),
    "reviewed_on": optional(DAY, empty=None),
    "next_review": DAY,
}


def flag_kinds(sources: Mapping[str, Source]) -> Kinds:
    return {
        "id": SLUG,
        "topic": choice("headache", "back"),
        "level": choice("emergency", "today"),
        "text": LINE,
        "do": LINE,
        "when": CONDITIONS,
        "sources": list_of(named(sources)),
        "reviewed_by": optional(LINE),
    }


def factor_kinds(sources: Mapping[str, Source]) -> Kinds:
    return {
        "id": SLUG,
        "title": LINE,
        "words": TEXT,
        "strength": choice(*STRENGTHS),
        "why": LINE,
        "sources": list_of(named(sources)),
        "when": CONDITIONS,
        "tag": LINE,
        "reviewed_by": optional(LINE),
    }


def instrument_kinds(sources: Mapping[str, Source]) -> Kinds:
    return {
        "id": SLUG,
        "name": LINE,
        "on": Kind("true or false", exactly(bool)),
        "items": list_of(Kind("a table with id and text, and low and high for a scale", item)),
        "rule": choice("mean", "sum"),
        "limit": optional(Kind("a number, 1 or more", at_least_one), empty=None),
        "means": LINE,
        "over": optional(LINE),
        "urgency": optional(choice(*URGENCIES), empty="routine"),
        "sources": list_of(named(sources)),
        "license": optional(LINE),
        "reviewed_by": optional(LINE),
    }


def month_kinds(sources: Mapping[str, Source]) -> Kinds:
    when = "all month, 16, 12 to 20, first saturday, late, or varies"
    return {
        **PAGE,
        **REVIEW,
        "topic": LINE,
        "observances": list_of(Kind(f"a table with name and when: {when}", observance)),
        "sources": list_of(named(sources)),
    }


def article_kinds(
    sources: Mapping[str, Source],
    categories: Mapping[str, Category],
    factors: Mapping[str, RiskFactor],
) -> Kinds:
    return {
        **PAGE,
        **REVIEW,
        "category": named(categories),
        "author": LINE,
        "author_note": optional(LINE),
        "condition": optional(LINE),
        "months": optional(list_of(choice(*MONTHS)), empty=()),
        "risk_factors": optional(list_of(named(factors)), empty=()),
        "published": DAY,
        "featured": optional(Kind("a place on the home page, 1 or more", at_least_one), empty=None),
        "comments": optional(choice("closed")),
        "sources": list_of(named(sources)),
    }
