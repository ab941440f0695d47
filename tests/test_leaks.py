"""What patients and staff type is found nowhere but where it belongs.

A real server, a real mail server, and on PostgreSQL a database server that writes down all that it
is told. Canaries go into every field that there is, found on the pages; then every byte that any of
it has left behind is looked through.
"""

import html
import re
import zlib
from base64 import b64encode, urlsafe_b64encode
from contextlib import suppress
from datetime import date
from urllib.parse import urlencode

import psycopg
import pytest
import sqlalchemy as sa

from canaries import BIRTH, STEM, Hunt, canary, contact, unpacked
from filling import all_wrong, days_wished, through
from forms_parts import long_day
from mail import mail_server
from models import Submission, db
from models_letters import Letter
from pages import Person
from people import an_open_day, details
from serving import Wire, one_time_password, wait_for
from signing_in import begin
from troubles import on_own_postgresql, on_sqlite

STAFF = "ada@example.org"  # what they are called is no secret, and is there to be found
ADDRESSES = re.compile(r'(?s)<title>.*?</title>|\b(?:href|action|src|data-\w+)="[^"]*"')
TO_REACH = re.compile(r'href="(?:mailto|tel):[^"]*"')  # staff call and write with these
SUBJECTS = {
    "We received your request",
    "Finish your form",
    "Your appointment is booked",
    "Your appointment has a new time",
    "Your appointment is cancelled",
    "A new request is waiting",
    "A new intake is waiting",
    "A patient asked for another time",
    "A patient cancelled",
}
EMPTY = re.compile(rb"\0{16,}")  # half of a database is unused
PLACES = {"sqlite": on_sqlite, "postgresql": on_own_postgresql}


class Overheard(Wire):
    """A browser, and what a proxy, a history or a passer-by could see of all that it does."""

    heard = ()

    def ask(self, method, path, data, headers):
        answer = super().ask(method, path, data, headers)
        text = answer.text if answer.mimetype == "text/html" else ""
        seen = [f"{method} {path} {answer.status}", str(answer.headers)]
        seen += ADDRESSES.findall(TO_REACH.sub("", text))
        if answer.status_code >= 400 and "<input" not in text:  # a form keeps what was typed
            seen.append(text)
        self.heard += (html.unescape("\n".join(seen)).encode(),)
        return answer


