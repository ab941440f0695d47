"""Questions with several inputs that make one answer: a date of birth, a day and its part."""

import re
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, NoReturn

from wtforms import Field
from wtforms.validators import StopValidation

from content import MONTHS
from forms_fields import NOT_PROVIDED, Question, clean, number


def long_day(day: date) -> str:
    """A day as people write it, like Tuesday, December 1, 2026."""
    return f"{day:%A}, {day:%B} {day.day}, {day.year}"


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


class TextOrNone(Parts):
    """Several lines of text, or a box that says there is nothing to write.

    The answer is {"text": the words, "none": "yes" or ""}.
    """

    kind = "text_or_none"
    parts = ("text", "none")

    def __init__(self, label: str, *args: Any, limit: int, none: str, missing: str, **kwargs: Any):
        super().__init__(label, *args, **kwargs)
        self.limit, self.none, self.missing = limit, none, missing

    def written(self, data: Mapping[str, str] | None) -> dict[str, str]:
        return {"text": "", "none": "", **(data or {})}

    def read(self, text: str, none: str) -> dict[str, str]:
        if len(text) > self.limit:
            self.fail("text", f"Use {self.limit:,} characters or less. It has {len(text):,} now.")
        if text and none:
            self.fail("none", f"Write something or select “{self.none}”, not both")
        if not text and not none:
            self.fail("text", f"{self.missing}, or select “{self.none}”")
        return {"text": text, "none": "yes" if none else ""}

    def pre_validate(self, _form: Any) -> None:
        if not self.data and not self.errors and not self.process_errors:
            raise StopValidation(f"{self.missing}, or select “{self.none}”")

    @property
    def shown(self) -> str:
        if not self.data:
            return NOT_PROVIDED
        return self.data["text"] or self.none
