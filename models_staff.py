"""Who may sign in, as what, and who is signed in now."""

import secrets
from datetime import datetime, timedelta

import sqlalchemy as sa
from flask_security.core import RoleMixin, UserMixin
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models import Model, Sealed, db, now
from models_events import log
from models_keys import Keyed

ROLES = ("reader", "handler", "admin")
DEMO_EMAIL = "demo@example.org"  # `make demo`'s account, the only one that needs no phone
IDLE, LONGEST = timedelta(minutes=15), timedelta(hours=12)

# From this many wrong passwords and codes in a row, each locks the account: 1, 2, 4, … minutes.
# Whoever only knows the address can so keep somebody out for an hour; `flask staff enable` ends it.
TRIES, LONGEST_LOCK = 5, 60
LOCKS = "After five wrong tries an account is locked for a while."


class Role(Model, RoleMixin):
    __tablename__ = "roles"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(20), unique=True)


class User(Model, UserMixin):
    """A member of staff. `fs_uniquifier` is what cookies hold; changing it ends all sessions."""

    __tablename__ = "users"

    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(sa.String(254), unique=True)
    password: Mapped[str] = mapped_column(sa.String(255))
    active: Mapped[bool]
    fs_uniquifier: Mapped[str] = mapped_column(sa.String(64), unique=True)
    must_change_password: Mapped[bool] = mapped_column(default=False)
    ends_at: Mapped[datetime | None]  # a break-glass account's last moment
    failures: Mapped[int] = mapped_column(default=0, server_default="0")  # in a row
    locked_until: Mapped[datetime | None]
    # The secret that the person's phone shares with us, and the time step of the last code that
    # was used: none up to there works again.
    totp_sealed: Mapped[bytes | None]
    totp = Sealed()
    totp_step: Mapped[int] = mapped_column(default=0, server_default="0")
    roles: Mapped[list[Role]] = relationship(
        secondary=sa.Table(
            "roles_users",
            Model.metadata,
            sa.Column("user_id", sa.ForeignKey("users.id"), primary_key=True),
            sa.Column("role_id", sa.ForeignKey("roles.id"), primary_key=True),
        )
    )
    recovery_codes: Mapped[list["RecoveryCode"]] = relationship(cascade="all, delete-orphan")

    @property
    def is_active(self) -> bool:
        return self.active and (self.ends_at is None or self.ends_at > now())

    @property
    def is_kept_out(self) -> bool:
        """Whether too many tries have failed a short while ago."""
        return self.locked_until is not None and self.locked_until > now()

    @classmethod
    def with_email(cls, email: str) -> sa.Select[tuple["User"]]:
        wanted = email.strip().lower().replace("\0", "")  # which PostgreSQL cannot look for
        return sa.select(cls).where(sa.func.lower(cls.email) == wanted)

    @classmethod
    def who_work(cls) -> sa.Select[tuple["User"]]:
        """Select everybody whose account is open, by address."""
        is_open = sa.or_(cls.ends_at.is_(None), cls.ends_at > now())
        return sa.select(cls).where(cls.active, is_open).order_by(cls.email)

    @classmethod
    def to_change(cls, user_id: int) -> sa.Select[tuple["User"]]:
        """Select a user as it is now, and let nobody else change it until the commit."""
        query = sa.select(cls).where(cls.id == user_id).with_for_update()
        return query.execution_options(populate_existing=True)

    def count_failure(self, what: str) -> None:
        """Record a wrong password or code. While the account is locked, tries do not count."""
        log("authn_login_fail", user_id=self.id, detail=what)
        if self.is_kept_out:
            return
        self.failures += 1
        if self.failures >= TRIES:
            minutes = min(2 ** min(self.failures - TRIES, 10), LONGEST_LOCK)
            self.locked_until = now() + timedelta(minutes=minutes)
            log("authn_login_lock", user_id=self.id, detail=f"{minutes} min")

    def forget_failures(self) -> None:
        self.failures, self.locked_until = 0, None

    def forget_second_factor(self) -> None:
        """Let the next sign-in set it up anew."""
        self.totp_sealed, self.totp_step, self.recovery_codes = None, 0, []


class RecoveryCode(Model):
    """What lets somebody in once without the phone. Used up, it is deleted."""

    __tablename__ = "recovery_codes"

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(sa.ForeignKey("users.id"), index=True)
    hash: Mapped[str] = mapped_column(sa.String(255))


class StaffSession(Keyed, Model):
    """One browser that somebody has signed in with, until they sign out or its time is over."""

    __tablename__ = "staff_sessions"

    user_id: Mapped[int] = mapped_column(sa.ForeignKey("users.id"), index=True)
    started_at: Mapped[datetime]
    seen_at: Mapped[datetime]
    proven: Mapped[bool]  # by the second factor
    totp_sealed: Mapped[bytes | None]  # the secret that is being set up
    totp = Sealed()

    @classmethod
    def start(cls, user: User, *, proven: bool) -> "StaffSession":
        moment = now()
        return cls.with_new_key(user_id=user.id, started_at=moment, seen_at=moment, proven=proven)

    @classmethod
    def of(cls, user: User) -> sa.Delete:
        return sa.delete(cls).where(cls.user_id == user.id)

    @property
    def over_at(self) -> datetime:
        return min(self.seen_at + IDLE, self.started_at + LONGEST)

    @property
    def seconds_left(self) -> int:
        return int((self.over_at - now()).total_seconds())

    @classmethod
    def old(cls) -> sa.Delete:
        """Those that were never signed out of, and that nobody will come back with."""
        return sa.delete(cls).where(cls.started_at <= now() - 2 * LONGEST)

    def touch(self) -> None:
        """Begin the time without a click anew."""
        # Not by the attribute: where the session was ended at the same moment, that would fail.
        query = sa.update(StaffSession).where(StaffSession.id == self.id)
        db.session.execute(query.values(seen_at=now()))


def end_sessions(user: User) -> None:
    """Sign this person out everywhere."""
    db.session.execute(StaffSession.of(user))
    user.fs_uniquifier = secrets.token_hex(32)
