"""The owner's commands. Each ends with one clear line and a non-zero status when it fails."""

import os
import secrets

import click
import flask_migrate
import sqlalchemy as sa
from email_validator import EmailNotValidError, validate_email
from flask import Flask, current_app
from flask.cli import AppGroup, with_appcontext
from flask.globals import app_ctx
from flask_security import hash_password

import commands_backup
import commands_content
import commands_demo
import commands_doctor
import commands_outbox
import commands_person
import commands_purge
import commands_rekey
import commands_search
import commands_serve
import models_engine
import outbox_mail
from commands_database import need_tables, one_line_if_down
from commands_port import take_port
from content import library
from models import db, log
from models_staff import ROLES, User


def cores() -> int:
    """How many processors this process may use, which in a container is not all there are."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


staff = AppGroup(
    "staff", callback=with_appcontext(need_tables), help="Accounts for members of staff."
)


@click.command("serve")
@with_appcontext
def serve() -> None:
    """Bring the database up to date and serve the site."""
    host, port = current_app.config["HOST"], current_app.config["PORT"]
    with take_port(host, port) as listener:
        with one_line_if_down():
            flask_migrate.upgrade()
        click.echo(start_notes())
        db.session.remove()  # a transaction left open here would lock the workers out
        db.engine.dispose()
        commands_serve.serve(app_ctx.app, listener, workers=cores())


def start_notes() -> str:
    """What the owner reads when the site is up: where it is and what to do next."""
    notes = [
        "",
        f"  The site is at http://{current_app.config['HOST']}:{current_app.config['PORT']}",
        f"  Its data is in {models_engine.describe(db.engine)}",
        f"  {outbox_mail.describe()}",
    ]
    if current_app.config["HOST"] in {"0.0.0.0", "::"}:  # noqa: S104 (the owner chose it)
        notes.append("  Others reach it by this machine's name: set SITE_URL=http://name:port")
    if not db.session.scalar(sa.select(sa.func.count(User.id))):
        notes.append("  Add a member of staff: .venv/bin/flask staff add you@example.org")
    if "555-01" in library().practice.phone:
        notes.append("  Before patients use it: put your phone number in content/practice.toml")
    if library().practice.email.endswith("@example.org"):
        notes.append("  Before patients use it: put your email address in content/practice.toml")
    return "\n".join([*notes, "  Stop it with Ctrl+C.", ""])


@staff.command("add")
@click.argument("email")
@click.option("--role", type=click.Choice(ROLES), default="handler", show_default=True)
def staff_add(email: str, role: str) -> None:
    """Make an account for EMAIL and print its one-time password."""
    try:
        email = validate_email(email, check_deliverability=False).normalized
    except EmailNotValidError:
        raise click.ClickException(f'"{email}" is not an email address.') from None
    if find_user(email):
        raise click.ClickException(
            f"{email} has an account. New password: flask staff reset {email}"
        )
    datastore = current_app.extensions["security"].datastore
    password = secrets.token_urlsafe(15)
    user = datastore.create_user(
        email=email,
        password=hash_password(password),
        must_change_password=True,
        roles=[datastore.find_or_create_role(role)],
    )
    db.session.flush()
    log("user_created", user_id=user.id, detail=role)
    db.session.commit()
    click.echo(f"{email} can sign in at /staff/ with this one-time password: {password}")


@staff.command("list")
def staff_list() -> None:
    """List the accounts."""
    for user in db.session.scalars(sa.select(User).order_by(User.email)):
        roles = ", ".join(role.name for role in user.roles)
        click.echo(f"{user.email}  {roles}{'' if user.active else '  disabled'}")


@staff.command("disable")
@click.argument("email")
def staff_disable(email: str) -> None:
    """Shut EMAIL out, at once and until `reset`."""
    user = find_user(email, must_exist=True)
    user.active = False
    log("user_disabled", user_id=user.id)
    db.session.commit()
    click.echo(f"{user.email} is shut out.")


@staff.command("reset")
@click.argument("email")
def staff_reset(email: str) -> None:
    """Give EMAIL a new one-time password, end its sessions, and let it in again."""
    user = find_user(email, must_exist=True)
    password = secrets.token_urlsafe(15)
    user.password, user.must_change_password, user.active = hash_password(password), True, True
    current_app.extensions["security"].datastore.set_uniquifier(user)
    log("authn_password_reset", user_id=user.id)
    db.session.commit()
    click.echo(f"{user.email} can sign in at /staff/ with this one-time password: {password}")


def find_user(email: str, *, must_exist: bool = False) -> User | None:
    user = db.session.scalar(sa.select(User).where(sa.func.lower(User.email) == email.lower()))
    if must_exist and user is None:
        raise click.ClickException(f"{email} has no account. To see who has: flask staff list")
    return user


def init_app(app: Flask) -> None:
    parts = (
        commands_backup.backup,
        commands_backup.restore,
        commands_content.content,
        commands_demo.demo,
        commands_doctor.doctor,
        commands_outbox.letters,
        commands_rekey.rekey,
        commands_person.person,
        commands_purge.purge,
        commands_search.search,
    )
    for command in (serve, staff, *parts):
        app.cli.add_command(command)
