"""The server on the wire: a visitor cannot tell what comes from memory and what from Flask."""

import asyncio
import socket
from contextlib import suppress
from email.parser import BytesParser
from wsgiref.validate import validator

import pytest
from uvicorn.server import ServerState
from werkzeug.middleware.proxy_fix import ProxyFix

import commands_serve
from app import create_app
from commands_site import Site, make_environ
from conftest import private_folder
from pagecache import make_key
from serving import a_server as server  # noqa: F401 (a fixture)
from test_visitors import LEAD

FORM = "application/x-www-form-urlencoded"


class Connection:
    """A connection on which a test writes its own bytes."""

    def __init__(self, port):
        self.host = f"127.0.0.1:{port}"
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=20)
        self.answers = self.socket.makefile("rb")

    def request(self, path=LEAD, method="GET", version="1.1", host=None, **headers):
        given = {"Host": host or self.host, **headers}
        lines = [f"{name.replace('_', '-')}: {value}\r\n" for name, value in given.items()]
        return f"{method} {path} HTTP/{version}\r\n{''.join(lines)}\r\n".encode()

    def send(self, data):
        self.socket.sendall(data)

    def read(self, *, head=False):
        """Return status, headers and body of the next answer."""
        status = int(self.answers.readline().split()[1])
        lines = b"".join(iter(self.answers.readline, b"\r\n"))
        headers = {name.lower(): value for name, value in BytesParser().parsebytes(lines).items()}
        empty = head or status == 304
        return status, headers, b"" if empty else self.answers.read(int(headers["content-length"]))

    def ask(self, path=LEAD, **options):
        self.send(self.request(path, **options))
        return self.read(head=options.get("method") == "HEAD")

    def is_over(self):
        """Whether the server has closed the connection; with bytes unread, that is a reset."""
        try:
            return self.answers.read() == b""
        except ConnectionResetError:
            return True


@pytest.fixture
def connect(server):  # noqa: F811
    opened = []

    def connect():
        opened.append(Connection(server.port))
        return opened[-1]

    yield connect
    for connection in opened:
        connection.answers.close()
        connection.socket.close()


@pytest.fixture
def wire(connect):
    """A connection to a worker that has the lead article in memory."""
    connection = connect()
    for _ in range(3):
        connection.ask()
        connection.ask(Accept_Encoding="gzip")
    return connection


def without_date(answer):
    status, headers, body = answer
    assert headers.pop("date").endswith(" GMT")
    return status, headers, body


@pytest.mark.parametrize("path", [LEAD, "/", "/static/site.css", "/?utm_source=x"])
def test_a_page_is_the_same_from_flask_from_memory_and_for_the_same_bytes_again(connect, path):
    one = connect()
    answers = [
        without_date(one.ask(path, Accept_Encoding=accepted))
        for accepted in ("gzip, deflate", "gzip, deflate,", "gzip, deflate", "gzip, deflate")
    ]
    assert all(answer == answers[0] for answer in answers)
    status, headers, _body = answers[0]
    assert status == 200
    assert headers["content-encoding"] == "gzip"
    assert headers["content-security-policy"].startswith("default-src 'none'")


def test_head_and_not_modified_are_answered_from_memory_too(wire):
    _, headers, _ = without_date(wire.ask())
    by_flask = wire.ask(If_None_Match=headers["etag"], path=LEAD.replace("m", "%6d"))
    assert without_date(by_flask) == without_date(wire.ask(If_None_Match=headers["etag"]))
    assert not {"content-type", "content-length"} & set(by_flask[1])
    for _ in range(2):
        assert without_date(wire.ask(method="HEAD")) == (200, headers, b"")
        status, kept, _ = wire.ask(If_None_Match=headers["etag"])
        assert (status, kept["etag"]) == (304, headers["etag"])
        assert wire.ask(If_None_Match='"other"')[0] == 200


def test_requests_in_one_go_are_answered_in_their_order(wire):
    paths = [LEAD, "/nothing", LEAD, "/healthz", "/about", LEAD, "/staff/"]
    for _ in range(3):
        wire.send(b"".join(wire.request(path) for path in paths))
        answers = [wire.read() for _ in paths]
        assert [status for status, *_ in answers] == [200, 404, 200, 200, 200, 200, 302]
        assert answers[0][2] == answers[2][2] == answers[5][2]
        assert answers[3][2] == b"ok\n"


def test_a_request_may_come_in_pieces(wire):
    whole = wire.request()
    wire.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for end in (1, 20, len(whole) - 1):
        wire.send(whole[:end])
        wire.send(whole[end:])
        assert wire.read()[0] == 200


