"""Read `content/`: check every file, and stop the start at the first that cannot be used.

The message names the file and the key and says what was expected.
"""

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, time
from pathlib import Path
from types import MappingProxyType
from typing import Any
from zoneinfo import ZoneInfo

import click
import frontmatter
import yaml
from flask import Flask

import content_markdown
from content import (
    MONTHS,
    WEEKDAYS,
    Article,
    Category,
    Consent,
    Library,
    Month,
    Page,
    Practice,
    RedFlag,
    Source,
)

FOLDER = Path(__file__).resolve().parent / "content"
PAGES = ("about", "privacy", "accessibility")


class ContentError(click.ClickException):
    """A content file that cannot be used; the message names file, key and what was expected."""


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
    if not isinstance(value, str) or not value.strip() or "\n" in value.strip():
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
    if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", line(value)) or value == "none":
        raise ValueError
    return value


def choice(*names: str) -> Kind:
    return named({name: name for name in names})


LINE = Kind("a line of text", line)
SLUG = Kind("lower-case words joined by hyphens, and not “none”", slug)
DAY = Kind("a date like 2026-06-30", exactly(date))
Kinds = Mapping[str, Kind]

PRACTICE: Kinds = {
    "name": LINE,
    "tagline": LINE,
    "phone": Kind("a US phone number like (612) 555-0142", phone),
    "address": list_of(LINE),
    "time_zone": Kind("a time zone like America/Chicago", lambda value: ZoneInfo(line(value))),
    "emergency_phone": LINE,
    "emergency_line": LINE,
    "reply_within_days": Kind("a whole number of open days, 1 or more", at_least_one),
    "hours": Kind('weekdays with hours, like monday = "08:00-17:00"', hours),
    "closed_on": list_of(DAY),
    "clinicians": list_of(Kind("a table with name and role", clinician)),
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


def flag_kinds(sources: Mapping[str, Source]) -> Kinds:
    return {
        "id": SLUG,
        "topic": choice("headache", "back"),
        "level": choice("emergency", "today"),
        "text": LINE,
        "sources": list_of(named(sources)),
        "reviewed_by": optional(LINE),
    }


def month_kinds(sources: Mapping[str, Source]) -> Kinds:
    return {**PAGE, "observances": list_of(LINE), "sources": list_of(named(sources))}


def article_kinds(sources: Mapping[str, Source], categories: Mapping[str, Category]) -> Kinds:
    return {
        **PAGE,
        "category": named(categories),
        "author": LINE,
        "author_note": optional(LINE),
        "months": optional(list_of(choice(*MONTHS)), empty=()),
        "published": DAY,
        "reviewed_by": optional(LINE),
        "reviewed_on": optional(DAY, empty=None),
        "next_review": DAY,
        "comments": optional(choice("closed")),
        "sources": list_of(named(sources)),
    }


def read_keys(where: str, data: Any, kinds: Kinds) -> dict[str, Any]:
    """Return `data` with every value checked and turned into ours; a missing key reads None."""
    if not isinstance(data, dict):
        raise ContentError(f"{where}: expected a table with the keys {', '.join(kinds)}.")
    if unknown := sorted(map(str, data.keys() - kinds.keys())):
        raise ContentError(
            f'{where}: "{unknown[0]}" is not a key of this file. Keys are: {", ".join(kinds)}.'
        )
    values = {}
    for key, kind in kinds.items():
        try:
            values[key] = kind.read(data.get(key))
        except (ValueError, TypeError, KeyError, AttributeError, OSError):
            raise ContentError(f'{where}: "{key}" must be {kind.expected}.') from None
    return values


def read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ContentError(f"{path} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise ContentError(f"{path.name}: not UTF-8 text. Save it as UTF-8.") from None


def read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(read_text(path))
    except tomllib.TOMLDecodeError as error:
        raise ContentError(f"{path.name}: not valid TOML: {error}.") from None


def read_rows(path: Path, kinds: Kinds, make: type) -> Mapping[str, Any]:
    """Read a TOML file that is one list of tables, named after the file; first key to object."""
    data, rows = read_toml(path), {}
    if list(data) != [path.stem] or not isinstance(data[path.stem], list):
        raise ContentError(f"{path.name}: expected tables that begin with [[{path.stem}]].")
    for number, row in enumerate(data[path.stem], start=1):
        values = read_keys(f"{path.name}, number {number}", row, kinds)
        name = next(iter(values.values()))
        if name in rows:
            raise ContentError(f'{path.name}: "{name}" is there twice.')
        rows[name] = make(**values)
    return MappingProxyType(rows)


def read_pages(folder: Path, kinds: Kinds, make: type, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Read every Markdown file of a folder, front matter by `kinds`; slug to object."""
    pages = {}
    for path in sorted(folder.glob("*.md")):
        where = f"{folder.name}/{path.name}"
        read_keys(where, {"file name": path.stem}, {"file name": SLUG})
        try:
            metadata, text = frontmatter.parse(read_text(path))
        except (yaml.YAMLError, ValueError) as error:
            raise ContentError(f"{where}: the front matter is not valid YAML: {error}.") from None
        values = read_keys(where, metadata, kinds)
        cited = [source.id for source in values.get("sources", ())]
        try:
            body = content_markdown.render(content_markdown.fill_in(text, facts), cited)
        except ValueError as error:
            raise ContentError(f"{where}: {error}.") from None
        if bool(values.get("reviewed_by")) != bool(values.get("reviewed_on")):
            raise ContentError(f'{where}: give both "reviewed_by" and "reviewed_on", or neither.')
        pages[path.stem] = make(slug=path.stem, body=body, **values)
    return pages


def read_consent(path: Path, facts: Mapping[str, Any]) -> Consent:
    values = read_keys(path.name, read_toml(path), CONSENT)
    try:
        return Consent(content_markdown.fill_in(values["text"], facts))
    except ValueError as error:
        raise ContentError(f"{path.name}: {error}.") from None


def load(folder: Path = FOLDER) -> Library:
    """Read and check everything in `folder`. Raises `ContentError` for the first fault."""
    facts = read_toml(folder / "practice.toml")
    practice = Practice(**read_keys("practice.toml", facts, PRACTICE))
    sources = read_rows(folder / "sources.toml", SOURCE, Source)
    categories = read_rows(folder / "categories.toml", CATEGORY, Category)
    articles = read_pages(folder / "articles", article_kinds(sources, categories), Article, facts)
    months = read_pages(folder / "months", month_kinds(sources), Month, facts)
    pages = read_pages(folder / "pages", PAGE, Page, facts)
    if unknown := sorted(months.keys() - set(MONTHS)):
        raise ContentError(f"months/{unknown[0]}.md: name the file after a month, like june.md.")
    if missing := [name for name in PAGES if name not in pages]:
        raise ContentError(f"pages/{missing[0]}.md is missing; every page of the site links to it.")
    if not months or not articles:
        raise ContentError("content/ needs at least one month and one article.")
    newest = sorted(articles.items(), key=lambda item: item[1].published, reverse=True)
    return Library(
        practice=practice,
        consent=read_consent(folder / "consent.toml", facts),
        red_flags=read_rows(folder / "red_flags.toml", flag_kinds(sources), RedFlag),
        categories=categories,
        articles=MappingProxyType(dict(newest)),
        months=MappingProxyType(months),
        pages=MappingProxyType(pages),
    )


def init_app(app: Flask) -> None:
    app.extensions["content"] = load()
