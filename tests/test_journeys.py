"""People in a real browser, from the first page to the last, with scripts on and off."""

import re

import pytest
from playwright.sync_api import expect

from people import an_appointment, an_open_day
from serving import (
    a_browser,  # noqa: F401 (a fixture, asked for by its name)
    a_server,  # noqa: F401 (likewise)
    needs_chromium,
    one_time_password,
)

pytestmark = needs_chromium

OWN_PASSWORD = "seven quiet lamps under water"
# By field name. A date of birth is typed as people write it.
WRITTEN = {
    "full_name": "Siobhán O'Brien-Núñez",
    "birth_month": "March",
    "birth_day": "31",
    "birth_year": "1975",
    "phone": "612-555-0187",
}
CHOSEN = ("Phone call", "No, this is my first time", "Headache or migraine")
# Chromium's note on every page that comes with this status, as ours do after a mistake.
NOTE = "Failed to load resource: the server responded with a status of 422"


@pytest.fixture(scope="module", params=[True, False], ids=["scripts on", "scripts off"])
def window(request, browser, server):
    """A browser window, with what it asks for and what its console says."""
    context = browser.new_context(
        base_url=server.url, java_script_enabled=request.param, locale="en-US"
    )
    context.set_default_timeout(10_000)
    context.asked, context.complaints = [], []
    context.on("request", lambda request: context.asked.append(request.url))
    context.on("console", lambda message: context.complaints.append(complaint(message)))
    context.on("weberror", lambda error: context.complaints.append(str(error.error)))
    yield context
    context.close()


def complaint(message):
    """What the browser's console says is wrong, if it does."""
    wrong = message.type in {"error", "warning"} and not message.text.startswith(NOTE)
    return message.text if wrong else ""


@pytest.fixture
def page(window, server):
    """A tab of somebody new. Nothing in it may ask another site for anything, or complain."""
    window.clear_cookies()
    tab = window.new_page()
    yield tab
    tab.close()
    asked, complaints = window.asked[:], [*filter(None, window.complaints)]
    window.asked.clear()
    window.complaints.clear()
    assert asked
    assert [url for url in asked if not url.startswith(f"{server.url}/")] == []
    assert complaints == []


def sees(page, heading):
    expect(page.get_by_role("heading", level=1, name=heading)).to_be_visible()


def press(page, words):
    page.get_by_role("button", name=words, exact=True).click()


def sees_that_it_arrived(page):
    sees(page, "We have your request")
    expect(page.get_by_text("This is a request, not a booked appointment.")).to_be_visible()
    expect(page.locator(".reference")).to_have_text(re.compile(r"^\w{4}-\w{4}$"))


def test_a_visitor_reads_the_lead_article_and_asks_for_an_appointment(page):
    page.goto("/")
    page.get_by_role("main").get_by_role("link", name="Migraines and the spine").click()
    sees(page, "Migraines and the spine")
    page.get_by_role("main").get_by_role("link", name="Make an appointment").click()
    sees(page, "First, check that it is safe to wait")


def test_a_patient_makes_mistakes_mends_them_changes_an_answer_and_sends(page):
    page.goto("/appointment/")
    page.get_by_label("None of these").check()
    press(page, "Continue")
    sees(page, "Your details")
    press(page, "Continue")
    is_led_to_the_mistake(page)
    fill_in_the_details(page)
    press(page, "Continue")
    sees(page, "Check your answers")
    change_the_name(page)
    press(page, "Send my request")
    sees_that_it_arrived(page)


def test_the_browsers_back_button_leads_to_the_answers_after_a_mended_mistake(browser, server):
    page = browser.new_page(base_url=server.url)
    page.goto("/appointment/")
    page.get_by_label("None of these").check()
    press(page, "Continue")
    press(page, "Continue")
    is_led_to_the_mistake(page)
    fill_in_the_details(page)
    press(page, "Continue")
    sees(page, "Check your answers")
    page.go_back()
    sees(page, "Your details")
    expect(page.get_by_label("Full name")).to_have_value(WRITTEN["full_name"])
    page.close()


def is_led_to_the_mistake(page):
    expect(page).to_have_title(re.compile("^Error: Your details"))
    expect(page.locator("#error-summary")).to_be_focused()
    page.get_by_role("link", name="Enter your full name").click()
    expect(page.get_by_label("Full name")).to_be_focused()


def fill_in_the_details(page):
    for name, words in WRITTEN.items():
        page.locator(f"#{name}").fill(words)
    for words in (*CHOSEN, "I agree that"):
        page.get_by_label(words).check()


def change_the_name(page):
    page.get_by_role("link", name="Change your answer to: Full name").click()
    name = page.get_by_label("Full name")
    expect(name).to_be_focused()
    expect(name).to_have_value(WRITTEN["full_name"])
    name.fill("Ana Núñez")
    press(page, "Continue")
    sees(page, "Check your answers")
    expect(page.get_by_text("Ana Núñez")).to_be_visible()
    expect(page.get_by_text("March 31, 1975")).to_be_visible()


