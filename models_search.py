"""Find submissions by name, phone, email or date of birth, though all of these are sealed.

Each of them leaves marks (see `vault.py`) when a submission comes in. A name leaves one for each
way that it can begin, from two letters on, or from one in scripts where one says a lot. What staff
type becomes marks in the same way. After a change of what leaves marks, older submissions need
`flask search index`.
"""

import calendar
import re
import unicodedata
from collections.abc import Iterable, Iterator
from datetime import date
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

import vault
from models import Model, Submission, db, now

Thing = tuple[str, str]  # kind and value
LONGEST = 10  # letters of a name that can be told apart
APOSTROPHES = "'’‘ʼ`´"
REFERENCE = "[0-9A-Za-z]{4}-?[0-9A-Za-z]{4}"
# Letters that are no others with an accent, and how people without them on their keys write them.
LETTERS = str.maketrans(
    {"ł": "l", "ø": "o", "đ": "d", "ð": "d", "æ": "ae", "œ": "oe", "þ": "th", "ı": "i"}
)
SPELLED_OUT = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ø": "oe", "å": "aa"})

EMAIL = re.compile(r"\S*@\S*")
NUMBER = re.compile(r"(?<!\w)[+(]*\d[\d\s()./–-]*((ext|x|#)\.?\s*\d+)?(?!\w)", re.IGNORECASE)
PARTS = {
    "month": r"(?P<month>\d\d?)",
    "day": r"(?P<day>\d\d?)",
    "year": r"(?P<year>\d{4})",
    "name": r"(?P<month>[a-z]{3,9})\.?",
}
DATES = tuple(
    re.compile(rf"(?<![\w/.-]){written.format(**PARTS)}(?![\w/-])", re.IGNORECASE)
    for written in (
        r"{month}(?P<mark>[/.-]){day}(?P=mark)(?P<year>\d{{4}}|\d\d)",
        "{year}-{month}-{day}",
        "{month} {day} {year}",
        "{name} {day},? {year}",
        "{day} {name} {year}",
        r"(?P<month>\d\d)(?P<day>\d\d){year}",
    )
)
OLDEST_AGE = 130  # years that nobody is older than


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
    plain = unicodedata.normalize("NFKD", name.casefold().translate(LETTERS)).casefold()
    return "".join(letter for letter in plain if letter.isalnum())


def spellings(name: str) -> Iterable[str]:
    """Every way to write a name, folded: Müller and Mueller are both muller and mueller."""
    long = fold(unicodedata.normalize("NFC", name.casefold()).translate(SPELLED_OUT))
    return dict.fromkeys((fold(name), long, re.sub("(?<=[aou])e", "", long)))


def words(text: str) -> list[str]:
    """The words of a full name. O' Brien, with a space, is one of them."""
    together = re.sub(rf"\b(\w[{APOSTROPHES}])\s+", r"\1", text)
    return re.split(r"[\s\-‐‑,.]+", together)


def names(text: str) -> Iterator[str]:
    """Every name in a full name, folded: O'Brien-Núñez is obrien, brien and nunez."""
    for word in words(text):
        for part in (word, *re.split(f"[{APOSTROPHES}]", word)[1:]):
            yield from spellings(part)


def shortest(name: str) -> int:
    """How many letters of a name can be looked for: 王 is a whole one, and x is hardly any."""
    return 2 if name.isascii() else 1


def digits(phone: str) -> str:
    """A phone number as it is looked for: its digits alone.

    Without an extension, and without the country code of the US.
    """
    number = "".join(filter(str.isdecimal, re.split(r"[^\W\d_]|[#;,]", phone)[0]))
    return number[1:] if len(number) == 11 and number[0] == "1" else number


