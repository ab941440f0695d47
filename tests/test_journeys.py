"""Visitors and staff in a real browser, from the first page to the last, scripts on and off."""

import re

from playwright.sync_api import expect

from browsing import (
    a_page,  # noqa: F401 (a fixture, asked for by its name)
    a_window,  # noqa: F401 (likewise)
    press,
    sees,
)
from people import an_appointment, an_intake
from serving import (
    a_browser,  # noqa: F401
    a_server,  # noqa: F401
    needs_chromium,
    one_time_password,
)
from signing_in import OWN_PASSWORD, code

pytestmark = needs_chromium


def test_a_visitor_reads_the_lead_article_and_asks_for_an_appointment(page):
    page.goto("/")
    page.get_by_role("main").get_by_role("link", name="Migraines and the spine").click()
    sees(page, "Migraines and the spine")
    page.get_by_role("main").get_by_role("link", name="Request an appointment").click()
    sees(page, "First, check that it is safe to wait")


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


def test_staff_go_through_a_list_by_keys_and_print_an_intake_on_one_page(page, window, server):
    first, second = a_request(server), a_request(server)
    sign_in(page, server, f"eda-{first}@example.org".lower())
    page.goto("/staff/?kind=appointment")
    page.get_by_role("link", name=first).click()
    sees(page, f"Request {first}")
    press_access_key(page, "n")
    sees(page, f"Request {second}")
    press_access_key(page, "p")
    sees(page, f"Request {first}")
    press_access_key(page, "b")
    sees(page, "Submissions")
    with server.place.app.app_context():
        sent = an_intake(server.person()).soup.select_one(".reference").get_text()
    page.goto(f"/staff/submissions/{sent}")
    press(page, "Print")
    paper = page.pdf(format="Letter", prefer_css_page_size=True)
    assert len(re.findall(rb"/Type\s*/Page\b", paper)) == 1


def press_access_key(page, letter):
    """Hold Alt and press a key, down to the text that comes with it: access keys go by that."""
    key = {"key": letter, "text": letter, "unmodifiedText": letter, "modifiers": 1}
    code = {"code": f"Key{letter.upper()}", "windowsVirtualKeyCode": ord(letter.upper())}
    session = page.context.new_cdp_session(page)
    with page.expect_navigation():
        session.send("Input.dispatchKeyEvent", {"type": "keyDown", **key, **code})
    session.send("Input.dispatchKeyEvent", {"type": "keyUp", **key, **code, "text": ""})
    session.detach()


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
    expect(page.get_by_role("link", name="Use 15 to 128 characters.")).to_be_visible()
    choose_password(page, password, OWN_PASSWORD)
    add_phone(page)


def choose_password(page, old, new):
    page.get_by_label("Current password").fill(old)
    page.get_by_label("New password", exact=True).fill(new)
    page.get_by_label("New password again").fill(new)
    press(page, "Change password")


def add_phone(page):
    sees(page, "Add your phone")
    picture = page.get_by_role("img", name="QR code for your authenticator app.")
    expect(picture).to_be_visible()
    type_code(page, "12345")
    expect(page.get_by_role("link", name="This code is not right.")).to_be_visible()
    type_code(page, code(page.locator("main code").inner_text().replace(" ", "")))
    sees(page, "Keep your recovery codes")
    expect(page.locator("main li code")).to_have_count(8)
    page.get_by_role("link", name="I have kept them").click()


def type_code(page, typed):
    page.get_by_label("Code", exact=True).fill(typed)
    press(page, "Go on")


def work_on(page, reference):
    sees(page, "Submissions")
    page.get_by_role("link", name=reference).click()
    sees(page, f"Request {reference}")
    expect(page.get_by_text("It began after the crash in spring.")).to_be_visible()
    page.get_by_label("Change the status to").select_option("Contacted")
    press(page, "Save status")
    expect(page.get_by_role("status")).to_contain_text("The status is now")
    page.get_by_role("link", name="Back to the list").click()
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
