"""The real server: it starts and stops cleanly, loses nothing, sends once, and gives nothing away.

Where the database matters, a test runs on both engines.
"""

import re
import signal
import socket
import stat
from functools import partial
from pathlib import Path

import pytest
import sqlalchemy as sa

from models import WeeklyCount, db
from models_letters import Letter
from pages import Person
from people import an_appointment, submissions, to_check
from serving import (
    Server,
    at_once,
    free_port,
    make_place,
    new_place,
    one_time_password,
    wait_for,
)
from signing_in import OWN_PASSWORD, begin, fresh_code, sign_in


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def server(request, tmp_path_factory):
    """A server that the tests of this module share."""
    with make_place(request, tmp_path_factory).serve(workers=2) as running:
        yield running


@pytest.fixture
def folder(tmp_path_factory):
    """The same on SQLite."""
    return new_place(tmp_path_factory)


def an_appointment_at(server, **changes):
    """Let a new patient send a request; return the page that says it arrived."""
    with server.place.app.app_context():
        return an_appointment(server.person(), **changes)


def references(place):
    with place.look():
        return [submission.shown_reference for submission in submissions()]


def reference(page):
    return page.soup.select_one(".reference").get_text()


def test_twenty_presses_of_the_button_at_once_send_one_request(server):
    place = server.place
    with place.look():
        check = to_check(server.person())
        before = len(submissions())
    browsers = [Person(check.person.client.twin()) for _ in range(20)]
    send = [
        partial(browser.send, "/appointment/check", check.typed(), follow=False)
        for browser in browsers
    ]
    answers = at_once(send)
    assert [answer.status for answer in answers] == [303] * 20
    (location,) = {answer.headers["Location"] for answer in answers}
    found = references(place)
    assert reference(browsers[0].visit(location)) == found[0]
    assert len(found) == before + 1


def on_sqlite(place):
    return place.database.startswith("sqlite")


def test_two_servers_write_to_one_database_at_the_same_time(server):
    before = references(server.place)
    with server.place.serve() as other:
        visits = [at.person() for at in (server, other) for _ in range(10)]
        app = server.place.app
        pages = at_once([partial(an_appointment_in, app, person) for person in visits])
    assert max(status for person in visits for status in person.client.statuses) < 400
    found = set(references(server.place)) - set(before)
    assert found == set(map(reference, pages))
    assert len(found) == 20


def test_twenty_patients_who_send_at_once_are_all_counted(server):
    with server.place.look():
        before = appointments_counted()
        checks = [to_check(server.person()) for _ in range(20)]
    answers = at_once([partial(check.submit, follow=False) for check in checks])
    assert {answer.status for answer in answers} == {303}
    with server.place.look():
        assert appointments_counted() == before + 20


def appointments_counted():
    kind = (WeeklyCount.what, WeeklyCount.name)
    counts = sa.select(sa.func.sum(WeeklyCount.number))
    found = db.session.scalar(counts.where(sa.tuple_(*kind) == ("kind", "appointment"))) or 0
    db.session.rollback()  # lets the server write
    return found


def an_appointment_in(app, person):
    with app.app_context():
        return an_appointment(person)


def test_the_site_starts_on_nothing_and_again_on_what_it_kept(folder):
    with folder.serve() as server:
        page = an_appointment_at(server)
        check = start_and_reach_the_check_page(server)
        assert server.stop() == 0
    with folder.serve(server.port) as again:
        assert reference(page.person.visit(page.path)) == reference(page)
        assert check.submit().path.startswith("/received/")
        assert again.stop() == 0
    assert len(references(folder)) == 2


def start_and_reach_the_check_page(server):
    with server.place.app.app_context():
        return to_check(server.person())


def test_the_owner_reads_where_the_site_is_and_what_to_do_next(server):
    wait_for(lambda: "Ctrl+C" in server.output)
    assert f"  The site is at {server.url}\n" in server.output
    assert "flask staff add" in server.output
    assert "WARNING" not in server.output


