"""Staff come in with a password and a phone, for a while, and nobody else does."""

import re
from statistics import median
from time import perf_counter
from urllib.parse import urljoin

import pytest
import sqlalchemy as sa
import time_machine

from models import db
from models_events import Event
from models_staff import RecoveryCode, StaffSession, User
from pages import Person
from signing_in import (
    OWN_PASSWORD,
    PASSWORD,
    SECRET,
    add_phone,
    add_staff,
    begin,
    choose_password,
    code,
    fresh_code,
    shown_secret,
    sign_in,
)

ADA = "ada@example.org"
WRONG = "wrong wrong wrong wrong"
START = "2026-11-25T15:00:00Z"


@pytest.fixture
def clock():
    """A clock that only moves when a test moves it."""
    with time_machine.travel(START, tick=False) as traveller:
        yield traveller


def events(*names):
    query = sa.select(Event.name, Event.detail).where(Event.name.in_(names)).order_by(Event.id)
    found = [tuple(row) for row in db.session.execute(query)]
    db.session.rollback()
    return found


def try_password(person, password=WRONG, email=ADA):
    return person.visit("/staff/login").submit(email=email, password=password)


def cookie_of(person):
    return person.client.get_cookie("session").value


def with_cookie(app, value):
    thief = Person(app.test_client())
    thief.client.set_cookie("session", value)
    return thief


# The way in


def test_the_first_time_staff_choose_a_password_add_a_phone_and_keep_codes(app, eve, submission):
    add_staff(app, ADA, "handler", must_change_password=True)
    page = eve.visit("/staff/").submit(email=ADA, password=PASSWORD)
    assert page.path == "/staff/account"
    assert "Choose your own password to go on." in page.text
    assert eve.visit(f"/staff/submissions/{submission.reference}").path == "/staff/account"
    page = choose_password(page, PASSWORD)
    assert page.path == "/staff/set-up"
    assert "Your password is changed." in page.text
    assert eve.visit(f"/staff/submissions/{submission.reference}").path == "/staff/set-up"
    page = add_phone(eve.visit("/staff/"))
    assert page.title.startswith("Keep your recovery codes")
    assert len(page.soup.select("main li code")) == 8
    page = page.link("I have kept them")
    assert page.path == "/staff/"
    assert "Siobhán" in page.text


def test_before_there_is_an_account_the_sign_in_page_says_how_to_make_one(app, eve):
    advice = "flask staff add"
    assert advice in eve.visit("/staff/").text
    add_staff(app, ADA, "handler")
    assert advice not in eve.visit("/staff/").text


def test_the_picture_to_scan_says_what_the_key_says_and_comes_from_nowhere_else(app, eve):
    add_staff(app, ADA, "handler", phone=False)
    page = try_password(eve, PASSWORD)
    picture = page.soup.select_one("svg[role=img]")
    assert "QR code" in picture["aria-label"]
    assert len(shown_secret(page)) == 32  # 160 bits
    assert page.soup.select_one(".qr path[fill='#000']")["d"].startswith("M0 0h1v1h-1z")
    assert not page.soup.select("main img")


def test_a_picture_that_is_looked_at_again_is_still_the_same(app, eve):
    add_staff(app, ADA, "handler", phone=False)
    secret = shown_secret(try_password(eve, PASSWORD))
    page = eve.visit("/staff/set-up").submit(code="000000")
    assert page.status == 422
    assert shown_secret(page) == secret


def test_a_second_browser_cannot_put_another_phone_in_the_place_of_the_first(app, eve, bob):
    add_staff(app, ADA, "handler", phone=False)
    first, second = try_password(eve, PASSWORD), try_password(bob, PASSWORD)
    add_phone(first)
    page = add_phone(second)
    assert page.path == "/staff/code"
    user = db.session.scalar(sa.select(User))
    assert user.totp == shown_secret(first)
    db.session.rollback()


def test_signing_in_leads_to_the_page_that_was_asked_for(app, eve, submission):
    add_staff(app, ADA, "handler")
    address = f"/staff/submissions/{submission.shown_reference}"
    page = eve.visit(address)
    assert page.path == "/staff/login"
    assert sign_in(page).path == address


