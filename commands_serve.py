"""The server of `flask serve`: uvicorn, with a short way for pages that are in memory.

The event loop of a worker reads every request. When the answer is in memory, the loop writes it at
once, which costs about what nginx takes to send a file. All else goes to a thread and through
Flask, so that a slow request (a password, a busy database) holds up nobody who reads.
"""

import gc
import os
import signal
import socket
from collections.abc import Callable
from dataclasses import dataclass
from threading import Thread
from typing import Any
from weakref import finalize

from flask import Flask
from uvicorn import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.supervisors import Multiprocess
from werkzeug.http import parse_list_header

import commands_lock
import commands_purge
import outbox
from commands_jobs import Job
from commands_site import Site
from pagecache import Key, make_key

STOP_WITHIN = 3  # seconds that requests under way have to end
PATIENCE = 30  # seconds that a connection may take to ask for something
LARGEST_HEAD = 65_536  # bytes of a request before its body
JOBS = (
    Job("letters", outbox.keep_delivering, outbox.LOOK_EVERY),
    Job("locks", commands_lock.keep_database, commands_lock.LOOK_EVERY),
    Job("erasures", commands_purge.once_a_day, commands_purge.LOOK_EVERY),
)
# A request with one of these is not plain reading.
UNUSUAL = {b"content-length", b"transfer-encoding", b"upgrade", b"expect"}
PERSONAL = {b"cookie", b"authorization"}
REMEMBERED = 300  # requests with their answers; a worker forgets them all when there are more


@dataclass
class Asked:
    """What a request for a public page asks for, and the answer as it was last sent.

    The answer is made anew when the server's date is, every second; so it is hardly older than
    the memory it comes from.
    """

    method: bytes
    key: Key
    accepted: str
    none_match: str
    date: Any = None
    answer: bytes = b""


class SiteConfig(Config):
    """Loads the app by its name, in each worker."""

    def load(self) -> None:
        super().load()
        # A worker that outlives the supervisor still serves.
        folder = commands_lock.hold_folder(self.loaded_app.config["INSTANCE_PATH"], alone=False)
        finalize(self, os.close, folder)
        self.loaded_app = Site(self.loaded_app)
        gc.freeze()  # the content and the code stay; no look for garbage has to pass them by


class Protocol(HttpToolsProtocol):
    """One connection. Answers from memory where it can, and has limits that uvicorn leaves out.

    To read a request costs more than to answer it. So a worker remembers whole requests that were
    answered from memory, none of anybody known, and knows the same bytes again.
    """

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self.between, self.head_size, self.silent = True, 0, False
        self.asked: list[Asked | None] = []
        self.leave_silent()

    def leave_silent(self) -> None:
        """Close the connection when nothing was asked and answered since the last look."""
        if self.silent and not self.is_busy():
            self.transport.close()
        elif not self.transport.is_closing():
            self.silent = True
            self.loop.call_later(PATIENCE, self.leave_silent)

    def is_busy(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def data_received(self, data: bytes) -> None:
        between, known = self.between, self.app.remembered.get(data)
        if known and between and self.answer(known):
            return
        self.head_size += len(data)
        self.asked.clear()
        super().data_received(data)
        if between and self.between and len(self.asked) == 1 and self.asked[0]:
            self.remember(data, self.asked[0])
        if self.head_size > LARGEST_HEAD and not self.transport.is_closing():
            self.send_400_response("Invalid HTTP request received.")

    def remember(self, data: bytes, asked: Asked) -> None:
        if PERSONAL.isdisjoint(name for name, _value in self.headers):
            if len(self.app.remembered) >= REMEMBERED:
                self.app.remembered.clear()
            self.app.remembered[data] = asked

    def on_message_begin(self) -> None:
        self.between, self.url, self.headers = False, b"", []

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        self.head_size = 0
        asked = self.understand()
        if asked and not self.answer(asked):
            asked = None
        self.asked.append(asked)
        if not asked:
            self.hand_over()

    def hand_over(self) -> None:
        """Tell uvicorn what was read; what it makes of that, an answer from memory spares."""
        url, headers = self.url, self.headers
        super().on_message_begin()
        super().on_url(url)
        for name, value in headers:
            super().on_header(name, value)
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self.head_size = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        self.between = True
        if not (self.asked and self.asked[-1]):
            super().on_message_complete()

    def on_response_complete(self) -> None:
        self.silent = False
        super().on_response_complete()

    def timeout_keep_alive_handler(self) -> None:
        """Leave it to `leave_silent`, which knows of answers from memory too."""

    def understand(self) -> Asked | None:
        """Return what is asked for, if this is plain reading, as nearly every visit is."""
        headers, method = dict(self.headers), self.parser.get_method()
        path, _, query = self.url.decode("latin-1").partition("?")
        if (
            self.app.pages is None
            or method not in {b"GET", b"HEAD"}
            or self.parser.get_http_version() != "1.1"
            or not self.parser.should_keep_alive()
            or "%" in path
            or b"#" in self.url
            or len(headers) < len(self.headers)
            or not UNUSUAL.isdisjoint(headers)
        ):
            return None
        names = (b"host", b"accept-encoding", b"if-none-match")
        host, accepted, none_match = [headers.get(name, b"").decode("latin-1") for name in names]
        if hops := self.app.proxies:  # as werkzeug's ProxyFix reads it
            named = parse_list_header(headers.get(b"x-forwarded-host", b"").decode("latin-1"))
            host = named[-hops] if len(named) >= hops else host
        return Asked(method, make_key(host, path, query), accepted, none_match)

    def answer(self, asked: Asked) -> bool:
        """Write the answer if it is in memory and its turn has come; return whether it was."""
        if self.is_busy() or self.flow.write_paused or self.transport.is_closing():
            return False
        date = self.server_state.default_headers
        if asked.date is not date:
            page = self.app.pages.find(asked.key)
            if page is None:
                return False
            reply = page.reply(asked.accepted, asked.none_match)
            body = reply.body if asked.method == b"GET" else b""
            asked.date, asked.answer = date, b"%s%s: %s\r\n\r\n%s" % (reply.head, *date[0], body)
        self.transport.write(asked.answer)
        self.silent = False
        return True


def configure(app: str | Callable[[], Flask], workers: int = 1) -> SiteConfig:
    return SiteConfig(
        app,
        factory=True,
        interface="asgi3",
        http=Protocol,
        loop="uvloop",
        ws="none",
        lifespan="off",
        workers=workers,
        log_config=None,
        log_level="error",
        access_log=False,
        server_header=False,
        proxy_headers=False,  # `security` says which proxies are believed
        timeout_graceful_shutdown=STOP_WITHIN,
    )


class Supervisor(Multiprocess):
    """Starts the workers in quiet, and watches over them as uvicorn does."""

    def init_processes(self) -> None:
        # A terminal sends Ctrl+C to all. Who is still starting would die of it with a traceback;
        # who starts with it ignored listens to it once it can end in good order.
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        super().init_processes()
        signal.signal(signal.SIGINT, before)


def serve(app: Flask, listener: socket.socket, workers: int) -> None:
    """Serve the site on a listening socket until told to stop, and do its jobs meanwhile.

    Those are done by threads of this process, which has no requests to answer.
    """
    supervisor = Supervisor(configure("app:create_app", workers), sockets=[listener])
    over = supervisor.should_exit
    threads = [
        Thread(target=job.run, args=(app, over), name=job.things, daemon=True) for job in JOBS
    ]
    for thread in threads:
        thread.start()
    try:
        supervisor.run()
    finally:
        over.set()
        for thread in threads:
            thread.join(STOP_WITHIN)
