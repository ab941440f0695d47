"""The forms that staff fill in. Signing in and its rules are Flask-Security's."""

from datetime import datetime

from flask_security.forms import LoginForm
from flask_wtf import FlaskForm
from wtforms import DateField, HiddenField, SelectField, TimeField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired, ValidationError

from content import library
from models import STATUSES, now


class SignInForm(LoginForm):
    remember = None  # a shared computer at a front desk must not stay signed in


class StatusForm(FlaskForm):
    status = SelectField(
        "Status", choices=[SelectChoice(status, status.capitalize()) for status in STATUSES]
    )


class ScheduleForm(FlaskForm):
    """A day and a time at the practice. `changes` tells which booked time was on the screen."""

    day = DateField("Day", validators=[InputRequired("Enter the day of the visit")])
    time = TimeField("Time", validators=[InputRequired("Enter the time of the visit")])
    changes = HiddenField(validators=[InputRequired()])

    def validate_time(self, field: TimeField) -> None:
        zone = library().practice.time_zone
        if self.day.data and datetime.combine(self.day.data, field.data, zone) <= now():
            raise ValidationError("Enter a time that is still to come")
