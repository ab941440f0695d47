"""Public pages are answered from memory, and nothing that is anybody's own ever gets there."""

import gzip
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from hashlib import sha256

import brotli
import pytest
import time_machine
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.test import Client

import pagecache
from app import create_app
from conftest import private_folder
from pagecache import PageCache, choose, matches
from security import PRIVATE, is_private
from test_visitors import ADDRESSES, LEAD

PUBLIC = [("Content-Type", "text/html; charset=utf-8"), ("Cache-Control", "public, max-age=300")]
BODY = b"<p>Necks and backs, and what helps them.</p>" * 50
BROWSER = "gzip, deflate, br, zstd"


class Origin:
    """A site below the layer: one answer to everything, and a note of what it was asked."""

    def __init__(self, headers=PUBLIC, body=BODY, status="200 OK", *, streamed=False, **options):
        self.status, self.headers, self.body, self.streamed = status, list(headers), body, streamed
        self.asked, self.closed, self.today = [], 0, date(2026, 6, 30)
        self.cache = PageCache(self, lambda: self.today, is_private, **options)
        self.client = Client(self.cache, use_cookies=False)

    def __call__(self, environ, start_response):
        self.asked.append(environ)
        length = [] if self.streamed else [("Content-Length", str(len(self.body)))]
        start_response(self.status, [*self.headers, *length])
        return Chunks(self)

    def get(self, path="/", method="GET", **headers):
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.client.open(path, method=method, headers=given, buffered=True)

    @property
    def kept(self):
        return list(self.cache.pages)


class Chunks:
    """A body in two parts that must be closed, as Flask's is."""

    def __init__(self, origin):
        self.origin, self.parts = origin, iter((origin.body[:7], origin.body[7:]))

    def __iter__(self):
        return self.parts

    def close(self):
        self.origin.closed += 1


@pytest.fixture
def origin():
    return Origin()


# What is kept


def test_the_second_visitor_does_not_enter_the_site(origin):
    first, second = origin.get(), origin.get()
    assert first.data == second.data == BODY
    assert dict(first.headers) == dict(second.headers)
    assert len(origin.asked) == origin.closed == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"status": "404 NOT FOUND"},
        {"status": "500 INTERNAL SERVER ERROR"},
        {"status": "308 PERMANENT REDIRECT"},
        {"status": "206 PARTIAL CONTENT"},
        {"headers": []},
        {"headers": [("Cache-Control", "no-store")]},
        {"headers": [("Cache-Control", "max-age=300")]},
        {"headers": [("Cache-Control", "private, max-age=300")]},
        {"headers": [("Cache-Control", "public, no-store")]},
        {"headers": [("Cache-Control", "public, private")]},
        {"headers": [*PUBLIC, ("Cache-Control", "no-store")]},
        {"headers": [*PUBLIC, ("Set-Cookie", "session=ada")]},
        {"headers": [*PUBLIC, ("set-cookie", "session=ada")]},
        {"headers": [*PUBLIC, ("Vary", "Cookie")]},
        {"headers": [*PUBLIC, ("vary", "accept-encoding, COOKIE")]},
        {"headers": [*PUBLIC, ("Vary", "Accept-Encoding"), ("Vary", "Cookie")]},
        {"headers": [*PUBLIC, ("Vary", "*")]},
        {"headers": [*PUBLIC, ("Vary", "Accept-Language")]},
        {"headers": [*PUBLIC, ("Content-Encoding", "gzip")]},
        {"streamed": True},
        {"body": b"x" * pagecache.LARGEST},
    ],
    ids=lambda changes: str(changes)[:80],
)
def test_an_answer_that_is_not_everybodys_passes_as_it_is(changes):
    origin = Origin(**changes)
    first, second = origin.get(), origin.get()
    assert origin.kept == []
    assert len(origin.asked) == origin.closed == 2
    assert first.status == second.status == origin.status
    assert first.data == second.data == origin.body
    assert set(origin.headers) <= set(first.headers)
    assert "ETag" not in first.headers


@pytest.mark.parametrize("header", ["Cookie", "cookie", "Authorization", "AUTHORIZATION"])
def test_a_public_page_is_never_told_who_is_asking(origin, header):
    assert origin.get(**{header: "session=ada"}).data == BODY
    assert origin.get().data == BODY
    (environ,) = origin.asked
    assert "session=ada" not in environ.values()


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE"])
def test_only_reading_is_answered_from_memory(origin, method):
    origin.get()
    origin.get(method=method)
    assert [environ["REQUEST_METHOD"] for environ in origin.asked] == ["GET", method]
    assert len(origin.kept) == 1