def things(answers: dict[str, Any]) -> Iterator[Thing]:
    """Everything that a submission can be found by, as (kind, value)."""
    for name in names(answers.get("full_name", "")):
        for length in range(shortest(name), min(len(name), LONGEST) + 1):
            yield "name", name[:length]
    if phone := digits(answers.get("phone") or ""):
        yield from (("phone", phone), ("last seven", phone[-7:]), ("last four", phone[-4:]))
    if address := answers.get("email"):
        yield "email", address.casefold()
    if birth := answers.get("birth"):
        yield "birth", birth


def marks(found: Iterable[tuple[str, str]]) -> list[int]:
    mark = vault.current().mark
    return sorted({mark(*thing) for thing in found})


def index(submission: Submission, answers: dict[str, Any], factors: Iterable[str]) -> None:
    """Add the tokens of a submission, with those of its risk factors, to the transaction."""
    db.session.flush()  # the tokens point to it
    rows = [{"mark": mark, "place": submission.place} for mark in all_marks(answers, factors)]
    if rows:
        db.session.execute(sa.insert(Token), rows)  # objects would cost twice as much


def all_marks(answers: dict[str, Any], factors: Iterable[str]) -> list[int]:
    return marks([*things(answers), *(("risk factor", factor) for factor in factors)])


def understand(typed: str) -> list[Thing]:
    """What somebody is looking for, as (kind, value); all of them must be there.

    Nothing, where nobody can be looked for by what was typed.
    """
    found, rest = [], " ".join(typed.split())
    for pattern, read in READERS:
        for match in reversed([*pattern.finditer(rest)]):
            if thing := read(match):
                found.append(thing)
                # What stands on its two sides stays apart.
                rest = f"{rest[: match.start()]},{rest[match.end() :]}"
    folded = map(fold, words(rest))
    return found + [("name", name[:LONGEST]) for name in folded if len(name) >= shortest(name)]


def read_email(match: re.Match[str]) -> Thing:
    return "email", match[0].casefold()


def read_number(match: re.Match[str]) -> Thing:
    number = digits(match[0])
    return {4: "last four", 7: "last seven"}.get(len(number), "phone"), number


def read_birth(match: re.Match[str]) -> Thing | None:
    """A day on which somebody can be born; a year of two digits is one of the last hundred."""
    today, year = now().date(), int(match["year"])
    short = len(match["year"]) == 2
    try:
        born = date(year + 2000 * short, read_month(match["month"]), int(match["day"]))
    except ValueError:
        return None
    if short and born > today:
        born = born.replace(year=born.year - 100)
    possible = today.year - OLDEST_AGE <= born.year and born <= today
    return ("birth", born.isoformat()) if possible else None


def read_month(text: str) -> int:
    """Return its number. Raises ValueError for what is no name of a month, as it may be cut."""
    if text.isdecimal():
        return int(text)
    called = [name.casefold().startswith(text.casefold()) for name in calendar.month_name]
    return called.index(True)


READERS = (
    (EMAIL, read_email),
    *((pattern, read_birth) for pattern in DATES),
    (NUMBER, read_number),
)


def read_reference(text: str) -> str:
    """Return a reference as it is stored. Raises ValueError for what cannot be one."""
    written = re.sub(r"\s", "-", text.strip())
    if not re.fullmatch(REFERENCE, written):
        raise ValueError
    return written.upper().replace("-", "").translate(str.maketrans("OIL", "011"))


def having(
    query: sa.Select[Any], wanted: list[int], place: Any = Submission.place, *, along: bool = False
) -> tuple[sa.Select[Any], Any]:
    """Narrow a select of submissions to those that have all these marks.

    Return it with the column that holds their places: the tokens', where there are some, since
    their table is in that order already. `along`: look at the marks of each submission in turn.
    """
    for mark in wanted:
        token = sa.orm.aliased(Token)
        has_it = (token.mark == mark) & (token.place == place)
        if along:
            # Not a join, so databases cannot begin with all submissions that have the mark.
            query = query.where(sa.select(token.mark).where(has_it).scalar_subquery().is_not(None))
        else:
            query = query.join(token, has_it)
            place = token.place if place is Submission.place else place
    return query, place
