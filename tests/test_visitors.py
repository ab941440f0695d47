"""What visitors read, and that it is the same for everyone."""

import pytest
import time_machine

from content import library

ADDRESSES = [
    "/",
    "/articles/",
    "/articles/migraines-and-the-spine",
    "/categories/spine",
    "/awareness/june",
    "/about",
    "/privacy",
    "/accessibility",
]
LEAD = "/articles/migraines-and-the-spine"


@pytest.mark.parametrize("address", ADDRESSES)
def test_a_public_page_can_be_cached_and_knows_nobody(bob, ada, address):
    public, signed_in = bob.visit(address), ada.visit(address)
    assert public.status == 200
    assert public.headers["Cache-Control"].startswith("public, max-age=300")
    assert signed_in.response.data == public.response.data
    for page in (public, signed_in):
        assert "Set-Cookie" not in page.headers
        assert "Cookie" not in page.headers.get("Vary", "")


@pytest.mark.parametrize("address", ADDRESSES)
def test_every_page_has_the_phone_and_the_emergency_line(bob, address):
    page = bob.visit(address)
    assert page.soup.select_one("header a[href='tel:+1-612-555-0142']")
    assert library().practice.emergency_line in page.soup.footer.get_text()
    assert page.soup.select_one("body > a")["href"] == "#main"


def test_every_public_page_is_reached_from_the_home_page(bob):
    found, waiting = set(), ["/"]
    while waiting:
        address = waiting.pop()
        if address in found or not address.startswith("/") or address.startswith("/appointment"):
            continue
        found.add(address)
        page = bob.visit(address)
        assert page.status == 200, address
        waiting += [a["href"].split("#")[0] for a in page.soup.select("a[href]")]
    assert set(ADDRESSES) <= found


@pytest.mark.parametrize(
    ("moment", "words"),
    [
        ("2027-06-15T12:00:00-05:00", "This month"),
        ("2027-06-30T23:30:00-05:00", "This month"),  # July already in London
        ("2027-07-01T00:30:00-05:00", "Coming up in June"),
    ],
)
def test_the_home_page_leads_with_this_month_or_the_next_there_is(bob, moment, words):
    with time_machine.travel(moment, tick=False):
        page = bob.visit("/")
    feature = page.soup.select_one(".feature").get_text(" ", strip=True)
    assert feature.startswith(f"{words} June is Migraine and Headache Awareness Month")


def test_the_article_says_who_wrote_it_and_that_nobody_has_reviewed_it(bob):
    byline = bob.visit(LEAD).soup.select_one(".byline").get_text(" ", strip=True)
    assert byline.startswith("Category: Spine | Author: Stefano Sinicropi Rewritten in plain")
    assert "He has not reviewed this version." in byline
    assert "Not yet reviewed by a clinician." in byline


def test_the_article_ends_as_the_one_it_comes_from(bob):
    page = bob.visit(LEAD)
    assert "Comments are closed." in page.text
    assert page.soup.select_one("article a.button").get_text() == "Make an appointment"
    assert page.soup.select_one("article a.button")["href"] == "/appointment/"


def test_every_citation_leads_to_its_source(bob):
    page = bob.visit(LEAD)
    cited = {link["href"] for link in page.soup.select(".citation a")}
    listed = {f"#{item['id']}" for item in page.soup.select(".sources li")}
    assert cited == listed
    assert len(listed) == len(library().articles["migraines-and-the-spine"].sources)


def test_care_cards_say_how_urgent_they_are_in_words(bob):
    titles = [card.h3.get_text() for card in bob.visit(LEAD).soup.select(".card")]
    assert [title.split(":")[0] for title in titles] == ["Urgent", "Routine", "Emergency"]
    assert all(title.endswith("if:") for title in titles)


def test_an_emergency_card_has_no_link_that_leads_away(bob):
    assert not bob.visit(LEAD).soup.select(".card-emergency a")


@pytest.mark.parametrize(
    "address",
    ["/articles/nothing", "/articles/..%2fapp", "/categories/x", "/awareness/july", "/about/"],
)
def test_a_page_that_is_not_there_says_so(bob, address):
    page = bob.visit(address)
    assert page.status == 404
    assert page.title.startswith("Page not found")


def test_a_head_request_has_the_headers_of_the_page(bob):
    got, asked = bob.visit("/"), bob.ask("HEAD", "/")
    assert asked.response.data == b""
    assert dict(got.headers) == dict(asked.headers)
