"""Seal and open what patients tell us, with keys that are not in the database.

AES-256-GCM (NIST SP 800-38D). A sealed value is `version | key id | nonce | ciphertext`. The place
it belongs to (table, column, row) is authenticated with it, so a value that was moved to another
row does not open.

A value that has to be found without being opened leaves a mark: 64 bits of a keyed hash, which
tell nothing to whoever has no key.
"""

import hashlib
import hmac
import json
import os
from collections.abc import Sequence
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from flask import Flask, current_app

VERSION = b"\x01"
KEY_ID_BYTES = 4
NONCE_BYTES = 12  # random; safe for about four billion values under one key


class VaultError(Exception):
    """A sealed value that does not open. The message never holds any of it."""


class Vault:
    """Seals with the first of `keys` (32 bytes each) and opens with any of them."""

    def __init__(self, keys: Sequence[bytes], marking: bytes | None = None):
        self._ciphers = {key_id(key): AESGCM(key) for key in keys}
        self.current_id = key_id(keys[0])
        # The oldest key marks, so that a new one in front of it leaves all marks valid.
        self._marking = hmac.digest(marking or keys[-1], b"blind index", "sha256")

    def seal(self, value: Any, place: str) -> bytes:
        """Return `value` (anything JSON can hold) encrypted for `place` only."""
        plain = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        return self.seal_bytes(plain.encode(), place)

    def open(self, sealed: bytes, place: str) -> Any:
        """Return what was sealed for `place`.

        Raises `VaultError` when the key is missing, or the value was changed or moved.
        """
        return json.loads(self.open_bytes(sealed, place))

    def seal_bytes(self, plain: bytes, place: str) -> bytes:
        """The same for bytes as they are."""
        nonce = os.urandom(NONCE_BYTES)
        secret = self._ciphers[self.current_id].encrypt(nonce, plain, place.encode())
        return VERSION + self.current_id + nonce + secret

    def open_bytes(self, sealed: bytes, place: str) -> bytes:
        """Return the bytes that were sealed for `place`, or raise `VaultError` as `open` does."""
        version, rest = sealed[:1], sealed[1:]
        key, rest = rest[:KEY_ID_BYTES], rest[KEY_ID_BYTES:]
        nonce, secret = rest[:NONCE_BYTES], rest[NONCE_BYTES:]
        if version != VERSION or key not in self._ciphers:
            raise VaultError(
                f"{place} was sealed with key {key.hex()}, which is not in VAULT_KEYS. "
                "Add that key, with a comma between: in front if it is the newer one, else behind."
            )
        try:
            return self._ciphers[key].decrypt(nonce, secret, place.encode())
        except (InvalidTag, ValueError):
            raise VaultError(f"{place} was changed or moved since it was sealed.") from None

    def is_current(self, sealed: bytes) -> bool:
        """Whether this was sealed with the key that seals now."""
        return sealed[1 : 1 + KEY_ID_BYTES] == self.current_id

    def knows(self, key: bytes) -> bool:
        """Whether the key with this id is one of ours."""
        return key in self._ciphers

    def mark(self, kind: str, value: str) -> int:
        """Return the number under which a value of this kind is found again."""
        digest = hmac.digest(self._marking, f"{kind}:{value}".encode(), "sha256")
        return int.from_bytes(digest[:8], signed=True)


def key_id(key: bytes) -> bytes:
    return hashlib.sha256(key).digest()[:KEY_ID_BYTES]


def init_app(app: Flask) -> None:
    app.extensions["vault"] = Vault(app.config["VAULT_KEYS"])


def current() -> Vault:
    """The vault of the running app."""
    return current_app.extensions["vault"]
