"""Letters on their way: none is lost, and none is sent twice while its sender lives.

What a letter says and how a mail server gets it is tested in `test_outbox_mail.py`.
"""

import logging
import time
from datetime import timedelta
from subprocess import DEVNULL
from threading import Event, Thread

import flask_migrate
import pytest
import sqlalchemy as sa

import outbox
from app import create_app
from commands_jobs import Job
from commands_serve import STOP_WITHIN
from conftest import private_folder
from mail import NOTHING, deliver_due, mail_server, raw_server, say_nothing
from models import db, now
from models_letters import LEASE, Letter
from outbox import TRY_FOR, WAITS
from outbox_mail import NotSent
from people import an_appointment
from serving import Place, at_once, free_port, kill, new_place, wait_for
from settings import smtp_url

RECEIVED = {
    "reference": "7K3F-9QRT",
    "reply_due_at": "2026-11-23T23:00:00+00:00",
    "link": "https://www.example.org/requests/Im9wZW4i.kQ7",
    "kind": "appointment",
}
LATER = "451 Later, ana@example.org"  # a mail server quotes the address
NEVER = "550 Nobody here is called ana@example.org"


@pytest.fixture
def by(app, monkeypatch):
    """Let the letters of the app go to a mail server at this address."""

    def post(address):
        monkeypatch.setitem(app.config, "SMTP_URL", smtp_url(address))

    return post


@pytest.fixture
def place(app):
    """Where other processes find the same folder and database."""
    return Place(app.config["INSTANCE_PATH"], app.config["DATABASE_URL"])


def put(name="received", to="ana@example.org", **values):
    """Put a letter in the outbox; return its ID."""
    outbox.add(name, to, **{**RECEIVED, **values})
    (letter,) = db.session.new
    letter_id = letter.id
    db.session.commit()
    return letter_id


def look(letter_id):
    """What is kept of a letter, with no transaction left open behind it."""
    letter = db.session.get(Letter, letter_id, populate_existing=True)
    db.session.expunge(letter)
    db.session.rollback()
    return letter


def change(letter_id, **values):
    db.session.execute(sa.update(Letter).where(Letter.id == letter_id).values(**values))
    db.session.commit()


def make_due(letter_id):
    """Let the time pass until a letter is due, or until a claim to it has run out."""
    change(letter_id, due_at=now())


def test_a_letter_that_is_due_is_sent_and_kept_as_sent(app, by):
    letter = put()
    with mail_server() as box:
        by(box.address())
        assert deliver_due() == 1
        assert deliver_due() == 0
    found = look(letter)
    assert (found.state, found.attempts, found.problem) == ("sent", 1, "")
    assert now() - found.sent_at < timedelta(minutes=1)
    assert box.ids == [f"<{letter}@127.0.0.1>"]


def test_nobody_who_looks_into_the_database_finds_whom_a_letter_is_for(app):
    found = look(put())
    kept = {name: value for name, value in vars(found).items() if not name.startswith("_")}
    assert "ana@" not in str(kept)
    assert found.contents == {"to": "ana@example.org", **RECEIVED}


def test_to_look_for_letters_hinders_nobody_who_writes(app):
    letter = put()
    change(letter, state="sent")
    with db.engine.begin() as writer:  # on SQLite this alone takes the one write lock there is
        if db.engine.dialect.name == "postgresql":
            writer.exec_driver_sql("LOCK TABLE letters IN EXCLUSIVE MODE")
        assert deliver_due() == 0


def test_a_letter_that_was_put_off_goes_out_later(app, by):
    letter = put()
    with mail_server(RCPT=[LATER]) as box:
        by(box.address())
        assert deliver_due() == 0
        found = look(letter)
        assert (found.state, found.attempts, found.problem) == ("waiting", 1, "SMTP 451")
        assert found.due_at <= now() + WAITS[0]
        make_due(letter)
        assert deliver_due() == 1
    assert look(letter).state == "sent"
    assert len(box.got) == 1


