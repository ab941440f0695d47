"""Patients in a real browser, from the first page to the last, with scripts on and off."""

import pytest
from playwright.sync_api import expect

from browsing import (
    HEADINGS,
    UPRIGHT,
    a_page,  # noqa: F401 (a fixture, asked for by its name)
    a_window,  # noqa: F401 (likewise)
    become,
    enter,
    field,
    follow,
    goes_by_http,
    hand_back,
    is_at,
    is_led_to,
    press,
    sees,
    sees_that_it_arrived,
    sent_by,
    shows,
    shows_its_focus,
    somebody,
    space,
    tab_to,
    type_in,
    width,
    write,
)
from people import INTAKE, an_appointment, an_open_day, details, intake_to
from serving import (
    a_browser,  # noqa: F401
    a_server,  # noqa: F401
    needs_chromium,
)

pytestmark = needs_chromium

SMALL = {"width": 320, "height": 640}
# By field name. A date of birth is typed as people write it.
WRITTEN = {
    "full_name": "Siobhán O'Brien-Núñez",
    "birth_month": "March",
    "birth_day": "31",
    "birth_year": "1975",
    "phone": "612-555-0187",
}
CHOSEN = ("Phone call", "No, this is my first time", "Headache or migraine")


# Appointments


def test_a_patient_makes_mistakes_mends_them_changes_an_answer_and_sends(page):
    page.goto("/appointment/")
    page.get_by_label("None of these").check()
    press(page, "Continue")
    sees(page, "Your details")
    press(page, "Continue")
    is_led_to(page, "Enter your full name", "#full_name")
    fill_in_the_details(page)
    press(page, "Continue")
    sees(page, "Check your answers")
    change_the_name(page)
    press(page, "Send my request")
    sees_that_it_arrived(page)
    expect(page.get_by_text("This is a request, not a booked appointment.")).to_be_visible()


def test_the_browsers_back_button_leads_to_the_answers_after_a_mended_mistake(browser, server):
    page = browser.new_page(base_url=server.url)
    page.goto("/appointment/")
    page.get_by_label("None of these").check()
    press(page, "Continue")
    press(page, "Continue")
    is_led_to(page, "Enter your full name", "#full_name")
    fill_in_the_details(page)
    press(page, "Continue")
    sees(page, "Check your answers")
    page.go_back()
    sees(page, "Your details")
    expect(page.get_by_label("Full name")).to_have_value(WRITTEN["full_name"])
    page.close()


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
    contact = page.locator("[autocomplete]:not([autocomplete=off])")
    page.goto("/")
    page.get_by_role("navigation").get_by_role("link", name="Request an appointment").click()
    sees(page, "First, check that it is safe to wait")
    expect(contact).to_have_count(0)
    page.get_by_label("A sudden, severe headache").check()
    press(page, "Continue")
    sees(page, "Call 911 now")
    expect(page.get_by_role("link", name="Call 911")).to_have_attribute("href", "tel:911")
    expect(contact).to_have_count(0)
    press(page, "I understand, go on with my request")
    sees(page, "Your details")
    expect(contact).not_to_have_count(0)


def test_a_patient_sends_a_request_with_the_keyboard_alone(page, server):
    page.goto("/")
    enter(page, page.get_by_role("navigation").get_by_role("link", name="Request an appointment"))
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
    type_in(page, WRITTEN)
    for words in CHOSEN:
        space(page, page.get_by_label(words))
    with server.place.app.app_context():
        year, month, day = an_open_day().split("-")
    tab_to(page, page.locator("#window1_day"))
    page.keyboard.type(f"{month}{day}{year}")
    expect(page.locator("#window1_day")).to_have_value(f"{year}-{month}-{day}")
    space(page, page.get_by_label("I agree that"))


# Intakes


def test_a_patient_fills_in_the_intake_mends_mistakes_changes_an_answer_and_sends_it(page, server):
    me = somebody()
    page.goto("/")
    page.get_by_role("contentinfo").get_by_role("link", name="Intake form").click()
    for name in ("safety", "you", "headaches"):
        is_at(page, name)
        if name in MISTAKES:
            makes_and_mends_a_mistake(page, name)
        write(page, {**INTAKE[name], **(me if name == "you" else {})})
        press(page, "Continue")
    goes_back_to_the_answers(page)
    for name in ("spine", "health"):
        is_at(page, name)
        write(page, INTAKE[name])
        press(page, "Continue")
    changes_the_medicines(page)
    press(page, "Send my form")
    sees_that_it_arrived(page, "form")
    (sent,) = sent_by(server, me)
    assert page.locator(".reference").text_content() == sent.shown_reference
    assert sent.answers["headache_days"] == "12"
    assert sent.answers["medicines"]["text"] == "Nothing now"


# By page: what is typed, what that is told, and where its link leads.
MISTAKES = {
    "you": ({}, "Enter your full name", "full_name"),
    "headaches": (
        {**INTAKE["headaches"], "headache_days": "31"},
        "Enter a whole number of days from 0 to 30",
        "headache_days",
    ),
}


def makes_and_mends_a_mistake(page, name):
    typed, words, target = MISTAKES[name]
    write(page, typed)
    press(page, "Continue")
    sees(page, HEADINGS[name])
    is_led_to(page, words, f"#{target}")
    shows(page, typed)


