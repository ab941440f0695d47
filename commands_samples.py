"""Made-up people and what they send. Nobody in them exists.

Whatever a real submission goes through, these go through as well: the flows' own questions, triage
and the vault. So what is fast, found or shown with them will be so with patients.
"""

import random
import secrets
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache, lru_cache
from typing import Any

import models_search
import triage
from content import library
from forms import FLOWS
from forms_contact import CONTACT
from forms_fields import Choice, Days, ManyChoices, Question
from forms_flow import TRAPPED
from forms_parts import TextOrNone
from forms_safety import NO_RED_FLAG, raised_flags
from models import Submission, flat, now, random_reference
from models_counts import HANDLED, week_of

PERIOD = timedelta(days=60)  # how old the oldest are
PATTERNS = 20  # ways in which the people of one day answer
Answers = dict[str, Any]
# Names with the letters, lengths and apostrophes that real lists have.
FIRST = """Ana Amira Björn Brenda Chloé Carlos Dmitri Dolores Eleanor Emeka Fatuma François Grace
Gunnar Hodan Henrik Ikram Irene José Jamal Kaying Kathleen Liam Lucía Mai Maximilian Nkechi Noor
Olga Omar Pa Patricia Quentin Rosa Rohan Siobhán Soren Thuy Tyrone Uma Valeria Wei Xiong Yusuf
Zoë""".split()
LAST = """Abdi Brown D'Angelo García Hassan Johnson Lee-Novak Moua Nguyen O'Brien Olson Vang Ødegård
Müller Núñez Xiong Yang Smith Al-Rashid""".split()
BEGINNINGS = """Ander Bar Carl Dal Ed El Fair Gar Hal Han Iver Jen Kar Lar Lind Mar Nel Ost Peter
Quin Ras Sand Sten Thor Ul Vin Wil Yar Zim""".split()
ENDINGS = "berg dahl ez ford gren hart ini kowski ley man mark mond ovic ski son strom ton".split()
BORN = (date(1935, 1, 1).toordinal(), date(2008, 1, 1).toordinal())
# Numbers from 555-0100 to 555-0199 are nobody's, in every area.
AREAS = "612 651 763 952 218 320 507 715 608 414 262 920 701 605 515 319 563 641 712 402".split()
MESSAGES = ("", "", "Mornings are best for me.", "It gets worse when I look at a screen.")

# How likely each status is on the first two days, and later.
FRESH = {"new": 75, "contacted": 20, "spam": 5}
LATER = {"new": 2, "contacted": 5, "scheduled": 24, "closed": 57, "cancelled": 7, "spam": 5}


@dataclass(frozen=True)
class Pattern:
    """What somebody has answered: as columns of a submission, and what triage makes of it."""

    columns: dict[str, Any]
    assessment: dict[str, Any]


@dataclass(frozen=True)
class Sent:
    """A made-up submission, not in the database yet, and the marks that it is found by."""

    submission: Submission
    marks: list[int]


def samples(
    chance: random.Random, oldest: timedelta, newest: timedelta, count: int, staff: Sequence[int]
) -> list[Sent]:
    """Return so many submissions of this age, oldest first, some of them in the hands of `staff`.

    The same chance makes the same people. The submissions have random references, free or not.
    """
    made: list[Sent] = []
    while len(made) < count:
        age = oldest - (oldest - newest) * (len(made) / count)
        made += sample(chance, age, staff)
    return made[:count]


def sample(chance: random.Random, age: timedelta, staff: Sequence[int]) -> list[Sent]:
    """Return a request that is `age` old, and perhaps the intake that followed it."""
    received_at, person = now() - age, sample_contact(chance)
    kinds = patterns(received_at.date(), chance.randrange(PATTERNS))
    made = sent(kinds["appointment"], person, received_at)
    request = made.submission
    request.status = pick(chance, FRESH if age < timedelta(days=2) else LATER)
    if chance.random() < 0.3:
        request.source_article = chance.choice(list(library().articles))
    if request.status == "scheduled":
        request.scheduled_for = a_visit(chance, received_at)
    if request.status == "spam":
        request.spam_reason = TRAPPED
    elif request.status != "new":
        request.assigned_to = chance.choice([None, *staff])
    request.hold = chance.random() < 0.02
    if request.status == "spam" or age < timedelta(hours=1) or chance.random() > 0.4:
        return [made]
    same = {"follows": request.id, "assigned_to": request.assigned_to}
    intake = sent(kinds["intake"], person, received_at + timedelta(minutes=20), **same)
    went_on = request.status in {"new", "contacted"}
    intake.submission.status = request.status if went_on else "closed"
    return [made, intake]


def sample_counts(chance: random.Random, made: Submission) -> Counter[Any]:
    """Return what to count of it: what a patient's and what staff's doings would have been."""
    counts = Counter(made.take_uncounted())
    if made.status in HANDLED:
        wait = timedelta(hours=chance.lognormvariate(2, 1))
        counts.update(made.note_contact(min(made.received_at + wait, now())))
    week = week_of(made.received_at)
    for flag in made.answers.get("shown", ()):
        counts["flag shown", week, flag] += 1 + chance.choice([0, 1, 1, 2])  # the others left
        counts["flag passed", week, flag] += 1
    return counts


def pick(chance: random.Random, weights: dict[str, int]) -> str:
    return chance.choices(list(weights), list(weights.values()))[0]


def a_visit(chance: random.Random, received_at: datetime) -> datetime:
    """Return a time at which the practice is open, in the weeks after a request came in."""
    practice = library().practice
    day = open_day(practice.local(received_at).date() + timedelta(days=chance.randint(1, 45)))
    at = time(chance.randint(8, 16), chance.choice([0, 30]))
    return datetime.combine(day, at, tzinfo=practice.time_zone)