@pytest.mark.parametrize("to", ["https://evil.example", "//evil.example", "\\\\evil.example"])
def test_signing_in_never_leads_to_another_site(app, eve, to):
    add_staff(app, ADA, "handler")
    page = eve.visit("/staff/login", query_string={"next": to})
    page = page.submit(email=ADA, password=PASSWORD, follow=False)
    address = urljoin("http://localhost/staff/", page.headers.get("Location", ""))
    assert address.startswith("http://localhost/")


# Passwords


@pytest.mark.parametrize(
    ("new", "again", "words"),
    [
        ("short", "short", "Use 15 to 128 characters."),
        ("seven green ladders " * 7, None, "Use 15 to 128 characters."),
        ("seven green ladders", "seven green adders", "The two new passwords are not the same."),
        (PASSWORD, PASSWORD, "Choose a password that is different"),
        ("Password123456789", None, "This password is easy to guess."),
        ("minneapolis back pain doctors 7", None, "the name of the practice"),
        ("ada walks seven green miles", None, "Leave your own name"),
    ],
)
def test_a_new_password_that_will_not_do_says_why(ada, new, again, words):
    page = ada.visit("/staff/account")
    page = page.submit(password=PASSWORD, new_password=new, new_password_confirm=again or new)
    assert words in page.text
    assert page.title.startswith("Error: ")


def test_a_long_password_is_not_cut(app, eve):
    add_staff(app, ADA, "handler", must_change_password=True)
    new = "seven green ladders sing " * 3 + "end"
    begin(eve.visit("/staff/"), ADA, PASSWORD, new)
    assert try_password(Person(app.test_client()), new[:-1]).path == "/staff/login"
    assert try_password(Person(app.test_client()), new).path == "/staff/code"


def test_passwords_are_kept_as_argon2id_of_the_strength_owasp_asks(app):
    user = add_staff(app, ADA, "handler")
    assert user.password.startswith("$argon2id$v=19$m=19456,t=2,p=1$")


def test_a_password_field_may_be_filled_in_by_a_password_manager(app, eve):
    field = eve.visit("/staff/login").soup.select_one("#password")
    assert field["autocomplete"] == "current-password"
    assert not [name for name in field.attrs if name.startswith("on") or name == "maxlength"]


def test_changing_the_password_ends_the_other_sessions(app, ada):
    other = sign_in(Person(app.test_client()).visit("/staff/")).person
    before = cookie_of(ada)
    assert choose_password(ada.visit("/staff/account"), PASSWORD).path == "/staff/"
    assert other.visit("/staff/").path == "/staff/login"
    assert with_cookie(app, before).visit("/staff/").path == "/staff/login"
    assert ada.visit("/staff/").path == "/staff/"


# Wrong tries


def test_a_wrong_password_and_an_unknown_address_get_the_same_answer(app, eve):
    add_staff(app, ADA, "handler")
    pages = [try_password(eve, email=email) for email in (ADA, "nobody@example.org")]
    answers = [re.sub(r'value="[^"]*"', "", page.response.text) for page in pages]
    assert answers[0] == answers[1]
    assert pages[0].status == pages[1].status == 200
    assert "The email address or the password is not right." in pages[0].text
    assert pages[0].title.startswith("Error: Sign in")


def test_a_wrong_password_and_an_unknown_address_take_about_the_same_time(app, eve):
    add_staff(app, ADA, "handler")
    took = {ADA: [], "nobody@example.org": []}
    for _ in range(9):
        for email, times in took.items():
            page = eve.visit("/staff/login")
            begun = perf_counter()
            page.submit(email=email, password=WRONG)
            times.append(perf_counter() - begun)
    known, unknown = map(median, took.values())
    assert 0.6 < known / unknown < 1.7  # without the hashing it is about a tenth


def test_the_right_password_of_a_disabled_account_gets_the_same_answer(app, eve):
    add_staff(app, ADA, "handler", active=False)
    pages = [try_password(eve, PASSWORD), try_password(eve)]
    answers = [re.sub(r'value="[^"]*"', "", page.response.text) for page in pages]
    assert answers[0] == answers[1]


