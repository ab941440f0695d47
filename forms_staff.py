"""The forms that staff fill in. Signing in is Flask-Security's, counting wrong tries is ours."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from operator import itemgetter
from typing import Any

from flask import g, request
from flask_security import PasswordUtil, current_user
from flask_security.forms import ChangePasswordForm, LoginForm
from flask_security.utils import get_message
from flask_wtf import FlaskForm
from wtforms import (
    BooleanField,
    DateField,
    HiddenField,
    PasswordField,
    SelectField,
    StringField,
    SubmitField,
    TextAreaField,
    TimeField,
)
from wtforms.fields.choices import SelectChoice
from wtforms.validators import (
    DataRequired,
    InputRequired,
    Length,
    Optional,
    StopValidation,
    ValidationError,
)

from content import library
from content_medical import URGENCIES
from forms_fields import clean, clean_line
from forms_passwords import weakness
from models import KINDS, STATUSES, db, now
from models_events import ACTS, log
from models_staff import User

EXPORT_REASONS = (
    "Numbers for a report",
    "A check of our records",
    "A copy for when the site is down",
    "A move to another system",
    "A request by a patient or a court",
)
TRIED_TOO_OFTEN = "Too many tries. Wait a minute, then try again"
IN_ORDER = dict(sorted(ACTS.items(), key=itemgetter(1)))
AS_TYPED = {"autocomplete": "off", "spellcheck": "false", "maxlength": 9}
LAST_VISIT = timedelta(days=3 * 365)
# What intakes can be given, and many at once: none that goes with a visit, or a letter about it.
WITHOUT_VISIT = [status for status in STATUSES if status not in {"scheduled", "cancelled"}]


def choices(words: Mapping[Any, str], first: str = "") -> list[SelectChoice]:
    """What a list offers: values and their words; `first` is for who chooses nothing."""
    offered = {"": first, **words} if first else words
    return [SelectChoice(str(value), label) for value, label in offered.items()]


def capitalized(names: Iterable[str]) -> dict[str, str]:
    return {name: name.capitalize() for name in names}


def who_works() -> dict[int, str]:
    """Nobody (0), and each member of staff. Several lists of a page offer them: asked for once."""
    if "who_works" not in g:
        people = {user.id: user.email for user in db.session.scalars(User.who_work())}
        g.who_works = {0: "Nobody", **people}
    return g.who_works


def factors() -> dict[str, str]:
    return {one.id: one.tag.capitalize() for one in library().risk_factors.values()}


def articles() -> dict[str, str]:
    return {one.slug: one.title for one in library().articles.values()}


class SignInForm(LoginForm):
    """An address and a password. Whatever is wrong, the answer and the time it takes are the same.

    While an account is locked its right password is refused as well, so nobody learns it by trying.
    """

    remember = None  # a shared computer at a front desk must not stay signed in

    def validate(self, **more: Any) -> bool:
        # Locked from here on: of two tries at once, the second sees that the first was wrong.
        known = db.session.scalar(User.with_email(self.email.data or "").with_for_update())
        right, asked = super().validate(**more), bool(self.email.data and self.password.data)
        if right and known and not known.is_kept_out:
            return True
        if right:
            self.password.errors = ["the account is locked"]  # in words that name no account
        if asked and known:
            known.count_failure("password")
        elif asked:
            log("authn_login_fail", detail="unknown account")
        db.session.commit()
        return False


class NewPasswordForm(ChangePasswordForm):
    """A new password, for who knows the one there is. A wrong one counts as at the sign-in."""

    def validate_password(self, _field: PasswordField) -> None:
        if current_user.is_kept_out:
            raise StopValidation(TRIED_TOO_OFTEN)

    def validate(self, **more: Any) -> bool:
        right = super().validate(**more)
        if {TRIED_TOO_OFTEN, get_message("INVALID_PASSWORD")[0]} & {*self.password.errors}:
            db.session.scalar(User.to_change(current_user.id)).count_failure("password")
            db.session.commit()
        return right


class Passwords(PasswordUtil):
    """What a new password must be, on top of its length."""

    def validate(
        self,
        password: str,
        is_register: bool,  # noqa: FBT001 (Flask-Security calls it so)
        **given: Any,
    ) -> tuple[list[str] | None, str]:
        problems, normal = super().validate(password, is_register, **given)
        if not problems:
            weak = weakness(normal, given["user"].email, library().practice.name)
            problems = [weak] if weak else None
        return problems, normal


class CodeForm(FlaskForm):
    """A code from the phone, or a recovery code."""

    code = StringField("Code", validators=[InputRequired("Enter the code"), Length(max=100)])


class SearchForm(FlaskForm):
    q = StringField("Name, phone, email, date of birth or reference", validators=[Length(max=200)])


class WorkForm(FlaskForm):
    """A change to a submission. `version` tells how it was when it was on the screen."""

    version = HiddenField()


class StatusForm(WorkForm):
    status = SelectField("Status", choices=choices(capitalized(STATUSES)))


class AssignForm(WorkForm):
    assigned = SelectField("Assigned to", choices=lambda: choices(who_works()))
    me = SubmitField("Assign to me")


class SeveralForm(FlaskForm):
    """What to do with all submissions that are ticked."""

    assigned = SelectField("Assign to", choices=lambda: choices(who_works(), "Assign to …"))
    status = SelectField("Status", choices=choices(capitalized(WITHOUT_VISIT), "Status …"))


class NoteForm(FlaskForm):
    text = TextAreaField(
        "Note",
        filters=[clean],
        validators=[
            DataRequired("Write something first."),
            Length(max=2000, message="Use 2,000 characters or less."),
        ],
    )


class ResendForm(FlaskForm):
    letter = HiddenField(filters=[clean_line], validators=[InputRequired()])


class ExportForm(FlaskForm):
    """What an export is for. The password, where the sign-in is too long ago to count.

    The reason goes into the audit trail, so it is chosen: who types could name a patient.
    """

    reason = SelectField(
        "What is the export for?",
        choices=choices(dict(zip(EXPORT_REASONS, EXPORT_REASONS, strict=True)), "Choose one"),
        validators=[InputRequired("Choose what the export is for")],
    )
    password = PasswordField("Your password")


def is_of_our_time(_form: FlaskForm, field: DateField) -> None:
    if field.data and field.data.year not in range(2000, 3000):
        raise ValidationError("Enter a date like 3/31/2026")


class NarrowForm(FlaskForm):
    """What a list is narrowed by. It stands in the address, and changes nothing."""

    class Meta(FlaskForm.Meta):
        csrf = False


class QueueForm(NarrowForm):
    """How the submissions are narrowed; `staff_list` reads it from the address."""

    kind = SelectField("Kind", choices=choices(KINDS, "All"))
    urgency = SelectField("Urgency", choices=choices(capitalized(URGENCIES), "All"))
    status = SelectField("Status", choices=choices(capitalized(STATUSES), "All"))
    assigned = SelectField("Assigned to", choices=lambda: choices(who_works(), "All"))
    factor = SelectField("Risk factor", choices=lambda: choices(factors(), "All"))
    article = SelectField("Came from", choices=lambda: choices(articles(), "All"))
    since = DateField("Received from")
    until = DateField("To")


class ActivityForm(NarrowForm):
    who = SelectField("Who", default="")
    what = SelectField("What", default="", choices=choices(IN_ORDER, "Anything"))
    submission = StringField("Reference", default="", filters=[clean_line], render_kw=AS_TYPED)
    since = DateField("From", validators=[Optional(), is_of_our_time])
    until = DateField("To", validators=[Optional(), is_of_our_time])

    def __init__(self, accounts: Mapping[int, str]):
        super().__init__(formdata=request.args)
        groups = {"patients": "Patients", "owner": "The owner"}
        self.who.choices = choices({**groups, **accounts}, "Anyone")

    def validate_until(self, field: DateField) -> None:
        if self.since.data and field.data and field.data < self.since.data:
            raise ValidationError("The last day must not be before the first")


class ScheduleForm(WorkForm):
    """A day and a time at the practice."""

    day = DateField("Day", validators=[InputRequired("Enter the day of the visit")])
    time = TimeField("Time", validators=[InputRequired("Enter the time of the visit")])

    anyway = BooleanField("Book it anyway")
    closed = False  # whether that is what there is to decide

    def validate_day(self, field: DateField) -> None:
        if field.data and field.data > library().practice.today() + LAST_VISIT:
            raise ValidationError("Enter a day in the next three years")

    def validate_time(self, field: TimeField) -> None:
        if self.day.errors or field.data is None:
            return
        practice = library().practice
        if datetime.combine(self.day.data, field.data, practice.time_zone) <= now():
            raise ValidationError("Enter a time that is still to come")
        if not practice.is_open_at(self.day.data, field.data) and not self.anyway.data:
            self.closed = True
            raise ValidationError(
                "We are closed then. Change it, or check the box to book it anyway"
            )
