"""What another site sends, what reading may change, and what no page or file may hold."""

import re
import subprocess

import pytest
import sqlalchemy as sa

from models import Model, db
from people import an_appointment
from settings import ROOT

# Written by reading as well: who looked, and until when a session lasts.
BY_READING = {"events", "staff_sessions"}


def addresses(app, submission, method):
    """Every address that takes this method, with its parts filled in."""
    adapter = app.url_map.bind("127.0.0.1")
    parts = {"flow": "appointment", "name": "details", "reference": submission.reference}
    parts |= {"token": "made-up", "slug": "june", "filename": "site.css"}
    for rule in app.url_map.iter_rules():
        if method in rule.methods:
            known = parts | (rule.defaults or {})
            given = {name: known[name] for name in rule.arguments}
            yield adapter.build(rule.endpoint, given, method=method)


def rows():
    """How many rows each table has."""
    tables = [table for table in Model.metadata.sorted_tables if table.name not in BY_READING]
    counts = {t.name: db.session.scalar(sa.select(sa.func.count()).select_from(t)) for t in tables}
    db.session.rollback()
    return counts


@pytest.mark.parametrize(
    "headers", [{"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example.org"}]
)
def test_no_address_takes_a_form_from_another_site(app, ada, submission, headers):
    before = rows()
    for address in addresses(app, submission, "POST"):
        page = ada.ask("POST", address, data={"x": "y"}, headers=headers)
        assert page.status == 403, address
    assert rows() == before


def test_reading_changes_nothing(app, ada, bob, submission):
    an_appointment(bob)
    bob.visit("/appointment/safety")
    before = rows()
    for address in addresses(app, submission, "GET"):
        for person in (ada, bob):
            assert person.visit(address).status < 500, address
    assert rows() == before


def test_no_template_trusts_what_it_shows():
    for file in (ROOT / "templates").rglob("*.html"):
        text = file.read_text("utf-8")
        assert not re.search(r"\|\s*safe\b|autoescape|Markup", text), file
        assert not re.search(r"\s[\w-]+=\{\{", text), f"{file}: an attribute without quotes"


def test_no_file_of_the_code_holds_a_secret():
    command = ["git", "ls-files"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("this is no clone of the repository")
    names = listed.stdout.splitlines()
    assert not [name for name in names if re.search(r"(^|/)\.env$|_keys?$|\.(pem|key|db)$", name)]
    for name in names:
        text = (ROOT / name).read_text("utf-8", "ignore")
        assert not re.search(r"BEGIN [A-Z ]*PRIVATE KEY", text), name
        assert not re.search(r"^(SECRET_KEY|VAULT_KEYS) ?= ?[\w-]{20}", text, re.MULTILINE), name


@pytest.mark.parametrize(
    "odd", ["9" * 30, "\0", "\ud800", "9999-12-31", "' OR 1=1 --", "x" * 5_000]
)
def test_no_odd_value_in_a_form_for_staff_is_a_crash(ada, submission, odd):
    odd = odd.encode("utf-8", "surrogatepass")
    for address in ("/staff/", f"/staff/submissions/{submission.shown_reference}"):
        for form, typed in ada.visit(address).forms():
            for name in typed.keys() - {"csrf_token"}:
                page = ada.visit(address).submit(form, **{name: odd})
                assert page.status < 500, (form, name)
