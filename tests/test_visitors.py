"""What visitors read, and that it is the same for everyone."""

import json
import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from urllib.parse import quote
from xml.etree import ElementTree as ET

import brotli
import pytest
import time_machine

from content import MONTHS, STRENGTHS, library
from models import db
from people import an_appointment, submissions
from security import PRIVATE

LEAD = "/articles/migraines-and-the-spine"
ADDRESSES = [
    "/",
    "/articles/",
    LEAD,
    "/categories/spine",
    "/awareness/",
    "/awareness/june",
    "/search?q=neck",
    "/diary",
    "/about",
    "/privacy",
    "/accessibility",
]


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


@pytest.mark.parametrize(
    ("moment", "words"),
    [
        ("2027-06-15T12:00:00-05:00", "This month June is"),
        ("2027-06-30T23:30:00-05:00", "This month June is"),  # July already in London
        ("2027-07-01T00:30:00-05:00", "This month July is"),
    ],
)
def test_the_home_page_leads_with_this_month(bob, moment, words):
    with time_machine.travel(moment, tick=False):
        page = bob.visit("/")
    assert page.soup.select_one(".feature").get_text(" ", strip=True).startswith(words)


def test_june_leads_with_migraine(bob):
    page = bob.visit("/awareness/june")
    assert page.title.startswith("June is Migraine and Headache Awareness Month")
    assert page.soup.select_one("#observances + ul li").get_text().startswith("National Migraine")


def test_the_calendar_has_all_twelve_months_in_order_with_their_days(bob):
    with time_machine.travel("2026-11-22T12:00:00-06:00", tick=False):
        page = bob.visit("/awareness/")
    names = [link.get_text().split(":")[0] for link in page.soup.select(".cards h2 a")]
    assert [name.lower() for name in names] == MONTHS
    assert page.soup.figure.select_one("svg[aria-label] text").get_text() == "January"
    assert "World Spine Day, Saturday, October 16, 2027" in page.text
    assert "Great American Smokeout, Thursday, November 19, 2026" in page.text
    assert "Bone and Joint Action Week, October 12 to 20, 2027" in page.text


def test_a_month_leads_to_its_articles(bob):
    page = bob.visit("/awareness/may")
    found = {link["href"] for link in page.soup.select(".cards h3 a")}
    assert found == {f"/articles/{article.slug}" for article in library().articles_of(month="may")}
    assert len(found) >= 3


def test_the_article_says_who_wrote_it_and_that_nobody_has_reviewed_it(bob):
    byline = bob.visit(LEAD).soup.select_one(".byline").get_text(" ", strip=True)
    assert byline.startswith("Category: Spine | Author: Stefano Sinicropi | 5 minutes to read")
    assert "He has not reviewed this version." in byline
    assert "Not yet reviewed by a clinician." in byline


def test_the_article_ends_as_the_one_it_comes_from(bob):
    page = bob.visit(LEAD)
    assert "Comments are closed." in page.text
    assert page.soup.select_one("article a.button").get_text() == "Request an appointment"


def test_every_citation_leads_to_its_source_and_back(bob):
    page = bob.visit(LEAD)
    cited = {link["href"] for link in page.soup.select(".citation a")}
    listed = {f"#{item['id']}" for item in page.soup.select(".sources li")}
    assert cited == listed
    assert len(listed) == len(library().articles["migraines-and-the-spine"].sources)
    for number, item in enumerate(page.soup.select(".sources li"), start=1):
        back = item.select_one(".back-up")["href"]
        assert page.soup.select_one(back)["href"] == f"#source-{number}"


def test_care_cards_say_how_urgent_they_are_in_words(bob):
    titles = [card.h3.get_text() for card in bob.visit(LEAD).soup.select(".card")]
    assert [title.split(":")[0] for title in titles] == ["Urgent", "Routine", "Emergency"]
    assert all(title.endswith((" if:", " has:")) for title in titles)


@pytest.mark.parametrize("slug", ["headache-emergency", "back-pain-emergency"])
def test_the_emergency_articles_show_every_red_flag_of_their_subject(bob, slug):
    page = bob.visit(f"/articles/{slug}")
    shown = {
        level: [item.get_text() for item in page.soup.select(f".card-{level} li")]
        for level in ("emergency", "urgent")
    }
    flags = [flag for flag in library().red_flags.values() if flag.topic in slug]
    for level, card in (("emergency", "emergency"), ("today", "urgent")):
        texts = [flag.text.replace("'", "’") for flag in flags if flag.level == level]
        assert texts == shown[card]


