"""Letters as emails: what they say and never say, and how mail servers get them."""

import re
import socket
import stat
import time
from email import message_from_bytes, policy
from pathlib import Path

import pytest
import time_machine
from bs4 import BeautifulSoup

import outbox_mail
from app import create_app
from conftest import private_folder
from content import library
from mail import NOTHING, Authority, drip, mail_server, raw_server, say_nothing
from models_letters import Letter
from outbox_mail import NotSent, send, write
from serving import free_port
from settings import smtp_url

STORED = Path(__file__).parent / "letters"
TEMPLATES = Path(outbox_mail.__file__).parent / "templates" / "letters"
NOW = "2026-11-22T15:04:05Z"
PAGE = "https://www.example.org/requests/Im9wZW4i.kQ7"
VISIT = {
    "reference": "7K3F-9QRT",
    "link": PAGE,
    "starts_at": "2026-12-01T15:00:00+00:00",
    "uid": "5c7e@www.example.org",
}
DESK = {
    "reference": "7K3F-9QRT",
    "link": "https://www.example.org/staff/submissions/7K3F9QRT",
}
RECEIVED = {
    "reference": "7K3F-9QRT",
    "reply_due_at": "2026-11-23T23:00:00+00:00",
    "link": PAGE,
}
# name of the stored files: the letter, and its values
LETTERS = {
    "received": ("received", {**RECEIVED, "kind": "appointment"}),
    "received-intake": ("received", {**RECEIVED, "kind": "intake"}),
    "finish": (
        "finish",
        {
            "link": "https://www.example.org/intake/again/Im9wZW4i.kQ7",
            "until_at": "2026-11-29T15:04:05+00:00",
        },
    ),
    "scheduled": ("scheduled", {**VISIT, "sequence": 0}),
    "changed": ("changed", {**VISIT, "starts_at": "2027-06-02T19:30:00+00:00", "sequence": 1}),
    "cancelled": ("cancelled", {**VISIT, "sequence": 2}),
    "cancelled-request": ("cancelled", {"reference": "7K3F-9QRT", "link": PAGE}),
    "waiting": (
        "waiting",
        {**DESK, "news": "new", "kind": "appointment", "urgency": "today"},
    ),
    "waiting-times": (
        "waiting",
        {**DESK, "news": "times", "kind": "appointment", "urgency": "routine"},
    ),
    "waiting-cancelled": (
        "waiting",
        {**DESK, "news": "cancelled", "kind": "intake", "urgency": "emergency"},
    ),
}
# What would tell somebody who only sees that a letter came why its reader goes there.
TELLING = "headache|migraine|spine|spinal|back pain|neck|doctor|pain"


@pytest.fixture(scope="module")
def office(tmp_path_factory):
    """An app of which no test here needs the database."""
    app = create_app(
        INSTANCE_PATH=private_folder(tmp_path_factory), SITE_URL="https://www.example.org"
    )
    with app.app_context():
        yield app


@pytest.fixture
def post(office, monkeypatch):
    """Let letters go to the mail server at an address, and send one."""

    def by(address, letter=None):
        monkeypatch.setitem(office.config, "SMTP_URL", smtp_url(address))
        send(letter or a_letter())

    return by


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path)


@pytest.fixture
def trusted(authority, monkeypatch):
    """The same authority, which this machine believes."""
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    return authority


def a_letter(name="received", to="ana@example.org", **changes):
    return Letter.make(name, {"to": to, **LETTERS[name][1], **changes}, None, 0)


def written(stored):
    """Write one of `LETTERS` out, and read it as whoever receives it does."""
    name, values = LETTERS[stored]
    with time_machine.travel(NOW, tick=False):
        message = write(Letter.make(name, {"to": "ana@example.org", **values}, None, 0))
    return message_from_bytes(message.as_bytes(), policy=policy.default)


def body(message, kind):
    return message.get_body((kind,)).get_content().replace("\r\n", "\n")


def visit_file(message):
    """The calendar file that comes with a letter, or None."""
    files = list(message.iter_attachments())
    return files[0].get_content().replace("\r\n", "\n") if files else None


