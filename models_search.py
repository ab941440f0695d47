"""Find submissions by name, phone, e-mail or date of birth, though all of these are sealed.

Each of them leaves marks (see `vault.py`) when a submission comes in. A name leaves one for each
way that it can begin, from two letters on. What staff type becomes marks in the same way.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

import vault
from models import Model, Submission

SHORTEST, LONGEST = 2, 10  # letters of a name that can be told apart
APOSTROPHES = "'’‘ʼ`´"
REFERENCE = "[0-9A-Za-z]{4}-?[0-9A-Za-z]{4}"
DATES = ("%m/%d/%Y", "%m-%d-%Y", "%Y-%m-%d", "%m.%d.%Y")


class Token(Model):
    """A mark of a submission. With the mark, the table is in the order in which they came in."""

    __tablename__ = "tokens"
    __table_args__ = ({"sqlite_with_rowid": False},)

    mark: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True, autoincrement=False)
    place: Mapped[int] = mapped_column(
        sa.BigInteger,
        sa.ForeignKey("submissions.place"),
        primary_key=True,
        autoincrement=False,
        index=True,
    )


def fold(name: str) -> str:
    """A name as it is looked for: small letters and digits, without accents or apostrophes."""
    plain = unicodedata.normalize("NFKD", name).casefold()
    return "".join(letter for letter in plain if letter.isalnum())


def names(text: str) -> Iterator[str]:
    """Every name in a full name, folded: O'Brien-Núñez is obrien, brien and nunez."""
    for word in re.split(r"[\s\-‐‑,.]+", text):
        yield fold(word)
        if any(mark in word for mark in APOSTROPHES):
            yield fold(re.split(f"[{APOSTROPHES}]", word)[-1])


def digits(phone: str) -> str:
    """A phone number as it is looked for: its digits, without the country code of the US."""
    return "".join(filter(str.isdecimal, phone)).removeprefix("1")


def things(answers: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Everything that a submission can be found by, as (kind, value)."""
    for name in names(answers.get("full_name", "")):
        for length in range(SHORTEST, min(len(name), LONGEST) + 1):
            yield "name", name[:length]
    if phone := digits(answers.get("phone") or ""):
        yield from (("phone", phone), ("last four", phone[-4:]))
    if address := answers.get("email"):
        yield "email", address.casefold()
    if birth := answers.get("birth"):
        yield "birth", birth


def marks(found: Iterable[tuple[str, str]]) -> list[int]:
    mark = vault.current().mark
    return sorted({mark(*thing) for thing in found})


def index(submission: Submission, answers: dict[str, Any], factors: Iterable[str]) -> list[Token]:
    """The tokens of a submission, with those of its risk factors, to be added with it."""
    return [Token(mark=mark, place=submission.place) for mark in all_marks(answers, factors)]


def all_marks(answers: dict[str, Any], factors: Iterable[str]) -> list[int]:
    return marks([*things(answers), *(("risk factor", factor) for factor in factors)])


def understand(typed: str) -> list[tuple[str, str]]:
    """What somebody is looking for, as (kind, value); all of them must be there."""
    text = typed.strip()
    if "@" in text:
        return [("email", text.casefold())]
    if birth := read_date(text):
        return [("birth", birth.isoformat())]
    if re.fullmatch(r"[\d\s()+./-]+", text) and (number := digits(text)):
        return [("last four" if len(number) == 4 else "phone", number)]
    words = [fold(word) for word in re.split(r"[\s\-‐‑,.]+", text)]
    return [("name", word[:LONGEST]) for word in words if len(word) >= SHORTEST]


def read_reference(text: str) -> str:
    """Return a reference as it is stored. Raises ValueError for what cannot be one."""
    if not re.fullmatch(REFERENCE, text):
        raise ValueError
    return text.upper().replace("-", "").translate(str.maketrans("OIL", "011"))


def read_date(text: str) -> date | None:
    for written in DATES:
        try:
            return datetime.strptime(text, written).date()  # noqa: DTZ007 (a day, no moment)
        except ValueError:
            continue
    return None


def having(
    query: sa.Select[Any], wanted: list[int], place: Any = Submission.place, *, along: bool = False
) -> tuple[sa.Select[Any], Any]:
    """Narrow a select of submissions to those that have all these marks.

    Return it with the column that holds their places: the tokens', where there are some, since
    their table is in that order already. `along`: look at the marks of each submission in turn.
    """
    for mark in wanted:
        token = sa.orm.aliased(Token)
        # No index knows the sum, so databases do not begin with all submissions that have it.
        its_mark = token.mark + 0 if along else token.mark
        query = query.join(token, (token.place == place) & (its_mark == mark))
        place = token.place if place is Submission.place and not along else place
    return query, place
