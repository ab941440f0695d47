"""The owner's commands for staff accounts. What they do is recorded."""

import secrets
from collections.abc import Iterator
from datetime import timedelta

import click
import sqlalchemy as sa
from email_validator import EmailNotValidError, validate_email
from flask import current_app
from flask.cli import AppGroup, with_appcontext
from flask_security import hash_password

from commands_database import need_tables
from content import library
from models import OPEN, Submission, db, now
from models_events import log
from models_staff import ROLES, User, end_sessions

ADD_YOURSELF = ".venv/bin/flask staff add you@example.org --role admin"
BREAK_GLASS = timedelta(hours=1)

staff = AppGroup(
    "staff", callback=with_appcontext(need_tables), help="Accounts for members of staff."
)


def find_user(email: str, *, must_exist: bool = False) -> User | None:
    user = db.session.scalar(User.with_email(email))
    if must_exist and user is None:
        raise click.ClickException(
            f"{email} has no account. To see who has: .venv/bin/flask staff list"
        )
    return user


def add_user(email: str, role: str, password: str, **columns: object) -> User:
    """Add an account to the caller's transaction."""
    datastore = current_app.extensions["security"].datastore
    user = datastore.create_user(
        email=email,
        password=hash_password(password),
        roles=[datastore.find_or_create_role(role)],
        **columns,
    )
    db.session.flush()
    return user


def new_user(email: str, role: str, **columns: object) -> str:
    """Add an account whose password must be changed at once, and return that password."""
    password = secrets.token_urlsafe(15)
    user = add_user(email, role, password, must_change_password=True, **columns)
    log("user_created", user_id=user.id, detail="break-glass" if user.ends_at else role)
    db.session.commit()
    return password


@staff.command("add")
@click.argument("email")
@click.option("--role", type=click.Choice(ROLES), default="handler", show_default=True)
def staff_add(email: str, role: str) -> None:
    """Make an account for EMAIL and print its one-time password."""
    try:
        email = validate_email(email, check_deliverability=False).normalized
    except EmailNotValidError:
        raise click.ClickException(f"Not an email address: {email}") from None
    if find_user(email):
        raise click.ClickException(
            f"{email} has an account. New password: .venv/bin/flask staff reset {email}"
        )
    password = new_user(email, role)
    tell(email, password)


@staff.command("break-glass")
def staff_break_glass() -> None:
    """Make an admin account that ends in an hour.

    For when nobody else can sign in.
    """
    domain = library().practice.email.partition("@")[2]
    email = f"break-glass-{secrets.token_hex(3)}@{domain}"
    password = new_user(email, "admin", ends_at=now() + BREAK_GLASS)
    tell(email, password, " for one hour")


@staff.command("list")
def staff_list() -> None:
    """List the accounts, and what keeps any of them out."""
    for user in db.session.scalars(sa.select(User).order_by(User.email)):
        roles = ", ".join(role.name for role in user.roles)
        click.echo("  ".join([user.email, roles, *remarks(user)]))
    db.session.rollback()


def remarks(user: User) -> Iterator[str]:
    """What keeps somebody from signing in, or will."""
    local = library().practice.local
    if user.ends_at:
        verb = "ended" if user.ends_at <= now() else "ends"
        yield f"{verb} on {local(user.ends_at):%Y-%m-%d at %H:%M}"
    if not user.active:
        yield "disabled"
    if user.is_kept_out:
        yield f"locked until {local(user.locked_until):%H:%M}"
    if not user.totp_sealed:
        yield "without phone"


@staff.command("disable")
@click.argument("email")
def staff_disable(email: str) -> None:
    """Shut EMAIL out, at once and until `enable`."""
    user = find_user(email, must_exist=True)
    user.active = False
    end_sessions(user)
    log("user_disabled", user_id=user.id)
    left = let_go_of_work(user)
    db.session.commit()
    click.echo(f"{user.email} is shut out. Open submissions that are nobody's now: {left}.")


def let_go_of_work(user: User) -> int:
    """Let others see that nobody works on these any more; return how many there are."""
    query = sa.select(Submission).where(Submission.assigned_to == user.id)
    query = query.where(Submission.status.in_(OPEN)).order_by(Submission.place).with_for_update()
    rows = db.session.scalars(query).all()
    for row in rows:
        row.assigned_to = None
        log("assigned", submission=row, detail="0")
    return len(rows)


@staff.command("enable")
@click.argument("email")
def staff_enable(email: str) -> None:
    """Let EMAIL in again, with the same password and phone."""
    user = find_user(email, must_exist=True)
    refuse_ended(user)
    user.active = True
    user.forget_failures()
    log("user_enabled", user_id=user.id)
    db.session.commit()
    click.echo(f"{user.email} can sign in again.")


@staff.command("reset")
@click.argument("email")
def staff_reset(email: str) -> None:
    """Give EMAIL a new one-time password.

    This signs it out, and lets it add a phone again.
    """
    user, password = find_user(email, must_exist=True), secrets.token_urlsafe(15)
    refuse_ended(user)
    user.password, user.must_change_password, user.active = hash_password(password), True, True
    user.forget_failures()
    user.forget_second_factor()
    end_sessions(user)
    log("authn_password_reset", user_id=user.id)
    db.session.commit()
    tell(user.email, password)


@staff.command("role")
@click.argument("email")
@click.argument("role", type=click.Choice(ROLES))
def staff_role(email: str, role: str) -> None:
    """Give EMAIL another ROLE, and sign it out."""
    user = find_user(email, must_exist=True)
    user.roles = [current_app.extensions["security"].datastore.find_or_create_role(role)]
    end_sessions(user)
    log("user_role_changed", user_id=user.id, detail=role)
    db.session.commit()
    click.echo(f"{user.email} is now {role}.")


def tell(email: str, password: str, how_long: str = "") -> None:
    click.echo(f"{email} can sign in at /staff/{how_long} with this one-time password: {password}")


def refuse_ended(user: User) -> None:
    """Stop for a break-glass account that is over: it never opens again."""
    if user.ends_at and user.ends_at <= now():
        raise click.ClickException(
            f"{user.email} has ended. Make another: .venv/bin/flask staff break-glass"
        )
