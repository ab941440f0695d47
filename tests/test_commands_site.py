"""A long answer goes out in parts, and holds up nobody."""

import asyncio
import csv
import socket
from http.client import HTTPConnection
from io import StringIO
from types import SimpleNamespace

import pytest

from commands_site import Site
from people import add_many
from serving import a_server as server  # noqa: F401 (a fixture)
from serving import one_time_password
from signing_in import begin
from test_commands_serve import scope

ROWS = 3000


class Parts:
    """An app whose answer has so many parts; it knows how many were asked for."""

    extensions, config = {}, {"MAX_CONTENT_LENGTH": 10, "TRUSTED_PROXIES": 0}

    def __init__(self, count, fails=False):
        self.count, self.fails, self.made, self.closed = count, fails, 0, False

    def __call__(self, environ, start_response):
        start_response("200 OK", [("Content-Type", "text/csv")])
        return self

    def __iter__(self):
        for number in range(self.count):
            self.made += 1
            yield f"part {number}\n".encode()
        if self.fails:
            raise RuntimeError("the database is gone")

    def close(self):
        self.closed = True


class Browser:
    """Who asks: takes what it is sent, and may leave after some parts."""

    def __init__(self, app, leaves_after=None):
        self.app, self.leaves_after = app, leaves_after
        self.taken, self.ahead, self.left = [], [], asyncio.Event()
        self.asked = False

    async def receive(self):
        if self.asked:
            await self.left.wait()
            return {"type": "http.disconnect"}
        self.asked = True
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(self, message):
        self.taken.append(message)
        self.ahead.append(self.app.made - len(self.taken) + 1)
        await asyncio.sleep(0)
        if len(self.taken) == self.leaves_after:
            self.left.set()
            await asyncio.sleep(0)

    def ask(self):
        asyncio.run(Site(self.app)(scope([]), self.receive, self.send))
        return [message.get("body") for message in self.taken[1:]]


def browser(app, **options):
    return Browser(app, **options)


def test_each_part_is_sent_before_the_next_is_made():
    app = Parts(50)
    asking = browser(app)
    assert asking.ask() == [*(f"part {n}\n".encode() for n in range(50)), b""]
    assert max(asking.ahead) <= 1
    assert [message.get("more_body", False) for message in asking.taken[-2:]] == [True, False]
    assert app.closed


def test_who_leaves_is_sent_no_more():
    app = Parts(1000)
    browser(app, leaves_after=10).ask()
    assert app.made < 15
    assert app.closed


def test_an_answer_that_breaks_off_is_not_passed_off_as_whole():
    app = Parts(3, fails=True)
    asking = browser(app)
    with pytest.raises(RuntimeError):
        asking.ask()
    assert all(message.get("more_body", True) for message in asking.taken)
    assert app.closed


@pytest.fixture(scope="module")
def olga(server):  # noqa: F811
    """An admin of a site with thousands of submissions."""
    olga = server.person()
    password = one_time_password(server.place, "olga@example.org", "--role", "admin")
    assert begin(olga.visit("/staff/"), "olga@example.org", password).path == "/staff/"
    with server.place.look():
        add_many(ROWS)
    return olga


def test_the_server_sends_an_export_in_parts_to_its_end(olga):
    page = olga.visit("/staff/export.csv").submit(reason="A check of our records")
    assert page.headers["Transfer-Encoding"] == "chunked"
    assert "Content-Length" not in page.headers
    rows = list(csv.reader(StringIO(page.response.data.decode("utf-8-sig"), newline="")))
    assert len(rows) == ROWS + 1
    assert len({row[0] for row in rows}) == ROWS + 1


def test_who_reads_an_export_slowly_holds_up_nobody(olga, server):  # noqa: F811
    """More of them than there are threads, and pages and the database are there for others."""
    slow = [begin_export(olga, server) for _ in range(10)]
    try:
        bob = server.person()
        assert bob.visit("/healthz").status == 200
        assert olga.visit("/staff/").status == 200
        assert bob.visit("/appointment/").submit(red_flags=["none"]).path == "/appointment/details"
    finally:
        for connection in slow:
            connection.close()


def begin_export(person, server):  # noqa: F811
    """Ask for an export and read no more than that it begins."""
    form = person.visit("/staff/export.csv")
    token = form.typed()["csrf_token"]
    cookies = "; ".join(f"{name}={value}" for name, value in person.client.cookies.items())
    connection = HTTPConnection("127.0.0.1", server.port, timeout=20)
    connection.connect()
    connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    headers = {"Cookie": cookies, "Content-Type": "application/x-www-form-urlencoded"}
    headers["Sec-Fetch-Site"] = "same-origin"
    connection.request(
        "POST", "/staff/export.csv", f"reason=A+check+of+our+records&csrf_token={token}", headers
    )
    answer = connection.getresponse()
    assert answer.read(3) == b"\xef\xbb\xbf"
    return SimpleNamespace(close=connection.close)
