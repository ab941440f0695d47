"""The site as it is on the network: behind each proxy of `deploy/`, over TLS."""

import shutil
import socket
import ssl
import subprocess
from contextlib import contextmanager
from threading import Thread

import pytest

import proxies
from pages import Person
from people import details, submissions, to_check, to_details
from proxies import NAME, SecureWire
from security import HEADERS, HTTPS_HEADERS
from serving import ROOT, free_port, new_place, wait_for

UNIT = ROOT / "deploy" / "practice-site.service"


@pytest.fixture(scope="module", params=list(proxies.WRITE))
def program(request):
    """The name of a proxy that is installed here."""
    if not shutil.which(request.param):
        pytest.skip(f"{request.param} is not installed here. Type: apt install {request.param}")
    return request.param


@pytest.fixture(scope="module")
def server(program, tmp_path_factory):
    """A server that believes one proxy, and has counted nobody yet."""
    place = new_place(tmp_path_factory)
    place.settings = {"SITE_URL": f"https://{NAME}", "TRUSTED_PROXIES": "1"}
    with place.serve() as server:
        yield server


@pytest.fixture(scope="module")
def proxy(program, server, tmp_path_factory):
    with proxies.running(program, tmp_path_factory.mktemp(program), server.port) as proxy:
        yield proxy


@pytest.fixture
def visitor(proxy, server):
    """Somebody with a browser of their own."""
    with server.place.look():
        yield Person(SecureWire(proxy, server.place.app))


def test_http_leads_to_https_at_the_same_address_for_good(proxy):
    answer, _body = proxy.ask("/articles/?from=a-letter", secure=False)
    assert answer.status == 308
    assert answer.headers["Location"] == f"https://{NAME}/articles/?from=a-letter"


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1 is deprecated")
def test_old_tls_is_refused_and_new_is_spoken(proxy):
    old = ssl.create_default_context(cafile=proxy.folder / "ca.pem")
    old.set_ciphers("DEFAULT:@SECLEVEL=0")
    old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises(ssl.SSLError, match=r"(?i)protocol.version"):
        proxy.ask("/", context=old)
    connection = proxy.connect()
    connection.connect()
    assert connection.sock.version() == "TLSv1.3"
    connection.close()


def test_another_name_gets_nothing(proxy):
    with pytest.raises(OSError):
        proxy.ask("/", name="evil.example.org")


@pytest.mark.parametrize(
    ("path", "method", "body", "status"),
    [
        ("/", "GET", None, 200),
        ("/appointment/safety", "GET", None, 200),
        ("/staff/login", "GET", None, 200),
        ("/static/site.css", "GET", None, 200),
        ("/nothing", "GET", None, 404),
        ("/", "POST", "x", 405),
        ("/appointment/safety", "POST", "x" * 1_100_000, 413),
    ],
)
def test_each_header_of_the_site_arrives_once(proxy, path, method, body, status):
    answer, _body = proxy.ask(path, method, {"Content-Type": "text/plain"}, body)
    assert answer.status == status
    for name in (HEADERS | HTTPS_HEADERS) - {"Cache-Control": 0}.keys():
        assert len(answer.headers.get_all(name, [])) == 1, name
    assert answer.headers["Strict-Transport-Security"].startswith("max-age=63072000")
    assert not any(character.isdigit() for character in answer.headers.get("Server", ""))


def test_every_cookie_is_for_this_site_and_tls_only(proxy):
    for path in ("/appointment/safety", "/intake/safety", "/staff/login"):
        answer, _body = proxy.ask(path)
        for cookie in answer.headers.get_all("Set-Cookie"):
            assert cookie.startswith("__Host-")
            assert {"Secure", "HttpOnly", "Path=/"} < set(cookie.split("; "))
            assert "SameSite=Lax" in cookie
            assert "Domain" not in cookie
            assert len(cookie) < 4096


@pytest.mark.parametrize("path", ["/.git/config", "/.env", "/instance/site.db", "/static/"])
def test_nothing_but_the_site_is_served(proxy, path):
    assert proxy.ask(path)[0].status == 404


def test_a_patient_sends_a_request(visitor):
    page = to_check(visitor).submit()
    assert page.path.startswith("/received/")
    assert submissions()