def test_a_letter_that_is_refused_has_failed_at_once(app, by):
    letter = put()
    with mail_server(RCPT=[NEVER]) as box:
        by(box.address())
        assert deliver_due() == 0
    found = look(letter)
    assert (found.state, found.attempts, found.problem) == ("failed", 1, "SMTP 550")
    assert found.sent_at is None


def test_a_mail_server_that_is_not_there_keeps_letters_waiting(app, by):
    letter = put()
    by(f"smtp://127.0.0.1:{free_port()}")
    assert deliver_due() == 0
    found = look(letter)
    assert (found.state, found.problem) == ("waiting", "ConnectionRefusedError")


def test_a_letter_that_has_to_wait_no_time_does_not_come_back_at_once(app, by, monkeypatch):
    monkeypatch.setattr(outbox.random, "random", lambda: 0)
    letter = put()
    with mail_server(RCPT=[LATER]) as box:
        by(box.address())
        assert deliver_due() == 0
        assert look(letter).due_at <= now()
        assert deliver_due() == 1


@pytest.mark.parametrize("attempts", [1, 2, 3, 4, 5, 6, 50])
def test_attempts_come_at_random_times_further_and_further_apart(app, attempts):
    letter = Letter.make("received", {}, None, 0)
    longest = (*WAITS, *WAITS[-1:] * 50)[attempts - 1]
    waits = []
    for _ in range(300):
        letter.attempts = attempts
        changes = outbox.after(letter, NotSent("SMTP 451"))
        assert changes["state"] == "waiting"
        waits.append(changes["due_at"] - now())
    assert -timedelta(seconds=1) < min(waits) < longest * 0.1
    assert longest * 0.9 < max(waits) <= longest


def test_what_still_goes_wrong_after_a_day_has_failed(app, by):
    letter = put()
    with mail_server(RCPT=[LATER, LATER]) as box:
        by(box.address())
        made_at = now() - TRY_FOR + timedelta(minutes=1)
        change(letter, made_at=made_at, attempts=9)
        assert deliver_due() == 0
        found = look(letter)
        assert found.state == "waiting"
        assert now() <= found.due_at <= made_at + TRY_FOR
        change(letter, made_at=now() - TRY_FOR, due_at=now())
        assert deliver_due() == 0
    found = look(letter)
    assert (found.state, found.attempts, found.problem) == ("failed", 11, "SMTP 451")


def test_a_letter_whose_last_attempt_works_is_sent_however_old_it_is(app, by):
    letter = put()
    change(letter, made_at=now() - timedelta(days=3))
    with mail_server() as box:
        by(box.address())
        assert deliver_due() == 1


@pytest.mark.parametrize(
    ("spoil", "problem"),
    [
        (lambda: put(name="no-such-letter"), "TemplateNotFound"),
        (lambda: put(reply_due_at="soon"), "ValueError"),
        (lambda: put(to="ana@example.org\r\nBcc: eve@example.org"), "EmailSyntaxError"),
        (lambda: spoiled(put()), "VaultError"),
    ],
)
def test_a_letter_that_cannot_be_written_fails_and_stops_no_other(app, by, spoil, problem):
    bad, good = spoil(), put()
    with mail_server() as box:
        by(box.address())
        assert deliver_due() == 1
    assert (look(bad).state, look(bad).problem) == ("failed", problem)
    assert box.ids == [f"<{good}@127.0.0.1>"]


def spoiled(letter_id):
    change(letter_id, contents_sealed=b"spoiled")
    return letter_id


def test_a_mistake_in_a_template_never_reaches_the_patient(app, bob, by, monkeypatch):
    real = app.jinja_env.loader
    monkeypatch.setattr(app.jinja_env, "loader", Broken(real))
    page = an_appointment(bob)
    assert page.path.startswith("/received/")
    put()
    deliver_due()
    assert set(db.session.scalars(sa.select(Letter.problem))) == {"TemplateSyntaxError"}
    db.session.rollback()


class Broken:
    """What templates come from when those of the letters have a mistake in them."""

    def __init__(self, loader):
        self.real = loader

    def load(self, environment, name, values=None):
        if name.startswith("letters/"):
            return environment.from_string("{% oops %}", values)
        return self.real.load(environment, name, values)


