"""A WSGI layer that answers public pages from memory, below everything that knows who is asking.

What is kept is the page that the site gave somebody unknown, and only when the site itself called
it public. It cannot depend on more than its key: host, path, and the parameters in `QUERIES`.
"""

import gzip
import re
from collections import OrderedDict
from collections.abc import Callable, Iterable
from datetime import date
from functools import lru_cache
from hashlib import sha256
from threading import Lock
from time import time
from typing import NamedTuple
from urllib.parse import parse_qsl, urlencode
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

import brotli
from flask import Flask
from werkzeug.wrappers import Response

# The parameters that an address uses. The site never sees others, so they cannot change a page.
QUERIES = {"/search": ("q",)}

METHODS = {"GET", "HEAD"}
# What the site below does not see of a request for a public page: it renders the whole page, for
# nobody known. This layer answers the conditions itself.
HIDDEN = ("HTTP_IF_", "HTTP_RANGE", "HTTP_COOKIE", "HTTP_AUTHORIZATION")
# Headers that this layer writes itself, or that would be wrong in an answer from memory.
REPLACED = {"content-length", "etag", "vary", "accept-ranges"}
TEXT, STRUCTURED = ("text/", "application/json", "application/xml"), ("+json", "+xml")
WORTH_COMPRESSING = 500  # bytes; below, the headers are most of the answer
LARGEST = 1_000_000  # bytes of a page
LONGEST_QUERY = 2_500  # characters as an address writes them: 200 of any script
LONGEST_HEADER = 200  # characters of Accept-Encoding; what follows is not read
# Brotli's 11 makes the lead article an eighth smaller than 5 does, and takes twenty times as long.
# A search for random words must not cost that, and either fits in a server's first flight.
ENCODERS: dict[str, Callable[[bytes], bytes]] = {
    "br": lambda body: brotli.compress(body, quality=5),
    "gzip": lambda body: gzip.compress(body, 6, mtime=0),
    "identity": bytes,
}


class Answer(Response):
    """What a WSGI app answers, and nothing added."""

    default_mimetype = None


class Key(NamedTuple):
    """All that a public page may depend on. `query` is the part that the address uses."""

    host: str
    path: str
    query: str


class Reply(NamedTuple):
    """An answer in full. `head` is its first lines as they go over the wire, without the date."""

    status: str
    headers: list[tuple[str, str]]
    body: bytes
    head: bytes


def make_reply(status: str, headers: list[tuple[str, str]], body: bytes = b"") -> Reply:
    lines = [f"HTTP/1.1 {status}", *(f"{name}: {value}" for name, value in headers), ""]
    return Reply(status, headers, body, "\r\n".join(lines).encode("latin-1"))


class Page:
    """One page in all its encodings, each made when somebody first wants it."""

    def __init__(self, response: Response):
        self.body = response.get_data()
        self.kept = [(n, value) for n, value in response.headers if n.lower() not in REPLACED]
        is_text = response.mimetype.startswith(TEXT) or response.mimetype.endswith(STRUCTURED)
        self.compressible = is_text and len(self.body) >= WORTH_COMPRESSING
        self.weight = 3 * len(self.body) + 10_000  # as much as it may come to with its encodings
        self.encoded: dict[str, tuple[str, Reply, Reply]] = {}

    def reply(self, accepted: str, none_match: str) -> Reply:
        encoding = choose(accepted[:LONGEST_HEADER]) if self.compressible else "identity"
        if encoding not in self.encoded:
            self.encoded[encoding] = self.encode(encoding)
        etag, whole, unchanged = self.encoded[encoding]
        return unchanged if none_match and matches(none_match, etag) else whole

    def encode(self, encoding: str) -> tuple[str, Reply, Reply]:
        """Return the entity tag, the answer with the body, and the answer that nothing changed."""
        body = ENCODERS[encoding](self.body)
        etag = f'"{sha256(body).hexdigest()[:24]}"'
        vary = [("Vary", "Accept-Encoding")] if self.compressible else []
        always = [*self.kept, ("ETag", etag), *vary]
        about = [("Content-Length", str(len(body)))]
        if encoding != "identity":
            about.append(("Content-Encoding", encoding))
        unchanged = [(n, value) for n, value in always if not n.lower().startswith("content-type")]
        return (
            etag,
            make_reply("200 OK", [*always, *about], body),
            make_reply("304 NOT MODIFIED", unchanged),
        )


@lru_cache(maxsize=1000)
def choose(accepted: str) -> str:
    """Return the encoding that an Accept-Encoding header likes best (RFC 9110, 12.5.3)."""
    weights = {}
    for part in accepted.lower().split(","):
        name, _, parameter = part.partition(";")
        weights[name.strip()] = weight(parameter)
    others = weights.get("*", 0.0)
    known = {name: weights.get(name, others) for name in ENCODERS}
    # Nobody has to ask for the page as it is, and who does not, does not prefer it.
    known["identity"] = weights.get("identity", 0.0001)
    best = max(known, key=known.__getitem__)
    return best if known[best] else "identity"


