"""Rows that one browser opens, with a key that is nowhere else."""

import hashlib
import secrets
from typing import Any, Self

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column


class Keyed:
    """Only a hash of the key is kept, so that a copy of the database opens none of these."""

    id: Mapped[str] = mapped_column(sa.String(64), primary_key=True)
    key = ""  # what the browser holds; never stored

    @staticmethod
    def id_of(key: str) -> str:
        return hashlib.sha256(key.encode()).hexdigest()

    @classmethod
    def with_new_key(cls, **columns: Any) -> Self:
        key = secrets.token_urlsafe(32)
        return cls(id=cls.id_of(key), key=key, **columns)