def test_a_far_too_long_form_is_refused_kindly_and_never_touches_the_disk(visitor, proxy):
    """What a proxy cannot keep in memory it would put here, and there is no here."""
    shutil.rmtree(proxy.folder / "spilled", ignore_errors=True)
    page = to_details(visitor).submit(**details(message="x" * 900_000))
    assert (page.status, page.path) == (422, "/appointment/details")
    assert "x" * 900_000 in page.response.text
    assert to_details(visitor).submit(**details(message="x" * 1_100_000)).status == 413
    assert not (proxy.folder / "spilled").exists()


def test_a_made_up_address_does_not_evade_the_limit_for_passwords(visitor):
    """A client that names another address each time is still one."""
    form = visitor.visit("/staff/login").typed()
    wrong = {**form, "email": "a@example.org", "password": "x"}
    statuses = [
        visitor.ask(
            "POST",
            "/staff/login",
            data=wrong,
            headers={
                "Sec-Fetch-Site": "same-origin",
                "X-Forwarded-For": f"203.0.113.{number}",
                "X-Forwarded_For": f"203.0.113.{number}",
                "Forwarded": f"for=203.0.113.{number}",
                "X-Real-IP": f"203.0.113.{number}",
            },
        ).status
        for number in range(21)  # ten a minute, and the minute may change in between
    ]
    assert 429 in statuses
    assert 429 not in statuses[:10]


def test_a_made_up_host_leads_nowhere(proxy):
    answer, _body = proxy.ask("/appointment/", headers={"X-Forwarded-Host": "evil.example.org"})
    assert answer.status == 303
    assert "evil" not in answer.headers["Location"]


@contextmanager
def answering(first, second):
    """A server that sends the second part of its answer once `go` is called; its port, and `go`."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        going, go = socket.socketpair()

        def answer():
            connection, _address = listener.accept()
            with connection:
                connection.recv(65_536)
                head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(first + second)}\r\n\r\n"
                connection.sendall(head.encode() + first)
                going.recv(1)
                connection.sendall(second)

        thread = Thread(target=answer)
        thread.start()
        with going, go:
            yield listener.getsockname()[1], lambda: go.send(b".")
            thread.join()


def test_an_export_goes_on_as_it_is_made(program, tmp_path):
    with (
        answering(b"name,status\n", b"Bob,new\n") as (port, go),
        proxies.running(program, tmp_path, port) as proxy,
    ):
        connection = proxy.connect()
        connection.request("GET", "/staff/export.csv")
        answer = connection.getresponse()
        assert answer.read(12) == b"name,status\n"
        go()
        assert answer.read() == b"Bob,new\n"
        connection.close()


def test_while_the_site_starts_again_people_are_told_that_nothing_was_sent(program, tmp_path):
    with proxies.running(program, tmp_path, free_port()) as proxy:
        answer, body = proxy.ask("/appointment/check", "POST", body="x=y")
        assert (answer.status, answer.headers["Cache-Control"]) == (503, "no-store")
        assert b"Nothing was sent" in body


def test_what_the_proxy_writes_down_has_no_address_of_a_person_and_no_secret(proxy):
    too_long = "/search?q=" + "a-secret" * 2_500
    for path in (
        "/received/a-secret",
        "/requests/a-secret?x=a-secret",
        too_long,
        "/about?a-secret",
    ):
        proxy.ask(path)
    log = proxy.folder / "practice-site.log"
    if log.exists():  # Caddy keeps none
        lines = wait_for(lambda: "/about" in log.read_text() and log.read_text())
        assert "/received/..." in lines
    for file in (*proxy.folder.glob("*.log"), proxy.folder / "said.txt"):
        assert "a-secret" not in file.read_text(), file
        assert "127.0.0.1" not in file.read_text(), file


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd is not installed here")
def test_systemd_finds_the_service_well_shut_in():
    """2.0 of 10 and below is what systemd calls OK. 10 would be no protection at all."""
    command = ["systemd-analyze", "security", "--offline=true", "--threshold=20", str(UNIT)]
    said = subprocess.run(command, capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stdout
