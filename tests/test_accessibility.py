"""Everyone can use every page that visitors and staff see. `barriers.py` says what is looked at."""

from itertools import cycle

import pytest

from barriers import LOOKS, SMALL, WIDE, barriers, in_turn, tab_of
from browsing import UPRIGHT, width
from people import an_appointment, an_intake, an_open_day
from security import is_private
from serving import (
    a_browser,  # noqa: F401 (a fixture, asked for by its name)
    a_server,  # noqa: F401 (likewise)
    needs_chromium,
    one_time_password,
    wait_for,
)
from signing_in import OWN_PASSWORD, choose_password, code, shown_secret

pytestmark = needs_chromium

STAFF_PAGES = (
    "sign in",
    "sign in, with mistakes",
    "first password",
    "first password, with mistakes",
    "set up",
    "set up, with mistakes",
    "recovery codes",
    "empty queue",
    "empty overview",
    "account",
    "new codes",
    "time to stay",
    "code",
    "code, with mistakes",
    "queue",
    "spam",
    "letters",
    "submission",
    "changed submission",
    "printed submission",
    "time not booked",
    "booked time",
    "intake",
    "overview",
    "activity",
    "activity, with a mistake",
    "activity, nothing found",
    "export",
    "export, with a mistake",
)
# What is only on the page that is meant.
MEANT = {
    "set up": "svg.qr",
    "set up, with mistakes": "#error-summary",
    "recovery codes": "main li code",
    "time to stay": "form[data-stay]",
    "queue": "a[href$='view=spam']",
    "spam": "tbody tr",
    "printed submission": ".paper dt",
    "submission": ".message-error li",
    "time not booked": ".change ~ .error",
    "booked time": ".facts dt:has-text('Booked for')",
    "intake": ".facts dt:has-text('Risk factor')",
    "overview": "svg[role=img] rect.solid",
    "activity": "tbody tr",
    "activity, with a mistake": "#error-summary a[href='#since']",
    "activity, nothing found": ".lead:has-text('Nothing matches')",
    "export, with a mistake": "#error-summary a[href='#reason']",
}
FLAGS = ("thunderclap", "new-over-50", "none")  # one request of each urgency
EMAIL = "ada@example.org"


@pytest.fixture(scope="module")
def tabs(browser, server):
    """An open tab for each page as staff come to see it."""
    window = browser.new_context(base_url=server.url)
    with server.place.app.app_context():
        return dict(zip(STAFF_PAGES, staff_tabs(window, server), strict=True))


def staff_tabs(window, server):
    eve, ada = server.person(), server.person()
    yield tab_of(window, eve, "/staff/login")
    yield tab_of(window, eve, "/staff/login", press="Sign in")
    password = one_time_password(server.place, EMAIL, "--role", "admin")
    account = ada.visit("/staff/").submit(email=EMAIL, password=password)
    yield tab_of(window, ada, "/staff/account")
    yield tab_of(window, ada, "/staff/account", press="Change password")
    page = choose_password(account, password)
    yield tab_of(window, ada, "/staff/set-up")
    yield tab_of(window, ada, "/staff/set-up", press="Go on")
    yield tab_of(window, ada, "/staff/set-up", press="Go on", code=code(shown_secret(page)))
    yield tab_of(window, ada, "/staff/")
    yield tab_of(window, ada, "/staff/overview")
    yield tab_of(window, ada, "/staff/account")
    yield tab_of(window, ada, "/staff/recovery-codes")
    yield time_to_stay(window, ada)
    half = server.person()
    half.visit("/staff/").submit(email=EMAIL, password=OWN_PASSWORD)
    yield tab_of(window, half, "/staff/code")
    yield tab_of(window, half, "/staff/code", press="Go on")
    first, *_others = [an_appointment(server.person(), flags=[flag]) for flag in FLAGS]
    second = an_intake(first.person, first.soup.select_one("a.button")["href"], **UPRIGHT)
    an_appointment(server.person(), website="https://casino.example")
    yield tab_of(window, ada, "/staff/")
    yield tab_of(window, ada, "/staff/?view=spam")
    yield tab_of(window, ada, "/staff/letters?state=waiting")
    yield from submission_tabs(window, ada, *map(staff_address, (first, second)))
    yield tab_of(window, ada, "/staff/overview")
    yield from tabs_of_admins(window, ada)


def tabs_of_admins(window, ada):
    yield tab_of(window, ada, "/staff/activity")
    yield tab_of(window, ada, "/staff/activity?since=yesterday")
    yield tab_of(window, ada, "/staff/activity?what=sensitive_export")
    yield tab_of(window, ada, "/staff/export.csv")
    yield tab_of(window, ada, "/staff/export.csv", press="Download the file")


