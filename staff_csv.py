"""Submissions as a table that a spreadsheet opens, and in which nothing runs.

What a patient types may be meant for the spreadsheet of whoever opens the export: a cell that
begins with = + - @ or a control character can be read as a formula (OWASP, CSV injection). Such a
cell gets an apostrophe in front, which makes it text. It does not matter whether spaces or quotes
stand before that character, or whether it is the full-width form: some programs drop or change
those.

One kind of cell is left as it is, so that people can read and copy it: a telephone number with its
country code, as the forms write it, like +44 20 7946 0958 or +81 3-1234-5678 ext. 5. It is one to
three digits after the plus, a space, and then only digits, spaces, dots, hyphens and brackets, with
nothing in it that could run. Numbers of the USA begin with a bracket, and need nothing.
"""

import csv
import re
import unicodedata
from collections.abc import Iterator, Sequence
from datetime import datetime
from io import StringIO
from typing import Any

import sqlalchemy as sa
from flask import Flask

from content import library
from forms import field_names, field_of
from models import Submission, db, only_read
from models_queue import Query
from vault import VaultError

HARMLESS = re.compile(r"[\w(]|\Z")  # how nearly all answers begin
BATCH = 200  # rows that are in memory at a time
DANGEROUS = frozenset("=+-@\u2212")  # the last is the minus sign of typographers
# Quotes, and characters that cannot be seen.
SKIPPED = frozenset("\"'`´‘’‚‛“”„«»‹›\u200b\u200c\u200d\u2060\ufeff\u00ad")
PHONE = re.compile(r"\+\d{1,3} [\d ().-]{4,30}( ext\. \d{1,10})?")
ABOUT = (
    "reference",
    "kind",
    "status",
    "urgency",
    "received",
    "reply due",
    "scheduled",
    "article",
)
OTHER = "other answers"  # what was asked for later, and what the forms do not ask any more
CLOSED = "Cannot be opened"


def safe(text: str) -> str:
    """Return text as a cell that no spreadsheet takes for a formula; the rule is at the top."""
    if HARMLESS.match(text) or PHONE.fullmatch(text):
        return text
    for character in text:
        if unicodedata.category(character) == "Cc":
            return f"'{text}"
        if not character.isspace() and character not in SKIPPED:
            plain = unicodedata.normalize("NFKC", character)
            return f"'{text}" if plain[:1] in DANGEROUS else text
    return text


def export(app: Flask, query: Query, place: Any) -> Iterator[bytes]:
    """Yield the rows of a select as CSV (RFC 4180, UTF-8 with the mark that Excel needs).

    A part is read in a transaction of its own, so that who receives it slowly keeps nothing locked
    in the database, and holds one part in memory. Parts may be asked for by different threads.
    """
    with app.app_context():
        fields = field_names()
    yield b"\xef\xbb\xbf" + as_csv([[*ABOUT, *fields, OTHER]])
    last = None
    while True:
        with app.app_context():
            rows = next_rows(query, place, last)
            part = as_csv([cells(row, fields) for row in rows])
            last = rows[-1].place if rows else None
        if last is None:
            return
        yield part


def next_rows(query: Query, place: Any, last: int | None) -> Sequence[Submission]:
    """Return the newest rows of a select that are older than the last place, if any."""
    only_read()
    if last is not None:
        query = query.where(place < last)
    return db.session.scalars(query.order_by(None).order_by(place.desc()).limit(BATCH)).all()


def as_csv(rows: Sequence[Sequence[str | None]]) -> bytes:
    text = StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL).writerows(rows)
    return text.getvalue().encode()


def cells(row: Submission, fields: tuple[str, ...]) -> list[str | None]:
    """One submission in words. What does not open says so, and does not stop the others."""
    try:
        record = row.record
    except VaultError:
        return [*about(row), CLOSED, *[""] * len(fields)]
    words: dict[str | None, str] = {}
    other = []
    for answer in record["shown"]:
        name = field_of(answer["first_id"], fields)
        if name:
            words[name] = safe(answer["text"])
        else:
            other.append(f"{answer['label']} {answer['text']}")
    for wish in record.get("later", ()):
        other += [f"{answer['label']} {answer['text']}" for answer in wish["rows"]]
    return [*about(row), *map(words.get, fields), safe("\n".join(other))]


def about(row: Submission) -> list[str]:
    article = library().articles.get(row.source_article or "")
    return [
        row.shown_reference,
        row.kind_name,
        row.status.capitalize(),
        row.urgency.capitalize(),
        moment(row.received_at),
        moment(row.reply_due_at),
        moment(row.scheduled_for),
        safe(article.title if article else row.source_article or ""),
    ]


def moment(at: datetime | None) -> str:
    """In the practice's time zone, like 2026-11-25 15:40, which every spreadsheet can sort."""
    return library().practice.local(at).isoformat(" ", "minutes")[:16] if at else ""


def count(query: Query) -> int:
    """How many rows a select has."""
    places = query.order_by(None).with_only_columns(Submission.place)
    return db.session.scalar(sa.select(sa.func.count()).select_from(places.subquery()))