@pytest.mark.parametrize("prefix", PRIVATE)
@pytest.mark.parametrize("trick", ["{}/", "/{}/x.css", "//{}", "/%2e{}", "{}%2fx.css", "%2f{}/"])
def test_a_private_address_is_passed_untouched_and_never_kept_even_if_it_says_public(prefix, trick):
    origin = Origin()
    address = "http://localhost" + trick.format(prefix)
    for _ in range(2):
        origin.get(f"{address}?page=2&q=x", If_None_Match="*", Cookie="")
    assert not [key for key in origin.kept if is_private("/" + key.path.lstrip("/"))]
    if not origin.kept:  # `/.staff` is another address
        assert [environ["QUERY_STRING"] for environ in origin.asked] == ["page=2&q=x"] * 2
        assert origin.asked[0]["HTTP_IF_NONE_MATCH"] == "*"


def test_every_host_has_pages_of_its_own(origin):
    origin.get(Host="127.0.0.1:8000")
    origin.get(Host="evil.example")
    assert [environ["HTTP_HOST"] for environ in origin.asked] == ["127.0.0.1:8000", "evil.example"]
    assert {key.host for key in origin.kept} == {"127.0.0.1:8000", "evil.example"}


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_the_site_below_always_renders_the_whole_page(origin, method):
    origin.get(
        method=method,
        If_None_Match="*",
        If_Modified_Since="Sun, 22 Nov 2026 10:00:00 GMT",
        If_Range='"x"',
        Range="bytes=0-1",
    )
    (environ,) = origin.asked
    assert environ["REQUEST_METHOD"] == "GET"
    assert not [name for name in environ if name.startswith(("HTTP_IF", "HTTP_RANGE"))]
    assert origin.get().data == BODY


def test_parameters_that_an_address_does_not_use_make_no_page_and_cannot_change_one(origin):
    for query in ("?utm_source=x", "", "?q=neck", "?%ff=%ff&&;=", "?" + "x" * 5000):
        assert origin.get(f"/articles/{query}").data == BODY
    assert [environ["QUERY_STRING"] for environ in origin.asked] == [""]


def test_a_search_is_kept_by_its_words_alone(origin):
    for query in ("q=neck+pain", "utm=1&q=neck%20pain&x", "q=neck+pain&q=other"):
        origin.get(f"/search?{query}")
    for query in ("q=", "q=na%C3%AFve", "", "Q=neck"):
        origin.get(f"/search?{query}")
    queries = [environ["QUERY_STRING"] for environ in origin.asked]
    assert queries == ["q=neck+pain", "q=", "q=na%C3%AFve", ""]


def test_a_search_of_endless_length_is_answered_and_not_kept(origin):
    assert origin.get("/search?q=" + "x" * 3_000).data == BODY
    assert origin.kept == []


# How it is answered


@pytest.mark.parametrize(
    ("accepted", "encoding", "decode"),
    [
        ("", None, bytes),
        ("gzip", "gzip", gzip.decompress),
        (BROWSER, "br", brotli.decompress),
        ("br;q=0, gzip", "gzip", gzip.decompress),
    ],
)
def test_a_page_comes_in_the_encoding_that_was_asked_for(origin, accepted, encoding, decode):
    for _ in range(2):
        answer = origin.get(Accept_Encoding=accepted)
        assert answer.headers.get("Content-Encoding") == encoding
        assert decode(answer.data) == BODY
        assert answer.content_length == len(answer.data)
        assert answer.headers["Vary"] == "Accept-Encoding"
    assert len(origin.asked) == 1


@pytest.mark.parametrize(
    ("accepted", "encoding"),
    [
        ("", "identity"),
        ("identity", "identity"),
        ("GZIP", "gzip"),
        ("gzip;q=0", "identity"),
        ("gzip;q=0.000", "identity"),
        ("br;q=0.2, gzip ; q=0.9", "gzip"),
        ("br;q=0.9,gzip;q=0.9", "br"),
        ("*", "br"),
        ("*;q=0", "identity"),
        ("*, br;q=0", "gzip"),
        ("gzip;q=0.5, identity", "identity"),
        ("identity;q=0", "identity"),
        ("gzip;q=2, br;q=, ;q=1", "identity"),
        ("zstd, deflate", "identity"),
    ],
)
def test_weights_are_honored(accepted, encoding):
    assert choose(accepted) == encoding


@given(st.text(alphabet="gzipbr*identy;=q,01. \t") | st.text())
def test_no_accept_encoding_header_is_too_strange(accepted):
    assert choose(accepted) in pagecache.ENCODERS


@given(st.dictionaries(st.sampled_from(["gzip", "br", "identity", "*"]), st.integers(0, 1000)))
def test_what_is_chosen_was_never_refused_and_nothing_else_was_wanted_more(weights):
    header = ", ".join(f"{name};q={weight / 1000:.3f}" for name, weight in weights.items())
    wanted = {name: weights.get(name, weights.get("*", 0)) for name in ("gzip", "br")}
    chosen = choose(header)
    if chosen != "identity":
        assert wanted[chosen] > 0
    assert wanted.get(chosen, 1001 - max(wanted.values())) >= 0
    if wanted["gzip"] and "identity" not in weights:
        assert wanted[chosen] == max(wanted.values())


