"""The forms that staff fill in. Signing in is Flask-Security's, counting wrong tries is ours."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from flask_security import PasswordUtil
from flask_security.forms import LoginForm
from flask_wtf import FlaskForm
from wtforms import (
    BooleanField,
    DateField,
    HiddenField,
    SelectField,
    StringField,
    TextAreaField,
    TimeField,
)
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired, Length, ValidationError

from content import library
from forms_passwords import weakness
from models import STATUSES, db, now
from models_events import log
from models_staff import User


def capitalized(names: Iterable[str]) -> list[SelectChoice]:
    return [SelectChoice(name, name.capitalize()) for name in names]


STATUS_CHOICES = capitalized(STATUSES)


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
    status = SelectField("Status", choices=STATUS_CHOICES)


class AssignField(SelectField):
    """A member of staff, or nobody (0)."""

    def __init__(self, *args: Any, first: str = "", **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.choices = [SelectChoice("", first)] if first else []
        self.choices += [SelectChoice("0", "Nobody")]
        users = db.session.scalars(User.who_work())
        self.choices += [SelectChoice(str(user.id), user.email) for user in users]


class AssignForm(WorkForm):
    assigned = AssignField("Assigned to")


class SeveralForm(FlaskForm):
    """What to do with all submissions that are ticked."""

    assigned = AssignField("Assign to", first="Assign to …")
    status = SelectField("Status", choices=[SelectChoice("", "Status …"), *STATUS_CHOICES])


class NoteForm(FlaskForm):
    text = TextAreaField(
        "Note",
        validators=[
            InputRequired("Write something first."),
            Length(max=2000, message="Use 2,000 characters or less."),
        ],
    )


class HoldForm(WorkForm):
    """Nothing to fill in."""


class ResendForm(FlaskForm):
    letter = HiddenField(validators=[InputRequired()])


class ScheduleForm(WorkForm):
    """A day and a time at the practice."""

    day = DateField("Day", validators=[InputRequired("Enter the day of the visit")])
    time = TimeField("Time", validators=[InputRequired("Enter the time of the visit")])

    anyway = BooleanField("Book it all the same")

    def validate_time(self, field: TimeField) -> None:
        if not self.day.data:
            return
        practice = library().practice
        if datetime.combine(self.day.data, field.data, practice.time_zone) <= now():
            raise ValidationError("Enter a time that is still to come")
        if not practice.is_open_at(self.day.data, field.data) and not self.anyway.data:
            raise ValidationError("We are closed then. Change it, or tick to book it all the same")
