"""Everything that is kept on one person, found by reference, email address or phone number.

Families share phones and addresses, so what is found may be of several people. Who they are is
told apart by date of birth and name.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

import models_search
from models import Submission, db, now
from models_drafts import Draft
from models_events import Event
from models_letters import Letter
from models_notes import Note
from models_search import Thing
from vault import VaultError

Who = tuple[str, str] | None  # date of birth and name, or None for what does not say


# What a letter must not give away: its links open things without asking who holds them.
NOT_SHOWN = {"link"}
# Events whose detail is about a member of staff.
ABOUT_STAFF = {"assigned"}
COLUMNS = (
    "kind",
    "status",
    "urgency",
    "received_at",
    "reply_due_at",
    "scheduled_for",
    "changed_at",
    "source_article",
    "spam_reason",
    "hold",
    "form_version",
    "consent_version",
    "consented_at",
    "erased_at",
    "erased_why",
)


@dataclass(frozen=True)
class Found:
    """Submissions, forms that are not sent, and letters that are about no submission."""

    submissions: list[Submission]
    drafts: list[Draft]
    letters: list[Letter]

    def __bool__(self) -> bool:
        return bool(self.submissions or self.drafts or self.letters)

    @property
    def people(self) -> set[Who]:
        """Who these are of. What does not open may be of anybody, a form just begun is not."""
        sent = {who((opened(row) or {}).get("answers", {})) for row in self.submissions}
        return sent | ({who(opened(draft)) for draft in self.drafts} - {None})

    def only(self, references: Collection[str]) -> "Found":
        """These submissions alone: of a draft or a letter nobody can say whose it is."""
        return Found([row for row in self.submissions if row.reference in references], [], [])


def understand(typed: str) -> Thing:
    """Return what somebody is looked for by. Raises ValueError for what is none of the three."""
    text = typed.strip()
    if "@" in text:
        return "email", text.casefold()
    number = models_search.digits(text)
    if models_search.NUMBER.fullmatch(text) and len(number) > len("7K3F9QRT"):
        return "phone", number
    return "reference", models_search.read_reference(text)


def find(thing: Thing) -> Found:
    """Find all; with a reference, that submission and those that are joined to it for sure."""
    kind, value = thing
    if kind == "reference":
        one = db.session.scalar(Submission.with_reference(value))
        rows = [one, *db.session.scalars(one.related())] if one else []
        ids = {row.id for row in rows}
        begun = [d for d in db.session.scalars(sa.select(Draft)) if followed_by(d) in ids]
        return Found(rows, begun, [])
    query, place = models_search.having(sa.select(Submission), models_search.marks([thing]))
    loose = sa.select(Letter).where(Letter.submission_id.is_(None))
    return Found(
        list(db.session.scalars(query.order_by(place))),
        [draft for draft in db.session.scalars(sa.select(Draft)) if says(draft, thing)],
        [letter for letter in db.session.scalars(loose) if goes_to(letter, thing)],
    )


def opened(row: Submission | Draft | Letter | Note) -> Any:
    """What is sealed in a row; None when its key is missing."""
    name = {Submission: "record", Draft: "answers", Letter: "contents", Note: "text"}[type(row)]
    try:
        return getattr(row, name)
    except VaultError:
        return None


def pages(steps: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The pages of a form, also of one whose answers are not right yet or come from another."""
    yield from (page for page in steps.values() if isinstance(page, dict))
    yield steps.get("origin", {}).get("you") or {}
    for typed in steps.get("typed", {}).values():
        yield {name: values[-1] for name, values in typed.items() if values}


def followed_by(draft: Draft) -> str | None:
    """The request that a form which is not sent yet goes with."""
    return (opened(draft) or {}).get("origin", {}).get("follows")


def says(draft: Draft, thing: Thing) -> bool:
    return any(thing in models_search.things(page) for page in pages(opened(draft) or {}))


def goes_to(letter: Letter, thing: Thing) -> bool:
    return thing == ("email", (opened(letter) or {}).get("to", "").casefold())


def who(steps: Mapping[str, Any] | None) -> Who:
    said: dict[str, str] = {}
    for page in pages(steps or {}):
        said |= {name: page[name] for name in ("birth", "full_name") if page.get(name)}
    if len(said) < 2:
        return None
    return said["birth"], " ".join(map(models_search.fold, said["full_name"].split()))


def export(found: Found) -> dict[str, Any]:
    """All of it as JSON can hold it, without what is about others or would open something."""
    return {
        "made_at": now().isoformat(),
        "submissions": [export_submission(row) for row in found.submissions],
        "forms_not_sent": [
            {"flow": row.flow, "kept_until": row.expires_at.isoformat(), "answers": opened(row)}
            for row in found.drafts
        ],
        "other_letters": [export_letter(row) for row in found.letters],
    }


def export_submission(row: Submission) -> dict[str, Any]:
    marks = sa.select(sa.func.count()).where(models_search.Token.place == row.place)
    return {
        "reference": row.shown_reference,
        **{name: plain(getattr(row, name)) for name in COLUMNS},
        "goes_with": [other.shown_reference for other in db.session.scalars(row.related())],
        "what_was_said": opened(row),
        "notes": [
            {"at": plain(note.at), "text": opened(note)}
            for note in db.session.scalars(Note.about(row))
        ],
        "letters": [export_letter(letter) for letter in db.session.scalars(Letter.about(row))],
        "found_by": f"{db.session.scalar(marks)} marks: numbers made of name, phone number, email "
        "address and date of birth with a secret key, from which nothing can be read",
        "events": [export_event(event) for event in db.session.scalars(events_about([row.id]))],
    }


def export_letter(row: Letter) -> dict[str, Any]:
    contents = opened(row)
    shown = contents and {name: contents[name] for name in contents.keys() - NOT_SHOWN}
    columns = ("name", "state", "made_at", "sent_at", "attempts", "problem")
    return {**{name: plain(getattr(row, name)) for name in columns}, "contents": shown}


def export_event(event: Event) -> dict[str, Any]:
    detail = "" if event.name in ABOUT_STAFF else event.detail
    by = "a member of staff" if event.user_id else "the patient, the owner or the site"
    return {"at": plain(event.at), "what": event.name, "by": by, "detail": detail}


def events_about(submission_ids: Sequence[str]) -> sa.Select[tuple[Event]]:
    about = Event.submission_id.in_(submission_ids)
    return sa.select(Event).where(about).order_by(Event.id)


def plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value
