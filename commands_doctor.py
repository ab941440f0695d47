"""The owner's check-up: one line for each thing that can be wrong, and what to do about it."""

import shutil
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from urllib.parse import urlsplit

import click
import sqlalchemy as sa
from flask import current_app
from flask.cli import with_appcontext
from sqlalchemy.engine import make_url

import commands_audit
import commands_content
import commands_staff
import models_engine
import models_retention
import models_revisions
import outbox_mail
from content import library
from models import db, now, only_read
from models_events import Event, TrailHead
from models_letters import Letter
from models_staff import User
from settings import THIS_MACHINE
from vault import VaultError

Finding = tuple[str, str]  # "ok", "warn" or "FAIL", and what was seen

LITTLE, SOME = 200_000_000, 1_000_000_000  # bytes free; the first is a day's letters and journals
ASKEW = timedelta(minutes=1)  # clocks that tell different times


def address() -> Finding:
    url = urlsplit(current_app.config["SITE_URL"])
    if url.scheme != "https" and url.hostname not in THIS_MACHINE:
        return "FAIL", "SITE_URL is not https: others can read what patients type"
    if url.scheme == "https" and not current_app.config["TRUSTED_PROXIES"]:
        return "warn", "TRUSTED_PROXIES is 0: behind a proxy all visitors look like one"
    return "ok", current_app.config["SITE_URL"]


def demonstration() -> Finding:
    if current_app.config["DEMO"]:
        return "warn", "DEMO is true: this is a demonstration, and no place for patients"
    return "ok", "this is no demonstration"


def secret() -> Finding:
    """What is too short, too simple or open to others has kept every command from starting."""
    if (keys := len(current_app.config["VAULT_KEYS"])) > 1:
        return "warn", f"VAULT_KEYS has {keys} keys. To go on with the first: .venv/bin/flask rekey"
    return "ok", "long enough, and for their owner only"


def database() -> Finding:
    db.session.execute(sa.text("SELECT 1"))
    if db.engine.dialect.name == "sqlite":
        return "ok", models_engine.describe(db.engine)
    version = db.session.scalar(sa.text("SHOW server_version"))
    url = make_url(current_app.config["DATABASE_URL"])
    is_near = not url.host or url.host in THIS_MACHINE or url.host.startswith("/")
    if not is_near and url.query.get("sslmode") != "verify-full":
        return "warn", f"PostgreSQL {version}: put ?sslmode=verify-full behind DATABASE_URL"
    owner = "(SELECT relowner FROM pg_class WHERE oid = 'events'::regclass)"
    is_owner = db.session.scalar(sa.text(f"SELECT pg_has_role({owner}, 'USAGE')"))
    note = ", in tables that its user cannot change" if is_owner is False else ""
    return "ok", f"PostgreSQL {version}{note}"


def damage() -> Finding:
    """PostgreSQL looks at its pages itself."""
    if db.engine.dialect.name == "sqlite":
        found = db.session.scalar(sa.text("PRAGMA quick_check(1)"))
        if found != "ok" or db.session.execute(sa.text("PRAGMA foreign_key_check")).first():
            return "FAIL", "the database is damaged. Stop the site, and restore a backup"
    return "ok", "none found"


def migrations() -> Finding:
    if not models_revisions.is_newest():
        return "FAIL", "the database is of another version. Type: .venv/bin/flask db upgrade"
    return "ok", f"at {models_revisions.known()[0]}, as the code needs it"


def disk() -> Finding:
    free = shutil.disk_usage(current_app.config["INSTANCE_PATH"]).free
    state = "FAIL" if free < LITTLE else "warn" if free < SOME else "ok"
    return state, f"{free / 1e9:.1f} GB free" + ("" if state == "ok" else ": make room")


def clock() -> Finding:
    """A clock that was set back would give new requests a place before older ones."""
    last = db.session.scalar(sa.select(sa.func.max(Event.at)))
    if last and last > now() + ASKEW:
        return "FAIL", f"it is {now():%Y-%m-%d %H:%M} UTC here, and the last event is later"
    if db.engine.dialect.name == "postgresql":
        there = db.session.scalar(sa.select(sa.func.clock_timestamp()))
        if abs(there - now()) > ASKEW:
            return "FAIL", f"it is {now():%H:%M} UTC here, and {there:%H:%M} at the database"
    return "ok", f"{now():%Y-%m-%d %H:%M} UTC"


