"""A new key for what is sealed, and the end of the old one."""

import secrets
from pathlib import Path

import click
from flask import current_app
from flask.cli import with_appcontext

import commands_lock
import models_rekey
from commands_database import need_tables, one_line_if_down, show_progress
from commands_search import index_all
from models import db
from models_events import log
from settings import MAKE_VAULT_KEY, vault_keys, written_key
from settings_secrets import write_secret
from vault import Vault, VaultError


@click.command("rekey")
@with_appcontext
def rekey() -> None:
    """Seal everything again, with a new key.

    Stop the site first, on every machine. When this is cut short, type it again.
    """
    need_tables()
    with one_line_if_down(), commands_lock.hold(alone=True):
        is_ours = in_file()
        keys = keys_with_new(is_ours=is_ours)
        current_app.extensions["vault"] = Vault(keys, marking=keys[0])
        reseal()
        log("keys_changed")
        db.session.commit()
        let_go(keys, is_ours=is_ours)


def keys_with_new(*, is_ours: bool) -> list[bytes]:
    """The keys, with one in front that nothing, or not everything, is sealed with yet."""
    keys = current_app.config["VAULT_KEYS"]
    if len(keys) > 1:
        return keys
    if not is_ours:
        raise click.ClickException(
            "VAULT_KEYS is set outside the site. Put a new key in front of the one that is there, "
            f"with a comma between them, and type this again. To make one, type: {MAKE_VAULT_KEY}"
        )
    keys = [secrets.token_bytes(32), *keys]
    write_secret(file(), ",".join(map(written_key, keys)))
    return keys


def reseal() -> None:
    try:
        show_progress(models_rekey.reseal(), models_rekey.count_rows(), "Sealing")
    except VaultError as error:
        raise click.ClickException(f"{error} Then type this again.") from None
    index_all()


def let_go(keys: list[bytes], *, is_ours: bool) -> None:
    """Forget the old keys, now that nothing needs them."""
    if is_ours:
        write_secret(file(), written_key(keys[0]))
        click.echo(f"ok: the key is in {file()}. Keep a copy in a safe place.")
        click.echo("A backup made before this still needs the key of its time.")
    else:
        click.echo("ok: now take all keys but the first out of VAULT_KEYS.")


def in_file() -> bool:
    """Whether the keys come from the file that the site made, and not from a setting."""
    return file().exists() and vault_keys(file().read_text()) == current_app.config["VAULT_KEYS"]


def file() -> Path:
    return Path(current_app.config["INSTANCE_PATH"]) / "vault_keys"
