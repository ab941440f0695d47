"""The export opens in a spreadsheet as what patients said, and nothing in it runs."""

import csv
import re
import shutil
import subprocess
import tracemalloc
import zipfile
from io import StringIO

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

import staff_csv
from forms import field_names
from models import Submission, db
from models_queue import VIEWS
from people import add_many, an_appointment, an_intake, submissions
from staff_csv import safe

SOFFICE = shutil.which("soffice")
# Everything that OWASP names, and how it gets past those who only look at the first character.
NASTY = [
    "=1+1",
    "+1+1",
    "-1+1",
    "@SUM(1,1)",
    "\t=1+1",
    "\r=1+1",
    "\n=1+1",
    " =1+1",
    "\u00a0=1+1",
    "\u200b=1+1",
    "\ufeff=1+1",
    '"=1+1',
    "'=1+1",
    "\" '=1+1",
    "“=1+1”",
    "\uff1d1+1",
    "\uff0b1+1",
    "\uff0d1+1",
    "\uff20SUM(1,1)",
    "\ufe66SUM(1,1)",
    "\u22121+1",
    '=HYPERLINK("https://evil.example","x")',
    "=cmd|' /C calc'!A0",
    "+44 20 7946 0958+cmd|' /C calc'!A0",
    "+44-20-7946",
    "+442079460958",
    "+1 (1)*cmd()",
]
HARMLESS = [
    "",
    "(612) 555-0187",
    "+44 20 7946 0958",
    "+81 3-1234-5678 ext. 5",
    "Siobhán O'Brien-Núñez",
    "siobhan@example.org",
    "1 + 1 = 2",
    "'tis worse at night",
    "“Neck” pain; arms, too",
    "A line\nand = another",
    "   ",
]


@pytest.mark.parametrize("text", NASTY)
def test_a_cell_that_could_run_gets_an_apostrophe_and_loses_nothing(text):
    assert safe(text) == f"'{text}"


@pytest.mark.parametrize("text", HARMLESS)
def test_what_people_write_stays_as_it_is(text):
    assert safe(text) == text


@given(st.text())
def test_no_cell_begins_with_a_formula_and_no_answer_is_lost(text):
    cell = safe(text)
    assert cell in {text, f"'{text}"}
    assert not cell.startswith(("=", "@", "-", "\t", "\r", "\uff1d", "\uff20"))
    assert not cell.startswith("+") or staff_csv.PHONE.fullmatch(cell)


def exported(app, query=None):
    """The rows of the export: a dictionary each, by column."""
    select = VIEWS["all"].select() if query is None else query
    data = b"".join(staff_csv.export(app, select, Submission.place))
    assert data.startswith(b"\xef\xbb\xbf")
    text = data.decode("utf-8-sig")
    assert text.count("\r\n") == text.count("\r")
    return list(csv.DictReader(StringIO(text, newline="")))


def test_each_field_that_the_forms_have_is_a_column_once(app):
    columns = field_names()
    assert len(columns) == len(set(columns))
    assert columns[:3] == ("red_flags", "full_name", "birth")
    for name in ("window3", "message", "headache_days", "medicines", "peg_pain", "consent"):
        assert name in columns


def test_the_answers_are_in_words_under_the_name_of_their_field(app, bob):
    page = an_appointment(bob, start="/appointment/?about=migraines-and-the-spine")
    an_intake(bob, page.soup.select_one("a.button")["href"])
    intake, request = exported(app)
    assert request["reference"] == submissions()[1].shown_reference
    assert request["kind"] == "Request"
    assert request["article"] == "Migraines and the spine"
    assert request["birth"] == "March 31, 1975"
    assert request["reason"] == "Headache or migraine"
    assert request["phone"] == "(612) 555-0187"
    assert request["message"] == "It began after the crash in spring."
    assert request["medicines"] == ""
    assert intake["kind"] == "Intake"
    assert intake["medicines"] == "Sumatriptan\nVitamin D"
    assert intake["worst_pain"].startswith("9 (")
    assert {row["other answers"] for row in (intake, request)} == {""}


