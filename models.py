"""The tables, the selects over them, and the only `db`."""

import hashlib
import secrets
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import sqlalchemy as sa
from flask import Flask
from flask_migrate import Migrate
from flask_security.core import RoleMixin, UserMixin
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

import models_engine
import vault
from content import URGENCIES
from models_engine import UTCDateTime

KINDS = ("appointment", "intake")
STATUSES = ("new", "contacted", "scheduled", "closed", "cancelled", "spam")
ROLES = ("reader", "handler", "admin")
DRAFT_LIFE = timedelta(days=7)
CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # no I, L, O, U: easy to read out on the phone


def now() -> datetime:
    return datetime.now(UTC)


def words(*names: str, name: str) -> sa.Enum:
    """A text column that holds one of `names`; the database refuses any other."""
    return sa.Enum(*names, name=name, native_enum=False, create_constraint=True, length=20)


class Model(DeclarativeBase):
    """Our own base: Flask-SQLAlchemy's breaks on a `type_annotation_map` (its issue 1361)."""

    # Named constraints are the only ones that Alembic can change on SQLite.
    metadata = sa.MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map: ClassVar = {datetime: UTCDateTime}


db = SQLAlchemy(metadata=Model.metadata)


class Sealed:
    """A JSON value kept encrypted in the column `<name>_sealed` and bound to its row and column."""

    def __set_name__(self, owner: type[Model], name: str) -> None:
        self.column = f"{name}_sealed"
        self.place = f"{owner.__tablename__}.{name}"

    def __get__(self, row: Any, owner: type[Model]) -> Any:
        if row is None:
            return self
        return vault.current().open(getattr(row, self.column), f"{self.place}:{row.id}")

    def __set__(self, row: Any, value: Any) -> None:
        if row.id is None:
            raise ValueError("give the row its id first; a sealed value is bound to it")
        setattr(row, self.column, vault.current().seal(value, f"{self.place}:{row.id}"))


class Draft(Model):
    """The answers given so far in one flow, sealed, until they are sent or expire.

    Only a hash of its key is kept, so that a copy of the database opens nobody's draft.
    """

    __tablename__ = "drafts"

    id: Mapped[str] = mapped_column(sa.String(64), primary_key=True)
    flow: Mapped[str] = mapped_column(words(*KINDS, name="flow"))
    expires_at: Mapped[datetime] = mapped_column(index=True)
    answers_sealed: Mapped[bytes]
    answers = Sealed()
    key = ""  # what the patient's browser holds; never stored

    @staticmethod
    def id_of(key: str) -> str:
        return hashlib.sha256(key.encode()).hexdigest()

    @classmethod
    def start(cls, flow: str) -> "Draft":
        key = secrets.token_urlsafe(32)
        return cls(id=cls.id_of(key), key=key, flow=flow, answers={})

    def keep(self, answers: dict[str, Any]) -> None:
        """Put in the answers, and in a new life of `DRAFT_LIFE`."""
        self.answers, self.expires_at = answers, now() + DRAFT_LIFE

    @classmethod
    def kept(cls, flow: str, key: str) -> sa.Select[tuple["Draft"]]:
        """Select the draft of this key that has not expired."""
        return sa.select(cls).where(
            cls.id == cls.id_of(key), cls.flow == flow, cls.expires_at > now()
        )

    @classmethod
    def expired(cls) -> sa.Delete:
        return sa.delete(cls).where(cls.expires_at <= now())


