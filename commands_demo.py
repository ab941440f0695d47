"""Sample submissions to try the site with. Nobody in them exists."""

import random
import secrets
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from typing import Any

import click
import flask_migrate
import sqlalchemy as sa
from flask import current_app
from flask.cli import AppGroup, with_appcontext
from flask_security import hash_password

import models_search
import triage
from content import library
from forms import FLOWS
from forms_contact import CONTACT
from forms_fields import Choice, Days, ManyChoices, Question
from forms_parts import TextOrNone
from forms_safety import NO_RED_FLAG, raised_flags
from models import STATUSES, Submission, WeeklyCount, db, now
from models_counts import HANDLED, week_of
from models_events import log
from models_staff import DEMO_EMAIL, User


def demonstration_only() -> None:
    """Stop on a real site, so that nothing made up ever meets a real patient."""
    if not current_app.config["DEMO"]:
        raise click.ClickException("This is not a demonstration. Type: make demo")
    flask_migrate.upgrade()


demo = AppGroup(
    "demo",
    callback=with_appcontext(demonstration_only),
    help="Sample data for trying the site, with DEMO=true only.",
)

# Names with the letters, lengths and apostrophes that real lists have.
FIRST = "Ana Björn Chloé Dmitri Eleanor Fatuma Grace Hodan Ikram José Kaying Liam Nkechi".split()
LAST = "Abdi Brown D'Angelo García Hassan Johnson Lee-Novak Moua Nguyen O'Brien Olson Vang".split()
BORN = (date(1935, 1, 1).toordinal(), date(2008, 1, 1).toordinal())
# What brings many; the lead article is one of them.
ARTICLES = ("migraines-and-the-spine", "migraines-and-the-spine", "migraine-basics")
MESSAGES = ("", "", "Mornings are best for me.", "It gets worse when I look at a screen.")


@demo.command("data")
@click.argument("count", type=click.IntRange(1, 100_000))
def demo_data(count: int) -> None:
    """Add COUNT made-up requests, and intakes that go with some, over the last 60 days."""
    chance = random.Random(count)  # noqa: S311 (sample data, the same each time; no secret)
    with click.progressbar(range(count), label="Sample submissions") as numbers:
        for number in numbers:
            made = sample(chance, age=timedelta(days=60) * (number + 1) / count)
            for one in made:
                WeeklyCount.add(db.session(), sample_counts(chance, one))
            add(made)
            if number % 500 == 499:
                db.session.commit()
    log("demo_data_added", detail=f"{count} requests")
    db.session.commit()


@demo.command("account")
def demo_account() -> None:
    """Make a staff account and print its password."""
    if db.session.scalar(sa.select(User.id)):
        raise click.ClickException("This demonstration has its account already.")
    datastore, password = current_app.extensions["security"].datastore, secrets.token_urlsafe(12)
    user = datastore.create_user(
        email=DEMO_EMAIL,
        password=hash_password(password),
        roles=[datastore.find_or_create_role("admin")],
    )
    db.session.flush()
    log("user_created", user_id=user.id, detail="admin")
    db.session.commit()
    click.echo(f"  Staff sign in at /staff/ as {DEMO_EMAIL} with the password {password}")


def add(submissions: list[Submission]) -> None:
    """Add them with what they can be found by."""
    for submission in submissions:
        factors = submission.record["assessment"]["risk_factors"]
        db.session.add(submission)
        db.session.flush()
        db.session.add_all(models_search.index(submission, submission.answers, factors))


def sample(chance: random.Random, age: timedelta) -> list[Submission]:
    """Return a request that is `age` old, and perhaps the intake that followed it."""
    answers = sample_answers(chance, now() - age)
    article = chance.choice([None, None, *ARTICLES, chance.choice(list(library().articles))])
    request = sent("appointment", answers, age, source_article=article)
    if age > timedelta(days=2):  # the older, the more likely it is dealt with
        request.status = chance.choice((*STATUSES[1:], "closed", "scheduled"))
    if request.status == "scheduled":
        request.scheduled_for = request.reply_due_at + timedelta(days=chance.randint(1, 30))
    if chance.random() > 0.4:
        return [request]
    contact = {name: answers["details"][name] for name in CONTACT}
    intake = {**sample_intake(chance, contact), "safety": answers["safety"]}
    intake["health"]["consent"] = answers["details"]["consent"]
    followed = sent("intake", intake, age - timedelta(minutes=20), follows=request.id)
    followed.status = "new" if request.status == "new" else "closed"
    return [request, followed]


def sample_counts(chance: random.Random, made: Submission) -> Counter[Any]:
    """Return what to count of it: what a patient's and what staff's doings would have been."""
    counts = Counter(made.settled())
    if made.status in HANDLED:
        wait = timedelta(hours=chance.lognormvariate(2, 1))
        counts.update(made.contacted(min(made.received_at + wait, now())))
    week = week_of(made.received_at)
    for flag in made.answers.get("shown", ()):
        counts["flag shown", week, flag] += 1 + chance.choice([0, 1, 1, 2])  # the others left
        counts["flag passed", week, flag] += 1
    return counts


def sent(kind: str, answers: dict[str, dict[str, Any]], age: timedelta, **more: Any) -> Submission:
    """Return a submission of these answers, assessed as a patient's would be."""
    flow, received_at = FLOWS[kind], now() - age
    if flags := raised_flags(answers):
        answers["advice"] = {"shown": flags}
    assessment = triage.assess(flow.answers(answers), library())
    return Submission.make(
        **flow.columns(answers),
        assessment=assessment.as_json(),
        draft_id=secrets.token_hex(32),
        urgency=assessment.urgency,
        received_at=received_at,
        reply_due_at=library().practice.reply_due(received_at),
        **more,
    )


def sample_answers(chance: random.Random, received_at: datetime) -> dict[str, dict[str, Any]]:
    first, last = chance.choice(FIRST), chance.choice(LAST)
    flags = [chance.choice(list(library().red_flags))] if chance.random() < 0.15 else []
    day = received_at.date() + timedelta(days=7)
    while not library().practice.is_open(day):
        day += timedelta(days=1)
    details = {
        "full_name": f"{first} {last}",
        "birth": date.fromordinal(chance.randint(*BORN)).isoformat(),
        "phone": f"(612) 555-01{chance.randint(0, 99):02}",
        "email": f"{first}.{last}@example.org".lower().replace("'", ""),
        "contact_by": chance.choice(["phone", "text", "email"]),
        "visited_before": chance.choice(["new", "returning"]),
        "reason": chance.choice(["headache", "headache", "neck", "back", "injury", "other"]),
        "window1": {"day": day.isoformat(), "part": chance.choice(["morning", "either"])},
        "window2": None,
        "window3": None,
        "message": chance.choice(MESSAGES),
        "consent": {
            "version": library().consent.version,
            "at": received_at.astimezone(UTC).isoformat(),
        },
    }
    return {"safety": {"red_flags": flags or [NO_RED_FLAG[0]]}, "details": details}


def sample_intake(chance: random.Random, contact: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return answers to every question of the intake: one at random, or what people often write."""
    you = {**contact, "filled_in_by": "self", "helper_name": "", "helper_relation": ""}
    answers: dict[str, dict[str, Any]] = {"you": {**you, "help_with": ["headache", "neck"]}}
    for step in FLOWS["intake"].steps:
        if step.name in {"safety", "advice", "you"}:
            continue
        answers[step.name] = {
            field.name: sample_answer(chance, field) for field in step.stored(answers).questions
        }
    return answers


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
