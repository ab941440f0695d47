"""What patients may tell us, the words when they cannot, and the order we ask in.

A flow is a list of steps, a step is a form, a form is a list of questions. A new question is a new
line in its form; a new step is a form and a line in its flow. How they go on is in `forms_flow.py`.
"""

from datetime import date, timedelta

import phonenumbers
from email_validator import EmailNotValidError, validate_email
from wtforms.validators import StopValidation

from content import Library, library
from forms_fields import (
    BirthDate,
    Choice,
    Consent,
    LongText,
    ManyChoices,
    Text,
    Window,
    answered,
    at_most,
    long_day,
)
from forms_flow import Answers, Flow, Step, StepForm

OLDEST_AGE = 130  # years
FURTHEST_DAY = 183  # days ahead that a visit can be asked for; about six months
NO_RED_FLAG = ("none", "None of these")
TOPICS = {"headache": "With your head", "back": "With your back"}
TELEPHONES = {"phone", "text"}  # ways to reach someone that need a phone number


class SafetyForm(StepForm):
    red_flags = ManyChoices(
        "Do you have any of these right now?",
        none=NO_RED_FLAG,
        missing="Tick what applies, or “None of these”",
    )

    def ask(self, content: Library) -> None:
        flags = content.red_flags.values()
        self.red_flags.groups = [
            (heading, [(flag.id, flag.text) for flag in flags if flag.topic == topic])
            for topic, heading in TOPICS.items()
        ]


class AdviceForm(StepForm):
    """Nothing to fill in: sending it says that the advice was read and the patient goes on."""


class DetailsForm(StepForm):
    full_name = Text(
        "Full name",
        heading="About you",
        validators=[answered("Enter your full name"), at_most(200, "Full name")],
        attributes={"autocomplete": "name", "spellcheck": "false"},
    )
    birth = BirthDate("Date of birth", hint="Month, day and year. For example, 3 31 1975.")
    phone = Text(
        "Phone number",
        heading="How we can reach you",
        hint="Give a phone number, an email address, or both.",
        attributes={"type": "tel", "autocomplete": "tel"},
    )
    email = Text(
        "Email address",
        attributes={
            "type": "email",
            "autocomplete": "email",
            "spellcheck": "false",
            "autocapitalize": "none",
        },
    )
    contact_by = Choice(
        "How would you like to hear from us?",
        choices=[("phone", "Phone call"), ("text", "Text message"), ("email", "Email")],
        missing="Select how you would like to hear from us",
    )
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
    consent = Consent(
        "Your agreement", missing="Tick the box to agree that we may use your answers"
    )

    def ask(self, content: Library) -> None:
        self.consent.words, self.consent.version = content.consent.text, content.consent.version
        today = content.practice.today()
        for window in (self.window1, self.window2, self.window3):
            window.first, window.last = today + timedelta(days=1), today + timedelta(FURTHEST_DAY)

    def validate_birth(self, field: BirthDate) -> None:
        if field.data:
            field.check_age(library().practice.today(), OLDEST_AGE)

    def validate_phone(self, field: Text) -> None:
        if field.data:
            field.data = read_phone(field.data)
        elif self.contact_by.data in TELEPHONES:
            raise StopValidation("Enter a phone number, so that we can call or text you")
        elif not self.email.data:
            raise StopValidation("Enter a phone number or an email address")

    def validate_email(self, field: Text) -> None:
        if field.data:
            field.data = read_email(field.data)
        elif self.contact_by.data == "email":
            raise StopValidation("Enter an email address, so that we can write to you")

    def validate_window1(self, field: Window) -> None:
        if field.data:
            check_window(field, date.fromisoformat(field.data["day"]))

    validate_window2 = validate_window3 = validate_window1


class CheckForm(StepForm):
    """Nothing to fill in: the answers are in the draft, and this sends it."""


def read_phone(text: str) -> str:
    """Return the number as it is written at home or, for another country, abroad.

    Only the length is held against the published ranges, since new ones keep coming, and a US
    number's area code and exchange, which begin with 2 to 9 (the North American Numbering Plan).
    """
    wrong = StopValidation("Enter a phone number with its area code, like (202) 555-0123")
    try:
        number = phonenumbers.parse(text, "US")
    except phonenumbers.NumberParseException:
        raise wrong from None
    possible = phonenumbers.is_possible_number_with_reason(number)
    if possible != phonenumbers.ValidationResult.IS_POSSIBLE:
        raise wrong
    if number.country_code == 1:
        national = phonenumbers.national_significant_number(number)
        if national[0] in "01" or national[3] in "01":
            raise wrong
        return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.NATIONAL)
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.INTERNATIONAL)


def read_email(text: str) -> str:
    """Return the address in its normal form. Whether it exists is not asked of the network."""
    try:
        return validate_email(text, check_deliverability=False).normalized
    except EmailNotValidError:
        raise StopValidation("Enter an email address in full, like name@example.com") from None


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


def ticked_flags(answers: Answers) -> list[str]:
    """The ids of the red flags that the patient ticked on the first page."""
    ticked = answers.get("safety", {}).get("red_flags", [])
    return [flag for flag in ticked if flag != NO_RED_FLAG[0]]


FLOWS = {
    "appointment": Flow(
        "appointment",
        "Request an appointment",
        (
            Step("safety", "First, check that it is safe to wait", SafetyForm, resets=("advice",)),
            Step("advice", "Get help first", AdviceForm, applies=lambda a: bool(ticked_flags(a))),
            Step("details", "Your details", DetailsForm),
        ),
    ),
}
