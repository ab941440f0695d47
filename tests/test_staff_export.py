"""An export needs a reason and a fresh password, honors the filters, and is remembered."""

import csv
from datetime import timedelta
from io import StringIO

import pytest
import sqlalchemy as sa
import time_machine

from models import db, now
from models_events import Event
from people import add_many, an_appointment, an_intake
from signing_in import PASSWORD

REASON = "Numbers for a report"
LATER = timedelta(minutes=6)


def export(person, address="/staff/export.csv", **typed):
    return person.visit(address).submit(reason=REASON, **typed)


def rows(page):
    assert page.status == 200
    assert page.headers["Content-Type"] == "text/csv; charset=utf-8"
    text = page.response.data.decode("utf-8-sig")
    return list(csv.DictReader(StringIO(text, newline="")))


def details(name):
    found = db.session.scalars(sa.select(Event.detail).where(Event.name == name)).all()
    db.session.rollback()
    return found


def test_an_admin_gets_the_list_as_a_file(olga, bob):
    an_appointment(bob)
    page = olga.visit("/staff/").link("Export this list")
    assert "The file holds 1 submission, with all answers." in page.text
    page = page.submit(reason=REASON)
    assert [row["full_name"] for row in rows(page)] == ["Siobhán O'Brien-Núñez"]
    disposition = page.headers["Content-Disposition"]
    assert disposition.startswith('attachment; filename="submissions-20')
    assert page.headers["Cache-Control"] == "no-store"
    assert details("sensitive_export") == [f"1 rows: {REASON}"]


def test_the_filters_of_the_list_hold_for_the_file(olga, bob):
    an_appointment(bob)
    an_appointment(bob, full_name="Ana Abdi", website="https://casino.example")
    an_intake(bob)
    assert len(rows(export(olga))) == 2
    assert [row["kind"] for row in rows(export(olga, "/staff/export.csv?kind=intake"))] == [
        "Intake"
    ]
    spam = rows(export(olga, "/staff/export.csv?view=spam"))
    assert [row["full_name"] for row in spam] == ["Ana Abdi"]


def test_what_was_searched_for_holds_for_the_file(olga, bob):
    an_appointment(bob)
    an_appointment(bob, full_name="Ana Abdi")
    found = olga.visit("/staff/").submit("form[role=search]", q="abdi")
    page = found.link("Export this list").submit(reason=REASON)
    assert [row["full_name"] for row in rows(page)] == ["Ana Abdi"]


@pytest.mark.parametrize("reason", ["", "Numbers for Ana Abdi", None])
def test_without_a_reason_there_is_no_file(olga, submission, reason):
    page = olga.visit("/staff/export.csv").submit(reason=reason)
    assert page.status == 422
    assert page.title.startswith("Error: Export")
    assert list(page.errors) == ["reason"]
    assert details("sensitive_export") == []


def test_long_after_signing_in_the_password_is_asked_for_again(olga, submission):
    assert "password" not in olga.visit("/staff/export.csv").asked()
    with time_machine.travel(now() + LATER):
        page = olga.visit("/staff/export.csv")
        assert "password" in page.asked()
        for wrong in ("", "wrong wrong wrong wrong", "\x00"):
            page = page.submit(reason=REASON, password=wrong)
            assert page.status == 422
            assert list(page.errors) == ["password"]
            assert "Siobh" not in page.response.text
        assert details("authn_login_fail") == ["export", "export"]
        assert len(rows(page.submit(reason=REASON, password=PASSWORD))) == 1
        assert "password" not in olga.visit("/staff/export.csv").asked()


def test_a_form_that_was_open_too_long_asks_for_the_password_and_keeps_the_reason(olga, submission):
    page = olga.visit("/staff/export.csv")
    with time_machine.travel(now() + LATER):
        page = page.submit(reason=REASON)
        assert list(page.errors) == ["password"]
        assert page.typed()["reason"] == REASON
        assert len(rows(page.submit(password=PASSWORD))) == 1


def test_a_password_cannot_be_guessed_here(olga, submission, limits):
    with time_machine.travel(now() + LATER):
        page = olga.visit("/staff/export.csv")
        for _ in range(10):
            page = page.submit(reason=REASON, password="wrong wrong wrong wrong")
        page = page.submit(reason=REASON, password=PASSWORD)
        assert page.errors == {"password": "Too many tries. Wait a minute, then try again"}


def test_an_empty_list_says_what_to_do(olga):
    page = olga.visit("/staff/export.csv")
    assert "There is nothing to export." in page.text
    assert not page.soup.select("form[action*=export]")


def test_handlers_and_readers_neither_see_nor_get_an_export(ada, rita, submission):
    for person in (ada, rita):
        page = person.visit("/staff/")
        assert "Export" not in page.text
        token = page.soup.select_one("input[name=csrf_token]")["value"]
        assert person.visit("/staff/export.csv").status == 403
        page = person.send("/staff/export.csv", {"reason": REASON, "csrf_token": token})
        assert page.status == 403
        assert "Siobh" not in page.response.text
    assert details("authz_fail") == ["staff.export"] * 4
    assert details("sensitive_export") == []


def test_the_file_takes_as_many_queries_as_it_has_parts(olga, app):
    add_many(450)
    page = olga.visit("/staff/export.csv")
    said = []
    sa.event.listen(
        db.engine, "before_cursor_execute", listener := lambda *args: said.append(args[2])
    )
    try:
        assert len(rows(page.submit(reason=REASON))) == 450
    finally:
        sa.event.remove(db.engine, "before_cursor_execute", listener)
    assert len([one for one in said if "record_sealed" in one]) == 4
