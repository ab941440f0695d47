"""Hostile words in every field come out as words, wherever they come out."""

import csv
import io
import json
import re
from dataclasses import replace
from email import message_from_bytes, policy
from email.header import decode_header, make_header
from email.utils import parseaddr
from urllib.parse import unquote, urlsplit
from xml.etree import ElementTree as ET

import pytest
import sqlalchemy as sa
from bs4 import BeautifulSoup
from icalendar import Calendar

from conftest import empty, signed_in
from content import library
from content_files import ContentError, read_keys
from content_kinds import LINE
from filling import all_wrong, through
from forms import FLOWS
from forms_fields import clean
from models import db
from models_letters import Letter
from pages import Person
from people import BIRTH, CONTACT, an_appointment, an_open_day, letters, link_in, submissions
from staff_csv import safe

HARMLESS = "Anna"
HOSTILE = {
    "markup": """"'></bdi></dd></textarea></title><x-evil onx=1></x-evil><script>1</script>""",
    "a template": "{{ 913*727 }}{% for x in '%' %}${913*727}#{913*727}<%= 913*727 %>",
    "a formula": "=1+1",
    "line ends": "Ann\r\nBcc: eve@example.net\r\n\r\nFull name\rBEGIN:VEVENT\x0b\x85\u2028X:1",
    "turned around": "Ann \u202eevil \u2066\u202d\u202bevil\u2067",
}
TURNED = [HOSTILE["turned around"]]
TURNS = re.compile("[\u202a-\u202e\u2066-\u2069]")
# Where letters that turn the line around turn no more than what is in it: HTML, “Rendering”.
ISOLATED = ["bdi", "textarea"]


def tour(app, words):
    """Type these words into every field there is; return all pages that show them, by name."""
    bob, pages = Person(app.test_client()), {}
    for flow in FLOWS:
        *wrong, check = through(bob, flow, lambda _name: words)
        pages |= {f"{flow}, {number}": page for number, page in enumerate(wrong)}
        received = check.submit()
        pages |= {f"{flow}, check": check, f"{flow}, received": received}
        pages[f"{flow}, copy"] = bob.visit(f"{received.path}/copy")
    return pages | following(app, words) | staff(app, words)


def following(app, words):
    """The pages behind the link in a letter."""
    link = link_in(letters("received")[0])
    wrong = all_wrong(Person(app.test_client()).visit(link), lambda _name: words)
    page = wrong.submit(**BIRTH)
    times = page.link("Ask for another time")
    return {"birth": wrong, "request": page, "times": all_wrong(times, lambda _name: words)}


def staff(app, words):
    """What staff see of it, also of a note and a search in the same words."""
    olga, pages = signed_in(app, "olga@example.org", "admin"), {}
    for one in submissions():
        address = f"/staff/submissions/{one.reference}"
        pages[f"{one.kind}, staff"] = olga.visit(address).submit("[action*=notes]", text=words)
        pages[f"{one.kind}, print"] = olga.visit(address).submit("[action*=print]")
    booking = {"day": an_open_day(9), "time": "09:30"}
    pages["booked"] = olga.visit(address).submit("[action*=schedule]", **booking)
    pages["list"] = olga.visit("/staff/?view=all")
    pages["found"] = pages["list"].submit("[action*=search]", q=words)
    for name in ("activity", "letters", "overview"):
        pages[name] = olga.visit(f"/staff/{name}")
    export = olga.visit("/staff/export.csv?view=all").submit(reason="Numbers for a report")
    return pages | {"export": export}


def structure(page):
    """The elements of a page and the names of what they have, without any words."""
    return [(tag.name, *sorted(tag.attrs)) for tag in page.soup.find_all()] or unindented(page)


PLAIN = {}


@pytest.fixture
def plain(app):
    """What the pages are made of when nobody is up to anything."""
    engine = db.engine.dialect.name
    if engine not in PLAIN:
        PLAIN[engine] = {name: structure(page) for name, page in tour(app, HARMLESS).items()}
        empty()
    return PLAIN[engine]


