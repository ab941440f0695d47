"""The site as the owner runs it: a real server on a real port, and people who come by HTTP."""

import os
import random
import secrets
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from contextvars import Context
from dataclasses import dataclass, field
from functools import cached_property
from http.client import HTTPConnection, HTTPException
from http.cookies import SimpleCookie
from itertools import cycle
from pathlib import Path
from subprocess import PIPE, STDOUT, CompletedProcess
from threading import Barrier
from urllib.parse import urlencode, urljoin

import pytest
from playwright.sync_api import sync_playwright
from werkzeug.datastructures import Headers
from werkzeug.test import EnvironBuilder, TestResponse

from app import create_app
from conftest import CHROMIUM, new_database, private_folder
from models import db
from pages import Person
from signing_in import begin

ROOT = Path(__file__).resolve().parent.parent
SQLITE = "sqlite:///site.db"
REDIRECTS = {301, 302, 303, 307, 308}


@dataclass
class Place:
    """Where a site keeps its things: the folder it makes for itself, and its database."""

    instance: Path
    database: str
    settings: dict = field(default_factory=dict)

    def environment(self, **settings):
        given = {"INSTANCE_PATH": str(self.instance), "DATABASE_URL": self.database}
        given |= self.settings
        return {**os.environ, "HOST": "127.0.0.1", **given, **settings}

    def flask(self, *words, **settings):
        """Run a `flask` command to its end in this process; return what it said.

        Another process would take longer to start than most commands take.
        """
        app = self.new_app(**settings)
        runner = app.test_cli_runner()
        done = Context().run(runner.invoke, args=words, catch_exceptions=False)
        with app.app_context():
            db.engine.dispose()
        return CompletedProcess(words, done.exit_code, done.stdout, done.stderr)

    def flask_alone(self, *words, **settings):
        """Run a `flask` command to its end in a process of its own; return what it said."""
        with self.start(*words, stdout=PIPE, stderr=PIPE, text=True, **settings) as process:
            try:
                out, err = process.communicate(timeout=60)
            except subprocess.TimeoutExpired:
                kill(process)
                raise
        return CompletedProcess(words, process.returncode, out, err)

    def start(self, *words, stdout, stderr, text=False, **settings):
        """Start a `flask` command in a process group of its own."""
        return subprocess.Popen(
            [sys.executable, "-m", "flask", *words],
            cwd=ROOT,
            env=self.environment(**settings),
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            text=text,
            start_new_session=True,
            umask=0o022,  # what files are for the owner alone, the site itself must make so
        )

    @contextmanager
    def serve(self, port=None, *, workers=1):
        """Run the server until the block ends."""
        server = Server(self, port or free_port(), workers)
        try:
            wait_for(server.answers)
            yield server
        finally:
            server.kill()

    @cached_property
    def app(self):
        """The site's own code over the same folder and database, in this process."""
        return self.new_app(RATELIMIT_ENABLED=False)

    def new_app(self, **settings):
        own = {"INSTANCE_PATH": self.instance, "DATABASE_URL": self.database}
        return create_app(**{**own, **self.settings, **settings})

    @contextmanager
    def look(self):
        """Read what the site keeps, and let go of the database afterwards."""
        with self.app.app_context():
            try:
                yield
            finally:
                db.session.remove()
                db.engine.dispose()


class Server:
    """A running `flask serve` and its workers."""

    def __init__(self, place, port, workers=1):
        self.place, self.port = place, port
        self.url = f"http://127.0.0.1:{port}"
        self.said = place.instance.parent / f"said-{secrets.token_hex(4)}.txt"
        with self.said.open("wb") as said, on_cores(workers):
            self.process = place.start("serve", stdout=said, stderr=STDOUT, PORT=str(port))

    @property
    def output(self):
        """Everything it has printed so far."""
        return self.said.read_text()

    def answers(self):
        """Whether it serves pages yet. Raises RuntimeError when it has ended."""
        if self.process.poll() is not None:
            raise RuntimeError(f"the server ended:\n{self.output}")
        with suppress(OSError, HTTPException):
            return Wire(self.url).open("/").status_code == 200
        return False

    def person(self):
        """Return somebody with a browser of their own at this server."""
        return Person(Wire(self.url, self.place.app))

    def kill(self):
        """End it with no chance to finish anything, as a power cut would."""
        kill(self.process)

    def stop(self):
        """Ask it to end, as a service manager does; return the exit status."""
        self.process.terminate()
        return self.process.wait(timeout=30)

    def press_ctrl_c(self):
        """Interrupt it and its workers, as a terminal does; return the exit status."""
        os.killpg(self.process.pid, signal.SIGINT)
        return self.process.wait(timeout=15)