def test_each_encoding_has_an_entity_tag_of_its_own_and_every_worker_the_same(origin):
    tags = [origin.get(Accept_Encoding=name).headers["ETag"] for name in ("", "gzip", "br")]
    assert len(set(tags)) == 3
    assert tags[0] == f'"{sha256(BODY).hexdigest()[:24]}"'
    other = Origin()
    assert [other.get(Accept_Encoding=name).headers["ETag"] for name in ("", "gzip", "br")] == tags
    changed = Origin(body=BODY + b" ")
    assert changed.get().headers["ETag"] not in tags


@pytest.mark.parametrize("form", ["{}", "W/{}", '"a,b", W/{} ,"c"', "*", " * "])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_who_has_the_page_is_told_that_it_has_not_changed(origin, form, method):
    whole = origin.get(Accept_Encoding="gzip")
    asked = form.format(whole.headers["ETag"])
    answer = origin.get(method=method, Accept_Encoding="gzip", If_None_Match=asked)
    assert (answer.status_code, answer.data) == (304, b"")
    for name in ("ETag", "Cache-Control", "Vary"):
        assert answer.headers[name] == whole.headers[name]
    assert not set(answer.headers.keys()) & {"Content-Length", "Content-Type", "Content-Encoding"}


@pytest.mark.parametrize("asked", ['"other"', "other", 'W/"', "", ",", '"*"', "W/*"])
def test_who_has_another_page_gets_this_one(origin, asked):
    assert origin.get(If_None_Match=asked).data == BODY


def test_an_entity_tag_of_another_encoding_does_not_count(origin):
    tag = origin.get(Accept_Encoding="gzip").headers["ETag"]
    assert origin.get(Accept_Encoding="br", If_None_Match=tag).status_code == 200


@given(st.lists(st.text(alphabet=st.characters(blacklist_characters='"'), max_size=9)))
def test_a_list_of_entity_tags_is_read_tag_by_tag(tags):
    header = ", ".join(f'W/"{tag}"' for tag in tags)
    assert matches(header, '"needle"') == ("needle" in tags)
    assert matches(f'{header}, "needle"', '"needle"')


@pytest.mark.parametrize("method", ["HEAD", "GET"])
def test_head_has_the_headers_of_the_page_and_nothing_below(method):
    """Whichever is asked first."""
    origin = Origin()
    origin.get(method=method)
    head, page = origin.get(method="HEAD", Accept_Encoding="br"), origin.get(Accept_Encoding="br")
    assert head.data == b""
    assert dict(head.headers) == dict(page.headers)
    assert len(origin.asked) == 1


@pytest.mark.parametrize(
    ("kind", "body"),
    [("image/png", BODY), ("image/vnd.microsoft.icon", BODY), ("text/plain", b"ok")],
)
def test_what_does_not_shrink_is_sent_as_it_is(kind, body):
    origin = Origin([("Content-Type", kind), ("Cache-Control", "public")], body)
    answer = origin.get(Accept_Encoding=BROWSER)
    assert answer.data == body
    assert not set(answer.headers.keys()) & {"Content-Encoding", "Vary"}


@pytest.mark.parametrize(
    "kind", ["text/css; charset=utf-8", "image/svg+xml", "application/manifest+json"]
)
def test_every_kind_of_text_is_compressed(kind):
    origin = Origin([("Content-Type", kind), ("Cache-Control", "public")])
    assert origin.get(Accept_Encoding=BROWSER).headers["Content-Encoding"] == "br"


def test_a_stored_answer_does_not_repeat_an_old_date():
    old = ("Date", "Sun, 22 Nov 2026 10:00:00 GMT")
    origin = Origin([*PUBLIC, old, ("ETag", '"theirs"'), ("Accept-Ranges", "bytes")])
    headers = origin.get().headers
    assert not set(headers.keys()) & {"Date", "Accept-Ranges"}
    assert headers.getlist("ETag") != ['"theirs"']


def test_an_answer_on_the_wire_says_what_the_other_one_says(origin):
    origin.get()
    (page,) = origin.cache.pages.values()
    reply = page.reply("gzip", "")
    first, *lines, end = reply.head.decode().split("\r\n")
    assert (first, end) == ("HTTP/1.1 200 OK", "")
    assert lines == [f"{name}: {value}" for name, value in reply.headers]


# How long it is kept


