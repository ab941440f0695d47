"""Whether all that is kept goes together, however it came about."""

from collections import Counter, defaultdict

import sqlalchemy as sa

from commands_audit import links
from models import VIEW_OF_STATUS, Submission, WeeklyCount, db, only_read
from models_drafts import Draft
from models_events import TrailHead
from models_letters import Letter
from models_notes import Note
from models_search import Token, all_marks
from outbox_letters import OVERTAKEN

COUNTED = ("kind", "reason", "article", "factor")
RECEIVED = ("received", "waiting")


def check_whole():
    """See that nothing is half written: rows, letters, marks, counts and events tell one story.

    For submissions that nobody has erased. Raises AssertionError, or what does not open.
    """
    db.session.rollback()
    only_read()
    events = defaultdict(list)
    for event in links(db.session.scalar(sa.select(TrailHead))):
        events[event.submission_id].append(event)
    found = {row.id: row for row in db.session.scalars(sa.select(Submission))}
    assert events.keys() - {None} == found.keys()
    for submission in found.values():
        check_submission(submission, events[submission.id])
    check_counts(found.values())
    check_drafts({row.draft_id for row in found.values()})
    db.session.rollback()
    db.session.expunge_all()


def check_submission(submission, events):
    """Compare what became of a submission with what its events say was done."""
    story = Story(submission)
    for event in events:
        story.go_on(event)
    assert story.done["submission_created"] == 1
    assert submission.status == story.status
    assert bool(submission.scheduled_for) == story.booked
    assert submission.assigned_to == story.assigned_to
    assert submission.hold == (story.done["held"] > story.done["released"])
    assert len(submission.record.get("later", [])) == story.done["request_changed"]
    notes = db.session.scalars(Note.about(submission)).all()
    assert all(note.text.strip() for note in notes)
    assert len(notes) == story.done["note_added"]
    letters = db.session.scalars(Letter.about(submission)).all()
    assert all("@" in letter.contents["to"] for letter in letters)
    # Whether a time is another one, no event says.
    names = ("scheduled" if letter.name == "changed" else letter.name for letter in letters)
    assert Counter(names) == story.letters
    marks = sa.select(Token.mark).where(Token.place == submission.place)
    factors = submission.record["assessment"]["risk_factors"]
    assert set(db.session.scalars(marks)) == set(all_marks(submission.answers, factors))


class Story:
    """How a submission must stand after its events, told again from the first of them."""

    def __init__(self, submission):
        self.patient_reads = bool(submission.answers["email"])
        self.done, self.letters = Counter(), Counter()
        self.booked, self.assigned_to = False, None
        urgent = submission.urgency in {"emergency", "today"}
        self.status = "spam" if submission.spam_reason and not urgent else "new"
        if self.status == "new":
            self.write(*RECEIVED)

    def write(self, *names):
        self.letters.update(name for name in names if name == "waiting" or self.patient_reads)

    def overtake(self, name):
        """Nothing is sent here, so newer news of a visit takes the place of older ones."""
        for older in OVERTAKEN:
            del self.letters[older]
        self.write(name)

    def go_on(self, event):
        self.done[event.name] += 1
        act = getattr(self, event.name, None)
        if act:
            act(event.detail)

    def status_changed(self, detail):
        before, _, after = detail.partition(" to ")
        assert before == self.status
        if after == "cancelled" and before not in {"cancelled", "spam"}:
            self.call_off()
        elif before == "spam" and VIEW_OF_STATUS[after] == "todo" and not self.letters:
            self.write(*RECEIVED)
        self.status = after

    def call_off(self):
        self.booked = False
        self.overtake("cancelled")

    def request_cancelled(self, _detail):
        self.call_off()
        self.status = "cancelled"
        self.write("waiting")

    def request_changed(self, _detail):
        self.status = "new"
        self.write("waiting")

    def request_scheduled(self, _detail):
        self.overtake("scheduled")
        self.booked, self.status = True, "scheduled"

    def assigned(self, detail):
        self.assigned_to = int(detail) or None


def check_counts(submissions):
    expected = Counter(
        place for row in submissions if row.status != "spam" for place in row.places()
    )
    rows = db.session.scalars(sa.select(WeeklyCount).where(WeeklyCount.what.in_(COUNTED)))
    assert Counter({(row.what, row.week, row.name): row.number for row in rows}) == expected


def check_drafts(sent):
    """Each draft opens, and keeps nothing once it is sent."""
    for draft in db.session.scalars(sa.select(Draft)):
        assert not (draft.answers and draft.id in sent)
