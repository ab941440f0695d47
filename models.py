"""The tables, the selects over them, and the only `db`."""

import secrets
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import sqlalchemy as sa
from flask import Flask
from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, validates

import models_engine
import vault
from content_medical import URGENCIES
from models_counts import CountColumns, Counted
from models_engine import UTCDateTime
from settings import KINDS

# The list of the staff pages that a submission is in.
VIEW_OF_STATUS = {
    "new": "todo",
    "contacted": "todo",
    "scheduled": "scheduled",
    "closed": "closed",
    "cancelled": "closed",
    "spam": "spam",
}
STATUSES = tuple(VIEW_OF_STATUS)
RANKS = {urgency: rank for rank, urgency in enumerate(URGENCIES)}  # 0 is acted on first
OPEN = ("new", "contacted", "scheduled")  # while a visit can come of it
PLACE_BITS = 22
CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # no I, L, O, U: easy to read out on the phone


def now() -> datetime:
    return datetime.now(UTC)


def one_of(*names: str, name: str) -> sa.Enum:
    """A text column that holds one of `names`; the database refuses any other."""
    return sa.Enum(*names, name=name, native_enum=False, create_constraint=True, length=20)


def flat(steps: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return every answer by field name, whichever step asked for it."""
    return {name: value for step in steps for name, value in step.items()}


def only_where(condition: str) -> dict[str, sa.TextClause]:
    """What makes an index one of these rows only, on both databases."""
    return {f"{name}_where": sa.text(condition) for name in ("sqlite", "postgresql")}


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
        self.table, self.column = owner.__tablename__, f"{name}_sealed"
        self.place = f"{owner.__tablename__}.{name}"

    def __get__(self, row: Any, owner: type[Model]) -> Any:
        if row is None:
            return self
        return vault.current().open(getattr(row, self.column), f"{self.place}:{row.id}")

    def __set__(self, row: Any, value: Any) -> None:
        if row.id is None:
            raise ValueError("give the row its id first; a sealed value is bound to it")
        setattr(row, self.column, vault.current().seal(value, f"{self.place}:{row.id}"))


TODO_INDEXES = (
    ("rank", "reply_due_at", "place"),
    ("assigned_to", "rank", "place"),
    ("source_article", "rank", "place"),
)


class WeeklyCount(CountColumns, Model):
    __tablename__ = "weekly_counts"


# Ahead of the trail's own, in `models_events`: whoever holds its head waits for nobody.
sa.event.listen(db.session, "before_commit", WeeklyCount.write)
sa.event.listen(db.session, "after_transaction_end", WeeklyCount.forget)


class Submission(Counted, Model):
    """What a patient sent.

    `record` is sealed: the answers by step, how they were shown, what triage found in them, and
    what the patient has asked for since (`later`).
    """

    __tablename__ = "submissions"
    __table_args__ = (
        sa.Index(None, "view", "rank", "place"),
        sa.Index(None, "view", "place"),
        sa.Index(None, "view", "scheduled_for", "place"),
        sa.Index(None, "urgency", "place"),
        sa.Index(None, "assigned_to", "place"),
        sa.Index(None, "source_article", "place"),
        # What `models_retention` looks through every day, however much was erased before.
        sa.Index("ix_submissions_kept", "kind", "place", **only_where("erased_at IS NULL")),
        # What is to do is few of all.
        *(sa.Index(None, *columns, **only_where("view = 'todo'")) for columns in TODO_INDEXES),
    )

    id: Mapped[str] = mapped_column(sa.String(32), primary_key=True)
    # The moment it was received, in milliseconds, and 22 random bits: unique, and in order.
    place: Mapped[int] = mapped_column(sa.BigInteger, unique=True)
    draft_id: Mapped[str] = mapped_column(sa.String(64), unique=True)  # sends a draft only once
    reference: Mapped[str] = mapped_column(sa.String(8), unique=True)
    kind: Mapped[str] = mapped_column(one_of(*KINDS, name="kind"))
    status: Mapped[str] = mapped_column(one_of(*STATUSES, name="status"), default="new")
    urgency: Mapped[str] = mapped_column(one_of(*URGENCIES, name="urgency"))
    view: Mapped[str] = mapped_column(sa.String(20))  # follows from the status
    rank: Mapped[int] = mapped_column(sa.SmallInteger)  # follows from the urgency
    assigned_to: Mapped[int | None] = mapped_column(sa.ForeignKey("users.id"))
    hold: Mapped[bool] = mapped_column(default=False, server_default=sa.false())  # never deleted
    version: Mapped[int] = mapped_column(server_default="1")  # rises with every change
    changed_at: Mapped[datetime | None] = mapped_column(onupdate=now)
    received_at: Mapped[datetime]
    reply_due_at: Mapped[datetime]
    source_article: Mapped[str | None] = mapped_column(sa.String(100))
    # The appointment request that this intake goes with.
    follows: Mapped[str | None] = mapped_column(sa.ForeignKey("submissions.id"), index=True)
    scheduled_for: Mapped[datetime | None]
    schedule_changes: Mapped[int] = mapped_column(default=0, server_default="0")
    spam_reason: Mapped[str | None] = mapped_column(sa.String(40))
    tries: Mapped[int] = mapped_column(default=0, server_default="0")  # wrong dates of birth
    form_version: Mapped[str] = mapped_column(sa.String(12))
    consent_version: Mapped[str] = mapped_column(sa.String(12))
    consented_at: Mapped[datetime]
    # From then on nothing that the patient told us is left, and nothing changes any more.
    erased_at: Mapped[datetime | None]
    erased_why: Mapped[str | None] = mapped_column(sa.String(20))  # one of models_retention.WHY
    record_sealed: Mapped[bytes]
    record = Sealed()
    weekly = WeeklyCount
    __mapper_args__: ClassVar = {"version_id_col": version}

    @property
    def kind_name(self) -> str:
        return KINDS[self.kind]

    @validates("status")
    def show_in_view(self, _name: str, status: str) -> str:
        self.view = VIEW_OF_STATUS[status]
        return status

    @validates("urgency")
    def take_rank(self, _name: str, urgency: str) -> str:
        self.rank = RANKS[urgency]
        return urgency

    @classmethod
    def make(
        cls,
        *,
        answers: dict[str, dict[str, Any]],
        shown: list[dict[str, str]],
        assessment: dict[str, Any],
        reference: str = "",
        **columns: Any,
    ) -> "Submission":
        """Return a new submission, with a free reference unless one is given.

        `answers` are by step and field name; `shown` is how the patient saw each of them, so that
        staff see the same when the form has long changed; `assessment` is what triage made of them.
        """
        consent = next(step["consent"] for step in answers.values() if "consent" in step)
        return cls(
            id=secrets.token_hex(16),
            place=place_at(columns["received_at"]) + secrets.randbits(PLACE_BITS),
            reference=reference or new_reference(),
            consent_version=consent["version"],
            consented_at=datetime.fromisoformat(consent["at"]),
            record={"answers": answers, "shown": shown, "assessment": assessment},
            **{"status": "new", "tries": 0, "schedule_changes": 0, "hold": False, **columns},
        )

    @property
    def answers(self) -> dict[str, Any]:
        return flat(self.record["answers"].values())

    @property
    def is_over(self) -> bool:
        """Whether the visit that was booked should have taken place by now."""
        return bool(self.scheduled_for) and self.scheduled_for < now()

    @property
    def shown_reference(self) -> str:
        return f"{self.reference[:4]}-{self.reference[4:]}"

    @classmethod
    def of_draft(cls, draft_id: str) -> sa.Select[tuple["Submission"]]:
        return sa.select(cls).where(cls.draft_id == draft_id)

    @classmethod
    def with_reference(cls, reference: str) -> sa.Select[tuple["Submission"]]:
        return sa.select(cls).where(cls.reference == reference)

    @classmethod
    def booked_around(cls, at: datetime, length: timedelta) -> sa.Select[tuple["Submission"]]:
        """Select the visits that would meet one of this length at this time."""
        meets = cls.scheduled_for > at - length, cls.scheduled_for < at + length
        return sa.select(cls).where(*meets, cls.status.in_(OPEN))

    def related(self) -> sa.Select[tuple["Submission"]]:
        """Select the others of a request and the intakes that follow it."""
        cls, first = type(self), self.follows or self.id
        return sa.select(cls).where((cls.id == first) | (cls.follows == first), cls.id != self.id)


def place_at(moment: datetime) -> int:
    """The first place that a submission received at this moment can have."""
    return int(moment.timestamp() * 1000) << PLACE_BITS


def new_reference() -> str:
    """Return eight characters that no submission has yet."""
    while True:
        reference = random_reference()
        taken = sa.select(Submission.place).where(Submission.reference == reference)
        if db.session.scalar(taken) is None:
            return reference


def random_reference() -> str:
    return "".join(secrets.choice(CROCKFORD) for _ in range(8))


def only_read(*, snapshot: bool = False) -> None:
    """Begin this request's transaction without the write lock that transactions take.

    Where one has begun (to see which member of staff is asking), it stays as it is. With
    `snapshot`, all that is read is of one moment, which on SQLite it always is.
    """
    if db.session().in_transaction():
        return
    options = {"reads_only": True}
    if snapshot and db.engine.dialect.name == "postgresql":
        options["isolation_level"] = "REPEATABLE READ"
    db.session.connection(execution_options=options)


def plain_types(kind: str, item: Any, _context: Any) -> str | bool:
    """Write our own column types into migrations as SQLAlchemy's.

    A migration must not change its meaning when today's code does.
    """
    if kind == "type" and isinstance(item, UTCDateTime):
        return "sa.DateTime(timezone=True)"
    return False


def let_go(_error: BaseException | None) -> None:
    """End the transaction of a request, also when the database has gone meanwhile.

    By then the answer is made, and must not be lost because there is nothing left to roll back.
    """
    with suppress(sa.exc.DBAPIError):
        db.session.rollback()


def init_app(app: Flask) -> None:
    url = app.config["DATABASE_URL"]
    app.config["SQLALCHEMY_DATABASE_URI"] = url
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = models_engine.engine_options(url)
    db.init_app(app)
    app.teardown_appcontext(let_go)  # runs before the extension's own, which closes the session
    Migrate(app, db, render_as_batch=True, render_item=plain_types, compare_server_default=True)
    with app.app_context():
        models_engine.prepare(db.engine)
