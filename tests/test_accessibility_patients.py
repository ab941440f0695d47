"""Everyone can use every page that patients see. `barriers.py` says what is looked at."""

from datetime import timedelta

import pytest

from barriers import barriers, in_turn, tab_of
from browsing import UPRIGHT
from models import db, now
from people import (
    BIRTH,
    an_appointment,
    details,
    fill_in,
    intake_to,
    letters,
    link_in,
    submissions,
    to_details,
)
from serving import (
    a_browser,  # noqa: F401 (a fixture, asked for by its name)
    a_server,  # noqa: F401 (likewise)
    needs_chromium,
)

pytestmark = needs_chromium

APPOINTMENT_PAGES = (
    "safety",
    "safety, with mistakes",
    "advice, emergency",
    "advice, today",
    "details",
    "details, with mistakes",
    "check",
    "received",
)
INTAKE_PAGES = (
    "you",
    "you, with mistakes",
    "headaches",
    "headaches, with mistakes",
    "spine",
    "spine, with mistakes",
    "advice in the middle",
    "health",
    "health, with mistakes",
    "intake, check",
    "finish later",
    "finish later, with a mistake",
    "finish later, link sent",
    "link from a letter",
    "link from a letter, with a mistake",
    "link that is used up",
    "intake, received",
    "you, after a request",
)
REQUEST_PAGES = (
    "request, closed door",
    "request, new",
    "request, contacted",
    "other times",
    "other times, with a mistake",
    "request, scheduled",
    "cancel",
    "request, cancelled",
)
# What is only on the page that is meant.
MEANT = {
    "received": ".answers",
    "you": "[name=full_name]",
    "headaches": "[name=worst_pain]",
    "advice in the middle": ".card-urgent",
    "intake, check": ".answers a",
    "intake, received": ".answers",
    "finish later": "[name=email]",
    "finish later, link sent": "[role=status]",
    "link from a letter": "[name=birth_year]",
    "you, after a request": "main:not(:has([name=full_name])) [name=help_with]",
    "request, new": "a[href$=cancel]",
    "request, scheduled": "a[href$='.ics']",
    "request, cancelled": "main:not(:has(form, a[href$=cancel]))",
}


@pytest.fixture(scope="module")
def tabs(browser, server):
    """An open tab for each page as patients come to see it."""
    window = browser.new_context(base_url=server.url)
    with server.place.app.app_context():
        return {
            **dict(zip(APPOINTMENT_PAGES, appointment_tabs(window, server), strict=True)),
            **dict(zip(INTAKE_PAGES, intake_tabs(window, server), strict=True)),
            **dict(zip(REQUEST_PAGES, request_tabs(window, server), strict=True)),
        }


def appointment_tabs(window, server):
    bob = server.person()
    yield from with_and_without_mistakes(window, bob, "/appointment/safety")
    for flag in ("thunderclap", "new-over-50"):
        page = server.person().visit("/appointment/").submit(red_flags=[flag])
        yield tab_of(window, page.person, "/appointment/advice")
    page = to_details(bob)
    yield from with_and_without_mistakes(window, bob, page.path)
    check = page.submit(**details())
    yield tab_of(window, bob, check.path)
    yield tab_of(window, bob, check.submit().path)


def intake_tabs(window, server):
    bob = server.person()
    page = intake_to(bob, "you")  # its first page is the appointment's
    while not page.path.endswith("/check"):
        if page.path.endswith("/advice"):
            yield tab_of(window, bob, page.path)
        else:
            yield from with_and_without_mistakes(window, bob, page.path)
        page = fill_in(page, **UPRIGHT)
    yield tab_of(window, bob, page.path)
    yield from later_tabs(window, server, bob)
    yield tab_of(window, bob, page.submit().path)
    follows = an_appointment(bob).soup.select_one("a.button")["href"]
    yield tab_of(window, bob, intake_to(bob, "you", follows).path)


def later_tabs(window, server, bob):
    send = "Email me a link"
    yield from with_and_without_mistakes(window, bob, "/intake/later", send)
    yield tab_of(window, bob, "/intake/later", send, email="siobhan@example.org")
    link = link_in(letters("finish")[-1])
    yield from with_and_without_mistakes(window, server.person(), link)
    yield tab_of(window, server.person(), "/intake/resume/made-up")


def request_tabs(window, server):
    bob = server.person()
    an_appointment(server.person())
    link = link_in(letters("received")[-1])
    yield tab_of(window, bob, link)
    bob.visit(link).submit(**BIRTH)
    yield tab_of(window, bob, link)
    change(status="contacted")
    yield tab_of(window, bob, link)
    yield from with_and_without_mistakes(window, bob, f"{link}/times", "Ask for this time")
    change(status="scheduled", scheduled_for=now() + timedelta(days=9))
    yield tab_of(window, bob, link)
    yield tab_of(window, bob, f"{link}/cancel")
    bob.visit(f"{link}/cancel").submit()
    yield tab_of(window, bob, link)


def with_and_without_mistakes(window, person, path, button="Continue"):
    """Open a page twice, and press its button with nothing filled in the second time."""
    yield tab_of(window, person, path)
    tab = tab_of(window, person, path, button)
    assert tab.locator("#error-summary").is_visible()
    yield tab


def change(**columns):
    """Do to the newest submission what staff do."""
    newest = db.session.merge(submissions()[0])
    for name, value in columns.items():
        setattr(newest, name, value)
    db.session.commit()
    db.session.remove()


@pytest.mark.parametrize(
    ("page", "look"), in_turn(APPOINTMENT_PAGES + INTAKE_PAGES + REQUEST_PAGES)
)
def test_everyone_can_use_the_page(tabs, page, look):
    assert barriers(tabs[page], look) == []


def test_the_pages_are_those_that_are_meant(tabs):
    missing = [page for page, what in MEANT.items() if not tabs[page].locator(what).count()]
    assert missing == []


def test_in_forced_colors_a_chosen_number_and_the_progress_can_be_seen(tabs):
    tab = tabs["headaches"]
    tab.bring_to_front()
    tab.emulate_media(forced_colors="active")
    scale, progress = tab.locator(".scale").first, tab.locator("progress")
    before = scale.screenshot(), progress.screenshot()
    tab.locator("[name=worst_pain][value='9']").check()
    progress.evaluate("it => it.value += 1")
    after = scale.screenshot(), progress.screenshot()
    tab.emulate_media(forced_colors="none")
    assert before[0] != after[0]
    assert before[1] != after[1]
