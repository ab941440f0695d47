"""The owner's commands say what they did, or in one line why they could not."""

import re
from dataclasses import replace

import pytest
import sqlalchemy as sa
import time_machine
from markupsafe import Markup

import commands
from app import create_app
from conftest import private_folder
from content import library
from models import db
from pages import Person
from people import submissions
from signing_in import choose_password


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("demo", "data", "3"), "This is not a demonstration. Type: make demo"),
        (("demo", "account"), "This is not a demonstration."),
    ],
)
def test_a_command_that_cannot_be_done_says_why(app, flask, words, says):
    status, output = flask(*words)
    assert status != 0
    assert says in output
    assert "Traceback" not in output
    assert submissions() == []


def test_each_command_says_what_it_does_on_one_line_of_help(app, flask):
    groups = {name for name, command in app.cli.commands.items() if hasattr(command, "commands")}
    for words in [(), *[(name,) for name in groups - {"db", "limiter"}]]:  # those are not ours
        listed = flask(*words, "--help")[1].partition("Commands:")[2]
        assert listed, words
        assert "..." not in listed


@pytest.mark.parametrize(
    "words",
    [
        "audit verify",
        "backup x",
        "outbox send",
        "person erase x",
        "purge",
        "rekey",
        "search index",
        "staff list",
    ],
)
def test_a_database_without_tables_says_how_to_make_them(flask, words, tmp_path_factory):
    empty = create_app(INSTANCE_PATH=private_folder(tmp_path_factory))
    status, output = flask(*words.split(), on=empty)
    assert (status, len(output.splitlines())) == (1, 1)
    assert "flask db upgrade" in output


def test_the_content_check_shows_what_is_hardest_to_read_and_counts(app, flask):
    status, output = flask("content", "check")
    heading, *grades, counts = output.splitlines()
    assert status == 0
    assert heading.split() == ["grade", "words", "hardest", "first"]
    assert len(grades) == len(library().articles) + len(library().months)
    assert grades == sorted(grades, key=lambda line: -float(line.split()[0]))
    assert counts.startswith(f"ok: {len(library().articles)} articles, ")


def test_the_content_check_fails_when_a_review_is_overdue(app, flask):
    with time_machine.travel("2030-01-01T12:00:00Z", tick=False):
        status, output = flask("content", "check")
    assert status == 1
    assert "articles/migraines-and-the-spine.md: it was to be checked again by 2027" in output


def test_the_content_check_fails_on_a_link_that_leads_nowhere(app, flask, monkeypatch):
    about = library().pages["about"]
    dead = replace(about, body=about.body + Markup('<a href="/articles/gone">x</a>'))
    pages = {**library().pages, "about": dead}
    monkeypatch.setitem(app.extensions, "content", replace(library(), pages=pages))
    status, output = flask("content", "check")
    assert status == 1
    assert "pages/about.md: the link to /articles/gone is dead. Ours" in output


def test_a_demonstration_has_samples_says_so_on_each_page_and_its_account_needs_no_phone(
    flask, tmp_path_factory
):
    demo = create_app(INSTANCE_PATH=private_folder(tmp_path_factory), DEMO="true")
    assert flask("demo", "data", "200", on=demo)[0] == 0
    password = re.search(r"password (\S+)", flask("demo", "account", on=demo)[1])[1]
    page = Person(demo.test_client()).visit("/staff/")
    assert "This is a demonstration." in page.text
    page = page.submit(email="demo@example.org", password=password)
    assert page.path == "/staff/"
    assert page.soup.select("tbody tr")
    everything = page.person.visit("/staff/?view=all")
    assert len(everything.soup.select("tbody tr")) == 25
    assert "555-01" in everything.text
    assert page.person.visit("/staff/recovery-codes").submit(code="123456").status == 422


def test_in_a_demonstration_every_other_account_needs_its_phone(flask, tmp_path_factory):
    demo = create_app(INSTANCE_PATH=private_folder(tmp_path_factory), DEMO="true")
    flask("demo", "account", on=demo)
    added = flask("staff", "add", "ada@example.org", on=demo)[1]
    password = re.search(r"one-time password: (\S+)", added)[1]
    page = Person(demo.test_client()).visit("/staff/")
    page = choose_password(page.submit(email="ada@example.org", password=password), password)
    assert page.path == "/staff/set-up"


def test_the_start_message_says_what_to_do_next(app, flask):
    first = commands.start_notes()
    db.session.rollback()
    assert "http://127.0.0.1:8000" in first
    assert "flask staff add" in first
    assert "put your phone and email address in content/practice.toml" in first
    assert f"Letters are written to {app.config['INSTANCE_PATH']}/letters: set SMTP_URL" in first
    flask("staff", "add", "ada@example.org")
    assert "flask staff add" not in commands.start_notes()


def test_names_are_found_again_after_an_update(app, flask, submission, ada):
    db.session.execute(sa.text("DELETE FROM tokens"))
    db.session.commit()
    status, said = flask("search", "index")[:2]
    assert (status, "ok: 1 submissions" in said) == (0, True)
    page = ada.visit("/staff/").submit("form[action$=search]", q="o'brien")
    assert submission.shown_reference in page.text


def test_a_submission_that_does_not_open_is_said_in_one_line(app, flask, submission):
    db.session.execute(sa.text("UPDATE submissions SET record_sealed = :x"), {"x": b"lost"})
    db.session.commit()
    status, said = flask("search", "index")[:2]
    assert status != 0
    assert "1 do not open. Add their key to VAULT_KEYS" in said