class Submission(Model):
    """What a patient sent. `record` is sealed: the answers by step, and how they were shown."""

    __tablename__ = "submissions"
    __table_args__ = (sa.Index(None, "received_at", "id"),)

    id: Mapped[str] = mapped_column(sa.String(32), primary_key=True)
    draft_id: Mapped[str] = mapped_column(sa.String(64), unique=True)  # sends a draft only once
    reference: Mapped[str] = mapped_column(sa.String(8), unique=True)
    kind: Mapped[str] = mapped_column(words(*KINDS, name="kind"))
    status: Mapped[str] = mapped_column(words(*STATUSES, name="status"), default="new")
    urgency: Mapped[str] = mapped_column(words(*URGENCIES, name="urgency"))
    received_at: Mapped[datetime]
    reply_due_at: Mapped[datetime]
    source_article: Mapped[str | None] = mapped_column(sa.String(100))
    form_version: Mapped[str] = mapped_column(sa.String(12))
    consent_version: Mapped[str] = mapped_column(sa.String(12))
    consented_at: Mapped[datetime]
    record_sealed: Mapped[bytes]
    record = Sealed()

    @classmethod
    def make(
        cls, *, answers: dict[str, dict[str, Any]], shown: list[dict[str, str]], **columns: Any
    ) -> "Submission":
        """Return a new submission with a free reference.

        `answers` are by step and field name; `shown` is how the patient saw each of them, so that
        staff see the same when the form has long changed.
        """
        consent = next(step["consent"] for step in answers.values() if "consent" in step)
        return cls(
            id=secrets.token_hex(16),
            reference=new_reference(),
            status="new",
            consent_version=consent["version"],
            consented_at=datetime.fromisoformat(consent["at"]),
            record={"answers": answers, "shown": shown},
            **columns,
        )

    @property
    def answers(self) -> dict[str, Any]:
        """Every answer by field name, whichever step asked for it."""
        steps = self.record["answers"].values()
        return {name: value for step in steps for name, value in step.items()}

    @property
    def shown_reference(self) -> str:
        return f"{self.reference[:4]}-{self.reference[4:]}"

    @classmethod
    def of_draft(cls, draft: Draft) -> sa.Select[tuple["Submission"]]:
        return sa.select(cls).where(cls.draft_id == draft.id)

    @classmethod
    def with_reference(cls, reference: str) -> sa.Select[tuple["Submission"]]:
        return sa.select(cls).where(cls.reference == reference)

    @classmethod
    def newest_first(cls, before: str | None = None) -> sa.Select[tuple["Submission"]]:
        """Select all, newest first; with `before`, those older than that reference's."""
        query = sa.select(cls).order_by(cls.received_at.desc(), cls.id.desc())
        if before:
            place = sa.tuple_(cls.received_at, cls.id)
            last = sa.select(cls.received_at, cls.id).where(cls.reference == before)
            query = query.where(place < last.scalar_subquery())
        return query


def new_reference() -> str:
    """Return eight characters that no submission has yet."""
    while True:
        reference = "".join(secrets.choice(CROCKFORD) for _ in range(8))
        if db.session.scalar(Submission.with_reference(reference)) is None:
            return reference


class Role(Model, RoleMixin):
    __tablename__ = "roles"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(20), unique=True)


class User(Model, UserMixin):
    """A member of staff. `fs_uniquifier` is what sessions hold; changing it ends them all."""

    __tablename__ = "users"

    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(sa.String(254), unique=True)
    password: Mapped[str] = mapped_column(sa.String(255))
    active: Mapped[bool]
    fs_uniquifier: Mapped[str] = mapped_column(sa.String(64), unique=True)
    must_change_password: Mapped[bool] = mapped_column(default=False)
    roles: Mapped[list[Role]] = relationship(
        secondary=sa.Table(
            "roles_users",
            Model.metadata,
            sa.Column("user_id", sa.ForeignKey("users.id"), primary_key=True),
            sa.Column("role_id", sa.ForeignKey("roles.id"), primary_key=True),
        )
    )


class Event(Model):
    """One line of the audit trail: who did what to which submission. Never an answer."""

    __tablename__ = "events"

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(index=True)
    name: Mapped[str] = mapped_column(sa.String(40))
    user_id: Mapped[int | None] = mapped_column(sa.ForeignKey("users.id"))
    submission_id: Mapped[str | None] = mapped_column(sa.ForeignKey("submissions.id"), index=True)
    detail: Mapped[str] = mapped_column(sa.String(200), default="")
    submission: Mapped[Submission | None] = relationship()


def log(
    name: str,
    *,
    user_id: int | None = None,
    submission: Submission | None = None,
    detail: str = "",
) -> None:
    """Add an event to the caller's transaction. Names follow OWASP's logging vocabulary."""
    event = Event(name=name, at=now(), user_id=user_id, submission=submission, detail=detail)
    db.session.add(event)


def only_read() -> None:
    """Begin this request's transaction without the write lock that transactions take.

    Where one has begun (to see which member of staff is asking), it stays as it is.
    """
    if not db.session().in_transaction():
        db.session.connection(execution_options={"reads_only": True})


def plain_types(kind: str, item: Any, _context: Any) -> str | bool:
    """Write our own column types into migrations as SQLAlchemy's.

    A migration must not change its meaning when today's code does.
    """
    if kind == "type" and isinstance(item, UTCDateTime):
        return "sa.DateTime(timezone=True)"
    return False


def init_app(app: Flask) -> None:
    url = app.config["DATABASE_URL"]
    app.config["SQLALCHEMY_DATABASE_URI"] = url
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = models_engine.engine_options(url)
    db.init_app(app)
    Migrate(app, db, render_as_batch=True, render_item=plain_types, compare_server_default=True)
    with app.app_context():
        models_engine.prepare(db.engine)
