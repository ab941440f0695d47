"""What every template can use: the practice, and how moments and numbers are written."""

from datetime import date, datetime

import phonenumbers
from flask import Flask

from content import Month, Observance, library
from forms_fields import long_day


def day(value: date) -> str:
    """Like June 30, 2026."""
    return f"{value:%B} {value.day}, {value.year}"


def clock(value: datetime) -> str:
    """Like 3:40 pm."""
    return f"{value.hour % 12 or 12}:{value:%M} {'am' if value.hour < 12 else 'pm'}"


def moment(value: datetime) -> str:
    """In the practice's time zone, like 11/22/2026, 3:40 pm."""
    local = library().practice.local(value)
    return f"{local:%m/%d/%Y}, {clock(local)}"


def deadline(value: datetime) -> str:
    """In the practice's time zone, like Tuesday, December 1, 2026, 5:00 pm."""
    local = library().practice.local(value)
    return f"{long_day(local)}, {clock(local)}"


def dates(observance: Observance, year: int, month: Month) -> str:
    """When it is, like: Saturday, May 1, 2027."""
    days = observance.days(year, month.number)
    if days is None:
        whole = {
            "all month": f"all of {month.name}",
            "late": f"late in {month.name}",
            "varies": f"in {month.name}; its hosts set the day each year",
        }
        return whole[observance.when]
    first, last = days
    return long_day(first) if first == last else f"{month.name} {first.day} to {last.day}, {year}"


def phone_link(text: str) -> str:
    """The address that calls a number, like tel:+1-612-555-0142;ext=5 (RFC 3966)."""
    number = phonenumbers.parse(text, "US")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.RFC3966)


def init_app(app: Flask) -> None:
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.jinja_env.filters.update(
        clock=clock,
        dates=dates,
        day=day,
        deadline=deadline,
        moment=moment,
        phone_link=phone_link,
    )
    app.context_processor(lambda: {"practice": library().practice, "content": library()})
