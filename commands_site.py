"""The app as an ASGI server calls it: in threads, and what is long goes out in parts."""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from typing import Any
from wsgiref.types import WSGIEnvironment

from flask import Flask

from pagecache import Answer

Message = dict[str, Any]
Headers = list[tuple[bytes, bytes]]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

THREADS = 4  # requests that one worker process lets into Flask at a time


class Site:
    """The app as uvicorn calls it: in a thread, once a form has arrived, until its answer is made.

    Who sends or reads slowly takes up memory, which `MAX_CONTENT_LENGTH` bounds, and no thread. One
    kind of answer is long, a file that is made while it is sent; it goes out in parts.
    """

    def __init__(self, app: Flask):
        self.app, self.pages = app, app.extensions.get("pagecache")
        self.largest, self.proxies = app.config["MAX_CONTENT_LENGTH"], app.config["TRUSTED_PROXIES"]
        self.threads = ThreadPoolExecutor(THREADS)
        self.remembered: dict[bytes, Any] = {}  # whole requests with their answers; see `Protocol`

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        body, more = bytearray(), True
        while more and len(body) <= self.largest:  # the app refuses what is longer
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body += message["body"]
            more = message["more_body"]
        environ = make_environ(scope, bytes(body))
        status, headers, data, rest = await self.in_thread(self.answer, environ)
        await send({"type": "http.response.start", "status": status, "headers": headers})
        if rest:
            await self.pass_on(rest, receive, send)
        await send({"type": "http.response.body", "body": data})

    def in_thread(self, work: Callable[..., Any], *given: Any) -> Awaitable[Any]:
        return asyncio.get_running_loop().run_in_executor(self.threads, work, *given)

    def answer(self, environ: WSGIEnvironment) -> tuple[int, Headers, bytes, Answer | None]:
        """Ask Flask. An answer that does not know its own length comes back to be passed on."""
        response = Answer.from_app(self.app, environ)
        headers = [
            (name.encode("latin-1"), value.encode("latin-1")) for name, value in response.headers
        ]
        if response.status_code == 200 and response.content_length is None:
            return response.status_code, headers, b"", response
        with response:
            return response.status_code, headers, response.get_data(), None

    async def pass_on(self, response: Answer, receive: Receive, send: Send) -> None:
        """Send an answer part by part, until it ends or who asked has left.

        A thread makes one part at a time, and the next when the last is on its way: who reads
        slowly holds one part in memory and no thread, and others have their turn in between.
        """
        left, parts = asyncio.ensure_future(receive()), iter(response.response)
        try:
            while not left.done() and (part := await self.in_thread(next, parts, None)) is not None:
                await send({"type": "http.response.body", "body": part, "more_body": True})
        finally:
            left.cancel()
            await self.in_thread(response.close)


def make_environ(scope: Message, body: bytes) -> WSGIEnvironment:
    """Return an ASGI request as WSGI has it (PEP 3333)."""
    environ = {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": "",
        "PATH_INFO": scope["path"].encode().decode("latin-1"),
        "QUERY_STRING": scope["query_string"].decode("latin-1"),
        "SERVER_NAME": scope["server"][0],
        "SERVER_PORT": str(scope["server"][1]),
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "REMOTE_ADDR": (scope["client"] or [""])[0],  # none of somebody who has left already
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope["scheme"],
        "wsgi.input": BytesIO(body),
        "wsgi.input_terminated": True,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    add_headers(environ, scope["headers"])
    return environ


def add_headers(environ: WSGIEnvironment, headers: Iterable[tuple[bytes, bytes]]) -> None:
    for name, value in headers:
        if b"_" in name:  # would look like the header that a proxy sets with a hyphen
            continue
        key = name.decode("latin-1").upper().replace("-", "_")
        if key not in {"CONTENT_TYPE", "CONTENT_LENGTH"}:
            key = f"HTTP_{key}"
        before = f"{environ[key]}{'; ' if name == b'cookie' else ','}" if key in environ else ""
        environ[key] = before + value.decode("latin-1")
