"""Two servers, as on two machines: a folder each, one PostgreSQL, one Redis, the same keys."""

import re
import shutil
import signal
import socket
import subprocess
from collections import Counter
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from subprocess import DEVNULL
from tempfile import TemporaryDirectory

import pytest
import sqlalchemy as sa

from mail import mail_server
from models import db
from models_letters import Letter
from pages import Person
from people import an_appointment, an_intake, intake_to, on_to, submissions
from serving import (
    ROOT,
    Balancer,
    Wire,
    at_once,
    come_in,
    free_port,
    new_database,
    new_place,
    wait_for,
)
from settings import SECRETS

pytestmark = pytest.mark.drill

WRONG = {"email": "nobody@example.org", "password": "seven wrong words in a row here"}


@pytest.fixture(scope="module")
def mail():
    with mail_server() as box:
        yield box


@contextmanager
def running_redis(folder, port):
    """Run a Redis that keeps nothing on the disk until the block ends."""
    options = f"--port {port} --bind 127.0.0.1 --save --appendonly no --dir {folder}".split()
    with subprocess.Popen(["redis-server", *options], stdout=DEVNULL) as process:
        try:
            wait_for(partial(is_open, port))
            yield process
        finally:
            process.kill()


def is_open(port):
    with suppress(OSError):
        socket.create_connection(("127.0.0.1", port)).close()
        return True
    return False


@pytest.fixture(scope="module")
def redis(tmp_path_factory):
    """The address of a Redis of its own."""
    if shutil.which("redis-server") is None:
        pytest.skip("redis-server is not installed here, and these tests share limits in it")
    pytest.importorskip("redis")
    port = free_port()
    with running_redis(tmp_path_factory.mktemp("redis"), port):
        yield f"redis://127.0.0.1:{port}"


@pytest.fixture(scope="module")
def settings(mail, redis):
    """What the owner sets on both machines."""
    return {
        **{name: make() for name, make in SECRETS.items()},
        "SITE_URL": "http://www.example.org",
        "SMTP_URL": mail.address(),
        "TRUSTED_PROXIES": "1",
        "RATELIMIT_STORAGE_URI": redis,
    }


@contextmanager
def two_servers(tmp_path_factory, postgres, settings):
    database = new_database(postgres)
    one, other = (new_place(tmp_path_factory, database) for _ in range(2))
    one.settings = other.settings = settings
    with one.serve() as first, other.serve() as second:
        yield first, second


@pytest.fixture(scope="module")
def servers(tmp_path_factory, postgres, settings):
    with two_servers(tmp_path_factory, postgres, settings) as both:
        yield both


def person(servers, number=1):
    """Somebody whose every request goes to the other server than the one before."""
    found = Person(Balancer(*servers))
    found.client.address = f"198.51.100.{number}"
    return found


def reference(page):
    return page.soup.select_one(".reference").get_text()


def test_a_form_that_was_begun_at_one_is_finished_at_the_other(servers):
    one, other = servers
    with one.place.look():
        begun = intake_to(one.person(), "spine")
        begun.person.client.url = other.url
        assert on_to(begun.person.visit("/intake/"), "check").submit().path.startswith("/received/")
        assert an_intake(person(servers)).status == 200
        kinds = [submission.kind for submission in submissions()]
    assert kinds == ["intake", "intake"]


def test_who_signs_in_at_one_works_at_the_other_and_is_signed_out_at_both(servers):
    one, other = servers
    with one.place.look():
        sent = reference(an_appointment(person(servers)))
    ada = person(servers, 2)
    queue = come_in(ada, one.place, "ada@example.org")
    assert sent in queue.text
    page = ada.visit(f"/staff/submissions/{sent}")
    page.submit("form[action$=status]", status="contacted")
    for server in (one, other, one, other):
        assert "Contacted" in ada.visit(f"/staff/submissions/{sent}").text, server.url
    saved = dict(ada.client.cookies)
    ada.visit("/staff/").submit("form[action='/staff/logout']")
    for server in servers:
        eve = server.person()
        eve.client.cookies = dict(saved)
        assert eve.visit("/staff/").path == "/staff/login"


