"""The forms that staff fill in. Signing in and its rules are Flask-Security's."""

from flask_security.forms import LoginForm
from flask_wtf import FlaskForm
from wtforms import SelectField
from wtforms.fields.choices import SelectChoice

from models import STATUSES


class SignInForm(LoginForm):
    remember = None  # a shared computer at a front desk must not stay signed in


class StatusForm(FlaskForm):
    status = SelectField(
        "Status", choices=[SelectChoice(status, status.capitalize()) for status in STATUSES]
    )
