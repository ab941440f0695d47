"""What keeps people out of a page: WCAG 2.2 A and AA by axe, in light, in dark, on a small screen.

A screen of 320 pixels is also what somebody has who zooms 1280 pixels to 400 %. Colors do not
depend on the width, so two looks cover all three.
"""

import pytest
from axe_playwright_python.sync_playwright import Axe

from browsing import width

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
# With `resultTypes`, axe lists every violation in full, and of the rest only that it looked.
OPTIONS = {"runOnly": {"type": "tag", "values": RULES}, "resultTypes": ["violations"]}
WIDE, SMALL = {"width": 1280, "height": 800}, {"width": 320, "height": 640}
LOOKS = {"light": ("light", WIDE), "dark and small": ("dark", SMALL)}


def in_turn(pages):
    """Each page in one of the looks; `make drill` has it in the other too."""
    return [
        pytest.param(page, look, marks=[pytest.mark.drill] * ((number + turn) % 2))
        for number, page in enumerate(pages)
        for turn, look in enumerate(LOOKS)
    ]


def barriers(tab, look):
    """What keeps people out of this page in this look; nothing, if all is well."""
    scheme, size = LOOKS[look]
    tab.emulate_media(color_scheme=scheme)
    tab.set_viewport_size(size)
    found = Axe().run(tab, options=OPTIONS).response
    assert found["passes"], "axe did not look at anything"
    wide = width(tab)
    too_wide = [f"{wide} pixels wide"] if wide > size["width"] else []
    return too_wide + [
        f"{rule['id']}: {node['html']} {node['failureSummary']}"
        for rule in found["violations"]
        for node in rule["nodes"]
    ]


def tab_of(window, person, path, press=None, **typed):
    """Open a page in a new tab as this person, fill in fields, and press a button."""
    url, cookies = person.client.url, person.client.cookies
    window.clear_cookies()
    window.add_cookies([{"name": name, "value": cookies[name], "url": url} for name in cookies])
    tab = beside(window)
    tab.goto(path)
    for name, text in typed.items():
        tab.locator(f"[name={name}]").fill(text)
    if press:
        with tab.expect_navigation():
            tab.get_by_role("button", name=press).click()
    assert tab.url.startswith(url + path)
    return tab


def beside(window):
    """Open a tab that shares a process with the others, which knows the code of axe already."""
    if not window.pages:
        return window.new_page()
    with window.expect_page() as opened:
        window.pages[0].evaluate("() => { window.open('about:blank') }")
    return opened.value
