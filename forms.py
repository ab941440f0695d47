"""What patients may tell us, the words when they cannot, and the order we ask in.

A flow is a list of steps, a step is a form, a form is a list of questions. A new question is a new
line in its form; a new step is a form and a line in its flow. How they go on is in `forms_flow.py`.
"""

from datetime import date, timedelta
from functools import lru_cache

from wtforms.validators import StopValidation

from content import Library, library
from content_files import ContentError
from forms_contact import ContactForm
from forms_fields import NOT_AGREED, Choice, Consent, LongText
from forms_flow import Flow, Step, StepForm
from forms_intake import HeadachesForm, HealthForm, SpineForm, YouForm
from forms_parts import Window, long_day
from forms_safety import ADVICE, ASKED_IF, SAFETY

FURTHEST_DAY = 183  # days ahead that a visit can be asked for; about six months


class DetailsForm(ContactForm):
    visited_before = Choice(
        "Have you been to our practice before?",
        heading="About your visit",
        choices=[("new", "No, this is my first time"), ("returning", "Yes")],
        missing="Select whether you have been to our practice before",
    )
    reason = Choice(
        "What is the main reason for your visit?",
        choices=[
            ("headache", "Headache or migraine"),
            ("neck", "Neck pain"),
            ("back", "Back pain"),
            ("injury", "An injury"),
            ("other", "Something else"),
        ],
        missing="Select the main reason for your visit",
    )
    window1 = Window(
        "First choice (optional)",
        heading="When would suit you?",
        hint="We will try to find a time near your choices.",
    )
    window2 = Window("Second choice (optional)")
    window3 = Window("Third choice (optional)")
    message = LongText(
        "Anything else we should know? (optional)",
        heading="Your message",
        limit=1000,
        thing="Your message",
        hint="Up to 1,000 characters. We do not read this right away, "
        "so do not use it in an emergency.",
    )
    consent = Consent("Your agreement", missing=NOT_AGREED)

    def ask(self, content: Library) -> None:
        self.consent.words, self.consent.version = content.consent.text, content.consent.version
        today = content.practice.today()
        for window in (self.window1, self.window2, self.window3):
            window.first, window.last = today + timedelta(days=1), today + timedelta(FURTHEST_DAY)

    def validate_window1(self, field: Window) -> None:
        if field.data:
            check_window(field, date.fromisoformat(field.data["day"]))

    validate_window2 = validate_window3 = validate_window1


class TimesForm(DetailsForm):
    """The windows alone, for a patient who asks for another time."""

    def ask(self, content: Library) -> None:
        super().ask(content)
        for field in self.questions:
            if not isinstance(field, Window):
                del self[field.name]

    def validate_window1(self, field: Window) -> None:
        windows = [one for one in self.questions if isinstance(one, Window)]
        if not any(one.data or one.process_errors for one in windows):
            raise StopValidation("Choose at least one day that would suit you")
        super().validate_window1(field)


class CheckForm(StepForm):
    """Nothing to fill in: the answers are in the draft, and this sends it."""


def check_window(field: Window, day: date) -> None:
    """Refuse a day that is too near, too far, or on which the practice is closed."""
    practice, wrong = library().practice, ""
    if not field.first <= day <= field.last:
        wrong = f"must be from {long_day(field.first)} to {long_day(field.last)}"
    elif not practice.is_open(day):
        wrong = f"must be a day we are open. We are closed on {long_day(day)}"
    if wrong:
        field.wrong_part = "day"
        raise StopValidation(f"{field.name_in_messages} {wrong}")


FLOWS = {
    "appointment": Flow(
        "appointment",
        "Request an appointment",
        "It takes a minute to check. After this there is one page of questions.",
        (SAFETY, ADVICE, Step("details", "Your details", DetailsForm)),
    ),
    "intake": Flow(
        "intake",
        "Intake form",
        "The whole form takes about 10 minutes. Have the names of your medicines ready, and the "
        "dates of injuries and treatments. You can stop and come back later.",
        (
            SAFETY,
            ADVICE,
            Step("you", "About you", YouForm),
            Step("headaches", "Your headaches", HeadachesForm, applies=ASKED_IF["headaches"]),
            Step("spine", "Your neck and back", SpineForm),
            Step("health", "Your health", HealthForm),
        ),
    ),
}


def field_names() -> tuple[str, ...]:
    """The name of each field that the forms have, in their order."""
    questions = [step.stored({}).questions for flow in FLOWS.values() for step in flow.steps]
    return tuple(dict.fromkeys(field.name for fields in questions for field in fields))


@lru_cache(maxsize=1000)
def field_of(first_id: str, fields: tuple[str, ...]) -> str | None:
    """Return the field that an input belongs to, like `birth` for `birth_month`."""
    names = (first_id, first_id.rpartition("-")[0], first_id.rpartition("_")[0])
    return next((name for name in names if name in fields), None)


def check_rules(content: Library) -> None:
    """Refuse a rule that could never fire, since the intake has no such question or answer.

    Raises `ContentError`.
    """
    asked = {
        field.name: getattr(field, "words", None) or dict(getattr(field, "choices", ()))
        for step in FLOWS["intake"].steps
        for field in step.stored({}).questions
    }
    rules = [*content.red_flags.values(), *content.risk_factors.values()]
    for rule in rules:
        for question, answers in [pair for when in rule.when for pair in when.items()]:
            if unknown := set(answers) - set(asked.get(question, ())):
                raise ContentError(
                    f"{rule.id}: “when” names {question} = {sorted(unknown)}, "
                    "which is no question and answer of the intake form."
                )
    for instrument in content.instruments.values():
        if instrument.on and (missing := {item.id for item in instrument.items} - set(asked)):
            raise ContentError(
                f"instruments.toml, {instrument.id}: it is on, but the intake form does not ask "
                f"{sorted(missing)}. Add the questions to forms_intake.py, or turn it off."
            )