class Site:
    """A running site, the browsers that came to it, and what its owner's commands have said."""

    def __init__(self, place, server, box):
        self.place, self.server, self.box = place, server, box
        self.browsers, self.said = [], []

    def person(self):
        self.browsers.append(Overheard(self.server.url, self.place.app))
        return Person(self.browsers[-1])

    def flask(self, *words):
        ended = self.place.flask_alone(*words)
        assert "Traceback" not in ended.stderr
        self.said.append(f"{ended.stdout}\n{ended.stderr}".encode())

    def letters_are_out(self):
        waiting = sa.select(sa.func.count()).where(Letter.state == "waiting")
        with self.place.look():
            return db.session.scalar(waiting) == 0


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.drill)])
def site(request, tmp_path, monkeypatch):
    """A site with a folder of its own for temporary files, on each engine."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with mail_server() as box, PLACES[request.param](request) as place:
        place.settings["SMTP_URL"] = box.address()
        if request.param == "postgresql":
            write_down_all(place.database)
        with place.serve() as server, place.app.app_context():
            yield Site(place, server, box)


@pytest.fixture
def private(tmp_path_factory):
    """A folder for what the owner tells somebody of themselves."""
    return tmp_path_factory.mktemp("private")


def write_down_all(database):
    """Let a PostgreSQL server keep every command that it is given, and all values, in its log."""
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("ALTER SYSTEM SET log_statement = 'all'")
        connection.execute("SELECT pg_reload_conf()")


def telling(who):
    """What somebody says: a canary in each field."""
    return lambda name: canary(f"{who} {name}")


def fill_in(person, flow, who):
    """Go through a flow, each page wrong at first; return the page with all answers."""
    *_wrong, page = through(person, flow, telling(who), **contact(who))
    assert canary(f"{who} full name") in page.text
    return page


def patients_come(site):
    """Bob asks for an appointment, Eve hands in an intake on two devices, and Sam goes astray.

    Return Bob's intake, as yet unsent.
    """
    received = fill_in(site.person(), "appointment", "bob").submit()
    assert STEM in received.person.visit(f"{received.path}/copy").response.text
    later = fill_in(site.person(), "intake", "eve").submit(later="yes")
    all_wrong(later, telling("eve")).submit(email=contact("eve")["email"])
    there = opened(site, link_to(site, "eve", "Finish your form"))
    site.box.answers["RCPT"].append(f"550 <{contact('eve')['email']}> is nobody here")
    assert there.submit().path.startswith("/received/")
    astray = site.person().visit("/appointment/").submit(red_flags=["none"])
    all_wrong(astray, telling("sam"), but=())
    return received.link("Start your intake form")


def link_to(site, who, subject):
    """The address in a letter that somebody has got."""
    to = contact(who)["email"]
    wait_for(site.letters_are_out)
    (text,) = {
        letter.get_body("plain").get_content()
        for letter in site.box.got
        if (letter["To"], letter["Subject"]) == (to, subject)
    }
    return re.search(r"http\S+?(/\w+/\S+)", text)[1]


def opened(site, link):
    """What is behind a link in a letter, on another device and after a mistake."""
    return all_wrong(site.person().visit(link), telling("anybody")).submit(**BIRTH)


def patient_follows(site):
    """Bob asks for another time."""
    page = opened(site, link_to(site, "bob", "We received your request"))
    wrong = all_wrong(page.link("Ask for another time"), telling("bob"))
    parts = {f"window{number}_part": "either" for number in (1, 2, 3)}
    assert wrong.submit(**days_wished(), **parts).path == page.path
    return page


def things_go_wrong(site, page):
    """Somebody sends what does not belong there, and a page that makes the site crash."""
    typed = {name: canary(f"astray {name}") for name in details()}
    astray = site.person()
    pages = [
        astray.send("/nowhere", typed),
        astray.send("/", typed),
        astray.send("/appointment/details", {"message": canary("long") * 100_000}),
        astray.send("/staff/search", {"q": canary("q")}),
        astray.ask("POST", "/appointment/details", data=typed, headers={"Origin": "http://x"}),
    ]
    with site.place.look():
        db.session.execute(sa.update(Submission).values(record_sealed=b"lost"))
        db.session.commit()
    pages.append(all_wrong(page, telling("crash")))
    assert [page.status for page in pages] == [404, 405, 413, 400, 403, 500]


def staff_work(site):
    """Ada does all that staff can do, wrong at first."""
    password = one_time_password(site.place, STAFF, "--role", "admin")
    site.person().visit("/staff/").submit(email=STAFF, password=canary("password"))
    page = begin(site.person().visit("/staff/"), STAFF, password)
    for form, typed in page.forms():
        wrong = dict.fromkeys(typed.keys() - {"csrf_token"}, canary("list"))
        assert page.person.visit("/staff/").submit(form, **wrong).status < 500
    found = page.submit("form[action*=search]", q=canary("bob full name"))
    (row,) = found.soup.select("tbody tr")
    address = row.select_one("a")["href"]
    page = page.person.visit(address)
    for form, typed in page.forms():
        wrong = {name: canary(f"staff {name}") * 200 for name in typed if name != "csrf_token"}
        assert page.person.visit(address).submit(form, **wrong).status < 500
    page.submit("[action*=notes]", text=canary("note"))
    for time in ("09:30", "10:30"):
        again = page.person.visit(address)
        again.submit("[action*=schedule]", day=an_open_day(9), time=time)
        wait_for(site.letters_are_out)  # what is not out yet goes when the time changes
    assert STEM in page.submit("[action*=print]").text
    export(page.person)


def export(ada):
    """The one place where answers may leave the site in the open."""
    page = ada.visit("/staff/export.csv?view=all").submit(reason=canary("reason"))
    assert page.status == 422
    page = page.submit(reason="Numbers for a report")
    assert STEM in page.response.text


def owner_works(site, folder):
    """The owner keeps, checks and tells what there is."""
    site.flask("backup", str(site.place.instance / "site.backup"))
    site.flask("person", "export", contact("eve")["email"], "--to", str(folder / "eve.json"))
    site.flask("doctor")
    assert (folder / "eve.json").exists()


def left_behind(site, temporary):
    """Yield everything that is left somewhere, as (where, bytes)."""
    yield "the log", site.server.said.read_bytes()
    yield "the commands", b"\n".join(site.said)
    for letter in site.box.got:
        raw = re.sub(rb"(?m)^To: .*", b"", letter.envelope.content, count=1)
        parts = [part.get_payload(decode=True) or b"" for part in letter.walk()]
        yield f"the letter “{letter['Subject']}”", unpacked(b"\n".join([raw, *parts]))
    for browser in site.browsers:
        yield from (("the browser", unpacked(seen)) for seen in browser.heard)
    folders = [site.place.instance, temporary]
    if postgres := getattr(site.place, "postgres", None):
        folders.append(postgres.server.pgdata)
    for folder in folders:
        for file in folder.rglob("*"):
            with suppress(FileNotFoundError):  # PostgreSQL tidies up meanwhile
                if file.is_file():
                    yield str(file), EMPTY.sub(b"\0", file.read_bytes())


def look_through(site, temporary):
    """See that no canary is anywhere, and that one would be found if it were."""
    wished = [date.fromisoformat(day) for day in days_wished().values()]
    hunt = Hunt(*map(str, wished), *map(long_day, wished))
    left = list(left_behind(site, temporary))
    assert [(where, found) for where, data in left if (found := hunt.traces(data))] == []
    named = {where.rpartition("/")[2] for where, data in left if STAFF.encode() in data}
    assert named & {"site.db", "site.db-wal", "log"}  # the last is what PostgreSQL was told


def test_no_word_that_anybody_types_is_found_where_it_does_not_belong(site, tmp_path, private):
    intake = patients_come(site)
    staff_work(site)
    page = patient_follows(site)
    owner_works(site, private)
    look_through(site, tmp_path)
    page.person.visit(f"{page.path}/appointment.ics")
    page.person.visit(page.path).link("Cancel my appointment").submit()
    site.flask("person", "erase", contact("eve")["email"], "--yes")
    assert "Erased: submissions 1" in site.said[-1].decode()
    things_go_wrong(site, intake)
    look_through(site, tmp_path)
    assert {letter["Subject"].removeprefix("Emergency: ") for letter in site.box.got} == SUBJECTS


CODES = {
    "capitals": lambda text: text.upper().encode(),
    "an address": lambda text: urlencode({"q": text}).encode(),
    "UTF-16": lambda text: text.encode("utf-16"),
    "hexadecimal digits": lambda text: text.lower().encode().hex().encode(),
    "base64": lambda text: b64encode(f"{text}!".encode()),
    "base64 behind a letter": lambda text: b64encode(f"x{text}!".encode()),
    "base64 behind two letters": lambda text: b64encode(f"xx{text}!".encode()),
    "a packed cookie": lambda text: b"." + urlsafe_b64encode(zlib.compress(text.encode() * 9)),
}


@pytest.mark.parametrize("written", CODES.values(), ids=CODES)
@pytest.mark.parametrize("text", [canary("name"), "(612) 555-0167", "November 23, 1931"])
def test_a_canary_is_found_however_it_is_written(text, written):
    hunt = Hunt()
    assert hunt.traces(unpacked(b"\0\1" + written(text) + b"\2\3"))
    assert not hunt.traces(unpacked(b"\0\1" + written(text.translate(OTHERWISE)) + b"\2\3"))


OTHERWISE = str.maketrans("Q6N", "P7M")