def mail() -> Finding:
    if not (server := current_app.config["SMTP_URL"]):
        return "warn", outbox_mail.describe()
    try:
        with outbox_mail.reached(server):
            return "ok", f"{server.host}:{server.port} takes letters"
    except outbox_mail.NotSent as error:
        return "FAIL", f"{server.host}:{server.port} takes no letters ({error.problem})"


def letters() -> Finding:
    counts = dict(db.session.execute(Letter.count("waiting", "failed")).all())
    if failed := counts.get("failed"):
        return "FAIL", f"{failed} could not be sent. To see why: .venv/bin/flask outbox list"
    return "ok", f"{counts.get('waiting', 0)} waiting, none failed"


def trail() -> Finding:
    """Of a long trail only the end, so that the doctor is quick."""
    head = db.session.scalar(sa.select(TrailHead))
    after = max(0, head.last_id - commands_audit.LONG) if head else 0
    try:
        count = sum(1 for _event in commands_audit.links(head, after))
    except (commands_audit.BrokenTrailError, VaultError) as error:
        return "FAIL", f"it is broken: {error}"
    if after:
        return "ok", f"the last {count} of {head.last_id} events. All: .venv/bin/flask audit verify"
    return "ok", f"{count} events, as they were written"


def staff() -> Finding:
    """Who has never signed in has no second factor yet, and only a one-time password."""
    accounts = list(db.session.scalars(User.who_work()))
    if not accounts:
        return "warn", f"nobody can sign in. Type: {commands_staff.ADD_YOURSELF}"
    without = [user.email for user in accounts if not user.totp_sealed]
    if without:
        return "warn", f"without a second factor: {', '.join(without)}. Let them sign in once"
    return "ok", f"{len(accounts)} with a second factor"


def erasures() -> Finding:
    due = models_retention.count_due(current_app.config["RETENTION_DAYS"])
    last = models_retention.last_run()
    if due and (last is None or last < now() - timedelta(days=2)):
        return "warn", f"{due} are due, and nothing was erased for two days: .venv/bin/flask purge"
    return "ok", f"{due} to be erased"


def words() -> Finding:
    if found := commands_content.faults():
        return "FAIL", f"{len(found)} to fix. To see them: .venv/bin/flask content check"
    return "ok", "nothing to fix"


def practice() -> Finding:
    found = library().practice
    if "555-01" in found.phone or found.email.endswith("@example.org"):
        return "warn", "put your phone and email address in content/practice.toml"
    return "ok", f"{found.phone}, {found.email}"


def dates() -> Finding:
    """What content/practice.toml has to be told again each year."""
    found, soon = library().practice, library().practice.today() + timedelta(days=30)
    if found.security_contact_until < soon:
        return "warn", "put a later day into security_contact_until in content/practice.toml"
    if found.closed_on and max(found.closed_on) < soon:
        return "warn", "put the next holidays into closed_on in content/practice.toml"
    return "ok", f"holidays are known up to {max(found.closed_on, default='none')}"


CHECKS: dict[str, Callable[[], Finding]] = {
    "address": address,
    "demo": demonstration,
    "secrets": secret,
    "database": database,
    "migrations": migrations,
    "damage": damage,
    "disk": disk,
    "clock": clock,
    "mail": mail,
    "letters": letters,
    "trail": trail,
    "staff": staff,
    "erasures": erasures,
    "content": words,
    "practice": practice,
    "dates": dates,
}


@click.command("doctor")
@with_appcontext
def doctor() -> None:
    """Look for what keeps the site from working, and say what to do."""
    failed = False
    for name, check in CHECKS.items():
        state, words = look(check)
        failed = failed or state == "FAIL"
        click.echo(f"{state:4}  {name}: {words}")
    if failed:
        raise click.exceptions.Exit(1)


def look(check: Callable[[], Finding]) -> Finding:
    """What a check finds, or that the database kept it from looking."""
    with suppress(sa.exc.SQLAlchemyError):  # some need no database
        only_read(snapshot=True)  # patients must not wait for us, nor add events meanwhile
    try:
        return check()
    except sa.exc.SQLAlchemyError as error:
        reason = str(getattr(error, "orig", None) or type(error).__name__).splitlines()[0]
        return "FAIL", f"it could not be looked at ({reason})"
    finally:
        db.session.rollback()
