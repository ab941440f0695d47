"""Staff in a real browser: without the phone, and when time runs out. Scripts on and off."""

import re

import pytest
import sqlalchemy as sa
from playwright.sync_api import expect

from browsing import (
    a_page,  # noqa: F401 (a fixture, asked for by its name)
    a_window,  # noqa: F401 (likewise)
    become,
    press,
    sees,
)
from models import db
from models_staff import StaffSession
from people import an_appointment, submissions
from serving import (
    a_browser,  # noqa: F401
    a_server,  # noqa: F401
    needs_chromium,
    one_time_password,
)
from signing_in import OWN_PASSWORD, add_phone, choose_password

pytestmark = needs_chromium


@pytest.fixture
def email(request):
    """An address that no other test has."""
    return f"{re.sub(r'[^a-z]', '-', request.node.name.lower())[-40:].strip('-')}@example.org"


@pytest.fixture
def codes_page(server, email):
    """Somebody who has just come in for the first time, by HTTP, at the page of recovery codes."""
    password = one_time_password(server.place, email)
    page = server.person().visit("/staff/").submit(email=email, password=password)
    return add_phone(choose_password(page, password))


def test_without_the_phone_a_recovery_code_lets_in(page, email, codes_page):
    page.goto("/staff/")
    page.get_by_label("Email address").fill(email)
    page.get_by_label("Password").fill(OWN_PASSWORD)
    press(page, "Sign in")
    sees(page, "Enter a code")
    page.get_by_label("Code", exact=True).fill("00000-00000")
    press(page, "Go on")
    expect(page.locator("#error-summary")).to_contain_text("This code is not right.")
    page.get_by_label("Code", exact=True).fill(codes_page.soup.select_one("main li code").text)
    press(page, "Go on")
    sees(page, "Submissions")
    page.get_by_role("link", name="Your account").click()
    expect(page.get_by_text("7 of your codes are left.")).to_be_visible()


def test_two_minutes_before_the_end_staff_can_stay_and_keep_what_they_typed(
    page, window, server, codes_page
):
    become(window, codes_page.person)
    page.clock.install()
    page.goto("/staff/account")
    page.get_by_label("Current password").fill("half-typed")
    banner = page.get_by_text("For safety, you are signed out at")
    if window.scripts:
        expect(banner).to_be_hidden()
        page.clock.run_for("13:05")
    expect(banner).to_be_visible()
    stay(page, window)
    expect(page.get_by_label("Current password")).to_have_value("half-typed")


def stay(page, window):
    button = page.get_by_role("button", name="Stay signed in")
    if window.scripts:
        with page.expect_response("**/staff/stay"):
            button.click()
        expect(button).to_be_hidden()
        page.clock.run_for("12:30")
        expect(button).to_be_hidden()
        page.clock.run_for("01:00")
        in_a_while = page.evaluate("new Date(+localStorage.until).toLocaleTimeString('en-US')")
        hour, minute, _second = in_a_while.split(":")
        expect(page.get_by_text("For safety")).to_contain_text(f"{hour}:{minute} ")
    else:
        with window.expect_page() as opened:
            button.click()
        sees(opened.value, "You stay signed in")
        opened.value.close()


def test_when_the_time_is_over_nothing_stays_on_the_screen(page, window, server, codes_page):
    become(window, codes_page.person)
    page.clock.install()
    page.goto("/staff/")
    sees(page, "Submissions")
    with server.place.look():
        db.session.execute(sa.delete(StaffSession))
        db.session.commit()
    if window.scripts:
        page.clock.run_for("15:05")
    else:
        page.reload()
    sees(page, "Sign in")


def test_a_note_that_is_not_saved_is_not_taken_away_unasked(page, window, server, codes_page):
    """Without scripts the browser cannot ask."""
    become(window, codes_page.person)
    page.goto(a_submission(server))
    note = page.get_by_label("New note")
    note.fill("Called, no answer.")
    asked = []
    if window.scripts:
        page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.dismiss()))
        with page.expect_event("dialog"):
            page.get_by_role("button", name="Assign to me").click(no_wait_after=True)
        expect(note).to_have_value("Called, no answer.")
    press(page, "Save note")
    expect(page.get_by_text("The note is saved.")).to_be_visible()
    note.fill("Called again.")
    page.locator("main a[href^='tel:']").click()
    page.locator("main a[href^='mailto:']").click()
    expect(note).to_have_value("Called again.")
    assert asked == ["beforeunload"] * window.scripts


def a_submission(server):
    """The address of something that a patient has sent."""
    with server.place.app.app_context():
        an_appointment(server.person())
    with server.place.look():
        return f"/staff/submissions/{submissions()[-1].shown_reference}"
