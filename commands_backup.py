"""Backups: the whole database in one sealed file, and back."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import rmtree
from time import time
from typing import Any

import click
import flask_migrate
import sqlalchemy as sa
from flask import current_app
from flask.cli import with_appcontext

import commands_lock
import models_backup
import models_engine
import models_rekey
import models_revisions
import vault
import vault_files
from commands_database import need_tables, one_line_if_down, show_progress
from models import db, now
from models_backup import BackupError
from models_events import log
from settings_secrets import keep_name, whole_file
from vault import VaultError

OCCUPIED = (
    "There is a database already. Stop the site, and add --replace to put the backup in its place."
)
LONGEST = 24 * 60 * 60  # seconds; no backup takes as long
FILE = click.Path(dir_okay=False, path_type=Path)


@click.command("backup")
@click.argument("file", type=FILE)
@with_appcontext
def backup(file: Path) -> None:
    """Keep the whole database in FILE, sealed, while the site runs."""
    need_tables()
    if file.exists():
        raise click.ClickException(f"{file} is there already. Choose another name.")
    with in_one_line(), one_line_if_down():
        about = save(file)
        log("backup_made", detail=count(about))
        db.session.commit()
    key = about["key"]
    click.echo(f"ok: {count(about)} in {file}. Without key {key} of VAULT_KEYS it does not open:")
    click.echo("keep that key somewhere else, not beside the backup.")


@click.command("restore")
@click.argument("file", type=FILE)
@click.option("--replace", is_flag=True, help="Even where there is data; it is kept in a backup.")
@with_appcontext
def restore(file: Path, *, replace: bool) -> None:
    """Put the database back as it was when FILE was made."""
    if not file.exists():
        raise click.ClickException(f"{file} is not there.")
    with in_one_line(), one_line_if_down(), working_folder() as folder:
        about = vault_files.read_about(file)
        check_fits(about)
        occupied = bool(sa.inspect(db.engine).get_table_names())
        if occupied and not replace:
            raise BackupError(OCCUPIED)
        with commands_lock.hold(alone=True):
            copy = folder / "copy"
            unseal(file, copy)
            models_backup.check(db.engine, copy, about)
            if occupied:
                keep_what_is_there()
            replace_all(copy, about)
            log("backup_restored", detail=f"made {about['made_at']}, {count(about)}")
            db.session.commit()
    click.echo(f"ok: {count(about)}, as they were at {about['made_at']}. Start the site again.")


def replace_all(copy: Path, about: dict[str, Any]) -> None:
    models_backup.put(db.engine, copy)
    with db.engine.connect() as connection:
        models_backup.check_whole(connection, about)
    flask_migrate.upgrade()
    check_opens()


def save(file: Path) -> dict[str, Any]:
    """Write a sealed copy into a file, and return what it is about."""
    with working_folder() as folder:
        copy, made_at = folder / "copy", f"{now():%Y-%m-%dT%H:%M:%SZ}"
        about = {"made_at": made_at, **models_backup.take(db.engine, copy)}
        with copy.open("rb") as plain, whole_file(file) as sealed:
            parts = vault_files.write(sealed, about, plain, vault.current())
            show_progress(parts, copy.stat().st_size, "Sealing")
    keep_name(file)
    return vault_files.read_about(file)


def unseal(file: Path, copy: Path) -> None:
    copy.touch(mode=0o600)
    with copy.open("wb") as plain:
        parts = vault_files.read(file, plain, vault.current())
        show_progress(parts, file.stat().st_size, "Opening")


def check_fits(about: dict[str, Any]) -> None:
    """Refuse what this database, or this version of the site, cannot take in."""
    if about["engine"] != db.engine.dialect.name:
        raise BackupError(
            f"This backup is from {about['engine']}, and DATABASE_URL leads to "
            f"{db.engine.dialect.name}."
        )
    if about["revision"] not in models_revisions.known():
        raise BackupError("This backup is from a newer version of the site. Update the site first.")


def keep_what_is_there() -> None:
    kept = Path(current_app.config["INSTANCE_PATH"]) / f"before-restore-{now():%Y%m%d-%H%M%S}"
    save(kept)
    click.echo(f"What was there is kept in {kept}")


def check_opens() -> None:
    """Make sure that our keys open everything in it, before anything is added."""
    missing = models_rekey.missing_keys()
    db.session.rollback()
    if missing:
        raise BackupError(
            f"It is back, but not all of it opens: VAULT_KEYS lacks {', '.join(sorted(missing))}. "
            "Add each such key after the current one, separated by a comma, before you start the "
            "site."
        )


@contextmanager
def in_one_line() -> Iterator[None]:
    """Turn what goes wrong into one line for the owner."""
    try:
        yield
    except (BackupError, VaultError, models_engine.sqlite.Error) as error:
        raise click.ClickException(str(error)) from None
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        raise click.ClickException(f"{where}{error.strerror}.") from None


@contextmanager
def working_folder() -> Iterator[Path]:
    """A private folder for the copy that is not sealed as a whole. What patients said in it is.

    One that a power cut left here would keep what is erased meanwhile.
    """
    place = current_app.config["INSTANCE_PATH"]
    for left in place.glob("working-*"):
        if left.stat().st_mtime < time() - LONGEST:
            rmtree(left)
    with tempfile.TemporaryDirectory(prefix="working-", dir=place) as folder:
        yield Path(folder)


def count(about: dict[str, Any]) -> str:
    return f"{about['rows'].get('submissions', 0)} submissions"
