"""A real browser: its windows, as fixtures, and what people do in them."""

import re
from itertools import count
from types import SimpleNamespace

import pytest
from playwright.sync_api import expect

from forms import FLOWS
from pages import as_list
from people import YOU, intake_to, link_in, submissions
from people import letters as letters_named

# Answers that are dangerous together, by page of the intake: the rule of the lead article.
UPRIGHT = {"headaches": {"upright": "yes"}, "spine": {"procedure": "month"}}
# The intake's pages as people count them, by their names in addresses.
HEADINGS = {
    **{step.name: step.title for step in FLOWS["intake"].steps if not step.interrupts},
    "check": "Check your answers",
}
NUMBERS = count(1000)
# Chromium's note on every page that comes with a status like these, as ours do after a mistake and
# where a link is used up.
NOTE = re.compile(r"Failed to load resource: the server responded with a status of (410|422)")


@pytest.fixture(
    scope="module", params=[True, False], ids=["scripts on", "scripts off"], name="window"
)
def a_window(request, browser, server):
    """A browser window, with scripts and without."""
    context = new_window(browser, server, scripts=request.param)
    yield context
    context.close()


@pytest.fixture(name="page")
def a_page(window, server):
    """A tab of somebody new. Nothing in it may ask another site for anything, or complain."""
    window.clear_cookies()
    tab = window.new_page()
    yield tab
    tab.close()
    says_nothing_wrong(window, server)


@pytest.fixture(name="elsewhere")
def a_page_elsewhere(browser, server, window):
    """Open a tab in another browser, with what cookies it has from before."""
    contexts = []

    def open_tab(cookies=()):
        contexts.append(new_window(browser, server, scripts=window.scripts))
        contexts[-1].add_cookies(list(cookies))
        return contexts[-1].new_page()

    yield open_tab
    for context in contexts:
        context.close()
        says_nothing_wrong(context, server)


def new_window(browser, server, *, scripts):
    """Return a window that notes what it asks for and what its console says."""
    context = browser.new_context(base_url=server.url, java_script_enabled=scripts, locale="en-US")
    context.scripts, context.asked, context.complaints = scripts, [], []
    context.on("request", lambda request: context.asked.append(request.url))
    context.on("console", lambda message: context.complaints.append(complaint(message)))
    context.on("weberror", lambda error: context.complaints.append(str(error.error)))
    return context


def complaint(message):
    """What the browser's console says is wrong, if it does."""
    wrong = message.type in {"error", "warning"} and not NOTE.match(message.text)
    return message.text if wrong else ""


def says_nothing_wrong(context, server):
    asked, complaints = context.asked[:], [*filter(None, context.complaints)]
    context.asked.clear()
    context.complaints.clear()
    assert asked
    ours = f"{server.url}/", "tel:", "mailto:"
    assert [url for url in asked if not url.startswith(ours)] == []
    assert complaints == []


def become(context, person):
    """Let this browser go on as somebody who has come by HTTP so far."""
    url, cookies = person.client.url, person.client.cookies
    context.clear_cookies()
    context.add_cookies([{"name": name, "value": cookies[name], "url": url} for name in cookies])


def hand_back(context, person):
    """Let somebody go on by HTTP where this browser is now."""
    person.client.cookies = {cookie["name"]: cookie["value"] for cookie in context.cookies()}


def somebody():
    """A name, a phone number and an email address that nobody else has.

    The server counts how often it hears from each.
    """
    number = next(NUMBERS)
    return {
        "full_name": f"Ana Núñez-{number}",
        "phone": f"(612) 555-{number}",
        "email": f"ana-{number}@example.org",
    }


def sent_by(server, who):
    """All that somebody has sent, newest first."""
    columns = ("id", "kind", "status", "follows", "shown_reference", "answers", "record")
    with server.place.look():
        sent = [one for one in submissions() if one.answers["full_name"] == who["full_name"]]
        return [SimpleNamespace(**{name: getattr(one, name) for name in columns}) for one in sent]


def goes_by_http(server, name, who, **changes):
    """Somebody who has filled in the intake as far as this page."""
    person = server.person()
    with server.place.app.app_context():
        intake_to(person, name, you={**YOU, **who}, **changes)
    return person