def test_the_log_names_letters_and_never_people(app, by, caplog):
    caplog.set_level(logging.DEBUG, logger="site")
    letters = [put(), put(), put(to="ana@example.org\n"), put()]
    with mail_server(RCPT=[LATER, NEVER]) as box:
        by(box.address())
        deliver_due()
    text = "\n".join(record.getMessage() for record in caplog.records if record.name == "site")
    found = map(look, letters)
    assert sorted(text.splitlines()) == sorted(
        f"letter {letter.id} is {letter.state}: {letter.problem}".removesuffix(": ")
        for letter in found
    )
    assert "ana@" not in caplog.text.replace(str(box.got), "")


# Who sends a letter, and what if they die


def test_a_claimed_letter_is_left_to_whoever_claimed_it(app, by):
    letter = put()
    assert outbox.claim(now()).id == letter
    assert outbox.claim(now() + LEASE / 2) is None
    assert outbox.claim(now() + LEASE).id == letter
    assert look(letter).attempts == 2


def test_who_took_too_long_does_not_settle_what_another_has_claimed(app, by):
    letter = put()
    slow = outbox.claim(now())
    make_due(letter)
    with mail_server() as box:
        by(box.address())
        assert deliver_due() == 1
    db.session.execute(slow.settled(state="failed", problem="TimeoutError"))
    db.session.commit()
    assert look(letter).state == "sent"


def test_who_took_too_long_does_not_settle_what_was_begun_anew(app):
    letter = put()
    slow = outbox.claim(now())
    change(letter, state="failed")
    db.session.get(Letter, letter).renew()
    db.session.commit()
    again = outbox.claim(now())
    assert (slow.id, slow.attempts) == (again.id, again.attempts)
    db.session.execute(slow.settled(state="sent"))
    db.session.commit()
    assert look(letter).state == "waiting"


def test_a_sender_that_is_killed_is_replaced_when_its_claim_has_run_out(place, by):
    letter = put()
    with mail_server(DATA=[NOTHING]) as box:
        options = {"SMTP_URL": box.address(), "stdout": DEVNULL, "stderr": DEVNULL}
        process = place.start("outbox", "send", **options)
        wait_for(lambda: box.got)  # the server has all of it, and the sender does not know
        kill(process)
        by(box.address())
        assert deliver_due() == 0
        assert timedelta() < look(letter).due_at - now() <= LEASE
        make_due(letter)
        assert deliver_due() == 1
        assert deliver_due() == 0
    assert box.ids == [f"<{letter}@127.0.0.1>"] * 2
    assert (look(letter).state, look(letter).attempts) == ("sent", 2)


def test_many_threads_and_processes_at_once_send_each_letter_once(app, place, by):
    letters = [put() for _ in range(50)]

    def send_here():
        with app.app_context():
            return deliver_due()

    def send_there():
        ended = place.flask_alone("outbox", "send", SMTP_URL=box.address())
        assert ended.returncode == 0, ended.stderr
        return int(ended.stdout.split()[0])

    jobs = [send_here] * 4 + [send_there] * 2
    with mail_server(crowd=len(jobs)) as box:
        by(box.address())
        counts = at_once(jobs)
    assert sorted(box.ids) == sorted(f"<{letter}@127.0.0.1>" for letter in letters)
    assert min(counts) >= 1
    assert sum(counts) == 50
    assert {look(letter).state for letter in letters} == {"sent"}
    assert {look(letter).attempts for letter in letters} == {1}


# The thread that sends


@pytest.fixture
def empty(tmp_path_factory):
    """An app whose database has nothing in it, not even tables."""
    app = create_app(INSTANCE_PATH=private_folder(tmp_path_factory))
    yield app
    with app.app_context():
        db.engine.dispose()


