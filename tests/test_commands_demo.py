"""A demonstration has everything that can be in the lists, and as much of it as is asked for."""

import pytest
import sqlalchemy as sa

import commands_bulk
from commands_demo import STAFF
from commands_samples import PATTERNS, patterns
from content import library
from forms import FLOWS
from models import STATUSES, Submission, db, now
from models_letters import Letter
from models_notes import Note
from models_search import Token, marks, things
from models_staff import User
from people import submissions


@pytest.fixture
def flask(app):
    """Run a command of a demonstration; return its exit status and what it printed."""
    app.config["DEMO"] = True
    yield lambda *words: result_of(app, words)
    app.config["DEMO"] = False


def result_of(app, words):
    result = app.test_cli_runner().invoke(args=words)
    return result.exit_code, result.output


def count(*conditions, of=Submission):
    return db.session.scalar(sa.select(sa.func.count()).select_from(of).where(*conditions))


def test_a_demonstration_has_all_that_can_happen_to_a_request(flask):
    assert flask("demo", "data", "500")[0] == 0
    assert count() == 500
    found = db.session.execute(sa.select(Submission.status, Submission.urgency)).all()
    assert {status for status, _urgency in found} == set(STATUSES)
    assert {urgency for _status, urgency in found} == {"emergency", "today", "soon", "routine"}
    for some in (
        Submission.follows.is_not(None),
        Submission.hold,
        Submission.assigned_to.is_not(None),
        Submission.source_article.is_not(None),
        (Submission.view == "todo") & (Submission.reply_due_at < now()),
        Submission.scheduled_for > now(),
        Submission.scheduled_for < now(),
    ):
        assert count(some) >= 3, some
    assert count(of=Note) >= 20
    assert {"sent", "failed"} == set(db.session.scalars(sa.select(Letter.state)))
    assert set(db.session.scalars(sa.select(User.email))) == set(STAFF)


def test_samples_are_sealed_shown_and_found_as_those_of_patients_are(flask):
    flask("demo", "data", "40")
    for one in submissions():
        shown = {row["text"] for row in one.record["shown"]}
        assert {one.answers["full_name"], one.answers["phone"], one.answers["email"]} <= shown
        tokens = sa.select(Token.mark).where(Token.place == one.place)
        assert set(marks(things(one.answers))) <= set(db.session.scalars(tokens))
        assert one.received_at <= now()


def test_what_made_up_people_send_is_what_the_forms_take(app):
    with app.test_request_context():
        for number in range(PATTERNS):
            for kind, made in patterns(library().practice.today(), number).items():
                assert FLOWS[kind].next_step(made.columns["answers"]) is None


def test_more_come_from_several_processes_under_references_of_their_own(flask, monkeypatch):
    monkeypatch.setattr(commands_bulk, "CHUNK", 30)
    monkeypatch.setattr(commands_bulk, "PART", 60)
    assert flask("demo", "data", "100")[0] == 0
    assert flask("demo", "data", "100")[0] == 0
    assert count() == 200
    assert count(of=Token) > 200 * 8
    assert len(set(db.session.scalars(sa.select(Submission.reference)))) == 200


def test_a_reference_that_is_taken_is_not_given_again(app):
    (made,) = commands_bulk.make(commands_bulk.Order(1, 0, 1, ()))
    taken = {made.row["reference"]}
    commands_bulk.write([made], taken)
    assert len(taken) == 2
    assert submissions()[0].reference in taken


def test_an_account_is_made_once(flask):
    flask("demo", "data", "3")
    assert "as demo@example.org with the password" in flask("demo", "account")[1]
    assert "has its account already" in flask("demo", "account")[1]