def test_what_looks_like_a_request_inside_a_form_is_no_request(wire):
    inside = wire.request()
    wire.send(wire.request("/", "POST", Content_Length=len(inside)))
    wire.send(inside)
    assert wire.read()[0] == 405
    assert wire.ask("/healthz")[2] == b"ok\n"


def test_nobody_gets_a_private_page_of_somebody_else(wire, connect):
    for _ in range(3):
        status, headers, _ = wire.ask("/appointment/safety")
        assert (status, headers["cache-control"]) == (200, "no-store")
        assert "set-cookie" in headers
        assert "etag" not in headers
    assert connect().ask("/appointment/safety")[1]["set-cookie"] != headers["set-cookie"]


@pytest.mark.parametrize(
    "changes",
    [
        {"host": "evil.example"},
        {"X_Forwarded_Host": "evil.example", "host": "evil.example"},
        {"path": f"http://evil.example{LEAD}", "host": "evil.example"},
    ],
)
def test_an_untrusted_host_is_refused_also_when_the_page_is_in_memory(wire, changes):
    for _ in range(2):
        assert wire.ask(**changes)[0] == 400


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"version": "1.0"}, 200),
        ({"Connection": "close"}, 200),
        ({"version": "1.0", "path": "/nothing"}, 404),
    ],
)
def test_who_wants_the_connection_closed_gets_that(wire, changes, status):
    assert wire.ask(**changes)[0] == status
    assert wire.is_over()


@pytest.mark.parametrize(
    "path", ["/%61rticles/", "/articles%2f", "/about%23x", "//about", "/about#"]
)
def test_a_strange_address_is_read_by_flask(wire, path):
    first, second = wire.ask(path), wire.ask(path)
    assert first[0] == second[0]
    assert first[2] == second[2]


@pytest.mark.parametrize(
    "start",
    [
        b"GET / HTTP/1.1\r\nX-Long: " + b"x" * 200_000,
        b"GET /" + b"x" * 200_000,
        b"GET / HTTP/1.1\r\n" + b"X-Many: 1\r\n" * 20_000,
        b"no HTTP at all\r\n\r\n",
    ],
    ids=["header", "address", "headers", "nonsense"],
)
def test_a_request_without_end_is_cut_off(connect, start):
    endless = connect()
    with suppress(ConnectionResetError):  # sooner than the answer can be read
        endless.send(start)
        assert endless.read()[0] == 400
    assert endless.is_over()


def test_slow_senders_hold_up_nobody(connect):
    """More forms that never arrive than there are threads, and pages still come."""
    for _ in range(40):
        slow = connect()
        form = slow.request("/staff/login", "POST", Content_Length=100, Content_Type=FORM)
        slow.send(form + b"email=")
    assert connect().ask("/healthz")[2] == b"ok\n"
    assert connect().ask("/awareness/june")[0] == 200


@pytest.mark.parametrize("size", [1_000_001, 5_000_000])
def test_a_form_that_is_too_long_is_refused(connect, size):
    long = connect()
    data = long.request(
        "/appointment/safety",
        "POST",
        Content_Length=size,
        Content_Type=FORM,
        Sec_Fetch_Site="same-origin",
    )
    long.send(data + b"x" * size)
    assert long.read()[0] == 413


# One request, without a network


class Echo:
    """An app that answers with what it was sent."""

    extensions, config = {}, {"MAX_CONTENT_LENGTH": 10, "TRUSTED_PROXIES": 0}

    def __call__(self, environ, start_response):
        start_response("200 OK", [("X-Method", environ["REQUEST_METHOD"])])
        yield environ["wsgi.input"].read()
        yield b"!"


def answer(*messages):
    """What the site sends after these messages from uvicorn."""
    waiting, sent = iter(messages), []

    async def receive():
        return next(waiting, None) or await asyncio.Event().wait()

    async def send(message):
        sent.append(message)

    asyncio.run(Site(Echo())(scope([]), receive, send))
    return sent


def scope(headers):
    """A request as uvicorn describes it."""
    return {
        "method": "GET",
        "path": "/caf\N{LATIN SMALL LETTER E WITH ACUTE}",
        "query_string": b"q=1",
        "http_version": "1.1",
        "scheme": "http",
        "server": ("127.0.0.1", 8000),
        "client": ("127.0.0.1", 50000),
        "headers": headers,
    }


def piece(body, *, more):
    return {"type": "http.request", "body": body, "more_body": more}


