"""Every address, by every method, with anything in its query, headers, cookies and body."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.middleware.proxy_fix import ProxyFix

from hostile import HEADERS as ODD
from hostile import STRAYS, effort, headers, meddled, meddled_query, spoiled, urlencoded, values
from models import STATUSES
from pages import Person
from people import an_open_day, details
from security import HEADERS, sign
from test_staff_access import ENDS, METHODS

# What fits most addresses, so that what is hostile beside it gets beyond the first check.
FITS = {
    "red_flags": "none",
    "draft": "",
    "version": "1",
    "status": "contacted",
    "assigned": "0",
    "text": "A note",
    "time": "09:30",
    "code": "123456",
    "reason": "A check of our records",
    "letter": "",
}


@pytest.fixture
def known(app, ada, bob, submission):
    """What real addresses and cookies are made of; the token goes with the cookie of staff."""
    page = ada.visit("/staff/")
    return {
        "csrf_token": page.typed("main form[method=post]")["csrf_token"],
        "session": ada.client.get_cookie("session").value,
        "form": bob.client.get_cookie("form").value,
        "flow": ["appointment", "intake"],
        "name": ["safety", "advice", "details", "you", "check", "later"],
        "reference": [submission.shown_reference, "7K3F-9QRT"],
        "slug": ["june", "spine", "migraines-and-the-spine"],
        "filename": ["site.css"],
        "token": [sign(purpose, submission.id) for purpose in ("received", "request", "intake")],
    }


@st.composite
def addresses(draw, rules, known):
    """An address of the site, with parts that are real, or made up."""
    rule = draw(st.sampled_from(rules))
    for place, name in re.findall(r"(<[^>]+?:?(\w+)>)", rule):
        part = draw(st.sampled_from(known[name]) | values)
        rule = rule.replace(place, part)
    return rule.encode("utf-8", "surrogatepass").decode("latin-1")  # as servers hand it on


def cookies(known):
    """What is in the jar: nothing, what is right there, or something of the kind."""
    odd = spoiled(known["session"]) | spoiled(known["form"])

    def either(name):
        return st.booleans().flatmap(lambda right: st.just(known[name]) if right else odd)

    jars = st.fixed_dictionaries({}, optional={name: either(name) for name in ("session", "form")})
    return jars.map(lambda jar: "; ".join(f"{name}={value}" for name, value in jar.items()))


def bodies(known):
    form = {**details(), **FITS, "day": an_open_day(), "csrf_token": known["csrf_token"]}
    offered = [*STATUSES, *form.values()]
    return meddled(form, {*form, *STRAYS}, offered).map(urlencoded) | st.binary(max_size=200)


@effort(few=200, many=3_000)
def test_no_request_whatsoever_is_a_crash(app, known, monkeypatch, effort):
    monkeypatch.setattr(app, "wsgi_app", ProxyFix(app.wsgi_app, x_for=1, x_proto=1, x_host=1))
    client = app.test_client(use_cookies=False)
    rules = sorted({rule.rule for rule in app.url_map.iter_rules()} - ENDS)
    kinds = st.just("application/x-www-form-urlencoded") | st.sampled_from(ODD["Content-Type"])

    @effort
    @given(
        st.sampled_from(["GET", "POST"]) | st.sampled_from([*METHODS, "BREW"]),
        addresses(rules, known),
        meddled_query(),
        st.tuples(headers, kinds, cookies(known)),
        bodies(known),
    )
    def attempt(method, address, query, told, body):
        more, kind, jar = told
        given = {"Content-Type": kind, "Cookie": jar, **dict(more)}
        options = {"query_string": query, "headers": given, "data": body}
        options |= {"environ_overrides": {"PATH_INFO": address}, "follow_redirects": False}
        answer = Person(client).ask(method, "/", **options).response
        assert answer.status_code < 500
        assert HEADERS.keys() <= set(answer.headers.keys())
        if not jar:
            assert b"Siobh" not in answer.data

    attempt()