def test_after_five_wrong_passwords_the_right_one_is_refused_in_the_same_words(app, eve, clock):
    add_staff(app, ADA, "handler")
    wrong = [try_password(eve) for _ in range(5)]
    page = try_password(eve, PASSWORD)
    assert page.path == "/staff/login"
    assert page.text == wrong[0].text
    assert events("authn_login_lock") == [("authn_login_lock", "1 min")]
    assert len(events("authn_login_fail")) == 6
    clock.shift(61)
    assert sign_in(eve.visit("/staff/login")).path == "/staff/"


def test_each_wrong_try_more_locks_for_twice_as_long_up_to_an_hour(app, eve, clock):
    add_staff(app, ADA, "handler")
    for _ in range(4):
        try_password(eve)
    for _ in range(8):
        try_password(eve)
        try_password(eve)  # does not make it longer
        clock.shift(3601)
    minutes = [detail for _name, detail in events("authn_login_lock")]
    assert minutes == [f"{number} min" for number in (1, 2, 4, 8, 16, 32, 60, 60)]


def test_wrong_codes_lock_the_account_as_wrong_passwords_do(app, eve, clock):
    add_staff(app, ADA, "handler")
    page = try_password(eve, PASSWORD)
    for _ in range(5):
        page = page.submit(code="000000")
        assert page.status == 422
    said = page.text
    page = page.submit(code=code())
    assert (page.status, page.text) == (422, said)
    clock.shift(61)
    assert page.submit(code=code()).path == "/staff/"


def test_the_right_password_in_between_does_not_buy_more_tries_at_the_code(app, eve, clock):
    add_staff(app, ADA, "handler")
    for _ in range(5):
        try_password(Person(app.test_client()), PASSWORD).submit(code="000000")
    assert try_password(eve, PASSWORD).path == "/staff/login"


def test_guessing_at_the_account_page_locks_as_at_the_sign_in(app, clock, ada):
    page = ada.visit("/staff/account")
    for _ in range(5):
        page = choose_password(page, "no password of mine")
    assert events("authn_login_lock") == [("authn_login_lock", "1 min")]
    assert "Too many tries." in choose_password(page, PASSWORD).text
    clock.shift(61)
    assert "Too many tries." not in choose_password(page, PASSWORD).text
    assert events("authn_password_change")


def test_coming_in_forgets_the_wrong_tries(app, eve, clock):
    add_staff(app, ADA, "handler")
    for _ in range(3):
        for _ in range(4):
            try_password(eve)
        eve = sign_in(eve.visit("/staff/login")).submit("nav form").person
        clock.shift(60)
    assert events("authn_login_lock") == []


def test_a_failure_is_recorded_without_what_was_typed(app, eve):
    add_staff(app, ADA, "handler")
    try_password(eve)
    try_password(eve, email="my-secret@example.org")
    assert events("authn_login_fail") == [
        ("authn_login_fail", "password"),
        ("authn_login_fail", "unknown account"),
    ]


# Codes


def test_a_code_works_once_only_also_in_another_browser(app, eve, bob, clock):
    add_staff(app, ADA, "handler")
    used = code()
    assert try_password(eve, PASSWORD).submit(code=used).path == "/staff/"
    page = try_password(bob, PASSWORD).submit(code=used)
    assert page.status == 422
    assert "Each works once" in page.text
    assert page.submit(code=code(later=-30)).status == 422  # older than the one that was used
    clock.shift(30)
    assert page.submit(code=code()).path == "/staff/"


def test_the_code_of_the_set_up_does_not_work_once_more(app, eve, bob, clock):
    add_staff(app, ADA, "handler", phone=False)
    page = try_password(eve, PASSWORD)
    used = code(shown_secret(page))
    page.submit(code=used)
    assert try_password(bob, PASSWORD).submit(code=used).status == 422


