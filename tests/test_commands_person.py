"""What the owner can tell and erase on request: all of one person's, and nothing of others'."""

import json
import stat
from contextvars import Context

import pytest
import sqlalchemy as sa

from commands_person import BACKUPS, SEVERAL
from keeping import counts, erased, trail
from mail import deliver_due
from models import Submission, db, now
from people import INTAKE, an_appointment, an_intake, intake_to, letters, submissions
from security import sign

MINE = {"full_name": "Ana Abdi", "email": "ana@example.org", "phone": "612-555-0100"}
CHILD = {**MINE, "full_name": "Ikram Abdi", "birth_year": "2012"}


@pytest.fixture
def flask(app):
    """Run a `flask person` command; return its exit status and what it printed."""

    def run(*words, typed=""):
        runner = app.test_cli_runner()
        result = Context().run(runner.invoke, args=["person", *words], input=typed)
        db.session.rollback()
        return result.exit_code, result.output

    return run


@pytest.fixture
def joined(bob, ada):
    """References of a request with a note, and of the intake that goes with it."""
    page = an_appointment(bob)
    request = submissions()[0]
    shown = ada.visit(f"/staff/submissions/{request.reference}")
    shown.submit("form[action$='/notes']", text="Prefers Dr. Olson.")
    an_intake(bob, next(a["href"] for a in page.soup.select("a") if "intake" in a.get_text()))
    return request.shown_reference, submissions()[0].shown_reference


@pytest.fixture
def family(bob):
    """References of a mother and her child, who share an address and a phone."""
    an_appointment(bob, **MINE)
    an_appointment(bob, **CHILD)
    child, mother = submissions()[:2]
    return mother.shown_reference, child.shown_reference


def plain(*references):
    return {reference.replace("-", "") for reference in references}


def export(flask, path, *words):
    status, output = flask("export", *words, "--to", str(path))
    assert status == 0, output
    return json.loads(path.read_text())


@pytest.mark.parametrize("who", ["siobhan@example.org", "Siobhan@Example.org", "(612) 555-0187"])
def test_an_export_has_everything_that_is_kept(flask, joined, tmp_path, who):
    written = export(flask, tmp_path / "siobhan.json", who)
    request, intake = written["submissions"]
    assert (request["reference"], intake["reference"]) == joined
    assert request["goes_with"] == [joined[1]]
    assert request["what_was_said"]["answers"]["details"]["full_name"] == "Siobhán O'Brien-Núñez"
    assert intake["what_was_said"]["answers"]["health"]["medicines"]["text"].startswith("Suma")
    assert [note["text"] for note in request["notes"]] == ["Prefers Dr. Olson."]
    assert {letter["name"] for letter in request["letters"]} == {"received", "waiting"}
    assert "from which nothing can be read" in request["found_by"]
    assert {"submission_created", "note_added"} <= {event["what"] for event in request["events"]}


def test_an_export_has_nothing_about_others_and_nothing_that_opens_something(
    flask, joined, family, tmp_path
):
    text = json.dumps(export(flask, tmp_path / "one.json", "siobhan@example.org"))
    assert "Abdi" not in text
    assert "ada@example.org" not in text
    assert "/requests/" not in text


def test_an_export_is_for_its_owner_alone_and_overwrites_nothing(flask, joined, tmp_path):
    path = tmp_path / "one.json"
    export(flask, path, joined[0])
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    before = path.read_bytes()
    status, output = flask("export", joined[0], "--to", str(path))
    assert (status, output.splitlines()[-1]) == (
        1,
        f"Error: {path} is there already. Choose another name.",
    )
    assert path.read_bytes() == before
    status, output = flask("export", joined[0], "--to", str(tmp_path / "no" / "folder.json"))
    assert (status, "cannot be written" in output) == (1, True)
    assert len(trail("sensitive_export")) == 1


def test_an_intake_is_found_with_another_that_goes_with_its_request(flask, bob, joined, tmp_path):
    an_intake(bob, f"/intake/?after={sign('intake', submissions()[1].id)}")
    found = export(flask, tmp_path / "one.json", submissions()[0].reference)["submissions"]
    assert len(found) == 3


def test_an_export_leaves_an_event_for_each_submission(flask, joined, tmp_path):
    export(flask, tmp_path / "one.json", joined[1].lower())
    assert trail("sensitive_read").count("flask person export") == 2
    assert trail("sensitive_export") == ["flask person export: 2 submissions"]


def test_an_export_says_what_does_not_open(flask, joined, tmp_path):
    spoil = sa.update(Submission).where(Submission.kind == "intake")
    db.session.execute(spoil.values(record_sealed=b"lost"))
    db.session.commit()
    path = tmp_path / "one.json"
    status, output = flask("export", joined[0], "--to", str(path))
    assert (status, "1 do not open" in output) == (1, True)
    assert [
        row["what_was_said"] is None for row in json.loads(path.read_text())["submissions"]
    ] == [
        False,
        True,
    ]


def test_erasing_asks_first_and_does_nothing_without_a_yes(flask, joined):
    before = counts()
    status, output = flask("erase", "siobhan@example.org", typed="n\n")
    assert status == 1
    assert "Erase this? It cannot be brought back." in output
    assert counts() == before
    assert erased() == set()


