"""The kinds of question a form can ask.

A field keeps its answer as JSON can hold it (`data`), says it in words (`shown`), names the
template that draws it (`kind`, in `templates/components/fields/`) and the id an error links to.
"""

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any, NoReturn

from wtforms import Field, StringField
from wtforms.validators import StopValidation

from content import MONTHS

NOT_PROVIDED = "Not provided"


def clean(text: str | None) -> str:
    """Trim, normalize to NFC and to plain line ends. Raises ValueError for a null byte.

    PostgreSQL cannot store null bytes, and no keyboard types them.
    """
    if "\x00" in (text or ""):
        raise ValueError("Remove the hidden characters. Typing it again helps.")
    plain = (text or "").replace("\r\n", "\n").replace("\r", "\n")
    return unicodedata.normalize("NFC", plain).strip()


def clean_line(text: str | None) -> str:
    """As `clean`, on one line, and empty when there is nothing in it that can be seen."""
    line = " ".join(clean(text).split())
    return line if any(map(str.isprintable, line)) else ""


def long_day(day: date) -> str:
    """A day as people write it, like Tuesday, December 1, 2026."""
    return f"{day:%A}, {day:%B} {day.day}, {day.year}"


def number(text: str) -> int:
    """Return the number in plain digits. Raises ValueError for what `int` alone would let by."""
    if not text.isdecimal():
        raise ValueError
    return int(text)


def answered(message: str) -> Callable[[Any, Field], None]:
    """Stop at an empty answer. WTForms' own would also add `required`, which browsers enforce."""

    def check(_form: Any, field: Field) -> None:
        if not field.data:
            raise StopValidation(message)

    return check


def at_most(limit: int, thing: str) -> Callable[[Any, Field], None]:
    def check(_form: Any, field: Field) -> None:
        if len(field.data) > limit:
            raise StopValidation(
                f"{thing} must be {limit:,} characters or less. It has {len(field.data):,} now."
            )

    return check


class Question:
    """What all kinds have in common: a hint, an optional heading above, and the words shown."""

    kind: str

    def __init__(self, label: str, *args: Any, hint: str = "", heading: str = "", **kwargs: Any):
        super().__init__(label, *args, description=hint, **kwargs)
        self.heading = heading

    @property
    def shown(self) -> str:
        return self.data or NOT_PROVIDED

    @property
    def name_in_messages(self) -> str:
        return self.label.text.removesuffix(" (optional)")

    @property
    def first_id(self) -> str:
        """The id of the input that a link to this question should focus."""
        return self.id

    @property
    def described_by(self) -> str | None:
        """The ids of the hint and the error, for `aria-describedby`; both, when there are both."""
        ids = [f"{self.id}-hint"] * bool(self.description) + [f"{self.id}-error"] * bool(
            self.errors
        )
        return " ".join(ids) or None


class Text(Question, StringField):
    """One line of text. `attributes` go to the input: autocomplete, type, inputmode."""

    kind = "text"

    def __init__(self, label: str, *args: Any, attributes: Mapping[str, str], **kwargs: Any):
        super().__init__(label, *args, filters=[clean_line], **kwargs)
        self.attributes = {"type": "text", **attributes}


class LongText(Question, StringField):
    """Several lines of text, with a count of what is left of `limit` where scripts run."""

    kind = "long_text"

    def __init__(self, label: str, *args: Any, limit: int, thing: str, **kwargs: Any):
        validators = [at_most(limit, thing)]
        super().__init__(label, *args, validators=validators, filters=[clean], **kwargs)
        self.limit = limit


class Choice(Question, Field):
    """One of a few: `choices` is a list of (value, words)."""

    kind = "choice"

    def __init__(
        self,
        label: str,
        *args: Any,
        choices: Sequence[tuple[str, str]],
        missing: str,
        **kwargs: Any,
    ):
        super().__init__(label, *args, **kwargs)
        self.choices, self.missing = choices, missing

    def pre_validate(self, _form: Any) -> None:
        if self.data not in dict(self.choices):
            raise StopValidation(self.missing)

    @property
    def shown(self) -> str:
        return dict(self.choices).get(self.data, NOT_PROVIDED)

    @property
    def first_id(self) -> str:
        return f"{self.id}-0"


class ManyChoices(Question, Field):
    """Any number of `groups`, a list of (heading, choices), or else the one that says none."""

    kind = "many_choices"
    groups: Sequence[tuple[str, Sequence[tuple[str, str]]]] = ()

    def __init__(self, label: str, *args: Any, none: tuple[str, str], missing: str, **kwargs: Any):
        super().__init__(label, *args, **kwargs)
        self.none, self.missing = none, missing

    def process_formdata(self, values: list[str]) -> None:
        self.data = list(dict.fromkeys(values))

    @property
    def words(self) -> dict[str, str]:
        """What each value means, in the order they are offered."""
        return dict(
            [choice for _heading, choices in self.groups for choice in choices] + [self.none]
        )

    def pre_validate(self, _form: Any) -> None:
        if not self.data or set(self.data) - set(self.words):
            raise StopValidation(self.missing)
        if self.none[0] in self.data and len(self.data) > 1:
            raise StopValidation(f"Tick what applies, or only “{self.none[1]}”")

    @property
    def shown(self) -> str:
        return "\n".join(words for value, words in self.words.items() if value in (self.data or []))

    @property
    def first_id(self) -> str:
        return f"{self.id}-0"