@pytest.mark.parametrize(("later", "status"), [(-60, 422), (-30, 200), (30, 200), (60, 422)])
def test_a_clock_may_be_off_by_half_a_minute(app, eve, clock, later, status):
    add_staff(app, ADA, "handler")
    assert try_password(eve, PASSWORD).submit(code=code(later=later)).status == status


def test_a_code_may_be_typed_with_a_space(app, eve):
    add_staff(app, ADA, "handler")
    shown = code()
    page = try_password(eve, PASSWORD).submit(code=f" {shown[:3]} {shown[3:]}")
    assert page.path == "/staff/"


def test_the_secret_is_not_in_the_database_as_it_is(app):
    user = add_staff(app, ADA, "handler")
    assert SECRET.encode() not in user.totp_sealed
    assert user.totp == SECRET


def recovery_codes(page):
    return [found.get_text() for found in page.soup.select("main li code")]


def test_a_recovery_code_lets_in_once_without_the_phone_and_is_recorded(app, eve, bob):
    add_staff(app, ADA, "handler", phone=False)
    first, *others = recovery_codes(add_phone(try_password(eve, PASSWORD)))
    kept = db.session.scalars(sa.select(RecoveryCode.hash)).all()
    db.session.rollback()
    assert len(kept) == 1 + len(others)
    assert all(hashed.startswith("$argon2id$") for hashed in kept)
    assert try_password(bob, PASSWORD).submit(code=first.lower()).path == "/staff/"
    assert events("authn_recovery_code") == [("authn_recovery_code", "7 left")]
    again = try_password(Person(app.test_client()), PASSWORD)
    assert again.submit(code=first).status == 422
    assert again.submit(code=others[0]).path == "/staff/"
    assert "6 of your codes are left" in bob.visit("/staff/account").text


def test_new_recovery_codes_want_a_code_and_end_the_old_ones(app, eve, bob):
    add_staff(app, ADA, "handler", phone=False)
    old = recovery_codes(add_phone(try_password(eve, PASSWORD)))
    page = eve.visit("/staff/account").link("Make new recovery codes")
    assert page.submit(code="000000").status == 422
    new = recovery_codes(page.submit(code=fresh_code(ADA)))
    page = try_password(bob, PASSWORD)
    assert page.submit(code=old[0]).status == 422
    assert page.submit(code=new[0]).path == "/staff/"


# Sessions


def test_what_a_stranger_put_into_the_browser_before_is_no_session_afterwards(app, eve):
    """Session fixation: a cookie and a token from before the sign-in are of no use after it."""
    add_staff(app, ADA, "handler")
    page = eve.visit("/staff/login")
    before, token = cookie_of(eve), page.typed()["csrf_token"]
    page = sign_in(page)
    assert with_cookie(app, before).visit("/staff/").path == "/staff/login"
    assert eve.send("/staff/stay", {"csrf_token": token}).status == 400
    assert page.soup.select_one("input[name=csrf_token]")["value"] != token


def test_the_password_alone_is_not_a_session(app, eve, submission):
    add_staff(app, ADA, "handler")
    try_password(eve, PASSWORD)
    for address in ("/staff/", f"/staff/submissions/{submission.reference}", "/staff/account"):
        assert eve.visit(address).path == "/staff/code"


def test_signing_out_kills_a_cookie_that_was_saved_and_empties_the_browser(app, ada):
    page = ada.visit("/staff/")
    saved = cookie_of(ada)
    page = page.submit("nav form", follow=False)
    assert page.headers["Clear-Site-Data"] == '"cache", "cookies", "storage"'
    assert with_cookie(app, saved).visit("/staff/").path == "/staff/login"
    assert ada.visit("/staff/").path == "/staff/login"
    assert events("authn_logout") == [("authn_logout", "")]


def test_signing_out_here_leaves_another_device_signed_in(app, ada):
    other = sign_in(Person(app.test_client()).visit("/staff/")).person
    ada.visit("/staff/").submit("nav form")
    assert other.visit("/staff/").path == "/staff/"