def test_ctrl_c_ends_the_site_without_a_fuss(folder):
    with folder.serve(workers=2) as server:
        wait_for(lambda: "Ctrl+C" in server.output)
        assert server.press_ctrl_c() == 0
        assert "Traceback" not in server.output
        with pytest.raises(ConnectionRefusedError):
            server.person().visit("/")


def test_ctrl_c_while_it_starts_ends_the_site_without_a_fuss(folder):
    server = Server(folder, free_port(), workers=2)
    try:
        wait_for(lambda: workers_start(server.process.pid))
        assert server.press_ctrl_c() == 0
        assert "Traceback" not in server.output
    finally:
        server.kill()


def workers_start(pid):
    """Whether it has started its workers, and listens to Ctrl+C again."""
    proc = Path(f"/proc/{pid}")
    caught = int(re.search(r"SigCgt:\s*(\w+)", (proc / "status").read_text())[1], 16)
    workers = (proc / f"task/{pid}/children").read_text().split()
    return workers and caught & 1 << signal.SIGINT - 1


def test_nobody_else_on_the_machine_can_read_what_the_site_keeps(server):
    wait_for_letters(server, an_appointment_at(server))
    folder = server.place.instance
    assert mode(folder) == mode(folder / "letters") == 0o700
    modes = {file.name: mode(file) for file in files(folder)}
    assert {"secret_key", "vault_keys"} <= set(modes)
    assert ("site.db" in modes) == on_sqlite(server.place)
    assert set(modes.values()) == {0o600}


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def files(path):
    return [file for file in path.rglob("*") if not file.is_dir()]


def wait_for_letters(server, page):
    """Wait until the letters about a request are out, so that their files no longer change."""
    about = Letter.submission.has(reference=reference(page).replace("-", ""))

    def all_sent():
        with server.place.look():
            states = db.session.scalars(sa.select(Letter.state).where(about)).all()
        return set(states) == {"sent"}

    wait_for(all_sent)


def test_a_new_member_of_staff_comes_in_with_the_password_from_the_command_line(server):
    password = one_time_password(server.place, "ada@example.org")
    ada = server.person()
    page = begin(ada.visit("/staff/"), "ada@example.org", password)
    assert page.path == "/staff/"
    again = server.person().visit("/staff/").submit(email="ada@example.org", password=password)
    assert again.path == "/staff/login"
    with server.place.look():
        assert sign_in(again, "ada@example.org", OWN_PASSWORD).path == "/staff/"


def test_a_code_that_is_sent_ten_times_at_once_lets_in_one(server):
    """Ten browsers that know the password and have seen the code; more than one worker answers."""
    email = "bea@example.org"
    begin(server.person().visit("/staff/"), email, one_time_password(server.place, email))
    at_the_code = [
        server.person().visit("/staff/").submit(email=email, password=OWN_PASSWORD)
        for _ in range(10)
    ]
    with server.place.look():
        shown = fresh_code(email)
    pages = at_once([partial(page.submit, code=shown) for page in at_the_code])
    # The others are wrong, or by then the account is locked: it is the same answer.
    assert sorted(page.status for page in pages) == [200] + [422] * 9


def test_a_taken_port_is_said_in_one_line(folder):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        line = refusal(folder.flask_alone("serve", PORT=port))
    assert f"127.0.0.1:{port} cannot be used" in line
    assert "PORT=" in line


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SECRET_KEY", "short"),
        ("INSTANCE_PATH", f"{__file__}/below-a-file"),
        ("DATABASE_URL", "no address at all"),
        ("DATABASE_URL", "sqlite:///no-such-folder/site.db"),
        ("DATABASE_URL", "postgresql://127.0.0.1:1/nobody-listens-there"),
    ],
)
def test_a_setting_that_cannot_be_used_is_said_in_one_line(folder, name, value):
    assert name in refusal(folder.flask_alone("serve", **{"PORT": str(free_port()), name: value}))


def refusal(ended):
    """The one line with which a command refused to go on."""
    assert ended.returncode != 0
    assert ended.stdout == ""
    (line,) = ended.stderr.splitlines()
    assert line.startswith("Error: ")
    return line
