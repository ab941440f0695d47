"""A new key takes over from the old one, whatever comes in between."""

import signal
from contextvars import Context
from subprocess import DEVNULL

import pytest
import sqlalchemy as sa

from models import Submission, db, only_read
from models_rekey import sealed_values
from models_search import Token
from people import an_appointment, an_intake, submissions
from serving import a_place, free_port, kill, wait_for  # noqa: F401 (a fixture)
from settings import vault_keys, written_key
from vault import Vault, VaultError


@pytest.fixture
def flask(app, monkeypatch):
    """Run a command; return its exit status and what it printed."""
    monkeypatch.setitem(app.config, "PORT", free_port())

    def run(*words):
        result = Context().run(app.test_cli_runner().invoke, args=words)
        db.session.rollback()
        return result.exit_code, result.output

    return run


@pytest.fixture
def site_at(place):
    """A site with a port of its own that nobody serves."""
    place.settings["PORT"] = str(free_port())
    return place


def test_every_table_with_sealed_values_is_known(app):
    names = {f"{value.table}.{value.column}" for value in sealed_values()}
    columns = {
        f"{table.name}.{column.name}"
        for table in db.metadata.sorted_tables
        for column in table.columns
        if column.name.endswith("_sealed")
    }
    assert names == columns


def test_after_a_kill_it_goes_on_and_then_the_old_key_opens_nothing(site_at):
    assert site_at.flask("demo", "data", "600", DEMO="true").returncode == 0
    file = site_at.instance / "vault_keys"
    (old,) = vault_keys(file.read_text())
    process = site_at.start("rekey", stdout=DEVNULL, stderr=DEVNULL)
    try:
        with site_at.look():
            wait_for(lambda: sealed_with_other(old))
    finally:
        kill(process)
    new, left = vault_keys(file.read_text())
    assert (process.returncode, left) == (-signal.SIGKILL, old)
    done = site_at.flask("rekey")
    assert (done.returncode, done.stderr) == (0, "")
    assert vault_keys(file.read_text()) == [new]
    with site_at.look():
        check_all(Vault([new]), Vault([old]))


def sealed_with_other(key):
    """How many submissions another key than this one seals."""
    db.session.rollback()
    only_read()  # so that nobody who writes has to wait for us
    sealed = db.session.scalars(sa.select(Submission.record_sealed))
    return sum(not Vault([key]).is_current(value) for value in sealed)


def check_all(new, old):
    """Every submission opens with one key only, and is found by its marks under that key."""
    for submission in db.session.scalars(sa.select(Submission)):
        place = f"submissions.record:{submission.id}"
        answers = new.open(submission.record_sealed, place)["answers"]
        with pytest.raises(VaultError, match="not in VAULT_KEYS"):
            old.open(submission.record_sealed, place)
        email = next(step["email"] for step in answers.values() if "email" in step)
        mark = new.mark("email", email.casefold())
        places = db.session.scalars(sa.select(Token.place).where(Token.mark == mark)).all()
        assert submission.place in places


def test_it_changes_nothing_but_the_seals(app, flask, bob):
    an_appointment(bob)
    an_intake(bob)
    before = {s.id: (s.version, s.changed_at, s.record) for s in submissions()}
    keys = app.config["VAULT_KEYS"]
    status, output = flask("rekey")
    assert status == 0, output
    app.config["VAULT_KEYS"] = vault_keys((app.config["INSTANCE_PATH"] / "vault_keys").read_text())
    assert keys[0] not in app.config["VAULT_KEYS"]
    app.extensions["vault"] = Vault(app.config["VAULT_KEYS"])
    db.session.expire_all()
    assert {s.id: (s.version, s.changed_at, s.record) for s in submissions()} == before


def test_it_does_not_begin_while_the_site_runs(place):
    with place.serve() as server:
        done = place.flask("rekey", PORT=str(server.port))
        assert done.returncode == 1
        assert "cannot be used (Address already in use)" in done.stderr
        assert "," not in (place.instance / "vault_keys").read_text()


def test_keys_that_the_site_did_not_make_are_the_owners_to_change(place):
    one, two = (written_key(bytes([number, *range(31)])) for number in (1, 2))
    place.settings["PORT"] = str(free_port())
    assert place.flask("db", "upgrade", VAULT_KEYS=one).returncode == 0
    done = place.flask("rekey", VAULT_KEYS=one)
    assert (done.returncode, "Put a new key in front of" in done.stderr) == (1, True)
    done = place.flask("rekey", VAULT_KEYS=f"{two},{one}")
    assert done.returncode == 0, done.stderr
    assert "take all keys but the first out of VAULT_KEYS" in done.stdout