def strays(page):
    """Return words that can turn around what stands beside them."""
    turning = page.soup.find_all(string=TURNS)
    named = [
        value
        for tag in page.soup.find_all()
        for name, value in tag.attrs.items()
        if name != "value"
    ]
    return [words for words in turning if not words.find_parent(ISOLATED)] + TURNS.findall(
        str(named)
    )


def unindented(page):
    """The lines of a copy that are not the patient's own words."""
    lines = page.response.text.splitlines()
    return [line for line in lines if line[:1].strip() and not line.startswith("Reference")]


def check_export(page, words):
    """Each cell is what was said, and none can run."""
    text = page.response.data.decode("utf-8-sig")
    assert text.count("\r\n") == text.count("\r")
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert len(rows) == len(submissions())
    for row in rows:
        assert safe(clean(words)) in row.values()
        assert all(safe(cell) == cell or cell.startswith("'") for cell in row.values())


@pytest.fixture
def mail(posted):
    """Let all letters go; return each as it went out, and the address it went to."""

    def read():
        letters = [check_letter(raw) for raw in posted()]
        assert {letter.state for letter in db.session.scalars(sa.select(Letter))} == {"sent"}
        db.session.rollback()
        return letters

    return read


def check_letter(raw):
    """Return a letter that has no line end but those of mail, and no header but ours."""
    assert not re.search(rb"\r(?!\n)|(?<!\r)\n|[^\x00-\x7f]", raw)
    message = message_from_bytes(raw, policy=policy.default)
    assert set(message.keys()) == HEADERS
    message.sender = called(message_from_bytes(raw)["From"])
    return message


def called(sender):
    """The name in a header, as it came. The newer reader of Python puts spaces into a long one."""
    name, _address = parseaddr("".join(sender.splitlines()))
    return str(make_header(decode_header(name)))


def unfolded(part):
    return " ".join(part.get_content().split())


PARTS_OF_A_LETTER = {"html", "head", "meta", "title", "body", "p", "a"}


def check_calendar(file, words):
    """It is made of the lines that calendars want, and one event that says where it is."""
    lines = file.split(b"\r\n")
    assert max(map(len, lines)) <= 75
    (event,) = Calendar.from_ical(file).walk("VEVENT")
    assert event["LOCATION"] == f"{words}, {words}"
    assert event["ORGANIZER"].params["CN"] == words
    assert set(event.keys()) == EVENT


EVENT = {
    "UID", "SEQUENCE", "DTSTAMP", "DTSTART", "DTEND", "STATUS", "CLASS", "SUMMARY", "LOCATION",
    "ORGANIZER",
}  # fmt: skip
HEADERS = {
    "From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "MIME-Version", "Content-Type",
}  # fmt: skip


@pytest.mark.parametrize("words", HOSTILE.values(), ids=HOSTILE)
def test_hostile_words_in_every_field_come_out_as_words(app, plain, mail, words):
    pages = tour(app, words)
    check_export(pages.pop("export"), words)
    for name, page in pages.items():
        if name != "found":  # a search for other words finds other people
            assert structure(page) == plain[name], name
        assert "663751" not in page.response.text, name
        assert strays(page) == [], name
    for name in ("appointment, check", "intake, received", "intake, staff", "appointment, print"):
        shown = [answer.get_text() for answer in pages[name].soup.select("dd.words")]
        assert clean(words) in shown, name
    assert pages["found"].soup.select_one("#q")["value"] == words.strip()
    assert {message["Subject"] for message in mail()} >= {"Your appointment is booked"}


@pytest.mark.parametrize(
    "address",
    ["{{7*7}}@example.org", "=1+1|'x'!a0@example.org", "x%40example.net?cc=y&body=z@example.org"],
)
def test_an_address_that_means_more_elsewhere_is_only_an_address(bob, olga, mail, address):
    an_appointment(bob, email=address)
    page = olga.visit(f"/staff/submissions/{submissions()[0].reference}")
    (link,) = page.soup.select("a[href^=mailto]")
    assert link.get_text() == address
    assert unquote(urlsplit(link["href"]).path) == address
    assert (urlsplit(link["href"]).query, urlsplit(link["href"]).path.count("@")) == ("", 1)
    assert ("", address) in [parseaddr(message["To"]) for message in mail()]
    check_export(olga.visit("/staff/export.csv").submit(reason="Numbers for a report"), address)