def link_sent_to(server, who, name):
    """The path of the link in the newest letter of this name to somebody."""
    with server.place.look():
        mine = [one for one in letters_named(name) if one[1]["to"] == who["email"]]
    return link_in(mine[-1])


def sees(page, heading):
    expect(page.get_by_role("heading", level=1, name=heading)).to_be_visible()


def sees_that_it_arrived(page, what="request"):
    sees(page, f"We have your {what}")
    expect(page.locator(".reference")).to_have_text(re.compile(r"^\w{4}-\w{4}$"))


def is_at(page, name):
    """See that this is that page of the intake, and that it says how far it is."""
    sees(page, HEADINGS[name])
    number = [*HEADINGS].index(name) + 1
    expected = f"Intake form: step {number} of {len(HEADINGS)}"
    expect(page.locator(".caption")).to_contain_text(expected)


def press(page, words):
    """Press a button, and wait for the page that it leads to."""
    with page.expect_navigation():
        page.get_by_role("button", name=words, exact=True).click()


def follow(page, words):
    """Follow a link, and wait for the page that it leads to."""
    with page.expect_navigation():
        page.get_by_role("main").get_by_role("link", name=words).click()


def width(page):
    """How many pixels wide the page is. An element is waited for; a document can have none yet."""
    return page.locator("html").evaluate("it => it.scrollWidth")


def field(page, name, value=None):
    """The input of this name, or the one that means this value, or the first of several."""
    which = "" if value is None else f"[value='{value}']"
    return page.locator(f"main [name='{name}']{which}").first


def inputs(page):
    """What the page asks: the type of input by its name."""
    found = "all => Object.fromEntries(all.map(it => [it.name, it.type]))"
    return page.locator("main [name]").evaluate_all(found)


def write(page, answers):
    """Fill in what the page asks of these answers, by field name."""
    asked = inputs(page)
    for name in filter(asked.get, answers):
        for value in as_list(answers[name]):
            if asked[name] in {"radio", "checkbox"}:
                field(page, name, value).check()
            else:
                field(page, name).fill(value)


def shows(page, answers):
    """See that the page shows these answers, by field name."""
    asked = inputs(page)
    for name, given in answers.items():
        for value in as_list(given):
            if asked[name] in {"radio", "checkbox"}:
                expect(field(page, name, value)).to_be_checked()
            else:
                expect(field(page, name)).to_have_value(value)


def is_led_to(page, words, target):
    """See that the mistake is announced, and that its link leads to where it can be mended."""
    expect(page).to_have_title(re.compile("^Error: "))
    expect(page.locator("#error-summary")).to_be_focused()
    page.locator("#error-summary").get_by_role("link", name=words, exact=True).first.click()
    expect(page.locator(target)).to_be_focused()


def tab_to(page, target):
    """Press Tab until this has the focus, and see that it has."""
    for _ in range(60):
        page.keyboard.press("Tab")
        if target.evaluate("it => it === document.activeElement"):
            shows_its_focus(target)
            return
    raise AssertionError(f"Tab does not lead to {target}")


def shows_its_focus(target):
    expect(target).to_be_focused()
    expect(target).not_to_have_css("outline-style", "none")
    expect(target).to_be_in_viewport()


def space(page, target):
    tab_to(page, target)
    page.keyboard.press("Space")
    expect(target).to_be_checked()


def enter(page, target):
    tab_to(page, target)
    page.keyboard.press("Enter")


def type_in(page, answers):
    """Fill in these answers, which are in the page's order, with the keyboard alone."""
    for name, given in answers.items():
        kind = field(page, name).get_attribute("type")
        if kind == "radio":
            walk_to(page, name, given)
        elif kind == "checkbox":
            for value in as_list(given):
                space(page, field(page, name, value))
        else:
            tab_to(page, field(page, name))
            page.keyboard.type(given)


def walk_to(page, name, value):
    """Choose one of several with the arrows. Tab leads to the first of them."""
    chosen = field(page, name, value)
    tab_to(page, field(page, name))
    page.keyboard.press("Space")
    for _ in range(12):
        if chosen.is_checked():
            shows_its_focus(chosen)
            return
        page.keyboard.press("ArrowDown")
    raise AssertionError(f"the arrows do not lead to {name} = {value}")