def test_a_database_that_does_not_answer_is_logged_once_and_survived(empty, monkeypatch, caplog):
    rounds = watch_rounds(monkeypatch)
    stop = Event()
    thread = Thread(target=SENDING.run, args=(empty, stop))
    thread.start()
    try:
        wait_for(lambda: len(rounds) > 5)
        assert caplog.messages == [
            "letters are held up: the database does not answer (OperationalError)"
        ]
        with empty.app_context():
            flask_migrate.upgrade()
            letter = put()
        wait_for((empty.config["INSTANCE_PATH"] / "letters" / f"{letter}.eml").exists)
    finally:
        stop.set()
        thread.join()
    assert [line for line in caplog.messages if line.startswith("letters")][1:] == [
        "letters go on again"
    ]


def test_a_locked_database_does_not_make_a_letter_go_out_twice(empty, monkeypatch):
    """Only on SQLite can somebody else's transaction keep us from writing."""
    pauses = []

    def unlock(seconds):
        pauses.append(seconds)
        other.rollback()

    monkeypatch.setattr(outbox, "sleep", unlock)
    with empty.app_context(), mail_server() as box:
        flask_migrate.upgrade()
        letter, other = put(), db.engine.connect()
        box.on_data = other.begin  # takes the write lock between the claim and what comes of it
        db.session.connection().exec_driver_sql("PRAGMA busy_timeout=0")
        db.session.rollback()
        monkeypatch.setitem(empty.config, "SMTP_URL", smtp_url(box.address()))
        assert deliver_due() == 1
        other.close()
        assert look(letter).state == "sent"
    assert (len(pauses), len(box.got)) == (1, 1)


def test_a_mistake_of_ours_is_logged_once_without_what_it_says(empty, monkeypatch, caplog):
    rounds = watch_rounds(monkeypatch)
    stop, told = Event(), "ana@example.org"

    def fail(_at):
        if len(rounds) > 5:
            stop.set()
        raise KeyError(told)

    monkeypatch.setattr(outbox, "claim", fail)
    SENDING.run(empty, stop)
    (message,) = caplog.messages
    assert message.startswith("letters are held up: KeyError\n")
    assert "in fail" in message
    assert "ana@" not in caplog.text


SENDING = Job("letters", outbox.keep_delivering, every=0.01)


def watch_rounds(monkeypatch):
    """Return a list that grows each time that the thread looks for letters."""
    rounds, real = [], outbox.deliveries
    monkeypatch.setattr(outbox, "deliveries", lambda *args: rounds.append(0) or real(*args))
    return rounds


def test_a_sender_that_is_to_stop_ends_after_the_letter_in_hand(app, by):
    put(), put()
    stop = Event()
    with mail_server() as box:
        by(box.address())
        sending = outbox.deliveries(stop)
        assert next(sending) == "sent"
        stop.set()
        assert list(sending) == []
    assert len(box.got) == 1


def test_the_running_site_sends_its_letters_by_itself(tmp_path_factory, monkeypatch):
    place = new_place(tmp_path_factory)
    with mail_server() as box:
        monkeypatch.setenv("SMTP_URL", box.address())
        with place.serve() as server:
            wait_for(lambda: "Ctrl+C" in server.output)
            assert f"Letters go out by 127.0.0.1:{box.port}\n" in server.output
            with place.look():
                letter = put()
            wait_for(lambda: box.ids == [f"<{letter}@127.0.0.1>"])
            wait_for(lambda: state_at(place, letter) == "sent")
            assert server.stop() == 0


def state_at(place, letter_id):
    with place.look():
        return look(letter_id).state


def test_a_mail_server_that_hangs_does_not_keep_the_site_from_ending(tmp_path_factory, monkeypatch):
    place = new_place(tmp_path_factory)
    with raw_server(say_nothing) as (port, made):
        monkeypatch.setenv("SMTP_URL", f"smtp://127.0.0.1:{port}?starttls=never")
        with place.serve() as server:
            with place.look():
                letter = put()
            wait_for(lambda: made)
            pressed = time.monotonic()
            assert server.press_ctrl_c() == 0
            assert time.monotonic() - pressed < 3 * STOP_WITHIN
            assert "Traceback" not in server.output
        assert state_at(place, letter) == "waiting"
