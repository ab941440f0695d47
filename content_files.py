"""Read `content/`: check every file, and stop the start at the first that cannot be used.

The message names the file and the key and says what was expected.
"""

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import click
import frontmatter
import yaml
from flask import Flask
from markupsafe import Markup

import content_markdown
from content import (
    MONTHS,
    PAGES,
    Article,
    Category,
    Consent,
    Library,
    Month,
    Page,
    Practice,
)
from content_kinds import (
    CATEGORY,
    CONSENT,
    PAGE,
    PRACTICE,
    SLUG,
    SOURCE,
    Kinds,
    article_kinds,
    factor_kinds,
    flag_kinds,
    instrument_kinds,
    month_kinds,
)
from content_medical import Instrument, RedFlag, RiskFactor, Source

FOLDER = Path(__file__).resolve().parent / "content"
COMMON_YEAR = 2027  # one without a February 29
# A drawing takes its looks from the style sheet, and may be on a page with others.
NOT_IN_SVG = re.compile(r"(?i)<(script|style|a|image|foreignObject)\b|\s(on\w+|id|style|href)=")


class ContentError(click.ClickException):
    """A content file that cannot be used; the message names file, key and what was expected."""


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
    except (ValueError, RecursionError) as error:  # the second: brackets in brackets
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


def read_figures(folder: Path) -> Mapping[str, str]:
    """Read the drawings: name to SVG that can stand in a page."""
    figures = {}
    for path in sorted(folder.glob("*.svg")):
        svg = read_text(path).strip()
        if not svg.startswith("<svg ") or 'viewBox="' not in svg or NOT_IN_SVG.search(svg):
            raise ContentError(
                f"figures/{path.name}: expected one <svg viewBox=…> with classes for its looks, "
                "and no script, style, id or link."
            )
        figures[path.stem] = svg
    return figures


@dataclass(frozen=True)
class Reader:
    """Reads the pages of a folder, with what their text may use."""

    values: Mapping[str, str]  # what each {{name}} stands for
    figures: Mapping[str, str]
    phones: Mapping[str, str]  # the number to call for each level of a card

    def pages(self, folder: Path, kinds: Kinds, make: type) -> dict[str, Any]:
        """Read every Markdown file of a folder, front matter by `kinds`; slug to object."""
        return {path.stem: make(**self.page(path, kinds)) for path in sorted(folder.glob("*.md"))}

    def page(self, path: Path, kinds: Kinds) -> dict[str, Any]:
        where = f"{path.parent.name}/{path.name}"
        read_keys(where, {"file name": path.stem}, {"file name": SLUG})
        try:
            metadata, text = frontmatter.parse(read_text(path))
        except (yaml.YAMLError, ValueError, RecursionError) as error:
            raise ContentError(f"{where}: the front matter is not valid YAML: {error}.") from None
        values = read_keys(where, metadata, kinds)
        if bool(values.get("reviewed_by")) != bool(values.get("reviewed_on")):
            raise ContentError(f'{where}: give both "reviewed_by" and "reviewed_on", or neither.')
        body = self.render(where, text, values.get("sources", ()))
        return {"slug": path.stem, "body": body, **values}

    def render(self, where: str, text: str, sources: Iterable[Source]) -> Markup:
        cited = [source.id for source in sources]
        try:
            filled = self.fill_in(where, text)
            return content_markdown.render(filled, cited, self.figures, self.phones)
        except ValueError as error:
            raise ContentError(f"{where}: {error}.") from None

    def check_factor(self, factor: RiskFactor) -> None:
        section = content_markdown.risk_factor_section(factor)
        self.render(f"risk_factors.toml, {factor.id}", section, factor.sources)

    def fill_in(self, where: str, text: str) -> str:
        try:
            return content_markdown.fill_in(text, self.values)
        except ValueError as error:
            raise ContentError(f"{where}: {error}.") from None


def check_all_there(
    articles: Mapping[str, Article], months: Mapping[str, Month], pages: Mapping[str, Page]
) -> None:
    for month in months.values():
        check_month(month)
    if missing := [name for name in PAGES if name not in pages]:
        raise ContentError(f"pages/{missing[0]}.md is missing; every page of the site links to it.")
    if not months or not articles:
        raise ContentError("content/ needs at least one month and one article.")


def check_month(month: Month) -> None:
    if month.slug not in MONTHS:
        raise ContentError(f"months/{month.slug}.md: name the file after a month, like june.md.")
    for observance in month.observances:
        try:
            observance.days(COMMON_YEAR, month.number)
        except ValueError:
            raise ContentError(
                f"months/{month.slug}.md: there is no {month.name} {observance.when} every year."
            ) from None


def check_licenses(instruments: Mapping[str, Instrument]) -> None:
    """Refuse to ask questions that belong to somebody, without a word on why we may."""
    for instrument in instruments.values():
        if instrument.on and not instrument.license:
            raise ContentError(
                f"instruments.toml, {instrument.id}: it is on, and has no license note. "
                "Write down why it may be used, or turn it off."
            )


def read_rules(folder: Path, sources: Mapping[str, Source]) -> dict[str, Mapping[str, Any]]:
    """Read what patients' answers can mean, by the name of the file."""
    kinds = {
        "red_flags": (flag_kinds(sources), RedFlag),
        "risk_factors": (factor_kinds(sources), RiskFactor),
        "instruments": (instrument_kinds(sources), Instrument),
    }
    rules = {name: read_rows(folder / f"{name}.toml", *kind) for name, kind in kinds.items()}
    check_licenses(rules["instruments"])
    return rules


def load(folder: Path = FOLDER) -> Library:
    """Read and check everything in `folder`. Raises `ContentError` for the first fault."""
    facts = read_toml(folder / "practice.toml")
    practice = Practice(**read_keys("practice.toml", facts, PRACTICE))
    sources = read_rows(folder / "sources.toml", SOURCE, Source)
    categories = read_rows(folder / "categories.toml", CATEGORY, Category)
    rules = read_rules(folder, sources)
    reader = new_reader(folder, facts, practice, rules)
    consent = read_keys("consent.toml", read_toml(folder / "consent.toml"), CONSENT)
    kinds = article_kinds(sources, categories, rules["risk_factors"])
    articles = reader.pages(folder / "articles", kinds, Article)
    months = reader.pages(folder / "months", month_kinds(sources), Month)
    pages = reader.pages(folder / "pages", PAGE, Page)
    check_all_there(articles, months, pages)
    newest = sorted(articles.items(), key=lambda item: item[1].published, reverse=True)
    return Library(
        practice=practice,
        consent=Consent(reader.fill_in("consent.toml", consent["text"])),
        categories=categories,
        articles=MappingProxyType(dict(newest)),
        months=MappingProxyType({name: months[name] for name in MONTHS if name in months}),
        pages=MappingProxyType(pages),
        **rules,
    )


def new_reader(
    folder: Path, facts: Mapping[str, Any], practice: Practice, rules: Mapping[str, Any]
) -> Reader:
    flags, factors = [[*rules[name].values()] for name in ("red_flags", "risk_factors")]
    phones = {"emergency": practice.emergency_phone, "urgent": practice.phone}
    reader = Reader(
        content_markdown.placeholders(facts, flags, factors),
        read_figures(folder / "figures"),
        {**phones, "routine": practice.phone},
    )
    for factor in factors:
        reader.check_factor(factor)
    return reader


def init_app(app: Flask) -> None:
    app.extensions["content"] = load()