def goes_back_to_the_answers(page):
    is_at(page, "spine")
    press(page, "Back")
    is_at(page, "headaches")
    shows(page, INTAKE["headaches"])
    press(page, "Continue")


def changes_the_medicines(page):
    is_at(page, "check")
    page.get_by_role("link", name="Change your answer to: Which medicines").click()
    is_at(page, "health")
    expect(field(page, "medicines_text")).to_be_focused()
    shows(page, {name: INTAKE["health"][name] for name in INTAKE["health"] if name != "consent"})
    field(page, "medicines_text").fill("Nothing now")
    press(page, "Continue")
    is_at(page, "check")
    expect(page.get_by_text("Nothing now")).to_be_visible()


def test_a_patient_sends_the_intake_with_the_keyboard_alone(page, server):
    me = somebody()
    page.goto("/intake/")
    for name in [*HEADINGS][:-1]:
        is_at(page, name)
        if name == "headaches":
            is_led_to_a_mistake_by_keys(page)
        type_in(page, {**INTAKE[name], **{key: me[key] for key in me if key in INTAKE[name]}})
        enter(page, page.get_by_role("button", name="Continue"))
    is_at(page, "check")
    enter(page, page.get_by_role("button", name="Send my form"))
    sees_that_it_arrived(page, "form")
    (sent,) = sent_by(server, me)
    typed = [sent.answers[name] for name in ("worst_pain", "usual_pain", "peg_pain", "bones")]
    assert typed == ["9", "6", "6", ["none"]]


def is_led_to_a_mistake_by_keys(page):
    enter(page, page.get_by_role("button", name="Continue"))
    expect(page.locator("#error-summary")).to_be_focused()
    enter(page, page.get_by_role("link", name="Choose how bad the worst headache was"))
    shows_its_focus(field(page, "worst_pain"))
    page.goto("/intake/")


@pytest.mark.parametrize("flow", ["appointment", "intake"])
def test_on_a_phone_no_page_scrolls_sideways_and_all_of_it_can_be_sent(page, server, flow):
    with server.place.app.app_context():
        answers = {**INTAKE, "details": details()}
    me = somebody()
    page.set_viewport_size(SMALL)
    page.goto(f"/{flow}/")
    seen = []
    while not page.url.endswith("/check"):
        name = page.url.rpartition("/")[2]
        seen.append(name)
        fits(page)
        if name == "advice":
            press(page, f"I understand, go on with my {ITSELF[flow]}")
            continue
        press(page, "Continue")
        expect(page.locator("#error-summary")).to_be_focused()
        fits(page)
        who = me if "full_name" in answers[name] else {}
        write(page, {**answers[name], **who, **UPRIGHT.get(name, {})})
        press(page, "Continue")
        expect(page.locator("#error-summary")).to_have_count(0)
    assert seen == PAGES[flow]
    fits(page)
    press(page, f"Send my {ITSELF[flow]}")
    sees_that_it_arrived(page, ITSELF[flow])
    fits(page)
    assert len(sent_by(server, me)) == 1


ITSELF = {"appointment": "request", "intake": "form"}
PAGES = {
    "appointment": ["safety", "details"],
    "intake": ["safety", "you", "headaches", "spine", "advice", "health"],
}


def fits(page):
    assert width(page) <= SMALL["width"], f"{page.url} is too wide"


def test_answers_that_are_dangerous_together_stop_the_patient_in_the_middle(page, window, server):
    me = somebody()
    become(window, goes_by_http(server, "headaches", me))
    page.goto("/intake/")
    write(page, {**INTAKE["headaches"], **UPRIGHT["headaches"]})
    press(page, "Continue")
    is_at(page, "spine")
    write(page, {**INTAKE["spine"], **UPRIGHT["spine"]})
    press(page, "Continue")
    sees(page, "Call us today")
    expect(page.locator(".card li")).to_have_count(1)
    expect(page.locator(".card li")).to_contain_text("after a spinal tap")
    expect(page.locator(".card").get_by_role("link", name="Call (612)")).to_be_visible()
    press(page, "I understand, go on with my form")
    is_at(page, "health")
    assert sent_by(server, me) == []


def test_after_a_request_the_intake_asks_for_no_name_and_is_sent(page, window, server):
    me, person = somebody(), server.person()
    with server.place.app.app_context():
        received = an_appointment(person, **me)
    become(window, person)
    page.goto(received.path)
    sees_that_it_arrived(page)
    reference = page.locator(".reference").text_content()
    follow(page, "Start your intake form")
    is_at(page, "safety")
    write(page, INTAKE["safety"])
    press(page, "Continue")
    is_at(page, "you")
    asks_nothing_twice(page, reference)
    write(page, INTAKE["you"])
    press(page, "Continue")
    is_at(page, "headaches")
    hand_back(window, person)
    with server.place.app.app_context():
        intake_to(person, "check")
    page.goto("/intake/check")
    press(page, "Send my form")
    sees_that_it_arrived(page, "form")
    intake, request = sent_by(server, me)
    assert (intake.kind, intake.follows) == ("intake", request.id)
    assert intake.answers["phone"] == request.answers["phone"]


def asks_nothing_twice(page, reference):
    expect(page.get_by_text(f"from your request {reference}")).to_be_visible()
    expect(page.get_by_text("Who is this form about?")).to_be_visible()
    for asked in ("full_name", "birth_month", "phone", "email", "contact_by"):
        expect(field(page, asked)).to_have_count(0)
