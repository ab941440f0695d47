"""Real mail servers, what arrives at them, and the proofs of who they are."""

import asyncio
import socket
import ssl
from collections import Counter, defaultdict, deque
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from ipaddress import ip_address
from itertools import repeat
from threading import Event, Thread

from aiosmtpd.smtp import SMTP, AuthResult
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

import outbox

NOTHING = "no answer"  # what a server that has been asked may also say


def deliver_due():
    """Send what is due; return how many letters went out."""
    return Counter(outbox.deliveries())["sent"]


class Mailbox:
    """What a mail server is for those who write to it.

    `answers` are by command, like RCPT=["451 later"], and are given in turn; after them all is
    well. `got` are the messages that it has read, whatever it answered; `asked` all commands. It
    answers to no message before it has read those of a `crowd`, so that so many send at once, and
    before it has called `on_data`.
    """

    def __init__(self, answers, crowd):
        self.answers = defaultdict(deque, {name: deque(each) for name, each in answers.items()})
        self.asked, self.got, self.signed_in, self.connections = [], [], [], []
        self.crowd, self.crowded = crowd, asyncio.Event()
        self.on_data = lambda: None

    @property
    def ids(self):
        return [message["Message-ID"] for message in self.got]

    def address(self, query="?starttls=never", user="", host="127.0.0.1", scheme="smtp"):
        """The setting SMTP_URL with which letters come here."""
        return f"{scheme}://{user}{host}:{self.port}{query}"

    async def answer(self, command, well="250 OK"):
        self.asked.append(command)
        given = self.answers[command].popleft() if self.answers[command] else well
        if given == NOTHING:
            await asyncio.Future()  # until whoever asked has gone
        return given

    async def handle_EHLO(self, server, session, envelope, hostname, responses):  # noqa: N802
        session.host_name = hostname
        await self.answer("EHLO")
        return responses

    async def handle_MAIL(self, server, session, envelope, address, options):  # noqa: N802
        envelope.mail_from = address
        return await self.answer("MAIL")

    async def handle_RCPT(self, server, session, envelope, address, options):  # noqa: N802
        envelope.rcpt_tos.append(address)
        return await self.answer("RCPT")

    async def handle_DATA(self, server, session, envelope):  # noqa: N802
        message = message_from_bytes(envelope.content, policy=policy.default)
        message.envelope, message.over_tls = envelope, session.ssl is not None
        self.got.append(message)
        self.on_data()
        if len(self.got) >= self.crowd:
            self.crowded.set()
        await self.crowded.wait()
        return await self.answer("DATA")

    async def handle_QUIT(self, server, session, envelope):  # noqa: N802
        return await self.answer("QUIT", "221 Bye")

    def sign_in(self, _server, _session, _envelope, mechanism, data):
        self.asked.append("AUTH")
        self.signed_in.append((data.login.decode(), data.password.decode()))
        return AuthResult(success=not self.answers["AUTH"], handled=False)

    def hang_up(self):
        """Break off the connection that was made first, in the middle of whatever it does."""
        first = self.connections[0]
        first.loop.call_soon_threadsafe(first.transport.abort)


class Connection(SMTP):
    """One connection to a mail server, which ends with it at the latest."""

    over = None

    def connection_made(self, transport):
        if not self.over:  # with STARTTLS it is made twice
            self.over = asyncio.Event()
            self.event_handler.connections.append(self)
        super().connection_made(transport)

    def connection_lost(self, error):
        self.over.set()
        super().connection_lost(error)

    async def end(self):
        if not self.over.is_set():
            self.transport.abort()
        await self.over.wait()


@contextmanager
def mail_server(tls_from_start=None, crowd=0, **options):
    """Run a mail server; the block gets its mailbox. Answers and aiosmtpd's options are by name."""
    answers = {name: options.pop(name) for name in list(options) if name.isupper()}
    box, ready = Mailbox(answers, crowd), Future()
    options = {"hostname": "mail.example.org", "enable_SMTPUTF8": True, **options}

    async def serve():
        loop, over = asyncio.get_running_loop(), asyncio.Event()

        def connection():
            return Connection(box, loop=loop, authenticator=box.sign_in, **options)

        server = await loop.create_server(connection, "127.0.0.1", 0, ssl=tls_from_start)
        box.port = server.sockets[0].getsockname()[1]
        ready.set_result(lambda: loop.call_soon_threadsafe(over.set))
        async with server:
            await over.wait()
            server.close()
            for one in box.connections:
                await one.end()

    thread = Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    stop = ready.result(timeout=10)
    try:
        yield box
    finally:
        stop()
        thread.join()


@contextmanager
def raw_server(speak):
    """Listen, and give each connection to `speak(connection, over)`; `over` is set at the end.

    The block gets the port, and the connections that were made.
    """
    over, made, threads = Event(), [], []

    def talk(connection):
        with connection, suppress(OSError):
            speak(connection, over)

    def accept(listener):
        with suppress(OSError):
            while True:
                made.append(listener.accept()[0])
                threads.append(Thread(target=talk, args=(made[-1],)))
                threads[-1].start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threads.append(Thread(target=accept, args=(listener,)))
        threads[0].start()
        try:
            yield listener.getsockname()[1], made
        finally:
            over.set()
            listener.shutdown(socket.SHUT_RDWR)
            for thread in threads:
                thread.join()


def say_nothing(_connection, over):
    over.wait()


def drip(connection, over):
    """Say a greeting of so many lines, each of them in time, that it takes ten seconds."""
    lines = repeat(b"220-Welcome\r\n", 1000)
    while not over.wait(0.01) and (line := next(lines, None)):
        connection.sendall(line)


class Authority:
    """Somebody who vouches for servers, and whom others may trust."""

    def __init__(self, folder):
        self.folder, self.key = folder, ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Throw-away CA")])
        self.file = folder / "ca.pem"
        usage = x509.BasicConstraints(ca=True, path_length=None)
        self.file.write_bytes(pem(self.certify(self.name, self.key, usage)))

    def vouch(self, *names):
        """Return the TLS settings of a server that may go by these names and addresses."""
        key, file = ec.generate_private_key(ec.SECP256R1()), self.folder / "server.pem"
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "server")])
        known = [
            x509.IPAddress(ip_address(name)) if name[0].isdigit() else x509.DNSName(name)
            for name in names
        ]
        certificate = self.certify(subject, key, x509.SubjectAlternativeName(known))
        file.write_bytes(pem(certificate) + secret_pem(key))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context

    def certify(self, subject, key, extension):
        now = datetime.now(UTC)
        builder = x509.CertificateBuilder(
            issuer_name=self.name,
            subject_name=subject,
            public_key=key.public_key(),
            serial_number=x509.random_serial_number(),
            not_valid_before=now - timedelta(days=1),
            not_valid_after=now + timedelta(days=1),
        )
        return builder.add_extension(extension, critical=False).sign(self.key, hashes.SHA256())


def pem(certificate):
    return certificate.public_bytes(serialization.Encoding.PEM)


def secret_pem(key):
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
