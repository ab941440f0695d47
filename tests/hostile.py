"""What bad intentions, broken programs and bad luck send: values, fields, headers and cookies."""

from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st

from pages import as_list

# All but the one that explains a failure, which takes longer than to find it.
PHASES = [phase for phase in Phase if phase is not Phase.explain]


def effort(*, few, many, steps=50):
    """Let a test take its settings as `effort`.

    The ordinary suite tries `few` examples, always the same; `make drill` tries `many` new ones.
    """
    same = {
        "deadline": None,
        "stateful_step_count": steps,
        "phases": PHASES,
        "suppress_health_check": [HealthCheck.too_slow, HealthCheck.data_too_large],
    }
    ordinary = settings(max_examples=few, derandomize=True, database=None, **same)
    drill = settings(max_examples=many, print_blob=True, **same)
    efforts = [
        pytest.param(ordinary, id="few"),
        pytest.param(drill, id="many", marks=pytest.mark.drill),
    ]
    return pytest.mark.parametrize("effort", efforts)


NASTY = [
    "",
    " ",
    "\0",
    "\ud800",
    "\r\nSet-Cookie: form=mine",
    "' OR 1=1 --",
    '"><script>alert(1)</script>',
    "{{7*7}}{% raw %}",
    "%00%ff%",
    "../../etc/passwd",
    "//evil.example",
    "https://evil.example/",
    "\u202egnihtemos",
    "=1+1",
    "٣",
    "9" * 30,
    "-1",
    "1e309",
    "NaN",
    "0001-01-01",
    "2026-12-02",
    "9999-12-31",
    "24:60",
    "none",
    "yes",
    "a@b",
    "7K3F-9QRT",
    "e\u0301" * 150,
    "x" * 5_000,
]
values = st.sampled_from(NASTY) | st.text(max_size=12)

# Fields and parameters that are asked for nowhere, or somewhere else.
STRAYS = ["draft", "website", "csrf_token", "back", "later", "version", "is_staff", "id", "next"]
PARAMETERS = [
    *("about", "after", "before", "find", "view", "kind", "urgency", "status", "assigned"),
    *("factor", "article", "since", "until", "state", "who", "what", "submission", "q", "next"),
]


def urlencoded(pairs):
    """The pairs as a form sends them, also where what is in them is no proper text."""
    return urlencode(
        [tuple(text.encode("utf-8", "surrogatepass") for text in pair) for pair in pairs]
    )


@st.composite
def meddled(draw, typed, names, offered=()):
    """What a form would send, with up to three fields changed, left out or sent twice.

    `names` are those that somebody could think of, `offered` what the page offers somewhere.
    """
    pairs = [(name, value) for name, given in typed.items() for value in as_list(given)]
    some = values | st.sampled_from(offered) if offered else values
    for name in draw(st.lists(st.sampled_from(sorted(names)), max_size=3)):
        act = draw(st.sampled_from(["change", "leave out", "send twice"]))
        if act != "send twice":
            pairs = [pair for pair in pairs if pair[0] != name]
        if act != "leave out":
            pairs.append((name, draw(some)))
    return pairs


def meddled_query(typed=()):
    """A query for an address, of what is there already and what others understand."""
    return meddled(dict(typed), {*dict(typed), *PARAMETERS}).map(urlencoded)


# What a header can hold when it gets through a server: no line ends, and bytes as Latin-1.
in_header = values.map(
    lambda text: (
        text.encode("utf-8", "replace").decode("latin-1").translate(dict.fromkeys(b"\r\n\0"))
    )
)
HEADERS = {
    "Host": ["localhost", "127.0.0.1:8000", "evil.example", "localhost:99999", "[::1"],
    "Origin": ["null", "http://localhost", "https://evil.example", "http://[bad"],
    "Sec-Fetch-Site": ["same-origin", "same-site", "cross-site", "none"],
    "Referer": ["http://localhost/staff/", "https://evil.example/", "//"],
    "User-Agent": ["", "Mozilla/5.0"],
    "Accept": ["application/json", "*/*;q=nan", "text/html;q=2"],
    "Accept-Encoding": ["br", "gzip;q=0, *", "identity;q=0", "br;q=1e309"],
    "Accept-Language": ["ar", "*;q=x"],
    "Content-Type": [
        "application/json",
        "application/x-www-form-urlencoded; charset=utf-7",
        "multipart/form-data",
        "multipart/form-data; boundary=x",
        "text/html",
    ],
    "X-Forwarded-For": ["127.0.0.1", "1.2.3.4, 5.6.7.8", "::ffff:1.2.3.4", "fe80::1%eth0"],
    "X-Forwarded-Host": ["evil.example", "localhost"],
    "X-Forwarded-Proto": ["https", "javascript"],
    "If-None-Match": ["*", '"a", W/"b"', '"'],
    "If-Modified-Since": ["Thu, 01 Jan 1970 00:00:00 GMT", "Thu, 99 Foo 99999 00:00:00 GMT"],
    "If-Range": ['"a"', "x"],
    "Range": ["bytes=0-0", "bytes=-1", "bytes=9-1,0-", "bytes=99999999999999999999-"],
    "Authorization": ["Basic !", "Bearer x", "Basic Og=="],
    "X-HTTP-Method-Override": ["DELETE"],
    "X-CSRFToken": ["x"],
}
headers = st.lists(
    st.sampled_from(sorted(HEADERS)).flatmap(
        lambda name: st.tuples(st.just(name), st.sampled_from(HEADERS[name]) | in_header)
    ),
    max_size=3,
    unique_by=lambda pair: pair[0],
)


def spoiled(cookie):
    """A cookie that somebody has played with. How long it is must not matter to Hypothesis."""
    place = st.floats(0, 1).map(lambda part: int(part * len(cookie)))
    cut = place.map(lambda at: cookie[:at])
    turned = place.map(
        lambda at: f"{cookie[:at]}{'B' if cookie[at:][:1] == 'A' else 'A'}{cookie[at + 1 :]}"
    )
    return cut | turned | st.sampled_from(["", "..", cookie * 2, f"{cookie}.x", '"'])