def test_a_form_that_comes_in_pieces_arrives_whole():
    start, *parts = answer(piece(b"a", more=True), piece(b"", more=True), piece(b"b", more=False))
    assert (start["status"], start["headers"]) == (200, [(b"X-Method", b"GET")])
    assert b"".join(part["body"] for part in parts) == b"ab!"


def test_a_form_is_not_read_much_further_than_the_site_would():
    _start, *parts = answer(*[piece(b"abcd", more=True)] * 3)
    assert b"".join(part["body"] for part in parts) == b"abcdabcdabcd!"


def test_a_form_that_breaks_off_never_reaches_the_site():
    assert answer(piece(b"a", more=True), {"type": "http.disconnect"}) == []


# One connection, without a network


class Clock:
    """An event loop as far as a connection needs one."""

    def __init__(self):
        self.later = []

    def call_later(self, _seconds, call):
        self.later.append(call)

    def strike(self):
        calls, self.later = self.later, []
        for call in calls:
            call()


class Transport:
    def __init__(self):
        self.sent, self.closed = [], False

    def get_extra_info(self, name, default=None):
        return ("127.0.0.1", 8000) if name in {"peername", "sockname"} else default

    def write(self, data):
        self.sent.append(data)

    def is_closing(self):
        return self.closed

    def close(self):
        self.closed = True


@pytest.fixture
def line(tmp_path_factory):
    """A connection to a site that has the lead article in memory."""
    app = create_app(INSTANCE_PATH=private_folder(tmp_path_factory))
    assert app.test_client().get(LEAD, base_url="http://127.0.0.1:8000").status_code == 200
    config = commands_serve.configure(lambda: app)
    config.load()
    state = ServerState()
    state.default_headers = [(b"date", b"Sun, 22 Nov 2026 10:00:00 GMT")]
    protocol = commands_serve.Protocol(config, state, {}, _loop=Clock())
    protocol.connection_made(Transport())
    return protocol


ASK = f"GET {LEAD} HTTP/1.1\r\nHost: 127.0.0.1:8000\r\n\r\n".encode()


def test_the_same_bytes_are_known_again_and_read_once(line):
    line.data_received(ASK)
    assert list(line.app.remembered) == [ASK]
    line.parser = None
    line.data_received(ASK)
    first, second = line.transport.sent
    assert first == second
    assert first.startswith(b"HTTP/1.1 200 OK\r\n")


@pytest.mark.parametrize(
    "header", ["Cookie: session=ada", "Authorization: Basic YWRhOng=", "COOKIE: session=ada"]
)
def test_the_bytes_of_somebody_known_are_not_remembered(line, header):
    line.data_received(ASK.replace(b"\r\n\r\n", f"\r\n{header}\r\n\r\n".encode()))
    assert line.transport.sent
    assert line.app.remembered == {}


@pytest.mark.parametrize("cut", [[ASK + ASK], [ASK[:9], ASK[9:]], [ASK + ASK[:9], ASK[9:]]])
def test_only_bytes_that_are_one_whole_request_are_remembered(line, cut):
    for data in cut:
        line.data_received(data)
    assert line.transport.sent
    assert line.app.remembered == {}


def test_known_bytes_inside_another_request_are_read_as_what_they_are(line):
    line.data_received(ASK)
    line.data_received(b"GET / HTTP/1.1\r\nX-Note: ")
    line.data_received(ASK)
    assert not [answer for answer in line.transport.sent[1:] if b"200 OK" in answer]


def test_a_worker_remembers_only_so_many_requests(line, monkeypatch):
    monkeypatch.setattr(commands_serve, "REMEMBERED", 5)
    for number in range(12):
        line.data_received(ASK.replace(b" HTTP", b"?visit=%d HTTP" % number))
    assert len(line.transport.sent) == 12
    assert len(line.app.remembered) <= 5


@pytest.fixture
def handed_over(line, monkeypatch):
    """The requests that the connection left to uvicorn and Flask."""
    cycles = []
    monkeypatch.setattr(line, "_start_asgi_task", lambda cycle, _app: cycles.append(cycle))
    return cycles


def test_who_does_not_take_the_answers_gets_no_more_from_memory(line, handed_over):
    line.data_received(ASK)
    line.pause_writing()
    line.data_received(ASK)
    assert (len(line.transport.sent), len(handed_over)) == (1, 1)


@pytest.mark.parametrize(
    "header",
    [
        "Content-Length: 3",
        "Transfer-Encoding: chunked",
        "Expect: 100-continue",
        "Upgrade: h2c\r\nConnection: upgrade",
        "Host: 127.0.0.1:8000",
        "Connection: close",
    ],
)
def test_what_is_not_plain_reading_is_left_to_flask(line, handed_over, header):
    line.data_received(ASK.replace(b"\r\n\r\n", f"\r\n{header}\r\n\r\n".encode()))
    assert (line.transport.sent, len(handed_over), line.app.remembered) == ([], 1, {})


