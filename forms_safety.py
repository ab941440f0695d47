"""The first page of every flow, the page that stops people in danger, and what leads to it."""

from typing import Any

from wtforms import Field

from content import Library, library
from content_medical import Answers as Flat
from forms_fields import ManyChoices
from forms_flow import Answers, Step, StepForm
from models import flat

NO_RED_FLAG = ("none", "None of these")
TOPICS = {"headache": "With your head", "back": "With your back"}


class SafetyForm(StepForm):
    red_flags = ManyChoices(
        "Do you have any of these right now?",
        none=NO_RED_FLAG,
        missing="Select what applies, or “None of these”",
    )

    def ask(self, content: Library) -> None:
        flags = content.red_flags.values()
        self.red_flags.groups = [
            (heading, [(flag.id, flag.text) for flag in flags if flag.topic == topic])
            for topic, heading in TOPICS.items()
        ]


class FlagsShown(Field):
    """The red flags that the page was about when it was read, which it carries unseen."""

    def process_formdata(self, values: list[str]) -> None:
        self.data = values


class AdviceForm(StepForm):
    """Nothing to fill in: sending it says that the advice was read and the patient goes on."""

    shown = FlagsShown()

    @property
    def answers(self) -> dict[str, Any]:
        seen = self.shown.data or []
        return {"shown": [flag for flag in raised_flags(self.given) if flag in seen]}


def has_headaches(answers: Answers) -> bool:
    """Whether to ask about headaches; as long as we do not know, we mean to."""
    return "headache" in answers.get("you", {}).get("help_with", ["headache"])


# The pages that not everyone is asked, with the answers that ask for them.
ASKED_IF = {"headaches": has_headaches}


def relevant(answers: Answers) -> Flat:
    """Every answer by field name, but for those on pages that do not apply any more.

    It is what a flow's `columns` come to. It cannot ask the flow, whose pages depend on it.
    """
    moot = {name for name, applies in ASKED_IF.items() if not applies(answers)}
    moot |= {"advice", "origin", "typed"}
    return flat(step for name, step in answers.items() if name not in moot)


def raised_flags(answers: Answers) -> list[str]:
    """The ids of the red flags that the patient ticked, or that other answers come to."""
    given = relevant(answers)
    return [flag.id for flag in library().red_flags.values() if flag.raised(given)]


def has_seen_advice(answers: Answers) -> bool:
    """Whether the advice was about all red flags that there are now."""
    return set(raised_flags(answers)) <= set(answers["advice"].get("shown", []))


SAFETY = Step("safety", "First, check that it is safe to wait", SafetyForm)
ADVICE = Step(
    "advice",
    "Get help first",
    AdviceForm,
    applies=lambda answers: bool(raised_flags(answers)),
    stands=has_seen_advice,
    interrupts=True,
)