def test_erasing_says_truthfully_what_was_found_removed_and_kept(flask, joined):
    before = counts()
    status, output = flask("erase", "612.555.0187", typed="y\n")
    assert status == 0
    assert erased() == plain(*joined)
    assert counts() == {"tokens": 0, "notes": 0, "letters": 0, "drafts": 0, "submissions": 2}
    assert f"{joined[0]}  appointment, " in output
    removed = next(line for line in output.splitlines() if line.startswith("Erased: "))
    for number, name in (
        (2, "submissions"),
        (before["tokens"], "search marks"),
        (1, "notes"),
        (before["letters"], "letters"),
        (before["drafts"], "forms not sent"),
    ):
        assert f"{name} {number}" in removed
    assert "reference, kind, status, urgency and times" in output
    assert "events about them" in output
    assert BACKUPS in output
    assert trail("sensitive_delete") == ["request", "request"]
    assert "Siobh" not in output
    assert flask("erase", "612.555.0187")[1].startswith("Error: Nothing is kept under this.")


def test_what_is_held_is_kept_and_said_so(flask, joined):
    this = sa.update(Submission).where(Submission.kind == "appointment")
    db.session.execute(this.values(hold=True))
    db.session.commit()
    status, output = flask("erase", joined[0], "--yes")
    assert status == 0
    assert f"Kept: {joined[0]} is held." in output
    assert "Erased: submissions 1" in output
    assert erased() == plain(joined[1])


@pytest.mark.parametrize("command", [["erase", "--yes"], ["export", "--to", "x.json"]])
def test_a_shared_phone_needs_the_references_by_name(flask, family, command):
    status, output = flask(*command, MINE["phone"])
    assert (status, output.splitlines()[-1]) == (1, f"Error: {SEVERAL}")
    assert all(reference in output for reference in family)
    assert erased() == set()
    assert "Abdi" not in output


def test_only_those_that_are_named_are_erased(flask, family):
    mother, child = family
    assert flask("erase", MINE["email"], "--only", child, "--yes")[0] == 0
    assert erased() == plain(child)
    assert (
        db.session.scalar(Submission.with_reference(*plain(mother))).answers["full_name"]
        == (MINE["full_name"])
    )
    db.session.rollback()


def test_forms_and_letters_that_are_left_because_others_are_named_are_said(flask, bob, family):
    intake_to(bob, "you").submit(**{**INTAKE["you"], "email": MINE["email"]}, later="yes")
    bob.visit("/intake/later").submit(email=MINE["email"])
    _status, output = flask("erase", MINE["email"], "--only", family[1], "--yes")
    said = [line for line in output.splitlines() if line.startswith("Not touched, as it may be")]
    assert [line.split(": ", 1)[1].split(",")[0] for line in said] == [
        "A form not sent: intake",
        "A letter: finish",
    ]
    assert [name for name, _contents in letters("finish")] == ["finish"]


def test_one_that_was_not_found_cannot_be_named(flask, family, joined):
    status, output = flask("erase", MINE["email"], "--only", joined[0], "--yes")
    assert (status, "is not among what was found" in output) == (1, True)
    assert erased() == set()


def test_forms_that_are_not_sent_and_their_letters_are_found_and_erased(flask, bob, app):
    page = intake_to(bob, "headaches")
    bob.visit("/intake/later").submit(email="siobhan@example.org")
    deliver_due()
    assert page.status == 200
    assert [name for name, _contents in letters("finish")] == ["finish"]
    status, output = flask("erase", "siobhan@example.org", "--yes")
    assert status == 0
    assert "A form not sent: intake" in output
    assert "A letter: finish" in output
    assert counts() == {"tokens": 0, "notes": 0, "letters": 0, "drafts": 0, "submissions": 0}
    assert trail("sensitive_delete") == ["request: 1 drafts, 1 letters"]


def test_a_form_with_a_mistake_on_its_page_is_found_too(flask, bob):
    intake_to(bob, "you").submit(full_name="Siobhán", phone="612 555 0187", email="")
    status, output = flask("erase", "(612) 555-0187", "--yes")
    assert (status, "forms not sent 1" in output) == (0, True)


def test_whom_it_is_about_can_be_typed_where_no_history_keeps_it(flask, joined):
    status, output = flask("erase", "--yes", typed="siobhan@example.org\n")
    assert (status, "Erased: submissions 2" in output) == (0, True)


@pytest.mark.parametrize("who", ["(612) 555-1999", "612-555-1999 x5"])
def test_a_phone_with_an_extension_is_found_without_it_too(flask, bob, who):
    an_appointment(bob, phone="(612) 555-1999 ext. 5")
    status, output = flask("erase", who, "--yes")
    assert (status, "Erased: submissions 1" in output) == (0, True)


@pytest.mark.parametrize("who", ["Siobhán", "0187", "3/31/1975", ""])
def test_what_could_be_anybody_is_refused_in_one_line(flask, joined, who):
    status, output = flask("erase", who, "--yes", typed="0187\n")
    assert (status, "This is none of the three" in output) == (1, True)
    assert erased() == set()


def test_one_that_was_erased_before_is_not_offered_again(flask, joined):
    flask("erase", joined[0], "--yes")
    status, output = flask("erase", joined[0])
    assert status == 0
    said = f"It was erased on {now():%Y-%m-%d}. There is nothing more to erase."
    assert output.splitlines()[-1] == said
    assert len(trail("sensitive_delete")) == 2
