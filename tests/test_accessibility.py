"""Everyone can use every page: WCAG 2.2 A and AA by axe, in light, in dark and on a small screen.

A screen of 320 pixels is also what somebody has who zooms 1280 pixels to 400 %. Colors do not
depend on the width, so two looks at each page cover all three.
"""

import pytest
from axe_playwright_python.sync_playwright import Axe

from people import an_appointment, details, to_details
from security import is_private
from serving import (
    a_browser,  # noqa: F401 (a fixture, asked for by its name)
    a_server,  # noqa: F401 (likewise)
    needs_chromium,
    one_time_password,
    wait_for,
)

pytestmark = needs_chromium

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
# With `resultTypes`, axe lists every violation in full, and of the rest only that it looked.
OPTIONS = {"runOnly": {"type": "tag", "values": RULES}, "resultTypes": ["violations"]}
WIDE, SMALL = {"width": 1280, "height": 800}, {"width": 320, "height": 640}
LOOKS = {"light": ("light", WIDE), "dark and small": ("dark", SMALL)}

STAFF_PAGES = (
    "sign in",
    "sign in, with mistakes",
    "first password",
    "first password, with mistakes",
    "empty queue",
    "account",
    "queue",
    "submission",
    "changed submission",
)
PATIENT_PAGES = (
    "safety",
    "safety, with mistakes",
    "advice, emergency",
    "advice, today",
    "details",
    "details, with mistakes",
    "check",
    "received",
)

FLAGS = ("thunderclap", "new-over-50", "none")  # one request of each urgency
EMAIL, OWN_PASSWORD = "ada@example.org", "seven quiet lamps under water"


@pytest.fixture(scope="module")
def window(browser, server):
    return browser.new_context(base_url=server.url)


@pytest.fixture(scope="module")
def tabs(window, server):
    """An open tab for each page as staff and patients come to see it."""
    with server.place.app.app_context():
        staff = dict(zip(STAFF_PAGES, staff_tabs(window, server), strict=True))
        return {**staff, **dict(zip(PATIENT_PAGES, patient_tabs(window, server), strict=True))}


def staff_tabs(window, server):
    eve, ada = server.person(), server.person()
    yield tab_of(window, eve, "/staff/login")
    yield tab_of(window, eve, "/staff/login", press="Sign in")
    password = one_time_password(server.place, EMAIL)
    account = ada.visit("/staff/").submit(email=EMAIL, password=password)
    yield tab_of(window, ada, "/staff/account")
    yield tab_of(window, ada, "/staff/account", press="Change password")
    new = {"new_password": OWN_PASSWORD, "new_password_confirm": OWN_PASSWORD}
    assert account.submit(password=password, **new).path == "/staff/"
    yield tab_of(window, ada, "/staff/")
    yield tab_of(window, ada, "/staff/account")
    sent = [an_appointment(server.person(), flags=[flag]) for flag in FLAGS]
    submission = f"/staff/submissions/{sent[0].soup.select_one('.reference').get_text()}"
    yield tab_of(window, ada, "/staff/")
    yield tab_of(window, ada, submission)
    yield tab_of(window, ada, submission, press="Save status")


def patient_tabs(window, server):
    bob = server.person()
    yield tab_of(window, bob, "/appointment/safety")
    yield tab_of(window, bob, "/appointment/safety", press="Continue")
    for flag in ("thunderclap", "new-over-50"):
        page = server.person().visit("/appointment/").submit(red_flags=[flag])
        yield tab_of(window, page.person, "/appointment/advice")
    page = to_details(bob)
    yield tab_of(window, bob, page.path)
    yield tab_of(window, bob, page.path, press="Continue")
    check = page.submit(**details())
    yield tab_of(window, bob, check.path)
    yield tab_of(window, bob, check.submit().path)


def tab_of(window, person, path, press=None):
    """Open a page in a new tab as this person, and press a button on it."""
    url, cookies = person.client.url, person.client.cookies
    window.clear_cookies()
    window.add_cookies([{"name": name, "value": cookies[name], "url": url} for name in cookies])
    tab = window.new_page()
    tab.goto(path)
    if press:
        with tab.expect_navigation():
            tab.get_by_role("button", name=press).click()
    assert tab.url.startswith(url + path)
    return tab


@pytest.fixture(scope="module")
def tab(browser, server):
    """A tab of somebody we do not know."""
    return browser.new_page(base_url=server.url)


def barriers(tab, look):
    """What keeps people out of this page in this look; nothing, if all is well."""
    scheme, size = LOOKS[look]
    tab.emulate_media(color_scheme=scheme)
    tab.set_viewport_size(size)
    found = Axe().run(tab, options=OPTIONS).response
    assert found["passes"], "axe did not look at anything"
    width = tab.evaluate("document.documentElement.scrollWidth")
    too_wide = [f"{width} pixels wide"] if width > size["width"] else []
    return too_wide + [
        f"{rule['id']}: {node['html']} {node['failureSummary']}"
        for rule in found["violations"]
        for node in rule["nodes"]
    ]


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("page", STAFF_PAGES + PATIENT_PAGES)
def test_everyone_can_use_the_page(tabs, page, look):
    assert barriers(tabs[page], look) == []


def test_everyone_can_read_every_public_page(tab, server):
    addresses = public_addresses(server)
    assert {"/", "/articles/migraines-and-the-spine", "/privacy"} <= addresses
    assert [*filter(None, (barriers_at(tab, address) for address in sorted(addresses)))] == []


def test_everyone_can_use_the_page_that_is_not_there(tab):
    assert barriers_at(tab, "/nowhere") == []


def barriers_at(tab, address):
    """Open a page, and return what keeps people out of it in any look."""
    tab.goto(address)
    return [(address, look, *found) for look in LOOKS if (found := barriers(tab, look))]


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


def test_on_a_small_screen_the_queue_scrolls_and_the_page_does_not(tabs):
    tab = tabs["queue"]
    tab.set_viewport_size(SMALL)
    region = tab.get_by_role("region", name="Submissions")
    assert region.evaluate("it => it.scrollWidth > it.clientWidth")
    region.focus()
    tab.keyboard.press("ArrowRight")
    wait_for(lambda: region.evaluate("it => it.scrollLeft > 0"))
    assert tab.evaluate("document.documentElement.scrollWidth") == SMALL["width"]


def test_the_check_would_notice_a_barrier(tab):
    tab.goto("/")
    tab.evaluate("document.querySelector('h1').style.color = getComputedStyle(document.body).color")
    tab.evaluate("document.querySelector('main p').style.color = 'dimgray'")
    tab.evaluate("document.querySelector('main p').style.width = '400px'")
    wide, contrast = barriers(tab, "dark and small")
    assert wide.endswith("pixels wide")
    assert contrast.startswith("color-contrast")