# What letters say


@pytest.mark.parametrize("stored", LETTERS)
def test_a_letter_says_what_the_stored_texts_say(office, stored):
    """When this fails, pytest shows both texts line by line; change the one that is wrong."""
    message = written(stored)
    said = {
        "subject": message["Subject"] + "\n",
        "txt": body(message, "plain"),
        "html": body(message, "html"),
        "ics": visit_file(message),
    }
    for kind, text in said.items():
        file = STORED / f"{stored}.{kind}"
        expected = file.read_text(encoding="utf-8") if file.exists() else None
        assert text == expected, f"{file.name} is otherwise"


def test_every_letter_is_stored_and_no_text_is_left_over(office):
    assert {path.stem for path in STORED.iterdir()} == set(LETTERS)
    folders = {path.name for path in TEMPLATES.iterdir() if path.is_dir()}
    assert folders == {name for name, _values in LETTERS.values()}


@pytest.mark.parametrize("stored", LETTERS)
def test_a_letter_never_tells_why_somebody_goes_there(office, stored):
    message = written(stored)
    file = visit_file(message) or ""
    everything = [*message.values(), body(message, "plain"), body(message, "html"), file]
    found = " ".join(everything).lower()
    assert library().practice.letter_name.lower() in found or stored.startswith("waiting")
    assert not re.search(TELLING, found)
    assert library().practice.name.lower() not in found


@pytest.mark.parametrize("stored", LETTERS)
def test_both_forms_of_a_letter_say_the_same(office, stored):
    message = written(stored)
    soup = BeautifulSoup(body(message, "html"), "html.parser")
    shown = [f"{link.get_text()}: {link['href']}" for link in soup.select("a")]
    for link in soup.select("a"):
        link.replace_with(shown.pop(0))
    assert soup.body.get_text(" ").split() == body(message, "plain").split()


@pytest.mark.parametrize("stored", LETTERS)
def test_an_html_letter_is_complete_and_fetches_nothing(office, stored):
    soup = BeautifulSoup(body(written(stored), "html"), "html.parser")
    assert soup.html["lang"] == "en-US"
    assert soup.title.get_text() == written(stored)["Subject"]
    assert {tag.name for tag in soup.body.find_all()} <= {"p", "a"}
    assert [link["href"] for link in soup.select("a")] == [LETTERS[stored][1]["link"]]
    assert not soup.select("[style], [src], style, script, link, img")


def test_what_a_letter_is_about_is_written_as_text_and_never_as_html(office):
    page = write(a_letter(reference="<b>&")).get_body(("html",)).get_content()
    assert "Its reference is &lt;b&gt;&amp;." in page


@pytest.mark.parametrize(
    ("letter", "calendar"),
    [("scheduled", "PUBLISH"), ("changed", "PUBLISH"), ("cancelled", "CANCEL")],
)
def test_a_calendar_file_comes_with_what_is_said_about_a_visit(office, letter, calendar):
    (file,) = written(letter).iter_attachments()
    assert file.get_filename() == "appointment.ics"
    assert file.get_content_type() == "text/calendar"
    assert (file.get_param("method"), file.get_content_charset()) == (calendar, "utf-8")
    assert f"METHOD:{calendar}" in file.get_content()


def test_a_letter_has_every_header_that_mail_needs(office):
    letter = a_letter()
    with time_machine.travel(NOW, tick=False):
        message = write(letter)
    assert dict(message.items()) == {
        "From": '"MBPD, Minneapolis" <front-desk@example.org>',
        "To": "ana@example.org",
        "Subject": "We received your request",
        "Date": "Sun, 22 Nov 2026 15:04:05 +0000",
        "Message-ID": f"<{letter.id}@www.example.org>",
        "Auto-Submitted": "auto-generated",
        "MIME-Version": "1.0",
        "Content-Type": message["Content-Type"],
    }
    assert message.get_content_type() == "multipart/alternative"


