"""The kinds of question a form can ask.

A field keeps its answer as JSON can hold it (`data`), says it in words (`shown`), names the
template that draws it (`kind`, in `templates/components/fields/`) and the id an error links to.
"""

import unicodedata
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from wtforms import Field, StringField
from wtforms.validators import StopValidation

NOT_PROVIDED = "Not provided"
NOT_AGREED = "Check the box to agree that we may use your answers"


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
    """What all kinds have in common: a hint, an optional heading above, and the words shown.

    One that is not `listed_if_empty` is left out of lists of answers when it does not apply.
    """

    kind: str

    def __init__(
        self,
        label: str,
        *args: Any,
        hint: str = "",
        heading: str = "",
        listed_if_empty: bool = True,
        **kwargs: Any,
    ):
        super().__init__(label, *args, description=hint, **kwargs)
        self.heading, self.listed_if_empty = heading, listed_if_empty

    @property
    def listed(self) -> bool:
        return self.listed_if_empty or bool(self.data)

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


class Days(Text):
    """A whole number of days, from 0 to `most`. The answer is in digits: it goes back as typed."""

    def __init__(self, label: str, *args: Any, most: int, missing: str, **kwargs: Any):
        attributes = {"inputmode": "numeric", "autocomplete": "off", "class": "day"}
        super().__init__(label, *args, attributes=attributes, **kwargs)
        self.most, self.missing = most, missing

    def pre_validate(self, _form: Any) -> None:
        if not self.data:
            raise StopValidation(self.missing)
        try:
            days = number(self.data)
        except ValueError:
            days = -1
        if not 0 <= days <= self.most:
            raise StopValidation(f"Enter a whole number of days from 0 to {self.most}")
        self.data = str(days)


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
        """The one that is chosen, as the Tab key would; else the first."""
        values = [value for value, _words in self.choices]
        return f"{self.id}-{values.index(self.data) if self.data in values else 0}"


class Scale(Choice):
    """A number from 0 (which means `low`) to 10 (which means `high`)."""

    kind = "scale"

    def __init__(self, label: str = "", *args: Any, low: str = "", high: str = "", **kwargs: Any):
        choices = [(str(step), str(step)) for step in range(11)]
        super().__init__(label, *args, choices=choices, **kwargs)
        self.low, self.high = low, high

    @property
    def described_by(self) -> str:
        return f"{self.id}-ends {super().described_by or ''}".strip()

    @property
    def shown(self) -> str:
        if not self.data:
            return NOT_PROVIDED
        return f"{self.data} (0: {self.low.lower()}, 10: {self.high.lower()})"


class ManyChoices(Question, Field):
    """Any number of `groups`, a list of (heading, choices), or else the one that says none."""

    kind = "many_choices"

    def __init__(
        self,
        label: str,
        *args: Any,
        none: tuple[str, str],
        missing: str,
        groups: Sequence[tuple[str, Sequence[tuple[str, str]]]] = (),
        **kwargs: Any,
    ):
        super().__init__(label, *args, **kwargs)
        self.none, self.missing, self.groups = none, missing, groups

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
            raise StopValidation(f"Select what applies, or only “{self.none[1]}”")

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