def open_day(day: date) -> date:
    """Return this day, or the first one after it on which the practice is open."""
    while not library().practice.is_open(day):
        day += timedelta(days=1)
    return day


def sent(pattern: Pattern, person: Answers, received_at: datetime, **more: Any) -> Sent:
    """Return what this person sent, with a pattern's answers to all that is not about the person.

    Working out a pattern anew for each of a million takes too long.
    """
    columns, assessment = said_by(pattern.columns, person, received_at), pattern.assessment
    submission = Submission.make(
        **columns,
        assessment=assessment,
        reference=random_reference(),
        draft_id=secrets.token_hex(32),
        urgency=assessment["urgency"],
        received_at=received_at,
        reply_due_at=library().practice.reply_due(received_at),
        **more,
    )
    answers = flat(columns["answers"].values())
    return Sent(submission, models_search.all_marks(answers, assessment["risk_factors"]))


def said_by(columns: dict[str, Any], person: Answers, received_at: datetime) -> dict[str, Any]:
    """Return a pattern's columns as this person would have sent them."""
    mine = {**person, "consent": consent(received_at)}
    born = date.fromisoformat(person["birth"])
    # By the id of the question's first input.
    words = {**person, "birth_month": f"{born:%B} {born.day}, {born.year}"}
    return {
        **columns,
        "answers": {
            page: {name: mine.get(name, given) for name, given in answers.items()}
            for page, answers in columns["answers"].items()
        },
        "shown": [
            {**row, "text": words.get(row["first_id"], row["text"])} for row in columns["shown"]
        ],
    }


@lru_cache(maxsize=5 * PATTERNS)
def patterns(day: date, number: int) -> dict[str, Pattern]:
    """Return what somebody answers on this day, in the request and in the intake."""
    chance = random.Random(f"{day} {number}")  # noqa: S311 (as above)
    answers = sample_answers(chance, datetime.combine(day, time(), tzinfo=UTC))
    contact = {name: answers["details"][name] for name in CONTACT}
    intake = {"safety": answers["safety"], **sample_intake(chance, contact)}
    intake["health"]["consent"] = answers["details"]["consent"]
    return {"appointment": pattern("appointment", answers), "intake": pattern("intake", intake)}


def pattern(kind: str, answers: dict[str, Answers]) -> Pattern:
    """Have these answers shown and assessed as a patient's would be."""
    if flags := raised_flags(answers):
        answers["advice"] = {"shown": flags}
    columns = FLOWS[kind].columns(answers)
    given = flat(columns["answers"].values())
    return Pattern(columns, triage.assess(given, library()).as_json())


def consent(at: datetime) -> Answers:
    return {"version": library().consent.version, "at": at.astimezone(UTC).isoformat()}


def sample_answers(chance: random.Random, received_at: datetime) -> dict[str, dict[str, Any]]:
    flags = [chance.choice(list(library().red_flags))] if chance.random() < 0.15 else []
    day = open_day(received_at.date() + timedelta(days=7))
    details = {
        **sample_contact(chance),
        "contact_by": chance.choice(["phone", "text", "email"]),
        "visited_before": chance.choice(["new", "returning"]),
        "reason": chance.choice(["headache", "headache", "neck", "back", "injury", "other"]),
        "window1": {"day": day.isoformat(), "part": chance.choice(["morning", "either"])},
        "window2": None,
        "window3": None,
        "message": chance.choice(MESSAGES),
        "consent": consent(received_at),
    }
    return {"safety": {"red_flags": flags or [NO_RED_FLAG[0]]}, "details": details}


def sample_contact(chance: random.Random) -> dict[str, str]:
    """Return somebody: few have the same name, so that a search finds few of many."""
    first, last = chance.choice(FIRST), chance.choice(LAST)
    if chance.random() < 0.7:
        last = chance.choice(BEGINNINGS) + chance.choice(ENDINGS)
    if chance.random() < 0.2:
        last += "-" + chance.choice(BEGINNINGS) + chance.choice(ENDINGS)
    initials = f"{first[0]}{chance.randint(10, 99_999)}".lower()
    return {
        "full_name": f"{first} {last}",
        "birth": date.fromordinal(chance.randint(*BORN)).isoformat(),
        "phone": f"({chance.choice(AREAS)}) 555-01{chance.randint(0, 99):02}",
        "email": f"{initials}@example.org",
    }


def sample_intake(chance: random.Random, contact: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return answers to every question of the intake: one at random, or what people often write."""
    you = {**contact, "filled_in_by": "self", "helper_name": "", "helper_relation": ""}
    answers: dict[str, dict[str, Any]] = {"you": {**you, "help_with": ["headache", "neck"]}}
    for name, questions in asked().items():
        answers[name] = {field.name: sample_answer(chance, field) for field in questions}
    return answers


@cache
def asked() -> dict[str, list[Question]]:
    """The questions of the intake, by page, but for those about the person."""
    pages = [page for page in FLOWS["intake"].steps if page.name not in {"safety", "advice", "you"}]
    return {page.name: page.stored({}).questions for page in pages}


def sample_answer(chance: random.Random, field: Question) -> Any:
    if isinstance(field, Choice):
        return chance.choice([value for value, _words in field.choices])
    if isinstance(field, ManyChoices):
        return [chance.choice(list(field.words))]
    if isinstance(field, Days):
        return str(chance.choice([0, 2, 4, 6, 8, 12, 16]))
    if isinstance(field, TextOrNone):
        return {"text": "", "none": "yes"}
    return ""