class Wire:
    """What Flask's test client is inside one process, over HTTP."""

    def __init__(self, url, application=None):
        self.url, self.application, self.cookies = url, application, {}
        self.address = None  # as a proxy in front of the site would tell it
        self.statuses = []

    def connect(self):
        return HTTPConnection(self.url.removeprefix("http://"), timeout=30)

    def twin(self):
        """The same browser once more, for a request at the same time."""
        other = Wire(self.url, self.application)
        other.cookies = dict(self.cookies)
        return other

    def open(self, path, *, method="GET", data=None, headers=None, follow_redirects=False, **_):
        response = self.ask(method, path, data, headers or {})
        while follow_redirects and response.status_code in REDIRECTS:
            path = urljoin(path, response.location)
            response = self.ask("GET", path, None, {})
        return response

    def ask(self, method, path, data, headers):
        """Make one request on a connection of its own."""
        cookies = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        headers = {**headers, "Connection": "close", **({"Cookie": cookies} if cookies else {})}
        if self.address:
            headers["X-Forwarded-For"] = self.address
        if data is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
            data = urlencode(data, doseq=True)
        connection = self.connect()
        try:
            connection.request(method, path, data, headers)
            answer = connection.getresponse()
            body = answer.read()
        finally:
            connection.close()
        self.statuses.append(answer.status)
        self.keep_cookies(answer.headers.get_all("Set-Cookie", []))
        request = EnvironBuilder(path, method=method).get_request()
        found = Headers(answer.getheaders())
        return TestResponse([body], f"{answer.status} {answer.reason}", found, request)

    def keep_cookies(self, lines):
        for name, morsel in SimpleCookie("\n".join(lines)).items():
            self.cookies[name] = morsel.value
            if morsel["max-age"] == "0" or not morsel.value:
                del self.cookies[name]


class Balancer(Wire):
    """A browser whose requests go to one server after the other, as behind a balancer."""

    def __init__(self, *servers):
        super().__init__(servers[0].url, servers[0].place.app)
        self.turns = cycle(server.url for server in servers)

    def ask(self, *request):
        self.url = next(self.turns)
        return super().ask(*request)


@contextmanager
def on_cores(count):
    """Let what is started in this block have so many processors. A server has a worker for each.

    Each worker takes as long to start as a server, and most tests need but one.
    """
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, random.sample(sorted(before), min(count, len(before))))
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def kill(process):
    """End a process and all that it started."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def wait_for(condition, seconds=30):
    """Return what `condition` returns, as soon as that is true. Raises TimeoutError."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"still not so after {seconds} seconds: {condition}")
        time.sleep(0.02)
    return found


def at_once(jobs):
    """Start all of `jobs` at the same moment; return what each of them returns."""
    start = Barrier(len(jobs))

    def run(job):
        start.wait()
        return job()

    with ThreadPoolExecutor(len(jobs)) as pool:
        return list(pool.map(run, jobs))


GIVEN = set()


def free_port():
    """Return a port where nobody listens, and never one twice."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    if port in GIVEN:
        return free_port()
    GIVEN.add(port)
    return port


def new_place(tmp_path_factory, database=SQLITE):
    """Return a place with nothing in it; the site makes its folder itself."""
    return Place(private_folder(tmp_path_factory) / "instance", database)


def make_place(request, tmp_path_factory):
    """Return a new place on the engine that the request names."""
    if request.param == "sqlite":
        return new_place(tmp_path_factory)
    postgres = request.getfixturevalue("postgres")
    return new_place(tmp_path_factory, new_database(postgres))


def one_time_password(place, email, *options):
    """Make an account as the owner does; return the password that the command printed.

    In this process, as another would take longer to start than what is tested.
    """
    with place.look():
        added = place.app.test_cli_runner().invoke(args=["staff", "add", email, *options])
    assert added.exit_code == 0, added.output
    return added.output.split()[-1]


def come_in(person, place, email):
    """Let somebody come in whose account is new; return the list of submissions."""
    return begin(person.visit("/staff/"), email, one_time_password(place, email))


# Fixtures have other names as functions, so that a test module can import them without clashing
# with its tests' arguments.


@pytest.fixture(scope="module", name="server")
def a_server(tmp_path_factory):
    """A server on SQLite for all tests of a module."""
    with new_place(tmp_path_factory).serve() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"], name="place")
def a_place(request, tmp_path_factory):
    """A place of its own, where nothing runs yet."""
    return make_place(request, tmp_path_factory)


@pytest.fixture(scope="module", name="browser")
def a_browser():
    """The Chromium of this machine."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


needs_chromium = pytest.mark.skipif(
    CHROMIUM is None, reason="Chromium is not installed here, and this test runs in it"
)
