"""What staff write down about a submission."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models import Model, Sealed, Submission
from models_staff import User


class Note(Model):
    """A note by a member of staff. `text` is sealed."""

    __tablename__ = "notes"

    id: Mapped[str] = mapped_column(sa.String(32), primary_key=True)
    submission_id: Mapped[str] = mapped_column(sa.ForeignKey("submissions.id"), index=True)
    user_id: Mapped[int] = mapped_column(sa.ForeignKey("users.id"))
    at: Mapped[datetime]
    text_sealed: Mapped[bytes]
    text = Sealed()
    user: Mapped[User] = relationship()

    @classmethod
    def about(cls, submission: Submission) -> sa.Select[tuple["Note"]]:
        return sa.select(cls).where(cls.submission_id == submission.id).order_by(cls.at, cls.id)
