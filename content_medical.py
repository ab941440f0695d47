"""What a patient's answers can mean: red flags, risk factors and scores, each with its sources."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

# How soon staff should act, most urgent first.
URGENCIES = ("emergency", "today", "soon", "routine")

Answers = Mapping[str, Any]  # question -> answer; a list where several can be ticked
# question -> answers, one of which is given; all questions must agree.
Condition = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class Source:
    id: str
    publisher: str
    title: str
    year: str
    url: str


def holds(condition: Condition, answers: Answers) -> bool:
    """Whether every question of the condition has one of the answers it names."""

    def given(question: str) -> set[Any]:
        answer = answers.get(question)
        return set(answer) if isinstance(answer, list) else {answer}

    return all(given(question) & set(wanted) for question, wanted in condition.items())


@dataclass(frozen=True)
class RedFlag:
    """A sign that needs emergency or same-day care, in the patient's words, and what to do.

    It is raised by being ticked, or by other answers that come to the same (`when`).
    """

    id: str
    topic: str
    level: str
    text: str
    do: str
    when: tuple[Condition, ...]
    sources: tuple[Source, ...]
    reviewed_by: str

    def raised(self, answers: Answers) -> bool:
        ticked = self.id in (answers.get("red_flags") or [])
        return ticked or any(holds(condition, answers) for condition in self.when)


@dataclass(frozen=True)
class RiskFactor:
    """A link between spine and headache: shown by an article, asked by the intake, tagged."""

    id: str
    title: str
    words: str
    strength: str
    why: str
    sources: tuple[Source, ...]
    when: tuple[Condition, ...]
    tag: str
    reviewed_by: str

    def present(self, answers: Answers) -> bool:
        return any(holds(condition, answers) for condition in self.when)


@dataclass(frozen=True)
class Item:
    """A question of an instrument; `low` and `high` are the words at 0 and at 10."""

    id: str
    text: str
    low: str
    high: str


@dataclass(frozen=True)
class Instrument:
    """A way to get a number out of answers, and what the number means to staff.

    At or above `limit`, where there is one, the number means `over`, and makes the submission as
    urgent as `urgency`. One that is not `on` is only described.
    """

    id: str
    name: str
    on: bool
    items: tuple[Item, ...]
    rule: str
    limit: int | None
    means: str
    over: str
    urgency: str
    sources: tuple[Source, ...]
    license: str
    reviewed_by: str