class Consent(Question, Field):
    """One box to tick. The answer is when it was ticked, and the version of the words beside it."""

    kind = "consent"

    def __init__(self, *args: Any, missing: str, **kwargs: Any):
        super().__init__(*args, validators=[answered(missing)], **kwargs)
        self.words, self.version = "", ""

    def process_formdata(self, values: list[str]) -> None:
        ticked = {"version": self.version, "at": datetime.now(UTC).isoformat()}
        self.data = ticked if values and values[0] else None

    def pre_validate(self, _form: Any) -> None:
        if self.data and self.data["version"] != self.version:
            self.data = None  # it was given to other words than those shown now

    @property
    def shown(self) -> str:
        return f"Agreed: {self.words}" if self.data else NOT_PROVIDED


class Parts(Question, Field):
    """A question with several inputs, each named `<field>_<part>`; `read` makes one answer."""

    parts: tuple[str, ...] = ()
    wrong_part: str | None = None

    def process(self, formdata: Any, *args: Any, **kwargs: Any) -> None:
        super().process(None, *args, **kwargs)
        self.typed = self.written(self.data)
        if formdata is None:
            return
        self.typed = {part: formdata.get(f"{self.name}_{part}", "") for part in self.parts}
        try:
            self.typed = {part: clean(text) for part, text in self.typed.items()}
            self.data = self.read(**self.typed)
        except ValueError as error:
            self.data, self.process_errors = None, [str(error)]

    def fail(self, part: str, message: str) -> NoReturn:
        """Say that this part is wrong; the error will link to its input."""
        self.wrong_part = part
        raise ValueError(message)

    def written(self, data: Any) -> dict[str, str]:
        """The inverse of `read`: what each input shows for an answer."""
        raise NotImplementedError

    def read(self, **typed: str) -> Any:
        raise NotImplementedError

    @property
    def first_id(self) -> str:
        return f"{self.id}_{self.wrong_part or self.parts[0]}"


class BirthDate(Parts):
    """A date of birth in three inputs; the month as a number or a name. The answer is ISO 8601."""

    kind = "birth_date"
    parts = ("month", "day", "year")

    def written(self, data: str | None) -> dict[str, str]:
        year, month, day = (data or "--").split("-")
        return {"month": month.lstrip("0"), "day": day.lstrip("0"), "year": year}

    def read(self, month: str, day: str, year: str) -> str:
        typed = {"month": month, "day": day, "year": year}
        if not any(typed.values()):
            self.fail("month", "Enter your date of birth")
        for part in self.parts:
            if not typed[part]:
                self.fail(part, f"Date of birth must include a {part}")
        if not re.fullmatch(r"\d{4}", year):
            self.fail("year", "Year of birth must have 4 digits, like 1975")
        try:
            born = date(number(year), self.month_number(month), number(day))
        except (ValueError, OverflowError):
            self.fail("month", "Date of birth must be a real date, like March 31 1975")
        return born.isoformat()

    def month_number(self, text: str) -> int:
        """Return 3 for "3", "03", "mar", "Mar." and "March". 13 for another word."""
        name = text.casefold().rstrip(".")
        if len(name) >= 3 and not name.isdigit():
            return 1 + next((at for at, month in enumerate(MONTHS) if month.startswith(name)), 12)
        return number(name)

    def check_age(self, today: date, oldest: int) -> None:
        """Raise StopValidation unless the person is born by `today` and at most `oldest` years."""
        born = date.fromisoformat(self.data)
        if born >= today:
            self.wrong_part = "year"
            raise StopValidation("Date of birth must be in the past")
        if today.year - born.year - ((today.month, today.day) < (born.month, born.day)) > oldest:
            self.wrong_part = "year"
            raise StopValidation(f"Check the year of birth. It says more than {oldest} years ago")

    @property
    def shown(self) -> str:
        if not self.data:
            return NOT_PROVIDED
        born = date.fromisoformat(self.data)
        return f"{born:%B} {born.day}, {born.year}"


class Window(Parts):
    """A day and a part of it. The answer is {"day": ISO date, "part": one of PARTS}, or None."""

    kind = "window"
    parts = ("day", "part")
    choices = (("morning", "Morning"), ("afternoon", "Afternoon"), ("either", "Either"))

    def written(self, data: Mapping[str, str] | None) -> dict[str, str]:
        return {"day": "", "part": "either", **(data or {})}

    def read(self, day: str, part: str) -> dict[str, str] | None:
        if not day and part in {"morning", "afternoon"}:
            self.fail("day", f"{self.name_in_messages} must include a day")
        if not day:
            return None
        for written in ("%Y-%m-%d", "%m/%d/%Y"):
            try:
                chosen = datetime.strptime(day, written).date()  # noqa: DTZ007 (a day, no moment)
                break
            except ValueError:
                continue
        else:
            self.fail("day", f"{self.name_in_messages} must be a real date, like 12/31/2026")
        if part and part not in dict(self.choices):
            self.fail("part", f"{self.name_in_messages}: choose morning, afternoon or either")
        return {"day": chosen.isoformat(), "part": part or "either"}

    @property
    def shown(self) -> str:
        if not self.data:
            return NOT_PROVIDED
        words = {"either": "morning or afternoon"}.get(self.data["part"], self.data["part"])
        return f"{long_day(date.fromisoformat(self.data['day']))}, {words}"
