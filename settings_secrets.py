"""The folder that is for the owner only, how files come into it, and the secrets there."""

import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

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
        # Of several processes that start at once, the first to link wins; all read its file.
        with suppress(FileExistsError):
            write_secret(path, make(), put=os.link)
    if path.stat().st_mode & 0o077:
        raise SettingsError(f"Others can read the secret in {path}. Type: chmod 600 {path}")
    return path.read_text().strip()


def write_secret(path: Path, value: str, put: Callable[[Path, Path], Any] = os.replace) -> None:
    """Write a secret into a file, which holds this one or the one before whatever happens."""
    with whole_file(path, put) as file:
        file.write(f"{value}\n".encode())
    keep_name(path)


@contextmanager
def whole_file(
    path: Path, put: Callable[[Path, Path], Any] = os.replace, draft: Path | None = None
) -> Iterator[BinaryIO]:
    """Write a file for its owner only, which has its name once all of it is on the disk.

    Until then it is the `draft`, by default one of a name that nobody can guess.
    """
    draft = draft or path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    draft.touch(mode=0o600)
    try:
        with draft.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        put(draft, path)
    finally:
        draft.unlink(missing_ok=True)


def keep_name(path: Path) -> None:
    """Make sure that a file is found under its name after a power cut, too."""
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