def test_an_answer_to_a_question_that_is_not_asked_any_more_is_not_lost(app):
    add_many(1)
    found = db.session.scalar(sa.select(Submission))
    record = found.record
    record["shown"][2] |= {"first_id": "shoe_size", "label": "+ Shoe size", "text": "=9"}
    found.record = record
    db.session.commit()
    (row,) = exported(app)
    assert row["other answers"] == "'+ Shoe size =9"


def test_a_row_whose_key_is_lost_says_so_and_the_others_come(app):
    add_many(3)
    lost = sa.update(Submission).where(Submission.reference == "00000001")
    db.session.execute(lost.values(record_sealed=b"\x01lost"))
    db.session.commit()
    rows = exported(app)
    assert [row["full_name"] for row in rows] == ["Ana Abdi", "", "Ana Abdi"]
    assert rows[1]["red_flags"] == staff_csv.CLOSED
    assert rows[1]["reference"] == "0000-0001"


@pytest.mark.parametrize("count", [0, 1, 200, 201, 400])
def test_no_row_is_left_out_or_repeated_where_a_part_ends(app, count):
    add_many(count)
    rows = exported(app)
    assert [row["reference"] for row in rows] == [f"0000-{n:04}" for n in range(count)]


def test_the_order_of_the_select_does_not_matter(app):
    add_many(5)
    query = VIEWS["todo"].select().order_by(Submission.reference.desc(), Submission.id)
    assert len(exported(app, query)) == 5


def test_thousands_of_rows_take_no_more_memory_than_hundreds(app):
    add_many(4000)
    peaks = {}
    for rows in (400, 4000):
        query = VIEWS["all"].select().where(Submission.reference < f"{rows:08}")
        for part in staff_csv.export(app, query, Submission.place):  # caches fill up here
            del part
        tracemalloc.start()
        for part in staff_csv.export(app, query, Submission.place):
            del part
        peaks[rows] = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peaks[4000] < 1.3 * peaks[400]
    assert peaks[4000] < 4_000_000


def test_between_two_parts_nothing_is_held_in_the_database(app):
    add_many(450)
    parts = staff_csv.export(app, VIEWS["all"].select(), Submission.place)
    for _ in range(3):
        next(parts)
        assert db.engine.pool.checkedout() == 0
    assert len(list(parts)) == 1


@pytest.mark.skipif(not SOFFICE, reason="LibreOffice (soffice) is not installed here")
def test_a_real_spreadsheet_keeps_phones_and_names_and_runs_nothing(app, tmp_path):
    said = [*NASTY, *filter(str.strip, HARMLESS)]
    name, phone = "Siobhán O'Brien-Núñez", "+44 20 7946 0958"
    add_many(len(said), full_name=name, phone=phone, message=said)
    parts = staff_csv.export(app, VIEWS["all"].select(), Submission.place)
    (tmp_path / "export.csv").write_bytes(b"".join(parts))
    (tmp_path / "formula.csv").write_bytes(staff_csv.as_csv([["=1+1"]]))
    convert(tmp_path, "ods:calc8", "export.csv", "formula.csv")
    assert formulas(tmp_path / "formula.ods"), "this spreadsheet was to run formulas"
    assert not formulas(tmp_path / "export.ods")
    convert(tmp_path, "csv:Text - txt - csv (StarCalc):44,34,76,1,,0,true,false", "export.ods")
    with (tmp_path / "export.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {(row["full_name"], row["phone"]) for row in rows} == {(name, phone)}
    assert [dense(row["message"]) for row in rows] == [dense(safe(text)) for text in said]


def dense(text):
    """Text without what a spreadsheet may drop: tabs, and spaces at the ends."""
    return "".join(text.split())


def convert(folder, to, *names):
    """Open files as somebody would who lets the spreadsheet run formulas, and save them anew."""
    opening = "--infilter=CSV:44,34,76,1,,0,false,true,false,false,false,0,true"
    only_csv = [opening] if names[0].endswith("csv") else []
    profile = f"-env:UserInstallation=file://{folder}/profile"
    command = [SOFFICE, "--headless", profile, *only_csv, "--convert-to", to, "--outdir", folder]
    subprocess.run([*command, *names], cwd=folder, check=True, capture_output=True, timeout=120)


def formulas(file):
    """The cells of a spreadsheet that are worked out."""
    with zipfile.ZipFile(file) as archive:
        return re.findall(r"<[^>]*table:formula=[^>]*>", archive.read("content.xml").decode())
