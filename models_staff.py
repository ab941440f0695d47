"""Who may sign in, and as what."""

import sqlalchemy as sa
from flask_security.core import RoleMixin, UserMixin
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models import Model

ROLES = ("reader", "handler", "admin")


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