@pytest.mark.parametrize("words", ["a\rb", "a\nb", "a\x0bb", "a\x1b[0m", "a\u2028b", *TURNED])
def test_a_line_of_content_is_one_line_and_turns_nothing_around(words):
    with pytest.raises(ContentError, match="a line of text"):
        read_keys("practice.toml", {"name": words}, {"name": LINE})


PUBLIC = ("/", "/articles/migraines-and-the-spine", "/awareness/june", "/about", "/feed.xml")
ODD = {
    "markup": HOSTILE["markup"],
    "a template": HOSTILE["a template"],
    "signs of calendars": 'An "odd": name; with, commas\\n and \\ and ^n',
    "a long word": "ö" * 200,
}


@pytest.fixture
def odd(app, monkeypatch):
    """Let the practice, and whoever writes its articles, be called something."""

    def name(words):
        said = library()
        read_keys("practice.toml", {"name": words}, {"name": LINE})  # it may be called so
        practice = replace(
            said.practice,
            **dict.fromkeys(("name", "tagline", "letter_name", "emergency_line"), words),
            address=(words, words),
        )
        called = dict.fromkeys(("title", "summary", "author", "condition", "reviewed_by"), words)
        articles = {
            slug: replace(article, **called, reviewed_on=article.updated)
            for slug, article in said.articles.items()
        }
        monkeypatch.setitem(
            app.extensions, "content", replace(said, practice=practice, articles=articles)
        )
        app.extensions["pagecache"].forget()

    return name


def public_pages(person):
    return {address: person.visit(address) for address in PUBLIC}


@pytest.mark.parametrize("words", ODD.values(), ids=ODD)
def test_what_the_practice_calls_itself_stays_words(bob, odd, words):
    odd(HARMLESS)
    plain = {address: structure(page) for address, page in public_pages(bob).items()}
    odd(words)
    pages = public_pages(bob)
    for address, page in pages.items():
        assert structure(page) == plain[address], address
        assert "663751" not in page.response.text, address
    clinic = json.loads(pages["/"].soup.select_one("[type='application/ld+json']").get_text())
    assert (clinic["name"], clinic["address"]) == (words, f"{words}, {words}")
    article = json.loads(
        pages[PUBLIC[1]].soup.select_one("[type='application/ld+json']").get_text()
    )
    assert [article[name] for name in ("name", "description")] == [words, words]
    assert {article[name]["name"] for name in ("author", "about", "reviewedBy")} == {words}
    assert json.loads(bob.visit("/site.webmanifest").response.text)["name"] == words
    feed = ET.fromstring(pages["/feed.xml"].response.text)
    assert {entry.findtext("{*}title") for entry in feed.iterfind("{*}entry")} == {words}


@pytest.mark.parametrize("words", ODD.values(), ids=ODD)
def test_what_the_practice_calls_itself_makes_no_header_and_no_line_of_a_calendar(
    bob, ada, mail, odd, words
):
    an_appointment(bob)
    odd(words)
    mail()
    page = ada.visit(f"/staff/submissions/{submissions()[0].reference}")
    page.submit("[action*=schedule]", day=an_open_day(9), time="09:30")
    sent = mail()
    for message in sent:
        assert message.sender == words
        page = BeautifulSoup(message.get_body("html").get_content(), "html.parser")
        assert {tag.name for tag in page.find_all()} == PARTS_OF_A_LETTER
    to_patient = [message for message in sent if message["To"] == CONTACT["email"]]
    assert [words in unfolded(message.get_body("plain")) for message in to_patient] == [True] * 2
    (file,) = [file for message in sent for file in message.iter_attachments()]
    check_calendar(file.get_content().encode(), words)