def test_an_answer_reaches_the_practice_when_letters_come_from_elsewhere(office, monkeypatch):
    monkeypatch.setitem(office.config, "MAIL_FROM", "letters@mail.example.org")
    message = write(a_letter())
    assert message["From"].addresses[0].addr_spec == "letters@mail.example.org"
    assert message["Reply-To"].addresses[0].addr_spec == "front-desk@example.org"


@pytest.mark.parametrize(
    "to",
    [
        "ana@example.org\r\nBcc: eve@example.org",
        "ana@example.org\nSubject: other",
        "ana@example.org, eve@example.org",
        "Eve <eve@example.org>",
        "",
    ],
)
def test_what_is_no_single_address_is_refused_for_good(post, to):
    with mail_server() as box:
        assert refused(post, box.address(), a_letter(to=to)) == ("EmailSyntaxError", True)
    assert box.asked == []


@pytest.mark.parametrize(
    ("letter", "problem"),
    [
        (lambda: a_letter(reply_due_at="soon"), "ValueError"),
        (lambda: Letter.make("received", {"to": "ana@example.org"}, None, 0), "UndefinedError"),
        (lambda: Letter.make("no-such-letter", {"to": "ana@example.org"}, None, 0), "Template"),
        (lambda: a_letter("waiting", news="other"), "UndefinedError"),
        (lambda: a_letter(reply_due_at="2026-12-01T15:00:00"), "ValueError"),  # whose time?
        (lambda: spoiled(a_letter()), "VaultError"),
    ],
)
def test_a_letter_that_cannot_be_written_is_refused_for_good(post, letter, problem):
    with mail_server() as box:
        found, for_good = refused(post, box.address(), letter())
    assert for_good
    assert found.startswith(problem)
    assert box.asked == []


def test_a_line_end_in_a_subject_makes_no_header(post, office, monkeypatch):
    monkeypatch.setattr(outbox_mail, "fill_in", lambda _name, _values: "Hello\r\nBcc: eve@x.org")
    with mail_server() as box:
        assert refused(post, box.address()) == ("ValueError", True)
    assert box.asked == []


def spoiled(letter):
    letter.contents_sealed = bytes(reversed(letter.contents_sealed))
    return letter


def refused(post, *args):
    """The problem for which a letter did not go out, and whether that is for good."""
    with pytest.raises(NotSent) as error:
        post(*args)
    return error.value.problem, error.value.for_good


# Without a mail server


@pytest.fixture
def folder(office, tmp_path, monkeypatch):
    """Where letters lie when no mail server is set."""
    monkeypatch.setitem(office.config, "SMTP_URL", None)
    monkeypatch.setitem(office.config, "INSTANCE_PATH", tmp_path)
    return tmp_path / "letters"


def test_without_a_mail_server_a_letter_is_a_file_that_a_mail_program_opens(folder):
    letter = a_letter("scheduled", sequence=0)
    send(letter)
    (file,) = folder.iterdir()
    assert file.name == f"{letter.id}.eml"
    assert (mode(folder), mode(file)) == (0o700, 0o600)
    data = file.read_bytes()
    assert data.count(b"\n") == data.count(b"\r\n") > 50
    message = message_from_bytes(data, policy=policy.default)
    assert message["To"] == "ana@example.org"
    assert "Its reference is 7K3F-9QRT." in body(message, "plain")
    assert "Its reference is 7K3F-9QRT." in body(message, "html")
    assert visit_file(message).startswith("BEGIN:VCALENDAR\n")
    assert not message.defects
    assert not [defect for part in message.walk() for defect in part.defects]


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_a_file_cannot_be_made_now_but_perhaps_later(folder):
    folder.write_text("in the way")
    with pytest.raises(NotSent) as error:
        send(a_letter())
    assert (error.value.problem, error.value.for_good) == ("FileExistsError", False)


def test_what_a_dead_process_left_half_written_is_written_anew(folder):
    letter = a_letter()
    folder.mkdir()
    (folder / f".{letter.id}").write_bytes(b"x" * 100_000)
    send(letter)
    (file,) = folder.iterdir()
    assert file.read_bytes().startswith(b"From: ")


# With one


