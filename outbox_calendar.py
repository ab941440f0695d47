"""A visit as a file that calendars read (RFC 5545). It does not say what the visit is for."""

from datetime import UTC, datetime, timedelta

from icalendar import Calendar, Event, vCalAddress

from content import library
from models import now


def calendar_file(
    *, uid: str, starts_at: datetime, sequence: int, cancelled: bool = False
) -> bytes:
    """Return the visit for a calendar to add, to move, or (`cancelled`) to take out.

    `uid` stays the same as long as it is the same visit; `sequence` rises with every change of it.
    """
    practice, start = library().practice, starts_at.astimezone(UTC)
    event = Event()
    event.add("uid", uid)
    event.add("sequence", sequence)
    event.add("dtstamp", now())
    event.add("dtstart", start)
    event.add("dtend", start + timedelta(minutes=practice.visit_minutes))
    event.add("status", "CANCELLED" if cancelled else "CONFIRMED")
    event.add("class", "PRIVATE")
    event.add("summary", "Appointment")
    event.add("location", ", ".join(practice.address))
    event.add("organizer", organizer(practice.email, practice.letter_name))
    calendar = Calendar()
    calendar.add("version", "2.0")
    calendar.add("prodid", "-//practice-site//appointments//EN")
    calendar.add("method", method(cancelled=cancelled))
    calendar.add_component(event)
    return calendar.to_ical()


def method(*, cancelled: bool) -> str:
    """What a calendar is to do with the file. It is never asked to answer, as REQUEST would."""
    return "CANCEL" if cancelled else "PUBLISH"


def organizer(email: str, name: str) -> vCalAddress:
    address = vCalAddress(f"mailto:{email}")
    address.params["CN"] = name
    return address