def test_no_letter_goes_out_twice(servers, mail):
    place, before = servers[0].place, len(mail.ids)
    with place.look():
        wait_for(lambda: unsent() == 0)

    def send(number):
        with place.app.app_context():
            contact = {"phone": f"612-555-{number:04}", "email": f"ana{number}@example.org"}
            return an_appointment(person(servers, number), **contact)

    at_once([partial(send, number) for number in range(20, 40)])
    with place.look():
        wait_for(lambda: unsent() == 0)
    assert len(mail.ids) >= before + 40
    assert set(Counter(mail.ids).values()) == {1}
    assert {name for server in servers for name in ["Traceback"] if name in server.output} == set()


def unsent():
    count = db.session.scalar(sa.select(sa.func.count()).where(Letter.state != "sent"))
    db.session.rollback()
    return count


def test_wrong_passwords_at_either_count_for_both(servers):
    page = person(servers, 3).visit("/staff/login")
    statuses = [page.submit(**WRONG).status for _ in range(12)]
    assert 429 not in statuses[:10]
    assert statuses[10:] == [429, 429]


def test_a_redis_that_hangs_or_is_gone_keeps_nobody_out(tmp_path_factory, postgres, settings):
    port = free_port()
    address = {"RATELIMIT_STORAGE_URI": f"redis://127.0.0.1:{port}"}
    with (
        running_redis(tmp_path_factory.mktemp("redis"), port) as process,
        two_servers(tmp_path_factory, postgres, {**settings, **address}) as servers,
    ):
        with servers[0].place.look():
            process.send_signal(signal.SIGSTOP)  # it takes connections, and answers none
            reference(an_appointment(person(servers)))
            process.kill()
            process.wait()
            sent = reference(an_appointment(person(servers)))
        ada = person(servers, 2)
        assert sent in come_in(ada, servers[0].place, "ada@example.org").text
        # They are counted still, by each worker process for itself.
        page = person(servers, 3).visit("/staff/login")
        answers = (page.submit(**WRONG).status for _ in range(100))
        assert 429 in answers
        assert "incident" not in servers[0].output + servers[1].output


def the_nginx_of_the_handbook(folder, port, servers):
    """The configuration in docs/operations.md, with addresses and a folder of this machine."""
    text = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    upstream, cache = (
        re.search(rf"^    {word}.*?^    }}$", text, re.MULTILINE | re.DOTALL)[0]
        for word in ("upstream", "proxy_cache_path")
    )
    given = {
        "10.0.0.11:8000": servers[0].url.removeprefix("http://"),
        "10.0.0.12:8000": servers[1].url.removeprefix("http://"),
        "http://127.0.0.1:8000": "http://site",
        "127.0.0.1:9003": f"127.0.0.1:{port}",
        "/var/cache/nginx/pages": f"{folder}/pages",
    }
    config = f"{upstream}\n{cache}"
    for written, here in given.items():
        assert written in config
        config = config.replace(written, here)
    places = "".join(
        f"{name}_temp_path {folder}/tmp; "
        for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    own = f"daemon off; pid {folder}/pid; error_log {folder}/log; events {{}}"
    return f"{own} http {{ access_log off; {places} {config} }}"


@contextmanager
def running_nginx(folder, servers):
    port, config = free_port(), folder / "nginx.conf"
    config.write_text(the_nginx_of_the_handbook(folder, port, servers))
    folder.chmod(0o755)  # its workers are nobody
    with subprocess.Popen(["nginx", "-e", folder / "log", "-c", config]) as process:
        try:
            wait_for(partial(is_open, port))
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


@pytest.mark.skipif(shutil.which("nginx") is None, reason="nginx is not installed here")
def test_behind_the_nginx_of_the_handbook_nobody_notices_that_a_server_is_gone(
    tmp_path_factory, postgres, settings
):
    # Not below pytest's own folders, which nobody else may enter.
    with (
        TemporaryDirectory() as folder,
        two_servers(tmp_path_factory, postgres, settings) as servers,
        running_nginx(Path(folder), servers) as address,
        servers[0].place.look(),
    ):
        wire = Wire(address, servers[0].place.app)
        reader = Person(wire)
        assert reader.visit("/articles/").status == 200
        assert reference(an_appointment(reader))
        servers[0].kill()
        assert reference(an_appointment(reader, phone="612-555-0188"))
        assert set(wire.statuses) <= {200, 303}
        servers[1].kill()
        assert reader.visit("/articles/").status == 200  # from the cache
        assert wire.open("/appointment/").status_code == 502
