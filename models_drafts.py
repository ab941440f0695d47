"""Forms that are not sent yet."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from models import KINDS, Model, Sealed, now, one_of
from models_keys import Keyed
from security import PATIENTS_COOKIE_LIFE

DRAFT_LIFE = PATIENTS_COOKIE_LIFE  # without its cookie nobody gets at it


class Draft(Keyed, Model):
    """The answers given so far in one flow, sealed, until they are sent or expire."""

    __tablename__ = "drafts"

    flow: Mapped[str] = mapped_column(one_of(*KINDS, name="flow"))
    started_at: Mapped[datetime | None]
    expires_at: Mapped[datetime] = mapped_column(index=True)
    tries: Mapped[int] = mapped_column(default=0, server_default="0")  # wrong dates of birth
    answers_sealed: Mapped[bytes]
    answers = Sealed()

    @classmethod
    def start(cls, flow: str, answers: dict[str, Any] | None = None) -> "Draft":
        draft = cls.with_new_key(flow=flow, started_at=now(), tries=0)
        draft.answers = answers or {}
        return draft

    def keep(self, answers: dict[str, Any]) -> None:
        """Put in the answers, and in a new life of `DRAFT_LIFE`."""
        self.answers, self.expires_at = answers, now() + DRAFT_LIFE

    @classmethod
    def kept(cls, flow: str, key: str) -> sa.Select[tuple["Draft"]]:
        """Select the draft of this key that has not expired."""
        return sa.select(cls).where(
            cls.id == cls.id_of(key), cls.flow == flow, cls.expires_at > now()
        )

    @property
    def is_over(self) -> bool:
        return self.expires_at <= now()

    @classmethod
    def expired(cls) -> sa.Delete:
        return sa.delete(cls).where(cls.expires_at <= now())
