"""Who somebody is and how to reach them: asked by both flows, in the same words."""

from collections.abc import Callable

import phonenumbers
from email_validator import EmailNotValidError, validate_email
from wtforms.validators import StopValidation

from content import library
from forms_fields import Choice, Text, answered, at_most
from forms_flow import StepForm
from forms_parts import BirthDate
from models_search import OLDEST_AGE

TELEPHONES = {"phone", "text"}  # ways to reach someone that need a phone number
CONTACT = ("full_name", "birth", "phone", "email", "contact_by")
BIRTH_HINT = "Month, day and year. For example, 3 31 1975."
NAME = {"autocomplete": "name", "spellcheck": "false"}
EMAIL = {
    "type": "email",
    "autocomplete": "email",
    "spellcheck": "false",
    "autocapitalize": "none",
}


def of_helpers(message: str) -> Callable[[StepForm, Text], None]:
    """Want an answer of who fills in the form for somebody else, and of nobody else."""

    def check(form: StepForm, field: Text) -> None:
        if form.filled_in_by.data == "self":
            field.data = ""
        elif form.filled_in_by.data == "helper" and not field.data:
            raise StopValidation(message)

    return check


class HelperForm(StepForm):
    """Whether a parent or caregiver fills in the form. Comes before all about the patient."""

    filled_in_by = Choice(
        "Who is this form about?",
        choices=[("self", "Me"), ("helper", "Someone I help, like my child or my parent")],
        missing="Select who this form is about",
    )
    helper_name = Text(
        "Your own name, if you help someone (optional)",
        validators=[
            of_helpers("Enter your own name, so that we know who filled this in"),
            at_most(200, "Your name"),
        ],
        listed_if_empty=False,
        attributes={"autocomplete": "off", "spellcheck": "false"},
    )
    helper_relation = Text(
        "What you are to the patient, if you help someone (optional)",
        hint="For example, mother, son or caregiver.",
        validators=[
            of_helpers("Enter what you are to the patient, like mother or caregiver"),
            at_most(100, "What you are to the patient"),
        ],
        listed_if_empty=False,
        attributes={"autocomplete": "off"},
    )


class BirthForm(StepForm):
    """The date of birth alone: asked before a link in a letter opens anything."""

    birth = BirthDate("Date of birth", hint=BIRTH_HINT)

    def validate_birth(self, field: BirthDate) -> None:
        if field.data:
            field.check_age(library().practice.today(), OLDEST_AGE)


class ContactForm(StepForm):
    full_name = Text(
        "Full name",
        heading="About you",
        validators=[answered("Enter your full name"), at_most(200, "Full name")],
        attributes=NAME,
    )
    birth = BirthDate("Date of birth", hint=BIRTH_HINT)
    phone = Text(
        "Phone number",
        heading="How we can reach you",
        hint="Give a phone number, an email address, or both.",
        attributes={"type": "tel", "autocomplete": "tel"},
    )
    email = Text("Email address", attributes=EMAIL)
    contact_by = Choice(
        "How would you like to hear from us?",
        choices=[("phone", "Phone call"), ("text", "Text message"), ("email", "Email")],
        missing="Select how you would like to hear from us",
    )

    validate_birth = BirthForm.validate_birth

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


class LaterForm(StepForm):
    """Where to send a link with which the form can be finished on another device."""

    email = Text(
        "Email address",
        hint="We send one email. It does not say what the form is about.",
        validators=[answered("Enter an email address")],
        attributes=EMAIL,
    )

    def validate_email(self, field: Text) -> None:
        if field.data:
            field.data = read_email(field.data)


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
