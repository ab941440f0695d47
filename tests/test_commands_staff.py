"""The owner makes, ends and mends accounts from the command line."""

import re

import pytest
import sqlalchemy as sa
import time_machine

from models import db
from models_events import Event
from models_staff import TRIES, User
from pages import Person
from people import submissions
from signing_in import OWN_PASSWORD, PASSWORD, add_phone, begin, choose_password, sign_in

ADA = "ada@example.org"


def one_time_password(output):
    return re.search(r"one-time password: (\S+)", output)[1]


def recorded():
    found = db.session.execute(sa.select(Event.name, Event.detail).order_by(Event.id)).all()
    db.session.rollback()
    return [tuple(row) for row in found]


def test_an_added_member_of_staff_comes_in_with_the_printed_password(flask, eve):
    status, output = flask("staff", "add", "Ada@Example.org")
    assert status == 0
    page = begin(eve.visit("/staff/"), ADA, one_time_password(output))
    assert page.path == "/staff/"


@pytest.mark.parametrize("role", ["reader", "handler", "admin"])
def test_a_role_can_be_given(flask, role):
    flask("staff", "add", ADA, "--role", role)
    assert flask("staff", "list") == (0, f"{ADA}  {role}  without phone\n")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("add", "ada"), "Not an email address: ada"),
        (("add", ADA), "has an account. New password: .venv/bin/flask staff reset"),
        (("add", "ADA@example.org"), "has an account"),
        (("add", "eve@example.org", "--role", "king"), "'king' is not one of"),
        (("disable", "eve@example.org"), "has no account"),
        (("enable", "eve@example.org"), "has no account"),
        (("reset", "eve@example.org"), "has no account"),
        (("role", "eve@example.org", "admin"), "has no account"),
        (("role", ADA, "king"), "'king' is not one of"),
    ],
)
def test_a_command_that_cannot_be_done_says_why(flask, words, says):
    flask("staff", "add", ADA)
    status, output = flask("staff", *words)
    assert status != 0
    assert says in output
    assert "Traceback" not in output
    assert len(recorded()) == 1  # the account that was added


def test_a_disabled_member_is_out_at_once_and_enabled_comes_in_as_before(flask, ada):
    assert flask("staff", "disable", ADA)[0] == 0
    page = ada.visit("/staff/")
    assert page.path == "/staff/login"
    assert "disabled" in flask("staff", "list")[1]
    assert page.submit(email=ADA, password=PASSWORD).path == "/staff/login"
    assert flask("staff", "enable", ADA)[0] == 0
    assert sign_in(ada.visit("/staff/")).path == "/staff/"


def test_what_a_disabled_member_worked_on_is_nobodys(flask, ada, submission):
    page = ada.visit("/staff/").link(submission.shown_reference)
    page.submit("form[action*='/assign']", me="y")
    assert "Open submissions that are nobody's now: 1." in flask("staff", "disable", ADA)[1]
    assert submissions()[0].assigned_to is None


def test_enabling_does_not_bring_back_the_sessions_there_were(flask, ada):
    flask("staff", "disable", ADA)
    flask("staff", "enable", ADA)
    assert ada.visit("/staff/").path == "/staff/login"


def test_a_reset_ends_the_sessions_and_takes_away_password_phone_and_codes(flask, ada, eve):
    _status, output = flask("staff", "reset", ADA)
    page = ada.visit("/staff/")
    assert page.submit(email=ADA, password=PASSWORD).path == "/staff/login"
    password = one_time_password(output)
    page = eve.visit("/staff/").submit(email=ADA, password=password)
    page = choose_password(page, password)
    assert page.path == "/staff/set-up"
    assert add_phone(page).link("I have kept them").path == "/staff/"


def test_the_list_says_who_cannot_come_in(flask, app, ada):
    assert flask("staff", "list")[1] == f"{ADA}  handler\n"
    with time_machine.travel("2026-11-25T15:00:00Z", tick=False):
        user = db.session.scalar(User.with_email(ADA))
        for _try in range(TRIES):
            user.count_failure("password")
        db.session.commit()
        assert flask("staff", "list")[1] == f"{ADA}  handler  locked until 09:01\n"
        flask("staff", "disable", ADA)
        assert "  disabled  locked until 09:01\n" in flask("staff", "list")[1]


def test_a_reset_unlocks(flask, app, ada, eve):
    for _ in range(5):
        eve.visit("/staff/login").submit(email=ADA, password="wrong wrong wrong wrong")
    _status, output = flask("staff", "reset", ADA)
    page = eve.visit("/staff/").submit(email=ADA, password=one_time_password(output))
    assert page.path == "/staff/account"


def test_another_role_signs_out_and_counts_from_then_on(flask, ada, submission):
    assert flask("staff", "role", ADA, "reader") == (0, f"{ADA} is now reader.\n")
    page = ada.visit(f"/staff/submissions/{submission.reference}")
    assert page.path == "/staff/login"
    assert not sign_in(page).soup.select("form.change")


@pytest.mark.parametrize("words", [["role", ADA, "reader"], ["disable", ADA], ["reset", ADA]])
def test_who_is_signed_out_by_a_change_is_told_once(flask, ada, words):
    said = "You were signed out everywhere, by you or by a change of your account. Sign in again."
    flask("staff", *words)
    page = ada.visit("/staff/")
    assert (page.path, page.text.count(said)) == ("/staff/login", 1)
    assert said not in ada.visit("/staff/").text


def test_a_break_glass_account_is_an_admin_for_one_hour_and_then_never_again(flask, app, eve):
    with time_machine.travel("2026-11-25T15:00:00Z", tick=False) as clock:
        _status, output = flask("staff", "break-glass")
        email, password = output.split()[0], one_time_password(output)
        line = f"{email}  admin  ends on 2026-11-25 at 10:00  without phone\n"
        assert flask("staff", "list")[1] == line
        assert begin(eve.visit("/staff/"), email, password).path == "/staff/"
        user = db.session.scalar(sa.select(User))
        assert [role.name for role in user.roles] == ["admin"]
        db.session.rollback()
        for minutes in (14, 14, 14, 14):
            clock.shift(minutes * 60)
            assert eve.visit("/staff/").path == "/staff/"
        clock.shift(5 * 60)
        assert eve.visit("/staff/").path == "/staff/login"
        again = Person(app.test_client()).visit("/staff/login")
        assert again.submit(email=email, password=OWN_PASSWORD).path == "/staff/login"
        assert f"{email}  admin  ended on 2026-11-25 at 10:00\n" in flask("staff", "list")[1]
        for word in ("enable", "reset"):
            says = f"{email} has ended. Make another: .venv/bin/flask staff break-glass"
            assert says in flask("staff", word, email)[1]
    assert recorded()[0] == ("user_created", "break-glass")


def test_what_is_done_to_accounts_is_recorded(flask):
    flask("staff", "add", ADA)
    flask("staff", "role", ADA, "admin")
    flask("staff", "disable", ADA)
    flask("staff", "enable", ADA)
    flask("staff", "reset", ADA)
    assert recorded() == [
        ("user_created", "handler"),
        ("user_role_changed", "admin"),
        ("user_disabled", ""),
        ("user_enabled", ""),
        ("authn_password_reset", ""),
    ]
    assert db.session.scalar(sa.select(Event.user_id)) == db.session.scalar(sa.select(User.id))