def test_no_emergency_card_has_a_link_that_leads_away(bob):
    for slug in library().articles:
        links = bob.visit(f"/articles/{slug}").soup.select(".card-emergency a")
        assert {link["href"] for link in links} <= {"tel:911"}, slug


def test_the_lead_article_shows_each_risk_factor_with_its_strength(bob):
    page = bob.visit(LEAD)
    shown = {heading.get_text() for heading in page.soup.select(".prose h3")}
    strengths = [bold.get_text() for bold in page.soup.select(".prose strong")]
    assert len(library().risk_factors) == 5
    for factor in library().risk_factors.values():
        assert factor.title in shown
        assert f"How strong is the evidence? {STRENGTHS[factor.strength]}." in strengths
    assert len(strengths) == 5


def test_a_long_article_has_a_list_of_contents_that_leads_to_its_parts(bob):
    for slug, article in library().articles.items():
        page = bob.visit(f"/articles/{slug}")
        links = [(a["href"][1:], a.get_text()) for a in page.soup.select(".contents a")]
        has_list = article.words > 600 and article.category.slug != "emergency"
        assert links == ([*article.headings] if has_list else []), slug


def test_articles_lead_on_to_others_of_their_subject(bob):
    page = bob.visit("/articles/spinal-csf-leak")
    related = [link["href"] for link in page.soup.select("aside .cards a")]
    assert "/articles/headache-after-a-spinal-tap" in related
    assert "/articles/spinal-csf-leak" not in related
    assert 1 <= len(related) <= 4


def test_the_way_home_is_on_every_article_and_month(bob):
    trail = [link.get_text() for link in bob.visit(LEAD).soup.select(".trail a")]
    assert trail == ["Home", "Articles", "Spine"]
    trail = [link.get_text() for link in bob.visit("/awareness/june").soup.select(".trail a")]
    assert trail == ["Home", "Calendar"]


def test_the_diary_has_four_weeks_on_two_sheets_with_every_field(bob):
    page = bob.visit("/diary")
    sheets = page.soup.select("section.sheet")
    assert [len(sheet.select("tbody tr")) for sheet in sheets] == [14, 14]
    headings = {heading.get_text() for heading in sheets[0].select("th")}
    assert {"Date", "Day", "How long", "How bad", "Other symptoms", "Period"} < headings
    assert {"Possible triggers", "Side effects", "Medicine, and second dose"} < headings


@pytest.mark.parametrize(
    ("query", "first"),
    [
        ("migrane", "Migraine basics"),
        ("neck ache after crash", "Whiplash and headache"),
        ("spinal tap", "Headache after a spinal tap or epidural"),
        ("OSTEOPOROSIS", "Osteoporosis and spine fractures"),
        ("mom getting shorter", "Osteoporosis and spine fractures"),
        ("epidurl headake", "Headache after a spinal tap or epidural"),
        ("peeing myself back pain", "When back pain is an emergency"),
        ("butt numb", "When back pain is an emergency"),
        ("worst headache of my life", "When a headache is an emergency"),
        ("migraine", "Migraine basics"),
    ],
)
def test_a_search_finds_the_right_page_first(bob, query, first):
    page = bob.visit("/search", query_string={"q": query})
    assert page.soup.select_one(".hits h3").get_text() == first
    assert page.soup.select_one(".hits mark")
    assert page.soup.select_one("input[name=q]")["value"] == query


@pytest.mark.parametrize(
    "query", ["<script>alert(1)</script>", "\0", "{{7*7}}", "☂" * 50, "' OR 1=1"]
)
def test_an_odd_search_is_harmless(bob, query):
    page = bob.visit("/search", query_string={"q": query})
    assert page.status == 200
    assert page.soup.select_one("input[name=q]")["value"] == query


def test_a_search_of_ten_thousand_characters_looks_for_its_beginning(bob):
    page = bob.visit("/search", query_string={"q": "migraine " * 1111})
    assert "we looked for its beginning only" in page.text
    assert len(page.soup.select_one("input[name=q]")["value"]) == 200
    assert page.soup.select(".hits li")


def test_every_search_shows_the_way_to_the_signs_that_cannot_wait(bob):
    for query in ("saddle", "zzzzqqq", ""):
        page = bob.visit("/search", query_string={"q": query})
        assert library().practice.emergency_line in page.soup.main.get_text()
        for slug in ("headache-emergency", "back-pain-emergency"):
            assert page.soup.select(f"main a[href='/articles/{slug}']")


