"""A letter as an email: written out, then handed to a mail server or put in a folder."""

import email.policy
import re
import smtplib
import socket
import ssl
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from datetime import datetime, timedelta
from email.headerregistry import Address
from email.message import EmailMessage
from threading import Event, Thread
from typing import Any
from urllib.parse import urlsplit

from email_validator import validate_email
from flask import current_app
from jinja2 import StrictUndefined

from content import library
from models import now
from models_letters import Letter
from outbox_calendar import calendar_file, method
from settings import MailServer
from settings_secrets import whole_file

TIMEOUT = 20  # seconds that a mail server may take for each answer
SEND_WITHIN = 60  # seconds for all of them, so that one which drips its answers ends before a lease
FOLDER = "letters"  # in INSTANCE_PATH: where letters go that no mail server is there for
POLICY = email.policy.SMTP.clone(cte_type="7bit")  # what every mail server on the way can take


class NotSent(Exception):  # noqa: N818 (it is no error that a letter has to wait)
    """A letter did not go out; `problem` tells why, in no words of a mail server.

    Those quote addresses. `for_good` says that another attempt would end the same way.
    """

    def __init__(self, problem: str, *, for_good: bool = False):
        super().__init__(problem)
        self.problem, self.for_good = problem[:100], for_good


def send(letter: Letter) -> None:
    """Write a letter out and let it go. Raises `NotSent`."""
    try:
        message = write(letter)
        utf8 = not message["To"].isascii()
        data = message.as_bytes(policy=POLICY.clone(utf8=utf8))
    except Exception as error:  # noqa: BLE001 (a template can fail in any way)
        raise NotSent(type(error).__name__, for_good=True) from None
    if server := current_app.config["SMTP_URL"]:
        hand_over(server, message)
    else:
        keep(letter.id, data)


def write(letter: Letter) -> EmailMessage:
    """Return the letter as it goes out, in plain text, in HTML, and with the visit it is about."""
    values = {"starts_at": None, **with_moments(letter.contents)}
    values["subject"] = fill_in(f"{letter.name}/subject.txt", values).strip()
    paragraphs = re.split(r"\n\s*\n", fill_in(f"{letter.name}/body.txt", values).strip())
    page = fill_in("body.html", {**values, "paragraphs": with_links(paragraphs)})
    message = EmailMessage(POLICY)
    add_headers(message, letter.id, values["to"], values["subject"])
    message.set_content("\n\n".join(paragraphs) + "\n")
    message.add_alternative(page, subtype="html")
    if values["starts_at"]:
        add_visit(message, values, cancelled=letter.name == "cancelled")
    return message


def with_moments(values: dict[str, Any]) -> dict[str, Any]:
    return {
        name: moment(value) if value and name.endswith("_at") else value
        for name, value in values.items()
    }


def moment(text: str) -> datetime:
    """Raises ValueError for a time that does not say which zone it is of."""
    value = datetime.fromisoformat(text)
    if value.tzinfo is None:
        raise ValueError("a moment needs a time zone")
    return value


def fill_in(template: str, values: dict[str, Any]) -> str:
    """Render a template of `letters/`. A value that is not there is an error, and no gap."""
    strict = current_app.jinja_env.overlay(undefined=StrictUndefined)
    context = {**values}
    current_app.update_template_context(context)
    return strict.get_template(f"letters/{template}").render(context)