def test_a_letter_arrives_with_its_envelope(post):
    letter = a_letter()
    with mail_server() as box:
        post(box.address(), letter)
    (message,) = box.got
    assert message.envelope.mail_from == "front-desk@example.org"
    assert message.envelope.rcpt_tos == ["ana@example.org"]
    assert message["Message-ID"] == f"<{letter.id}@www.example.org>"
    assert "This is a request, not a booked appointment." in body(message, "plain")
    assert box.asked == ["EHLO", "MAIL", "RCPT", "DATA", "QUIT"]


def test_a_mail_server_that_nobody_runs_may_come_back(post):
    assert refused(post, f"smtp://127.0.0.1:{free_port()}") == ("ConnectionRefusedError", False)


@pytest.mark.parametrize("command", ["MAIL", "RCPT", "DATA"])
@pytest.mark.parametrize(
    ("answer", "for_good"), [("451 Later", False), ("421 Bye", False), ("550 Never", True)]
)
def test_a_server_puts_a_letter_off_with_4xx_and_refuses_it_with_5xx(
    post, command, answer, for_good
):
    with mail_server(**{command: [answer]}) as box:
        assert refused(post, box.address()) == (f"SMTP {answer[:3]}", for_good)
        post(box.address())
    assert len(box.got) == (2 if command == "DATA" else 1)


@pytest.mark.parametrize("answer", [NOTHING, "421 Too busy to say goodbye"])
def test_a_letter_that_was_taken_is_sent_whether_or_not_the_server_says_goodbye(
    post, answer, monkeypatch
):
    monkeypatch.setattr(outbox_mail, "TIMEOUT", 0.2)
    with mail_server(QUIT=[answer]) as box:
        post(box.address())
    assert len(box.got) == 1


@pytest.mark.parametrize("scheme", ["smtp", "smtps"])
def test_a_server_that_says_nothing_is_left_after_a_while(post, scheme, monkeypatch):
    monkeypatch.setattr(outbox_mail, "TIMEOUT", 0.2)
    with raw_server(say_nothing) as (port, made):
        problem, for_good = refused(post, f"{scheme}://127.0.0.1:{port}")
    assert len(made) == 1
    assert problem in {"SMTPServerDisconnected", "TimeoutError"}
    assert not for_good


def test_a_server_that_drips_its_words_is_cut_off_in_time(post, monkeypatch):
    monkeypatch.setattr(outbox_mail, "SEND_WITHIN", 0.3)
    began = time.monotonic()
    with raw_server(drip) as (port, _made):
        problem = refused(post, f"smtp://127.0.0.1:{port}")
    assert problem == ("SMTPServerDisconnected", False)
    assert 0.3 <= time.monotonic() - began < outbox_mail.TIMEOUT


def test_a_connection_that_opens_when_the_time_is_up_is_cut_off_too(office, monkeypatch):
    """A name may have many addresses, and each takes its time."""
    with raw_server(drip) as (port, _made):
        client = outbox_mail.Client(smtp_url(f"smtp://127.0.0.1:{port}"))
        with outbox_mail.cut_off_after(0, client), pytest.raises(OSError):  # noqa: PT012
            assert client.sock is None
            client.begin()
        client.close()


def test_a_server_that_drips_after_starttls_is_cut_off_in_time(post, trusted, monkeypatch):
    monkeypatch.setattr(outbox_mail, "SEND_WITHIN", 0.5)
    context = trusted.vouch("127.0.0.1")

    def speak(plain, over):
        plain.sendall(b"220 mail\r\n")
        plain.recv(100)
        plain.sendall(b"250-mail\r\n250 STARTTLS\r\n")
        plain.recv(100)
        plain.sendall(b"220 go\r\n")
        with context.wrap_socket(plain, server_side=True) as hidden:
            drip(hidden, over)

    with raw_server(speak) as (port, _made):
        assert refused(post, f"smtp://127.0.0.1:{port}") == ("SMTPServerDisconnected", False)