@pytest.mark.parametrize("address", ["/%61bout", "/about#x", "/about?x#x"])
def test_an_address_that_is_not_written_plainly_is_left_to_flask(line, handed_over, address):
    """Also when a page is in memory under just these letters, which would mean another address."""
    (page,) = line.app.pages.pages.values()
    line.app.pages.pages[make_key("127.0.0.1:8000", *address.partition("?")[::2])] = page
    line.data_received(ASK.replace(LEAD.encode(), address.encode()))
    assert (line.transport.sent, len(handed_over)) == ([], 1)


@pytest.mark.parametrize(
    ("proxies", "host", "forwarded", "answered"),
    [
        (0, "127.0.0.1:8000", "evil.example", True),  # nobody is believed
        (0, "evil.example", "127.0.0.1:8000", False),
        (1, "evil.example", "127.0.0.1:8000", True),
        (1, "127.0.0.1:8000", "evil.example", False),
        (1, "127.0.0.1:8000", "127.0.0.1:8000, evil.example", False),
        (2, "evil.example", "127.0.0.1:8000, b.example", True),
        (2, "127.0.0.1:8000", "evil.example", True),  # fewer proxies than there should be
    ],
)
def test_a_page_is_for_the_host_that_a_trusted_proxy_names(
    line, handed_over, proxies, host, forwarded, answered
):
    line.app.proxies = proxies
    asked = ASK.replace(b"127.0.0.1:8000", f"{host}\r\nX-Forwarded-Host: {forwarded}".encode())
    line.data_received(asked)
    assert (len(line.transport.sent), len(handed_over)) == (answered, not answered)
    assert the_site_sees(proxies, host, forwarded) == (
        "127.0.0.1:8000" if answered else "evil.example"
    )


def the_site_sees(proxies, host, forwarded):
    """The host that Flask would take the same request for."""
    seen = []
    fixed = ProxyFix(lambda environ, _: seen.append(environ["HTTP_HOST"]), x_host=proxies)
    fixed({"HTTP_HOST": host, "HTTP_X_FORWARDED_HOST": forwarded}, None)
    return seen[0]


def test_words_of_a_search_are_read_from_any_spelling(line, handed_over):
    (page,) = line.app.pages.pages.values()
    line.app.pages.pages[make_key("127.0.0.1:8000", "/search", "q=neck+pain")] = page
    line.data_received(ASK.replace(LEAD.encode(), b"/search?x=1&q=neck%20pain"))
    assert (len(line.transport.sent), handed_over) == (1, [])


def test_a_connection_on_which_flask_has_answered_is_not_silent(line, handed_over):
    line.data_received(ASK.replace(LEAD.encode(), b"/nothing"))
    line.loop.strike()
    line.loop.strike()
    handed_over[0].response_complete = True
    line.on_response_complete()
    line.loop.strike()
    assert not line.transport.closed


def test_a_header_with_an_underscore_cannot_pass_for_one_of_a_proxy():
    headers = [(b"x-forwarded-for", b"1.1.1.1"), (b"x_forwarded_for", b"2.2.2.2")]
    environ = make_environ(scope(headers), b"")
    assert environ["HTTP_X_FORWARDED_FOR"] == "1.1.1.1"


def test_a_header_that_comes_twice_is_one_with_both_values():
    cookies = [(b"cookie", b"a=1"), (b"cookie", b"b=2"), (b"accept", b"x"), (b"accept", b"y")]
    environ = make_environ(scope([*cookies, (b"content-type", b"text/plain")]), b"body")
    assert environ["HTTP_COOKIE"] == "a=1; b=2"
    assert environ["HTTP_ACCEPT"] == "x,y"
    assert environ["CONTENT_TYPE"] == "text/plain"
    assert environ["wsgi.input"].read() == b"body"


def test_an_environ_is_what_pep_3333_says():
    def application(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b""]

    statuses = []
    answer = validator(application)(
        make_environ(scope([(b"host", b"127.0.0.1")]), b""),
        lambda status, *_: statuses.append(status),
    )
    list(answer)
    answer.close()
    assert statuses == ["200 OK"]


def test_a_silent_connection_is_left_and_a_busy_one_is_not(line):
    for _ in range(3):
        line.data_received(ASK)
        line.loop.strike()
        assert not line.transport.closed
    line.data_received(ASK[:9])
    line.loop.strike()
    assert line.transport.closed
    assert line.loop.later == []