def test_where_it_cannot_wait_the_signs_come_first(bob):
    page = bob.visit("/articles/back-pain-emergency")
    parts = page.soup.select("article > *, article > .prose > *")
    card = next(n for n, part in enumerate(parts) if "card-emergency" in part.get("class", ()))
    byline = next(n for n, part in enumerate(parts) if "byline" in part.get("class", ()))
    assert card < 5
    assert byline > card


def test_a_care_card_has_the_number_to_tap(bob):
    for card in bob.visit(LEAD).soup.select(".card"):
        number = "tel:911" if "card-emergency" in card["class"] else "tel:+1-612-555-0142"
        assert card.select_one("a")["href"] == number


def test_a_search_without_an_answer_offers_the_calendar_and_the_phone(bob):
    page = bob.visit("/search?q=zzzzqqq")
    assert "Nothing found" in page.text
    assert page.soup.select_one("main a[href='/awareness/']")
    assert page.soup.select_one("main a[href^='tel:']")


def test_no_page_promises_or_forgets_its_description(bob):
    seen = set()
    for address in every_address(bob):
        page = bob.visit(address)
        description = page.soup.select_one("meta[name=description]")["content"]
        assert 20 < len(description) <= 155, address
        assert description not in seen, address
        seen.add(description)


def every_address(person):
    sitemap = ET.fromstring(person.visit("/sitemap.xml").response.data)
    found = sitemap.iter("{http://www.sitemaps.org/schemas/sitemap/0.9}loc")
    return [loc.text.removeprefix("http://127.0.0.1:8000") for loc in found]


def test_the_sitemap_lists_every_page_that_can_be_reached_and_no_other(bob):
    found, waiting = set(), ["/"]
    while waiting:
        address = waiting.pop()
        if address in found or not address.startswith("/") or address.startswith(PRIVATE):
            continue
        found.add(address)
        page = bob.visit(address)
        assert page.status == 200, address
        waiting += [a["href"].split("#")[0] for a in page.soup.select("a[href]")]
    assert set(every_address(bob)) == found


def test_canonical_addresses_are_those_of_the_sitemap(bob):
    for address in every_address(bob):
        page = bob.visit(address, base_url="http://localhost")
        url = f"http://127.0.0.1:8000{address}"
        assert page.soup.select_one("link[rel=canonical]")["href"] == url
        assert page.soup.select_one("meta[property='og:url']")["content"] == url
        image = page.soup.select_one("meta[property='og:image']")["content"]
        assert (
            bob.visit(image.removeprefix("http://127.0.0.1:8000")).headers["Content-Type"]
            == "image/png"
        )


def test_private_pages_are_not_for_search_engines(bob, ada):
    for page in (bob.visit("/appointment/safety"), ada.visit("/staff/"), bob.visit("/nothing")):
        assert page.soup.select_one("meta[name=robots]")["content"] == "noindex"


def data_of(page, kind):
    """Return what the page says in JSON-LD about itself as this kind of thing."""
    items = [json.loads(tag.get_text()) for tag in page.soup.select("script[type*=json]")]
    return next(item for item in items if item["@type"] == kind)


def test_an_article_tells_search_engines_what_it_tells_readers(bob):
    page = bob.visit(LEAD)
    data = data_of(page, "MedicalWebPage")
    assert data["name"] == page.soup.h1.get_text()
    assert data["author"] == {"@type": "Person", "name": "Stefano Sinicropi"}
    assert data["about"] == {"@type": "MedicalCondition", "name": "Migraine"}
    assert "lastReviewed" not in data  # nobody has
    assert len(data["citation"]) == len(page.soup.select(".sources li"))
    trail = data_of(page, "BreadcrumbList")["itemListElement"]
    assert [step["name"] for step in trail] == ["Home", "Articles", "Spine"]


def test_a_review_is_told_when_there_was_one(bob, monkeypatch):
    lead = library().articles["migraines-and-the-spine"]
    reviewed = replace(lead, reviewed_by="Dr. A. Example", reviewed_on=date(2027, 1, 31))
    articles = {**library().articles, lead.slug: reviewed}
    changed = replace(library(), articles=articles)
    monkeypatch.setitem(bob.client.application.extensions, "content", changed)
    page = bob.visit(LEAD)
    assert data_of(page, "MedicalWebPage")["lastReviewed"] == "2027-01-31"
    assert "Reviewed by Dr. A. Example on January 31, 2027." in page.text


def test_the_clinic_is_described_as_the_page_shows_it(bob):
    data = data_of(bob.visit("/"), "MedicalClinic")
    assert data["telephone"] == "(612) 555-0142"
    assert data["openingHoursSpecification"][0] == {
        "@type": "OpeningHoursSpecification",
        "dayOfWeek": "Monday",
        "opens": "08:00",
        "closes": "17:00",
    }


