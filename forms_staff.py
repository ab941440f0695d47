"""The forms that staff fill in. Signing in and its rules are Flask-Security's."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import sqlalchemy as sa
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
from models import STATUSES, db, now
from models_staff import User


def capitalized(names: Iterable[str]) -> list[SelectChoice]:
    return [SelectChoice(name, name.capitalize()) for name in names]


STATUS_CHOICES = capitalized(STATUSES)


class SignInForm(LoginForm):
    remember = None  # a shared computer at a front desk must not stay signed in


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
        users = db.session.execute(sa.select(User.id, User.email).where(User.active)).all()
        self.choices = [SelectChoice("", first)] if first else []
        self.choices += [SelectChoice("0", "Nobody")]
        self.choices += [SelectChoice(str(number), email) for number, email in users]


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