def test_a_letter_stays_here_when_the_server_offers_no_starttls(post):
    with mail_server(auth_require_tls=False) as box:
        problem = refused(post, box.address(query="", user="ann:secret@"))
    assert problem == ("SMTPNotSupportedError", False)
    assert box.asked == ["EHLO"]


@pytest.mark.parametrize("query", ["", "?starttls=required"])
def test_starttls_hides_all_that_is_said(post, trusted, query):
    context = trusted.vouch("127.0.0.1")
    with mail_server(tls_context=context, require_starttls=True) as box:
        post(box.address(query=query))
    assert [message.over_tls for message in box.got] == [True]
    assert box.asked == ["EHLO", "EHLO", "MAIL", "RCPT", "DATA", "QUIT"]


def test_smtps_hides_all_from_the_first_word_on(post, trusted):
    with mail_server(tls_from_start=trusted.vouch("localhost")) as box:
        post(box.address(query="", host="localhost", scheme="smtps"))
    assert len(box.got) == 1


@pytest.mark.parametrize("scheme", ["smtp", "smtps"])
def test_a_server_that_nobody_we_trust_vouches_for_gets_nothing(post, authority, scheme):
    context = authority.vouch("127.0.0.1")
    options = {"tls_from_start" if scheme == "smtps" else "tls_context": context}
    with mail_server(**options) as box:
        problem = refused(post, box.address(query="", user="ann:secret@", scheme=scheme))
    assert problem == ("SSLCertVerificationError", False)
    assert not {"MAIL", "AUTH"} & set(box.asked)


@pytest.mark.parametrize("scheme", ["smtp", "smtps"])
def test_a_server_under_another_name_gets_nothing(post, trusted, scheme):
    context = trusted.vouch("mail.example.org")
    options = {"tls_from_start" if scheme == "smtps" else "tls_context": context}
    with mail_server(**options) as box:
        problem = refused(post, box.address(query="", user="ann:secret@", scheme=scheme))
    assert problem == ("SSLCertVerificationError", False)
    assert not {"MAIL", "AUTH"} & set(box.asked)


def test_it_signs_in_with_the_password_as_it_is_meant(post, trusted):
    context = trusted.vouch("127.0.0.1")
    with mail_server(tls_context=context, auth_required=True) as box:
        post(box.address(query="", user="ann%40example.org:p%40ss%2Fw%25rd%3A@"))
    assert box.signed_in == [("ann@example.org", "p@ss/w%rd:")]
    assert len(box.got) == 1


def test_a_password_that_is_refused_may_be_set_right(post, trusted):
    context = trusted.vouch("127.0.0.1")
    with mail_server(tls_context=context, auth_required=True, AUTH=["no"]) as box:
        problem = refused(post, box.address(query="", user="ann:secret@"))
    assert problem == ("SMTP 535", False)
    assert box.got == []


def test_a_domain_in_any_script_is_written_as_mail_servers_know_it(post):
    with mail_server(enable_SMTPUTF8=False) as box:
        post(box.address(), a_letter(to="ana@bücher.example.org"))
    assert box.got[0].envelope.rcpt_tos == ["ana@xn--bcher-kva.example.org"]


def test_a_name_in_any_script_needs_a_server_that_knows_of_them(post, folder):
    letter = a_letter(to="josé@example.org")
    send(letter)
    assert "josé@example.org".encode() in (folder / f"{letter.id}.eml").read_bytes()
    with mail_server() as box:
        post(box.address(), letter)
    assert box.got[0].envelope.rcpt_tos == ["josé@example.org"]
    with mail_server(enable_SMTPUTF8=False) as box:
        assert refused(post, box.address(), letter) == ("SMTPNotSupportedError", True)


def test_no_name_is_asked_of_the_network_but_the_mail_servers(post, monkeypatch):
    asked = []
    real = socket.getaddrinfo
    monkeypatch.setattr(socket, "getfqdn", lambda *_: pytest.fail("this may take long"))
    monkeypatch.setattr(
        socket, "getaddrinfo", lambda host, *rest, **more: asked.append(host) or real(host, *rest)
    )
    with mail_server() as box:
        post(box.address())
    assert set(asked) <= {"127.0.0.1"}