def with_links(paragraphs: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield each paragraph's words and, when an address is its last line, where they lead."""
    for paragraph in paragraphs:
        words, _, last = paragraph.rpartition("\n")
        if last.startswith(("https://", "http://")):
            yield words.removesuffix(":"), last
        else:
            yield paragraph, ""


def add_headers(message: EmailMessage, letter_id: str, to: str, subject: str) -> None:
    """Raises ValueError for what is no address, or has no place in a header."""
    practice, found = library().practice, validate_email(to, check_deliverability=False)
    sender = current_app.config["MAIL_FROM"] or practice.email
    message["From"] = Address(practice.letter_name, addr_spec=sender)
    if sender != practice.email:
        message["Reply-To"] = Address(practice.letter_name, addr_spec=practice.email)
    message["To"] = Address(username=found.local_part, domain=found.ascii_domain)
    message["Subject"] = subject
    message["Date"] = now()
    message["Message-ID"] = f"<{letter_id}@{site_name()}>"
    message["Auto-Submitted"] = "auto-generated"  # nobody's out-of-office note need answer it


def add_visit(message: EmailMessage, values: dict[str, Any], *, cancelled: bool) -> None:
    visit = {name: values[name] for name in ("uid", "starts_at", "sequence")}
    message.add_attachment(
        calendar_file(**visit, cancelled=cancelled).decode(),
        subtype="calendar",
        params={"method": method(cancelled=cancelled)},
        filename="appointment.ics",
    )


def describe() -> str:
    """One line for the owner: where letters go."""
    if server := current_app.config["SMTP_URL"]:
        return f"Letters go out by {server.host}:{server.port}"
    folder = current_app.config["INSTANCE_PATH"] / FOLDER
    return f"Letters are written to {folder}: set SMTP_URL to send them"


def site_name() -> str:
    return urlsplit(current_app.config["SITE_URL"]).hostname


def keep(letter_id: str, data: bytes) -> None:
    """Put a message where a mail program can open it, all of it or nothing. Raises `NotSent`."""
    folder = current_app.config["INSTANCE_PATH"] / FOLDER
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        # Under the same name each time, so that the next try writes over what a crash has left.
        with whole_file(folder / f"{letter_id}.eml", draft=folder / f".{letter_id}") as file:
            file.write(data)
    except OSError as error:
        raise NotSent(type(error).__name__) from None


def forget(letter_ids: Iterable[str]) -> None:
    """Delete these letters where they are files."""
    folder = current_app.config["INSTANCE_PATH"] / FOLDER
    for letter_id in letter_ids:
        for name in (f"{letter_id}.eml", f".{letter_id}"):  # the second, where a crash has left it
            (folder / name).unlink(missing_ok=True)


def forget_older(age: timedelta) -> int:
    """Delete the letters that have been files for longer, and what a crash left of others."""
    folder, oldest = current_app.config["INSTANCE_PATH"] / FOLDER, now() - age
    ours = re.compile(r"\.?[0-9a-f]{32}(\.eml)?")  # what `keep` makes, and nothing of the owner's
    gone = 0
    for path in folder.glob("*"):
        with suppress(FileNotFoundError):  # whoever does the same was faster
            if ours.fullmatch(path.name) and path.stat().st_mtime <= oldest.timestamp():
                path.unlink()
                gone += 1
    return gone


def hand_over(server: MailServer, message: EmailMessage) -> None:
    """Let a mail server have a message. Raises `NotSent`.

    What it says before the message has begun is about us, and may soon be otherwise: a wrong
    password, no TLS. What it then refuses with a 5xx is this message, and for good.
    """
    with reached(server) as client:
        try:
            client.send_message(message)
        except Exception as error:  # noqa: BLE001 (as in `reached`)
            raise NotSent(problem_of(error), for_good=is_refusal(error)) from None
        # The letter has arrived. Whether the server says goodbye no longer matters.
        with suppress(OSError, smtplib.SMTPException):
            client.quit()


@contextmanager
def reached(server: MailServer) -> Iterator["Client"]:
    """A mail server that is ready for a message. Raises `NotSent` when there is none."""
    client = Client(server)
    with closing(client), cut_off_after(SEND_WITHIN, client):
        try:
            client.begin()
        except Exception as error:  # noqa: BLE001 (whatever it is, letters must wait)
            raise NotSent(problem_of(error)) from None
        yield client


class Client(smtplib.SMTP):
    """A connection to a mail server that proves who it is, unless it is on this machine.

    It is made without being opened, so that it can be cut off from its first moment on.
    """

    def __init__(self, server: MailServer):
        # Without a name, smtplib asks the network for this machine's, and may wait for long.
        name = site_name() if re.search("[a-z]", site_name()) else "[127.0.0.1]"
        super().__init__(local_hostname=name, timeout=TIMEOUT)
        self.server, self._host = server, server.host  # `starttls` wants it in the certificate
        self.context = ssl.create_default_context()

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        plain = super()._get_socket(host, port, timeout)
        if self.server.tls != "start":
            return plain
        return self.context.wrap_socket(plain, server_hostname=host)

    def begin(self) -> None:
        """Connect, let nobody read what follows, and sign in."""
        code, words = self.connect(self.server.host, self.server.port)
        if code != 220:
            raise smtplib.SMTPConnectError(code, words)
        if self.server.tls == "starttls":
            self.starttls(context=self.context)
        self.ehlo_or_helo_if_needed()
        if self.server.user:
            self.login(self.server.user, self.server.password)


@contextmanager
def cut_off_after(seconds: float, client: Client) -> Iterator[None]:
    """Shut the client's connection when the time is up, and any that it opens after that."""
    done = Event()

    def watch() -> None:
        wait = seconds
        while not done.wait(wait):
            wait = 1
            # The plain socket's own way: TLS would want to say goodbye, in the other thread's turn.
            with suppress(OSError, TypeError):
                socket.socket.shutdown(client.sock, socket.SHUT_RDWR)

    watcher = Thread(target=watch, name="letter-timer", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()


def code_of(error: Exception) -> int:
    """The number that the mail server answered with, or 0."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return next(iter(error.recipients.values()))[0]
    return max(getattr(error, "smtp_code", 0), 0)


def problem_of(error: Exception) -> str:
    return f"SMTP {code_of(error)}" if code_of(error) else type(error).__name__


def is_refusal(error: Exception) -> bool:
    """Whether the message is what is wrong: the server says so, or it cannot be sent as it is."""
    passing = isinstance(error, OSError | smtplib.SMTPException)
    needs_more = isinstance(error, smtplib.SMTPNotSupportedError)
    return 500 <= code_of(error) <= 599 or needs_more or not passing