def test_the_feed_has_every_article(bob):
    feed = ET.fromstring(bob.visit("/feed.xml").response.data)
    atom = "{http://www.w3.org/2005/Atom}"
    links = [entry.find(f"{atom}link").get("href") for entry in feed.iter(f"{atom}entry")]
    site = "http://127.0.0.1:8000/articles/"
    assert links == [f"{site}{slug}" for slug in library().articles]
    assert feed.find(f"{atom}updated").text == "2026-11-22T00:00:00Z"


def test_the_security_contact_is_good_for_another_month(bob):
    text = bob.visit("/.well-known/security.txt").response.text
    fields = dict(line.split(": ", 1) for line in text.splitlines())
    left = datetime.fromisoformat(fields["Expires"]) - datetime.now(UTC)
    assert timedelta(days=30) < left < timedelta(days=366)
    assert fields["Contact"] == "tel:+1-612-555-0142"


def test_the_manifest_names_pictures_that_are_there(bob):
    manifest = bob.visit("/site.webmanifest").response.get_json(force=True)
    for icon in manifest["icons"]:
        assert bob.visit(icon["src"]).headers["Content-Type"] == "image/png"
    assert bob.visit("/favicon.ico").status == 200


def test_an_appointment_remembers_the_article_that_brought_the_patient(app, bob, ada):
    an_appointment(bob, start=bob.visit(LEAD).soup.select_one("article a.button")["href"])
    assert submissions()[0].source_article == "migraines-and-the-spine"
    page = ada.visit("/staff/").link(submissions()[0].shown_reference)
    assert "Came from the article Migraines and the spine" in page.text


@pytest.mark.parametrize("about", ["nothing", "<script>", "../staff", ""])
def test_an_article_that_is_not_there_brought_nobody(bob, about):
    an_appointment(bob, start=f"/appointment/?about={quote(about)}")
    assert submissions()[0].source_article is None


@pytest.mark.parametrize("start", ["/appointment/", "/appointment/?about=nothing"])
def test_a_form_begun_anew_forgets_the_article_of_the_one_before(bob, start):
    bob.visit("/appointment/?about=crps")
    an_appointment(bob, start=start)
    assert submissions()[0].source_article is None


def test_the_menu_of_an_article_remembers_it_too(bob):
    links = bob.visit("/articles/crps").soup.select("header a[href^='/appointment']")
    assert [link["href"] for link in links] == ["/appointment/?about=crps"]


@pytest.mark.parametrize(
    "address",
    ["/articles/nothing", "/articles/..%2fapp", "/categories/x", "/awareness/smarch", "/about/"],
)
def test_a_page_that_is_not_there_says_so(bob, address):
    page = bob.visit(address)
    assert page.status == 404
    assert page.title.startswith("Page not found")


def test_a_head_request_has_the_headers_of_the_page(bob):
    got, asked = bob.visit("/"), bob.ask("HEAD", "/")
    assert asked.response.data == b""
    assert dict(got.headers) == dict(asked.headers)


def test_a_supervisor_hears_that_the_process_answers(bob, monkeypatch):
    monkeypatch.setattr(db.session, "execute", lambda *_: pytest.fail("it asked the database"))
    page = bob.visit("/healthz")
    assert (page.status, page.response.text) == (200, "ok\n")
    assert page.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert page.headers["Cache-Control"] == "no-store"


FIRST_FLIGHT = 14_000  # bytes: what a server sends before it waits for the browser to answer


def compressed(person, address):
    return person.visit(address, headers={"Accept-Encoding": "br"}).response.data


def test_every_article_arrives_in_one_flight_with_its_style_and_script(bob):
    page = bob.visit(LEAD)
    style = page.soup.select_one("link[rel=stylesheet]")["href"]
    script = page.soup.select_one("script[src]")["src"]
    shared = len(compressed(bob, style)) + len(compressed(bob, script))
    for slug in library().articles:
        html = bob.visit(f"/articles/{slug}").response.text
        plain = re.sub(r"<svg.*?</svg>", "", html, flags=re.DOTALL)
        assert len(brotli.compress(plain.encode(), quality=5)) + shared <= FIRST_FLIGHT, slug


def test_nothing_but_the_style_sheet_holds_up_a_page(bob):
    for address in ADDRESSES:
        head = bob.visit(address).soup.head
        assert len(head.select("link[rel=stylesheet]")) == 1
        assert all(tag.has_attr("defer") for tag in head.select("script[src]"))