def time_to_stay(window, ada):
    tab = tab_of(window, ada, "/staff/account")
    tab.evaluate("localStorage.until = Date.now() + 60 * 1000")
    tab.get_by_role("button", name="Stay signed in").wait_for()
    return tab


def submission_tabs(window, ada, request, intake):
    yield tab_of(window, ada, request)
    yield tab_of(window, ada, request, press="Save status")
    yield tab_of(window, ada, request, press="Print")
    yield tab_of(window, ada, request, press="Book")
    ada.visit(request).submit("form[action$=schedule]", day=an_open_day(), time="09:30")
    yield tab_of(window, ada, request)
    yield tab_of(window, ada, intake)


def staff_address(received):
    return f"/staff/submissions/{received.soup.select_one('.reference').get_text()}"


@pytest.fixture(scope="module")
def tab(browser, server):
    """A tab of somebody we do not know."""
    return browser.new_page(base_url=server.url)


@pytest.mark.parametrize(("page", "look"), in_turn(STAFF_PAGES))
def test_everyone_can_use_the_page(tabs, page, look):
    assert barriers(tabs[page], look) == []


def test_the_pages_are_those_that_are_meant(tabs):
    missing = [page for page, what in MEANT.items() if not tabs[page].locator(what).count()]
    assert missing == []


def one_of_each_kind(addresses):
    """The first and the last of those that begin in the same way."""
    first, last = (
        {path.split("/")[1]: path for path in way} for way in (addresses[::-1], addresses)
    )
    return sorted({*first.values(), *last.values()})


@pytest.mark.parametrize(
    "chosen", [one_of_each_kind, pytest.param(sorted, marks=pytest.mark.drill)]
)
def test_everyone_can_read_every_public_page(tab, server, chosen):
    addresses = chosen(sorted(public_addresses(server)))
    assert {"/", "/privacy"} <= {*addresses}
    # In turn: every kind of page is looked at in both, one page here and another there.
    looks = zip(addresses, cycle(LOOKS), strict=False)
    found = (barriers_at(tab, address, [look]) for address, look in looks)
    assert [*filter(None, found)] == []


def test_everyone_can_use_the_page_that_is_not_there(tab):
    assert barriers_at(tab, "/nowhere") == []


def barriers_at(tab, address, looks=LOOKS):
    """Open a page, and return what keeps people out of it in any of these looks."""
    tab.goto(address)
    return [(address, look, *found) for look in looks if (found := barriers(tab, look))]


def public_addresses(server):
    """Every page that links lead to from the home page, and that everybody may see."""
    visitor, found, waiting = server.person(), set(), ["/"]
    while waiting:
        address = waiting.pop()
        if address not in found and address.startswith("/") and not is_private(address):
            found.add(address)
            links = visitor.visit(address).soup.select("a[href]")
            waiting += [link["href"].split("#")[0] for link in links]
    return found


def test_on_a_laptop_the_queue_fits(tabs):
    tab = tabs["queue"]
    tab.set_viewport_size(WIDE)
    region = tab.get_by_role("region", name="Submissions")
    assert region.evaluate("it => it.scrollWidth <= it.clientWidth")


def test_on_a_small_screen_each_row_of_the_queue_is_a_card_and_still_a_row(tabs):
    tab = tabs["queue"]
    tab.set_viewport_size(SMALL)
    region = tab.get_by_role("region", name="Submissions")
    assert region.evaluate("it => it.scrollWidth <= it.clientWidth")
    row = region.get_by_role("row").nth(1)
    tops = row.get_by_role("cell").evaluate_all("all => all.map(it => it.offsetTop)")
    assert len(set(tops)) > 2
    assert region.get_by_role("columnheader").count() == 7
    assert row.get_by_role("rowheader").count() == 1


def test_on_a_small_screen_a_wide_list_scrolls_and_the_page_does_not(tabs):
    tab = tabs["activity"]
    tab.set_viewport_size(SMALL)
    region = tab.get_by_role("region", name="Activity")
    assert region.evaluate("it => it.scrollWidth > it.clientWidth")
    region.focus()
    tab.keyboard.press("ArrowRight")
    wait_for(lambda: region.evaluate("it => it.scrollLeft > 0"))
    assert width(tab) == SMALL["width"]


def test_the_check_would_notice_a_barrier(tab):
    tab.goto("/")
    tab.evaluate("document.querySelector('h1').style.color = getComputedStyle(document.body).color")
    tab.evaluate("document.querySelector('main p').style.color = 'dimgray'")
    tab.evaluate("document.querySelector('main p').style.width = '400px'")
    wide, contrast = barriers(tab, "dark and small")
    assert wide.endswith("pixels wide")
    assert contrast.startswith("color-contrast")
