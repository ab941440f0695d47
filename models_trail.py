"""Which part of the audit trail is looked for."""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from models import Submission
from models_events import BY_PATIENTS, Event

GROUPS = {
    "patients": Event.name.in_(BY_PATIENTS),
    "owner": Event.is_owners,
}


@dataclass(frozen=True)
class Part:
    """What the trail is narrowed by; what is empty is not asked for.

    `who` is the id of an account or one of `GROUPS`; `until` is the first moment that is too late.
    """

    who: str = ""
    what: str = ""
    reference: str = ""
    since: datetime | None = None
    until: datetime | None = None

    def select(self, before: int | None) -> sa.Select[tuple[Event, str | None]]:
        """Select events, newest first, with the submission's reference.

        With `before`, those older than the event of that id.
        """
        query = sa.select(Event, Submission.reference)
        query = query.outerjoin(Submission, Event.submission_id == Submission.id)
        if self.who in GROUPS:
            query = query.where(GROUPS[self.who])
        elif self.who:
            query = query.where(Event.user_id == int(self.who))
        if self.what:
            query = query.where(Event.name == self.what)
        if self.reference:
            about = sa.select(Submission.id).where(Submission.reference == self.reference)
            query = query.where(Event.submission_id == about.scalar_subquery())
        if self.since:
            query = query.where(Event.at >= self.since)
        if self.until:
            query = query.where(Event.at < self.until)
        if before is not None:
            query = query.where(Event.id < before)
        return query.order_by(Event.id.desc())
