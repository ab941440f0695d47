"""Visits as calendars read them."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import time_machine
from icalendar import Calendar

from content import library
from outbox_calendar import calendar_file

STARTS_AT = datetime(2026, 12, 1, 9, tzinfo=ZoneInfo("America/Chicago"))


@pytest.fixture
def read(app):
    """Make a file and read it as a calendar does: (calendar, event)."""

    def file(**changes):
        visit = {"uid": "5c7e@example.org", "starts_at": STARTS_AT, "sequence": 0, **changes}
        calendar = Calendar.from_ical(calendar_file(**visit))
        (event,) = calendar.walk("VEVENT")
        return calendar, event

    return file


@time_machine.travel("2026-11-22T15:04:05Z", tick=False)
def test_a_visit_is_kept_free_in_world_time(read):
    calendar, event = read()
    assert event["DTSTART"].dt == datetime(2026, 12, 1, 15, tzinfo=UTC)
    assert event["DTSTART"].to_ical() == b"20261201T150000Z"
    assert event["DTEND"].dt - event["DTSTART"].dt == timedelta(
        minutes=library().practice.visit_minutes
    )
    assert event["DTSTAMP"].dt == datetime(2026, 11, 22, 15, 4, 5, tzinfo=UTC)
    assert (calendar["METHOD"], event["STATUS"]) == ("PUBLISH", "CONFIRMED")


def test_a_changed_visit_is_the_same_one_in_a_later_version(read):
    (_, first), (_, second) = read(), read(sequence=1, starts_at=STARTS_AT + timedelta(days=1))
    assert first["UID"] == second["UID"]
    assert (first["SEQUENCE"], second["SEQUENCE"]) == (0, 1)
    assert first["DTSTART"].dt < second["DTSTART"].dt


def test_a_cancelled_visit_is_taken_out(read):
    calendar, event = read(sequence=2, cancelled=True)
    assert (calendar["METHOD"], event["STATUS"]) == ("CANCEL", "CANCELLED")
    assert event["SEQUENCE"] == 2


def test_a_calendar_tells_nobody_what_the_visit_is_for(read):
    calendar, event = read()
    assert (event["SUMMARY"], event["CLASS"]) == ("Appointment", "PRIVATE")
    assert event["ORGANIZER"] == "mailto:front-desk@example.org"
    assert event["ORGANIZER"].params["CN"] == "MBPD, Minneapolis"
    assert event["LOCATION"] == "100 Example Avenue, Minneapolis, MN 55401"
    assert "DESCRIPTION" not in event
    text = calendar.to_ical().decode().lower()
    assert not [word for word in ("pain", "spine", "headache", "doctor", "neck") if word in text]


def test_a_file_is_made_of_the_lines_that_the_standard_wants(read, app):
    file = calendar_file(uid="5c7e@example.org", starts_at=STARTS_AT, sequence=0)
    lines = file.split(b"\r\n")
    assert lines.pop() == b""
    assert max(map(len, lines)) <= 75
    assert not [line for line in lines if b"\n" in line]
