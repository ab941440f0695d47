"""Whole files, sealed: what a backup is.

The first line is JSON and tells what the file is about; it is not secret. After it come parts of at
most `PART` bytes, compressed and sealed, each behind its length. A part is bound to the first line,
to its number and to whether it is the last, so none can be changed, left out, moved or added. At
the end stands the SHA-256 of all before it, which tells a damaged file from a wrong key.
"""

import hashlib
import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from vault import Vault, VaultError

PART = 1024 * 1024
FORMAT = 1
LENGTH_BYTES = 4
SUM_BYTES = 32


def write(file: BinaryIO, about: dict[str, Any], plain: BinaryIO, vault: Vault) -> Iterator[int]:
    """Seal what can be read from `plain` into `file`; yield the number of bytes read each time."""
    about = {"format": FORMAT, "key": vault.current_id.hex(), **about}
    line = json.dumps(about, sort_keys=True).encode() + b"\n"
    seen = hashlib.sha256()

    def put(data: bytes) -> None:
        seen.update(data)
        file.write(data)

    put(line)
    number, part, following = 0, plain.read(PART), plain.read(PART)
    while True:
        sealed = vault.seal_bytes(zlib.compress(part, 1), place(line, number, last=not following))
        put(len(sealed).to_bytes(LENGTH_BYTES) + sealed)
        yield len(part)
        if not following:
            break
        number, part, following = number + 1, following, plain.read(PART)
    file.write(seen.digest())


def read_about(path: Path) -> dict[str, Any]:
    """Return the first line of a sealed file, once its sum is right.

    Raises `VaultError` when it is no such file, or a damaged one.
    """
    left, seen = path.stat().st_size - SUM_BYTES, hashlib.sha256()
    with path.open("rb") as file:
        line = file.readline(PART)
        try:
            about = json.loads(line)
            readable = about["format"] == FORMAT
        except (ValueError, TypeError, KeyError):
            raise VaultError(f"{path} is not a backup of this site.") from None
        if not readable:
            raise VaultError(f"{path} was made by another version of the site.")
        seen.update(line)
        left -= len(line)
        while left > 0 and (data := file.read(min(left, PART))):
            seen.update(data)
            left -= len(data)
        if file.read() != seen.digest():
            raise VaultError(f"{path} is damaged: its sum is wrong. Use another copy.")
    return about


def read(path: Path, plain: BinaryIO, vault: Vault) -> Iterator[int]:
    """Open a file whose sum is right into `plain`; yield the number of bytes read each time.

    Raises `VaultError` when the key is missing, or the file was changed by somebody.
    """
    with path.open("rb") as file:
        line, left = file.readline(PART), path.stat().st_size - SUM_BYTES
        number = 0
        while file.tell() < left:
            size = int.from_bytes(file.read(LENGTH_BYTES))
            sealed = file.read(min(size, left))
            last = file.tell() >= left
            plain.write(zlib.decompress(vault.open_bytes(sealed, place(line, number, last=last))))
            yield LENGTH_BYTES + len(sealed)
            number += 1
    if not number:
        raise VaultError(f"{path} has no contents.")


def place(line: bytes, number: int, *, last: bool) -> str:
    end = "last" if last else "more"
    return f"backup:{hashlib.sha256(line).hexdigest()}:{number}:{end}"
