"""The owner's commands. Each ends with one clear line and a non-zero status when it fails."""

import click
import flask_migrate
import sqlalchemy as sa
from flask import Flask, current_app
from flask.cli import with_appcontext
from flask.globals import app_ctx

import commands_audit
import commands_backup
import commands_content
import commands_demo
import commands_doctor
import commands_lock
import commands_outbox
import commands_person
import commands_purge
import commands_rekey
import commands_search
import commands_serve
import commands_staff
import models_engine
import models_events
import outbox_mail
from commands_database import one_line_if_down
from commands_machine import cores, take_port
from models import db
from models_staff import User
from vault import VaultError


@click.command("serve")
@with_appcontext
def serve() -> None:
    """Bring the database up to date and serve the site."""
    host, port = current_app.config["HOST"], current_app.config["PORT"]
    with take_port(host, port) as listener, commands_lock.hold(alone=False):
        with one_line_if_down():
            flask_migrate.upgrade()
            prepare_database()
        click.echo(start_notes())
        db.session.remove()  # a transaction left open here would lock the workers out
        db.engine.dispose()
        commands_serve.serve(app_ctx.app, listener, workers=cores())


def prepare_database() -> None:
    """Note that the site starts. Without the keys that its data needs, it does not."""
    if db.engine.dialect.name == "sqlite":  # PostgreSQL does so by itself, and may be doing it now
        models_engine.take_stock(db.session.connection())
    try:
        models_events.check_key()
    except VaultError as error:
        raise click.ClickException(str(error)) from None
    models_events.log("sys_startup")
    db.session.commit()


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
        notes.append(f"  Add yourself: {commands_staff.ADD_YOURSELF}")
    state, words = commands_doctor.practice()
    if state != "ok":
        notes.append(f"  Before patients use it: {words}")
    return "\n".join([*notes, "  Stop it with Ctrl+C.", ""])


def init_app(app: Flask) -> None:
    parts = (
        commands_backup.backup,
        commands_backup.restore,
        commands_content.content,
        commands_audit.audit,
        commands_demo.demo,
        commands_doctor.doctor,
        commands_outbox.letters,
        commands_rekey.rekey,
        commands_person.person,
        commands_purge.purge,
        commands_search.search,
        commands_staff.staff,
    )
    for command in (serve, *parts):
        app.cli.add_command(command)