def test_midnight_at_the_practice_empties_the_memory(origin):
    with time_machine.travel("2026-06-30T23:59:50-05:00", tick=False) as clock:
        origin.get()
        origin.today = date(2026, 7, 1)
        clock.shift(1)
        origin.get()
        origin.get()
    assert len(origin.asked) == 2
    assert origin.cache.filled == sum(page.weight for page in origin.cache.pages.values())


def test_a_page_that_was_begun_before_midnight_is_not_kept_after_it(origin):
    with time_machine.travel("2026-06-30T23:59:59-05:00", tick=False) as clock:
        ask = origin.cache.below

        def slowly(environ, start_response):
            origin.today = date(2026, 7, 1)
            clock.shift(1)
            return ask(environ, start_response)

        origin.cache.below = slowly
        assert origin.get().data == BODY
    assert origin.kept == []


def test_the_page_that_nobody_asked_for_the_longest_goes_first():
    origin = Origin(entries=2)
    for path in ("/a", "/b", "/a", "/c"):
        origin.get(path)
    assert [key.path for key in origin.kept] == ["/a", "/c"]


def test_the_memory_has_an_end():
    origin = Origin(size=50_000)
    for number in range(20):
        for accepted in ("", "gzip", "br"):
            origin.get(f"/{number}", Accept_Encoding=accepted)
    assert 0 < len(origin.kept) < 20
    pages = origin.cache.pages.values()
    assert origin.cache.filled == sum(page.weight for page in pages) <= 50_000
    assert origin.cache.filled >= sum(map(weigh, pages))


def weigh(page):
    """The bytes that a page really holds."""
    replies = [reply for _tag, *pair in page.encoded.values() for reply in pair]
    return len(page.body) + sum(len(reply.body) + len(reply.head) for reply in replies)


def test_many_visitors_at_once_all_get_their_page():
    origin = Origin(entries=3)

    def visit(number):
        return Client(origin.cache).get(f"/{number % 7}", headers={"Accept-Encoding": "gzip"}).data

    with ThreadPoolExecutor(8) as pool:
        pages = list(pool.map(visit, range(400)))
    assert {gzip.decompress(page) for page in pages} == {BODY}
    assert len(origin.kept) == 3
    assert origin.cache.filled == sum(page.weight for page in origin.cache.pages.values())


# In the site


@pytest.fixture
def memory(app):
    cache = app.extensions["pagecache"]
    cache.forget()
    return cache


def test_what_patients_and_staff_do_leaves_nothing_behind(memory, ada, bob, submission):
    memory.forget()
    for path in (
        "/staff/",
        "//staff/",
        "/staff/login",
        "/staff/account",
        f"/staff/submissions/{submission.reference}",
        f"/%2fstaff/submissions/{submission.reference}",
        "/staff/x.css",
        "/appointment/safety",
        "/appointment/details",
        "/received/nothing",
        "/nothing",
        "/articles",
        "/about/../staff/",
    ):
        for person in (ada, bob):
            for method in ("GET", "HEAD"):
                person.ask(method, path)
    assert {key.path for key in memory.pages} <= {"/articles/"}
    for page in memory.pages.values():
        assert b"Siobh" not in page.body


@pytest.mark.parametrize("address", ADDRESSES)
def test_a_page_from_memory_is_the_page(memory, ada, bob, address):
    fresh, stored = bob.visit(address), bob.visit(address)
    assert [key.path for key in memory.pages] == [address.partition("?")[0]]
    assert stored.response.data == fresh.response.data
    assert dict(stored.headers) == dict(fresh.headers)
    noise = "&" if "?" in address else "?"
    assert ada.visit(f"{address}{noise}utm_source=x").response.data == fresh.response.data


def test_an_untrusted_host_is_refused_whatever_is_kept(memory, bob):
    bob.visit(LEAD)
    for host in ("evil.example", "127.0.0.1.evil.example", ""):
        assert bob.client.get(LEAD, headers={"Host": host}).status_code == 400


def test_a_form_is_never_answered_from_memory(memory, bob):
    bob.visit("/")
    assert bob.ask("POST", "/", follow_redirects=False).status == 405


def test_who_changes_the_site_sees_every_change(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("FLASK_DEBUG", "1")
    app = create_app(INSTANCE_PATH=private_folder(tmp_path_factory))
    assert "pagecache" not in app.extensions
    assert "ETag" not in app.test_client().get("/").headers


def test_the_address_that_a_trusted_proxy_names_is_the_one_that_counts(tmp_path_factory):
    app = create_app(
        INSTANCE_PATH=private_folder(tmp_path_factory),
        TRUSTED_PROXIES=1,
        SITE_URL="https://www.example.org",
    )
    client = app.test_client()
    assert client.get("/", headers={"X-Forwarded-Host": "www.example.org"}).status_code == 200
    assert client.get("/", headers={"X-Forwarded-Host": "evil.example"}).status_code == 400
    assert [key.host for key in app.extensions["pagecache"].pages] == ["www.example.org"]