def test_signing_out_everywhere_ends_every_session(app, ada):
    other = sign_in(Person(app.test_client()).visit("/staff/")).person
    page = ada.visit("/staff/account").submit("form[action$=everywhere]")
    assert page.path == "/staff/login"
    assert ada.visit("/staff/").path == other.visit("/staff/").path == "/staff/login"
    assert events("sessions_ended") == [("sessions_ended", "")]
    assert db.session.scalar(sa.select(sa.func.count()).select_from(StaffSession)) == 0


def test_signing_out_is_never_a_link(ada):
    for address in ("/staff/logout", "/staff/sign-out-everywhere", "/staff/stay"):
        assert ada.visit(address).status == 405
    assert ada.visit("/staff/").path == "/staff/"


def test_after_a_quarter_of_an_hour_without_a_click_a_session_is_over(app, clock, ada):
    clock.shift(899)
    assert ada.visit("/staff/").path == "/staff/"
    saved = cookie_of(ada)
    clock.shift(901)
    page = ada.visit("/staff/")
    assert page.path == "/staff/login"
    assert "For safety you were signed out." in page.text
    assert events("session_expired") == [("session_expired", "")]
    clock.shift(-901)  # the row is gone, and not only too old
    page = with_cookie(app, saved).visit("/staff/")
    assert page.path == "/staff/login"
    assert "For safety you were signed out." in page.text  # as in the other tab


def test_after_twelve_hours_a_session_is_over_however_busy_it_was(app, clock, ada):
    for _ in range(12 * 5):
        assert ada.visit("/staff/").path == "/staff/"
        clock.shift(12 * 60)
    assert ada.visit("/staff/").path == "/staff/login"


def test_a_change_of_the_password_does_not_make_the_twelve_hours_longer(ada):
    begun = db.session.scalar(sa.select(StaffSession.started_at))
    db.session.rollback()
    choose_password(ada.visit("/staff/account"), PASSWORD, OWN_PASSWORD)
    assert db.session.scalar(sa.select(StaffSession.started_at)) == begun


def test_a_page_says_until_when_and_who_asks_for_it_stays(clock, ada):
    page = ada.visit("/staff/")
    assert re.search(r"you are signed out at \d+:\d\d [ap]m", page.text)
    assert page.soup.select_one("form[data-stay]")["data-stay"] == "900"
    clock.shift(800)
    answer = page.submit("form[data-stay]")
    assert answer.title.startswith("You stay signed in")
    clock.shift(800)
    assert ada.visit("/staff/").path == "/staff/"


def test_sessions_that_nobody_ended_are_swept_out_later(app, clock, ada):
    clock.shift(25 * 60 * 60)
    sign_in(Person(app.test_client()).visit("/staff/login"))
    assert db.session.scalar(sa.select(sa.func.count()).select_from(StaffSession)) == 1
    db.session.rollback()


def test_a_disabled_account_is_out_at_the_next_request(app, ada):
    db.session.execute(sa.update(User).values(active=False))
    db.session.commit()
    assert ada.visit("/staff/").path == "/staff/login"


def test_another_role_counts_at_the_next_request(app, ada, submission):
    user = db.session.scalar(sa.select(User))
    user.roles = [app.extensions["security"].datastore.find_or_create_role("reader")]
    db.session.commit()
    page = ada.visit(f"/staff/submissions/{submission.reference}")
    assert not page.soup.select("form.change")


def test_a_cookie_of_one_person_does_not_go_with_the_session_of_another(app, ada, rita):
    ids = db.session.scalars(sa.select(User.id).order_by(User.id)).all()
    db.session.execute(
        sa.update(StaffSession).where(StaffSession.user_id == ids[0]).values(user_id=ids[1])
    )
    db.session.commit()
    assert ada.visit("/staff/").path == "/staff/login"


def test_nobody_stays_signed_in_by_a_hidden_field(app, eve):
    add_staff(app, ADA, "handler")
    eve.visit("/staff/").submit(email=ADA, password=PASSWORD, remember="y")
    assert eve.client.get_cookie("remember_token") is None


def test_no_account_exists_until_the_owner_adds_one(app):
    assert db.session.scalar(sa.select(sa.func.count(User.id))) == 0