def weight(parameter: str) -> float:
    name, _, value = (part.strip() for part in parameter.partition("="))
    if name != "q":
        return 1.0
    return float(value) if re.fullmatch(r"0(\.\d{0,3})?|1(\.0{0,3})?", value) else 0.0


def matches(none_match: str, etag: str) -> bool:
    """Whether an If-None-Match header names this entity tag, weakly compared."""
    return none_match.strip() == "*" or etag in re.findall(r'"[^"]*"', none_match)


def make_key(host: str, path: str, query: str) -> Key:
    return Key(host, path, used(path, query))


def used(path: str, query: str) -> str:
    """Return the part of a query that the address uses, always written in the same way."""
    if not query or path not in QUERIES:
        return ""
    pairs = parse_qsl(query.encode("latin-1").decode(errors="replace"), keep_blank_values=True)
    first = dict(reversed(pairs))  # as Flask reads it
    return urlencode({name: first[name] for name in QUERIES[path] if name in first})


def may_be_kept(key: Key, response: Response) -> bool:
    """Whether an answer is everybody's, whole, and of a bearable size."""
    rules, varies = listed(response, "Cache-Control"), listed(response, "Vary")
    return (
        response.status_code == 200
        and "public" in rules
        and not rules & {"no-store", "no-cache", "private"}
        and varies <= {"accept-encoding"}
        and "Set-Cookie" not in response.headers
        and "Content-Encoding" not in response.headers
        and (response.content_length or LARGEST) < LARGEST  # a stream has none
        and len(key.query) <= LONGEST_QUERY
    )


def listed(response: Response, name: str) -> set[str]:
    """Return the words of all the headers of this name."""
    lines = response.headers.getlist(name)
    return {word.partition("=")[0].strip().lower() for word in ",".join(lines).split(",")} - {""}


class PageCache:
    """The layer. Its memory is bounded; what was not asked for the longest goes first.

    `today` says which day the pages are of: when it changes, all of them are dropped.
    """

    def __init__(
        self,
        below: WSGIApplication,
        today: Callable[[], date],
        is_private: Callable[[str], bool],
        entries: int = 4_000,
        size: int = 128_000_000,  # bytes; 2,600 articles in each encoding
    ):
        self.below, self.today, self.is_private = below, today, is_private
        self.entries, self.size = entries, size
        self.pages: OrderedDict[Key, Page] = OrderedDict()
        self.filled, self.second, self.day, self.lock = 0, 0, date.min, Lock()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path = "/" + environ["PATH_INFO"].lstrip("/")  # as Flask reads it
        if environ["REQUEST_METHOD"] not in METHODS or self.is_private(path):
            return self.below(environ, start_response)
        key = make_key(environ.get("HTTP_HOST", ""), path, environ.get("QUERY_STRING", ""))
        page, day = self.find(key), self.day
        if page is None:
            response = self.ask(key, environ)
            response.headers.pop("Date", None)  # the server's to say, when it sends the answer
            if not may_be_kept(key, response):
                return response(environ, start_response)
            with response:
                page = Page(response)
            self.keep(key, page, day)
        reply = page.reply(
            environ.get("HTTP_ACCEPT_ENCODING", ""), environ.get("HTTP_IF_NONE_MATCH", "")
        )
        start_response(reply.status, list(reply.headers))
        return [reply.body if environ["REQUEST_METHOD"] == "GET" else b""]

    def find(self, key: Key) -> Page | None:
        with self.lock:
            if self.second != int(time()):
                self.drop_yesterday()
            if page := self.pages.get(key):
                self.pages.move_to_end(key)
            return page

    def ask(self, key: Key, environ: WSGIEnvironment) -> Response:
        """Let the site below answer, in full, to nobody known, and for this key alone."""
        plain = {name: value for name, value in environ.items() if not name.startswith(HIDDEN)}
        plain.update(REQUEST_METHOD="GET", QUERY_STRING=key.query)
        return Answer.from_app(self.below, plain)

    def keep(self, key: Key, page: Page, day: date) -> None:
        """Keep a page that was asked for on `day`; after midnight it may be yesterday's."""
        with self.lock:
            self.drop_yesterday()
            if day != self.day or key in self.pages:
                return
            self.pages[key] = page
            self.filled += page.weight
            while len(self.pages) > self.entries or self.filled > self.size:
                _key, oldest = self.pages.popitem(last=False)
                self.filled -= oldest.weight

    def drop_yesterday(self) -> None:
        """Forget everything when the date has changed. Finding that out once a second is enough."""
        self.second, today = int(time()), self.today()
        if self.day != today:
            self.day = today
            self.forget()

    def forget(self) -> None:
        self.pages.clear()
        self.filled = 0


def init_app(app: Flask) -> None:
    """Put the layer right around Flask; `security` puts the one that knows proxies around this."""
    if not app.debug:
        app.wsgi_app = app.extensions["pagecache"] = PageCache(
            app.wsgi_app, app.extensions["content"].practice.today, app.extensions["is_private"]
        )