def test_a_patient_in_danger_sees_911_before_a_contact_detail_is_asked(page):
    page.goto("/")
    page.get_by_role("navigation").get_by_role("link", name="Make an appointment").click()
    sees(page, "First, check that it is safe to wait")
    expect(page.locator("[autocomplete]")).to_have_count(0)
    page.get_by_label("A sudden, severe headache").check()
    press(page, "Continue")
    sees(page, "Call 911 now")
    expect(page.get_by_role("link", name="Call 911")).to_have_attribute("href", "tel:911")
    expect(page.locator("[autocomplete]")).to_have_count(0)
    press(page, "I understand, go on with my request")
    sees(page, "Your details")
    expect(page.locator("[autocomplete]")).not_to_have_count(0)


def test_a_patient_sends_a_request_with_the_keyboard_alone(page, server):
    page.goto("/")
    enter(page, page.get_by_role("navigation").get_by_role("link", name="Make an appointment"))
    sees(page, "First, check that it is safe to wait")
    space(page, page.get_by_label("None of these"))
    enter(page, page.get_by_role("button", name="Continue"))
    sees(page, "Your details")
    type_in_the_details(page, server)
    enter(page, page.get_by_role("button", name="Continue"))
    sees(page, "Check your answers")
    enter(page, page.get_by_role("button", name="Send my request"))
    sees_that_it_arrived(page)


def type_in_the_details(page, server):
    """From the top of the page to its end, as the Tab key goes."""
    for name, words in WRITTEN.items():
        tab_to(page, page.locator(f"#{name}"))
        page.keyboard.type(words)
    for words in CHOSEN:
        space(page, page.get_by_label(words))
    with server.place.app.app_context():
        year, month, day = an_open_day().split("-")
    tab_to(page, page.locator("#window1_day"))
    page.keyboard.type(f"{month}{day}{year}")
    expect(page.locator("#window1_day")).to_have_value(f"{year}-{month}-{day}")
    space(page, page.get_by_label("I agree that"))


def tab_to(page, target):
    """Press Tab until this has the focus, and see that it has."""
    for _ in range(60):
        page.keyboard.press("Tab")
        if target.evaluate("it => it === document.activeElement"):
            expect(target).not_to_have_css("outline-style", "none")
            return
    raise AssertionError(f"Tab does not lead to {target}")


def space(page, target):
    tab_to(page, target)
    page.keyboard.press("Space")
    expect(target).to_be_checked()


def enter(page, target):
    tab_to(page, target)
    page.keyboard.press("Enter")


def test_a_member_of_staff_signs_in_works_on_a_request_and_signs_out_for_good(
    page, window, browser, server
):
    reference = a_request(server)
    sign_in(page, server, f"ada-{reference}@example.org".lower())
    work_on(page, reference)
    thief = browser.new_context(base_url=server.url)
    thief.add_cookies(window.cookies())
    stolen = thief.new_page()
    stolen.goto("/staff/")
    sees(stolen, "Submissions")
    press(page, "Sign out")
    for either in (page, stolen):
        either.goto("/staff/")
        sees(either, "Sign in")
        expect(either.get_by_text(reference)).to_have_count(0)
    thief.close()


def a_request(server):
    """Let a patient send a request; return its reference."""
    with server.place.app.app_context():
        return an_appointment(server.person()).soup.select_one(".reference").get_text()


def sign_in(page, server, email):
    password = one_time_password(server.place, email)
    page.goto("/staff/")
    sees(page, "Sign in")
    page.get_by_label("Email address").fill(email)
    page.get_by_label("Password").fill(password)
    press(page, "Sign in")
    sees(page, "Change your password")
    choose_password(page, password, OWN_PASSWORD[:14])
    expect(page.get_by_role("link", name="Use at least 15 characters.")).to_be_visible()
    choose_password(page, password, OWN_PASSWORD)


def choose_password(page, old, new):
    page.get_by_label("Current password").fill(old)
    page.get_by_label("New password", exact=True).fill(new)
    page.get_by_label("New password again").fill(new)
    press(page, "Change password")


def work_on(page, reference):
    sees(page, "Submissions")
    page.get_by_role("link", name=reference).click()
    sees(page, f"Appointment {reference}")
    expect(page.get_by_text("It began after the crash in spring.")).to_be_visible()
    page.get_by_label("Change the status to").select_option("Contacted")
    press(page, "Save status")
    expect(page.get_by_role("status")).to_contain_text("The status is now")
    page.get_by_role("link", name="Back to the submissions").click()
    row = page.get_by_role("row").filter(has_text=reference)
    expect(row.get_by_role("cell", name="Contacted")).to_be_visible()


def test_no_button_shows_that_needs_scripts_where_there_are_none(page, window, request):
    on = "scripts on" in request.node.callspec.id
    for address in ("/diary", "/articles/crps"):
        page.goto(address)
        for button in page.locator("main button[type=button]").all():
            assert button.is_visible() is on, f"{address}: {button.text_content()}"


def test_the_diary_prints_on_two_sheets_of_letter_paper(browser, server):
    page = browser.new_page()
    page.goto(f"{server.url}/diary")
    sheets = page.pdf(prefer_css_page_size=True)
    page.close()
    assert re.findall(rb"/Type\s*/Page\b(?!s)", sheets) == [b"/Type /Page"] * 2
    assert set(re.findall(rb"/MediaBox \[(.*?)\]", sheets)) == {b"0 0 792 612"}  # points
