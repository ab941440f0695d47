"""Everyone can use the staff pages when there is much on them, and long and right-to-left names."""

import pytest

from barriers import barriers, in_turn, tab_of
from people import an_appointment
from serving import (
    a_browser,  # noqa: F401 (a fixture, asked for by its name)
    needs_chromium,
    new_place,
)

pytestmark = [needs_chromium, pytest.mark.drill]

NAMES = ("W" * 120, "محمد عبد الرحمن بن عبد العزيز", "שרה כהן־לוי")
PAGES = {
    "a full list": "/staff/",
    "a list of all": "/staff/?view=all",
    "past visits": "/staff/?view=visited",
    "overview": "/staff/overview",
    "letters": "/staff/letters",
    "activity": "/staff/activity",
    "export": "/staff/export.csv",
}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """The demonstration, with 500 submissions and three more."""
    place = new_place(tmp_path_factory)
    place.settings["DEMO"] = "true"
    made = place.flask("demo", "data", "500")
    assert made.returncode == 0, made.stderr
    with place.serve() as running, place.app.app_context():
        for name in NAMES:
            an_appointment(running.person(), full_name=name, flags=["thunderclap"])
        yield running


@pytest.fixture(scope="module")
def demo(server):
    """Who has signed in to it."""
    password = server.place.flask("demo", "account").stdout.split()[-1]
    page = server.person().visit("/staff/").submit(email="demo@example.org", password=password)
    assert page.path == "/staff/"
    return page.person


@pytest.fixture(scope="module")
def tabs(browser, server, demo):
    """An open tab for each page, and one for each submission with an odd name."""
    window = browser.new_context(base_url=server.url)
    rows = demo.visit("/staff/").soup.select("tbody tr")
    odd = [row.select_one("th a")["href"] for row in rows if names(row) & set(NAMES)]
    assert len(odd) == len(NAMES)
    found = {name: tab_of(window, demo, path) for name, path in PAGES.items()}
    return found | {f"submission {n}": tab_of(window, demo, path) for n, path in enumerate(odd)}


def names(row):
    return {name.get_text() for name in row.select("bdi")}


@pytest.mark.parametrize(
    ("page", "look"), in_turn([*PAGES, *(f"submission {n}" for n in range(len(NAMES)))])
)
def test_everyone_can_use_a_page_with_much_on_it(tabs, page, look):
    assert barriers(tabs[page], look) == []


def test_a_full_page_of_a_list_has_twenty_five_rows(tabs):
    assert tabs["a full list"].locator("tbody tr").count() == 25
