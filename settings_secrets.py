"""The folder that is for the owner only, and the secrets in it."""

import os
import secrets
from collections.abc import Callable
from pathlib import Path

import click


class SettingsError(click.ClickException):
    """A setting that cannot be used; the message says which, why, and what to type.

    Being a `ClickException`, it ends a `flask` command with one line and no traceback.
    """


def private_folder(path: Path) -> None:
    """Make the folder for the database and the secrets, readable by its owner only."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(
            f"The folder {path} cannot be made ({error.strerror}). "
            "Set INSTANCE_PATH to a folder that you may write to."
        ) from None
    if path.stat().st_mode & 0o077:
        raise SettingsError(f"Others can read the folder {path}. Type: chmod 700 {path}")
    if not os.access(path, os.W_OK):
        raise SettingsError(
            f"The folder {path} cannot be written to. "
            "Change its owner, or set INSTANCE_PATH to a folder that you may write to."
        )


def kept_secret(path: Path, make: Callable[[], str]) -> str:
    """Return the secret in the file, which is made first where it does not exist yet."""
    if not path.exists():
        draft = private_draft(path, make())
        try:
            # Of several processes that start at once, the first to link wins; all read its file.
            os.link(draft, path)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    if path.stat().st_mode & 0o077:
        raise SettingsError(f"Others can read the secret in {path}. Type: chmod 600 {path}")
    return path.read_text().strip()


def change_secret(path: Path, value: str) -> None:
    """Write another secret into the file, which holds one of the two whatever happens."""
    private_draft(path, value).replace(path)


def private_draft(path: Path, value: str) -> Path:
    """Write a secret into a new file beside its own, safe on the disk."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    draft.touch(mode=0o600)
    with draft.open("w") as file:
        file.write(value + "\n")
        file.flush()
        os.fsync(file.fileno())
    return draft
