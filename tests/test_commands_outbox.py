"""What the owner can see of the letters, and do about them."""

from contextvars import Context
from datetime import timedelta

import pytest

import outbox
from mail import deliver_due, mail_server
from models import db, now
from models_letters import LEASE
from settings import smtp_url
from test_outbox import change, look, make_due, put


@pytest.fixture
def flask(app):
    """Run a `flask outbox` command; return its exit status and what it printed."""

    def run(*words, on=app):
        result = Context().run(on.test_cli_runner().invoke, args=["outbox", *words])
        db.session.rollback()
        return result.exit_code, result.output

    return run


def test_send_says_how_many_were_sent(app, flask):
    for _ in range(3):
        put()
    change(put(), due_at=now() + timedelta(hours=1))
    assert flask("send") == (0, "3 sent, 1 waiting, 0 failed.\n")
    assert flask("send") == (0, "0 sent, 1 waiting, 0 failed.\n")
    folder = app.config["INSTANCE_PATH"] / "letters"
    assert len(list(folder.glob("*.eml"))) >= 3


def test_send_fails_in_one_line_when_letters_failed(flask):
    put(name="no-such-letter")
    put()
    status, output = flask("send")
    assert status == 1
    assert output.splitlines() == [
        "1 sent, 0 waiting, 1 failed.",
        "Error: Letters failed that were due. To see them: .venv/bin/flask outbox list",
    ]
    assert flask("send") == (0, "0 sent, 0 waiting, 0 failed.\n")


def test_list_counts_all_and_shows_what_is_unsent_without_saying_for_whom(app, flask, submission):
    values = {"reference": "7K3F-9QRT", "news": "new", "kind": "intake", "urgency": "soon"}
    outbox.add("waiting", "ana@example.org", submission=submission, edition=9, link="x", **values)
    db.session.commit()
    flask("send")
    failed, waits = put(), put()
    change(failed, state="failed", attempts=3, problem="SMTP 550", made_at=ago(hours=30))
    change(waits, made_at=ago(hours=2), due_at=ago(minutes=-4.5), attempts=1, problem="x")
    status, output = flask("list")
    counts, *lines = output.splitlines()
    assert status == 0
    assert counts.endswith(" sent, 1 failed")
    assert counts.startswith("1 waiting, ")
    assert lines == [
        f"{failed}  received  failed  attempts: 3  made 1 d ago  not due  SMTP 550  no reference",
        f"{waits}  received  waiting  attempts: 1  made 2 h ago  due in 4 min  x  no reference",
    ]
    assert "ana@" not in output


def test_list_shows_the_reference_of_what_a_letter_is_about(app, flask, submission):
    outbox.add("waiting", "ana@example.org", submission=submission, edition=9)
    db.session.commit()
    line = flask("list")[1].splitlines()[-1]
    assert line.endswith(f"due now  no problem  {submission.shown_reference}")


def ago(**span):
    return now() - timedelta(**span)


def test_retry_gives_every_failed_letter_another_day_under_its_old_id(app, flask, monkeypatch):
    letters = [put(), put()]
    sent, waits = put(), put()
    for letter in letters:
        change(letter, state="failed", attempts=7, problem="SMTP 550", made_at=ago(hours=30))
    change(sent, state="sent")
    change(waits, due_at=now() + timedelta(hours=1), problem="SMTP 451")
    status, output = flask("retry")
    assert (status, output.split(".")[0]) == (0, "2 due now")
    for letter in letters:
        found = look(letter)
        assert (found.state, found.attempts, found.problem) == ("waiting", 0, "")
        assert now() - found.made_at < timedelta(minutes=1)
    with mail_server() as box:
        monkeypatch.setitem(app.config, "SMTP_URL", smtp_url(box.address()))
        assert deliver_due() == 2
    assert sorted(box.ids) == sorted(f"<{letter}@127.0.0.1>" for letter in letters)


def test_retry_takes_up_those_that_are_named_also_when_they_only_wait(flask):
    one, other, waits = put(), put(), put()
    change(one, state="failed")
    change(other, state="failed")
    change(waits, due_at=now() + timedelta(hours=5), problem="ConnectionRefusedError", attempts=4)
    assert flask("retry", one, waits)[0] == 0
    assert [look(letter).state for letter in (one, other)] == ["waiting", "failed"]
    assert look(waits).due_at <= now()


def test_retry_refuses_in_one_line_what_could_reach_somebody_twice_or_nobody(flask):
    failed, sent, claimed = put(), put(), put()
    change(failed, state="failed")
    change(sent, state="sent")
    assert outbox.claim(now()).id == claimed
    for letter, words in ((sent, "is sent already"), (claimed, "is being sent"), ("x", "not the")):
        status, output = flask("retry", failed, letter)
        assert status == 1
        assert words in output
        assert len(output.splitlines()) == 1
    assert look(failed).state == "failed"
    assert look(claimed).due_at > now() + LEASE / 2
    make_due(claimed)  # its sender has died
    assert flask("retry", claimed)[0] == 0


def test_retry_with_nothing_to_do_says_so(flask):
    assert flask("retry")[1].startswith("0 due now.")
