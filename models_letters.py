"""Outgoing emails, from the moment something is to be said until it is said."""

import secrets
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, joinedload, mapped_column, relationship

from models import Model, Sealed, Submission, now, one_of

LETTER_STATES = ("waiting", "sent", "failed")
LEASE = timedelta(minutes=10)  # how long who has claimed a letter may take to send it
UNDER_WAY = "being sent"  # the problem of a letter from its claim until it is known what came of it


class Letter(Model):
    """One email. `contents` are sealed: `to`, and the values that its templates fill in.

    A waiting letter is due at `due_at`. Claiming it moves that moment into the future, so nobody
    else takes it up before whoever claimed it has had time to send it, or has died.
    """

    __tablename__ = "letters"
    __table_args__ = (
        sa.UniqueConstraint("submission_id", "name", "edition"),  # nothing is said twice
        sa.Index(None, "state", "due_at"),
    )

    id: Mapped[str] = mapped_column(sa.String(32), primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(20))  # a folder of templates/letters/
    submission_id: Mapped[str | None] = mapped_column(sa.ForeignKey("submissions.id"))
    edition: Mapped[int]  # rises when the same kind of letter about the same thing has news
    state: Mapped[str] = mapped_column(one_of(*LETTER_STATES, name="state"))
    made_at: Mapped[datetime]
    due_at: Mapped[datetime]
    attempts: Mapped[int]
    sent_at: Mapped[datetime | None]
    problem: Mapped[str] = mapped_column(sa.String(100))  # what kept it; never an address
    contents_sealed: Mapped[bytes]
    contents = Sealed()
    submission: Mapped[Submission | None] = relationship()

    @classmethod
    def make(
        cls, name: str, contents: dict[str, Any], submission: Submission | None, edition: int
    ) -> "Letter":
        made = cls(id=secrets.token_hex(16), name=name, submission=submission, edition=edition)
        made.renew()
        made.contents = contents
        return made

    def renew(self) -> None:
        """Let it wait as if it were made now."""
        self.state, self.attempts, self.problem = "waiting", 0, ""
        self.made_at = self.due_at = now()

    @classmethod
    def due(cls, at: datetime) -> sa.Select[tuple["Letter"]]:
        """Select what is to be sent by then, longest waiting first."""
        waiting = sa.select(cls).where(cls.state == "waiting", cls.due_at <= at)
        return waiting.order_by(cls.due_at, cls.id)

    @classmethod
    def about(cls, submission: Submission) -> sa.Select[tuple["Letter"]]:
        return sa.select(cls).where(cls.submission_id == submission.id).order_by(cls.made_at)

    @classmethod
    def unsent(cls) -> sa.Select[tuple["Letter"]]:
        """Select what waits or has failed, oldest first."""
        return sa.select(cls).where(cls.state != "sent").order_by(cls.made_at, cls.id)

    @classmethod
    def listed(cls, state: str, after: "Letter | None") -> sa.Select[tuple["Letter"]]:
        """Select those in a state, latest first, from behind a letter on."""
        query = sa.select(cls).where(cls.state == state).options(joinedload(cls.submission))
        if after:
            place = sa.tuple_(sa.literal(after.due_at), sa.literal(after.id))
            query = query.where(sa.tuple_(cls.due_at, cls.id) < place)
        return query.order_by(cls.due_at.desc(), cls.id.desc())

    @classmethod
    def count(cls, *states: str) -> sa.Select[tuple[str, int]]:
        """Select how many letters there are in each of these states that there are some in."""
        counts = sa.select(cls.state, sa.func.count()).where(cls.state.in_(states))
        return counts.group_by(cls.state)

    @property
    def is_under_way(self) -> bool:
        """Whether somebody may be sending it at this moment."""
        return self.state == "waiting" and self.problem == UNDER_WAY and self.due_at > now()

    def claim(self) -> None:
        """Keep others off it for `LEASE`."""
        self.attempts, self.due_at = self.attempts + 1, now() + LEASE
        self.problem = UNDER_WAY

    def settled(self, **changes: Any) -> sa.Update:
        """Write down what came of this claim, unless it ran out and the letter was claimed again.

        The number of attempts tells one claim from the next, and the moment at which the claim
        runs out tells it from those before `renew`.
        """
        claimed = Letter.attempts == self.attempts, Letter.due_at == self.due_at
        this = sa.update(Letter).where(Letter.id == self.id, Letter.state == "waiting", *claimed)
        return this.values(**changes)
