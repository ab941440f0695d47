"""The site's words: what is wrong in `content/` stops the start, and says where and why."""

import re
import shutil
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
import time_machine
from bs4 import BeautifulSoup
from hypothesis import example, given
from hypothesis import strategies as st

import content_files
from content import MONTHS, Consent, Observance, Page
from content_files import ContentError
from content_markdown import CARDS, red_flag_cards, render, risk_factor_section
from hostile import effort

LEAD = "articles/migraines-and-the-spine.md"
FACTORS, NERVES = "risk_factors.toml", "figures/head-and-neck-nerves.svg"
JUNE, ABOUT = "months/june.md", "pages/about.md"
PRACTICE, FLAGS, SOURCES = "practice.toml", "red_flags.toml", "sources.toml"
CATEGORIES, CONSENT = "categories.toml", "consent.toml"
ALL_FILES = [LEAD, JUNE, ABOUT, PRACTICE, FLAGS, FACTORS, SOURCES, CATEGORIES, CONSENT, NERVES]
END = r"\Z"


@pytest.fixture(scope="module")
def real():
    return content_files.load()


@pytest.fixture
def folder(tmp_path):
    return copy_to(tmp_path / "content")


def copy_to(path):
    """Copy the real content; one source is added that nothing cites."""
    shutil.copytree(content_files.FOLDER, path)
    change(path / SOURCES, END, '\n[[sources]]\nid = "extra"\npublisher = "P"\ntitle = "T"\n')
    return path


def change(path, pattern, new):
    """Replace the first match; a pattern that is not there is a mistake in the test."""
    text = path.read_text("utf-8")
    match = re.search(pattern, text, re.MULTILINE)
    assert match, f"{pattern} is not in {path}"
    path.write_text(text[: match.start()] + new + text[match.end() :], encoding="utf-8")


def refusal(folder):
    with pytest.raises(ContentError) as error:
        content_files.load(folder)
    return error.value.format_message()


def html(text, sources=()):
    return BeautifulSoup(render(text, sources), "html.parser")


def test_the_content_of_the_site_can_be_used(real):
    assert "migraines-and-the-spine" in real.articles
    assert "june" in real.months
    assert {"about", "privacy", "accessibility"} <= real.pages.keys()
    assert real.consent.text.startswith(f"I agree that {real.practice.name} may")


def test_a_copy_that_nobody_broke_loads(folder):
    assert content_files.load(folder).articles


@pytest.mark.parametrize(
    ("file", "pattern", "new", "words"),
    [
        # Front matter
        (LEAD, "^title: .*\n", "", ['"title"', "a line of text"]),
        (LEAD, "^title: .*", "title: [a, b]", ['"title"', "a line of text"]),
        (LEAD, "^title: .*", "title: 2026", ['"title"', "a line of text"]),
        (LEAD, "^title:", "title: [", ["not valid YAML"]),
        (LEAD, "^title:", "tilte: a\ntitle:", ['"tilte" is not a key', "Keys are: title"]),
        (LEAD, "^title:", "5: a\ntilte: b\ntitle:", ["is not a key", "Keys are: title"]),
        (LEAD, "^updated: .*", "updated: soon", ['"updated"', "a date like 2026-06-30"]),
        (LEAD, "^updated: .*", "updated: 2026-02-31", []),
        (LEAD, "^updated: .*", "updated: 2026-06-30 10:00:00", ['"updated"', "a date like"]),
        (LEAD, "^next_review: .*\n", "", ['"next_review"', "a date like"]),
        (LEAD, "^category: .*", "category: knees", ['"category"', "one of: "]),
        (LEAD, "^author: .*", "author:", ['"author"', "a line of text"]),
        (LEAD, "^months: .*", "months: [juno]", ['"months"', "january, february"]),
        (LEAD, "^months: .*", "months: june", ['"months"', "a list"]),
        (LEAD, "^comments: .*", "comments: open", ['"comments"', "closed"]),
        (LEAD, r"^sources: \[", "sources: [nobody, ", ['"sources"', "one of: "]),
        (JUNE, "^observances:", "observances: []\nobserved:", ['"observed" is not a key']),
        (JUNE, "when: 29", "when: 0", ['"observances"', "first saturday"]),
        (JUNE, "when: 29", "when: fifth monday", ['"observances"', "first saturday"]),
        (JUNE, "when: 29", "when: 29, until: 30", ['"observances"', "first saturday"]),
        (JUNE, "when: 29", "when: 31", ["June 31"]),
        (JUNE, "when: 29", "when: 20 to 12", ["June 20 to 12"]),
        (LEAD, END, "\n## Sources\n", ['"Sources"', "word it otherwise"]),
        (JUNE, "^title:", "author: A\ntitle:", ['"author" is not a key', "observances"]),
        (ABOUT, "^summary: .*\n", "", ['"summary"', "a line of text"]),
        (ABOUT, r"\A---\n", "", ['"title"']),
        # Body
        (LEAD, r"^sources: \[", "sources: [extra, ", ['"extra"', "never cites it", "[@extra]"]),
        (LEAD, END, "\nMore [@extra].\n", ['cites "extra"', '"sources"']),
        (LEAD, END, "\nMore [@nobody; @extra].\n", ['cites "extra"', '"sources"']),
        (ABOUT, END, "\nMore [@extra].\n", ['cites "extra"']),
        (LEAD, END, "\n# Large\n", ["# heading", "##"]),
        (LEAD, END, "\nLarge\n=====\n", ["# heading", "##"]),
        (LEAD, END, "\n::: routine Call us if:\n- it hurts\n", ["not closed by :::"]),
        (LEAD, "^::: urgent", "::: routine Call us if:\n- it hurts\n\n::: urgent", ["not closed"]),
        (LEAD, END, "\n::: warning Call us if:\n- it hurts\n:::\n", ["emergency, urgent, routine"]),
        (LEAD, END, "\n:::\n", ["not one of emergency"]),
        (LEAD, END, "\nFax {{practice.fax}}.\n", ["{{practice.fax}}", "practice.phone"]),
        (ABOUT, END, "\n{{ practice.hours }}\n", ["{{ practice.hours }}", "practice.phone"]),
        (CONSENT, "practice.name", "practice.nmae", ["{{practice.nmae}}", "practice.name"]),
        # The practice
        (PRACTICE, r"\A", "= 1\n", ["not valid TOML"]),
        (PRACTICE, r"\A", 'fax = "1"\n', ['"fax" is not a key', "Keys are: name"]),
        (PRACTICE, "^name = .*", 'name = " "', ['"name"', "a line of text"]),
        (PRACTICE, "^name = .*", 'name = """two\nlines"""', ['"name"', "a line of text"]),
        (PRACTICE, "^phone = .*", 'phone = "555-0142"', ['"phone"', "a US phone number"]),
        (PRACTICE, "^phone = .*", "phone = 6125550142", ['"phone"', "a US phone number"]),
        (PRACTICE, "^email = .*", 'email = "office"', ['"email"', "address"]),
        (PRACTICE, "^email = .*", 'email = "offíce@example.org"', ['"email"', "address"]),
        (PRACTICE, "^letter_name = .*", "", ['"letter_name"', "a line of text"]),
        (PRACTICE, "^address = .*", 'address = "Main St"', ['"address"', "a list"]),
        (PRACTICE, "^time_zone = .*", 'time_zone = "Mars/Base"', ["America/Chicago"]),
        (PRACTICE, "^time_zone = .*", 'time_zone = "America"', ["America/Chicago"]),
        (PRACTICE, "^time_zone = .*", 'time_zone = "../etc"', ["America/Chicago"]),
        (PRACTICE, "^emergency_phone = .*", 'emergency_phone = "x911"', ["a short number"]),
        (PRACTICE, "^reply_within_days = .*", "reply_within_days = 0", ["1 or more"]),
        (PRACTICE, "^reply_within_days = .*", 'reply_within_days = "1"', ["1 or more"]),
        (PRACTICE, "^reply_within_days = .*", "reply_within_days = true", ["1 or more"]),
        (PRACTICE, "^visit_minutes = .*", "visit_minutes = 0", ["minutes, 1 or more"]),
        (PRACTICE, "^visit_minutes = .*", "visit_minutes = 7.5", ["minutes, 1 or more"]),
        (PRACTICE, "^closed_on = .*", 'closed_on = ["2026-12-25"]', ['"closed_on"', "a date"]),
        (PRACTICE, "^closed_on = .*", "closed_on = [2026-02-31]", ["not valid TOML"]),
        (PRACTICE, "^monday = .*", 'monday = "17:00-08:00"', ['"hours"', '"08:00-17:00"']),
        (PRACTICE, "^monday = .*", 'monday = "08:00-08:00"', ['"hours"', '"08:00-17:00"']),
        (PRACTICE, "^monday = .*", 'monday = "8 to 5"', ['"hours"', '"08:00-17:00"']),
        (PRACTICE, "^monday = .*", 'monday = "08:00"', ['"hours"', '"08:00-17:00"']),
        (PRACTICE, "^monday = .*", "monday = 8", ['"hours"', '"08:00-17:00"']),
        (PRACTICE, "^monday = ", "moonday = ", ['"hours"', "weekdays"]),
        (PRACTICE, r"^\[hours\](\n\w+ = .*)+", "[hours]", ['"hours"', "weekdays"]),
        (PRACTICE, "^role = .*\n", "", ['"clinicians"', "name and role"]),
        # Lists
        (CONSENT, "^text = .*", 'text = ""', ['"text"', "a line of text"]),
        (CATEGORIES, r"^\[\[categories\]\]", "[[category]]", ["[[categories]]"]),
        (CATEGORIES, r"(.|\n)*", "[categories]", ["[[categories]]"]),
        (CATEGORIES, "^name = .*\n", "", ["number 1", '"name"', "a line of text"]),
        (SOURCES, '^id = ".*"', 'id = "extra"', ['"extra"', "there twice"]),
        (SOURCES, '^url = "https', 'url = "http', ["number 1", '"url"', "https://"]),
        (SOURCES, '^url = ".*"', 'url = "javascript:alert(1)"', ['"url"', "https://"]),
        (FLAGS, '^level = ".*"', 'level = "soon"', ['"level"', "emergency, today"]),
        (FLAGS, '^topic = ".*"', 'topic = "knee"', ['"topic"', "headache, back"]),
        (FLAGS, "^sources = .*", 'sources = ["nobody"]', ["number 1", '"sources"', "one of: "]),
        (FLAGS, "^do = .*\n", "", ["number 1", '"do"', "a line of text"]),
        (FACTORS, '^strength = ".*"', 'strength = "certain"', ['"strength"', "strong, fair, weak"]),
        (FACTORS, "^sources = .*", 'sources = ["nobody"]', ['"sources"', "one of: "]),
        (FACTORS, "^sources = .*", "sources = []", ["low-back-pain", "jhp-back-pain-review"]),
        (FACTORS, "^tag = .*\n", "", ['"tag"', "a line of text"]),
        (LEAD, r"^risk_factors: \[", "risk_factors: [luck, ", ['"risk_factors"', "one of: "]),
        (LEAD, END, '\n![A neck.](figures/knee.svg "A knee")\n', ["figures/knee.svg"]),
        (LEAD, END, '\n![](figures/facet-joints.svg "A")\n', ["text alternative", "A caption"]),
        (LEAD, END, "\n![A neck.](figures/facet-joints.svg)\n", ["text alternative", "A caption"]),
        (LEAD, END, '\nSee ![A.](figures/facet-joints.svg "A")\n', ["on a line of its own"]),
        (LEAD, END, '\n- ![A.](figures/facet-joints.svg "A")\n', ["on a line of its own"]),
        (NERVES, "<svg ", "<svg><script>", ["one <svg viewBox"]),
        (NERVES, "class=", "style=", ["no script, style, id or link"]),
        (FLAGS, '^reviewed_by = ""', "reviewed_by = false", ['"reviewed_by"', "or nothing"]),
    ],
)
def test_a_fault_is_named_by_file_and_key_with_what_was_expected(folder, file, pattern, new, words):
    change(folder / file, pattern, new)
    message = refusal(folder)
    assert message.startswith(file)
    for word in words:
        assert word in message


def test_what_python_cannot_read_to_its_end_is_refused_in_words(folder):
    for file, written in ((ABOUT, "---\ntitle: {}\n---\n"), (PRACTICE, "name = {}")):
        for endless in ("[" * 5000, "9" * 5000):
            (folder / file).write_text(written.format(endless))
            assert refusal(folder).startswith(file)


@pytest.mark.parametrize("file", [PRACTICE, FLAGS, FACTORS, SOURCES, CATEGORIES, CONSENT, ABOUT])
def test_a_missing_file_is_named(folder, file):
    (folder / file).unlink()
    assert file.rpartition("/")[2] in refusal(folder)


@pytest.mark.parametrize("kind", ["articles", "months"])
def test_a_site_without_an_article_or_a_month_does_not_start(folder, kind):
    for file in (folder / kind).iterdir():
        file.unlink()
    assert "at least one month and one article" in refusal(folder)


@pytest.mark.parametrize("file", ALL_FILES)
def test_an_empty_file_is_named(folder, file):
    (folder / file).write_text("")
    assert refusal(folder).startswith(file)


@pytest.mark.parametrize("file", ALL_FILES)
def test_a_file_that_is_not_utf8_is_named(folder, file):
    (folder / file).write_bytes("title = 'Siobhán'".encode("latin-1"))
    message = refusal(folder)
    assert file.rpartition("/")[2] in message
    assert "Save it as UTF-8" in message


def test_the_same_red_flag_twice_is_refused(folder):
    text = (folder / FLAGS).read_text("utf-8")
    change(folder / FLAGS, END, "\n" + text[text.index("[[red_flags]]") :])
    assert "there twice" in refusal(folder)


@pytest.mark.parametrize("name", ["juno.md", "06.md"])
def test_a_month_is_named_after_a_month(folder, name):
    (folder / JUNE).rename(folder / "months" / name)
    assert refusal(folder) == f"months/{name}: name the file after a month, like june.md."


PIECES = st.sampled_from(
    "::: emergency |::: |:::|[@extra]|[@nobody]|[@|]|# |## |---|```|{{practice.|name}}|\n|\n\n|\r"
    "|> |- |1. |<script>|<b|&lt;|![a](|(javascript:a)|](|)|**|_|`|\\|\t|\0|\ufeff|é|| a ".split("|")
)


@pytest.fixture(scope="module")
def playground(tmp_path_factory):
    """Content with one article, which is read again for each text."""
    folder = copy_to(tmp_path_factory.mktemp("any") / "content")
    for file in (folder / "articles").iterdir():
        if file != folder / LEAD:
            file.unlink()
    return folder


@effort(few=40, many=1_500)
def test_any_text_as_an_article_loads_or_is_refused(playground, effort):
    head = (content_files.FOLDER / LEAD).read_text("utf-8").partition("\n---\n")[0]
    head = re.sub(r"^sources: .*", "sources: []", head, flags=re.MULTILINE)
    file = playground / "articles" / "any.md"

    @effort
    @given(body=st.text() | st.lists(PIECES | st.text(max_size=5), max_size=30).map("".join))
    @example(body="::: emergency")
    @example(body="::: emergency " + "> " * 50 + "[@extra]")
    def attempt(body):
        file.write_text(f"{head}\n---\n{body}", encoding="utf-8", newline="")
        page, message = "", "articles/any.md: "
        try:
            page = content_files.load(playground).articles["any"].body
        except ContentError as error:
            message = error.format_message()
        assert message.startswith("articles/any.md: ")
        assert not BeautifulSoup(page, "html.parser").select("script, b, h1, a[href^=javascript]")

    attempt()


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "a <b onclick='x'>word</b>",
        "<img src=x onerror=alert(1)>",
        "<!-- a comment -->",
        "::: urgent <script>alert(1)</script>\n- a\n:::",
        "## <img src=x>",
    ],
)
def test_html_in_the_text_is_shown_as_text(text):
    page = html(text)
    assert not page.select("script, b, img")
    assert "<" in page.get_text()


@pytest.mark.parametrize(
    "text",
    [
        "[a](javascript:alert(1))",
        "[a](JaVaScRiPt:alert(1))",
        "[a](&#106;avascript:alert(1))",
        "[a](java\\script:alert(1))",
        "[a](<javascript:alert(1)>)",
        "<javascript:alert(1)>",
        "[a](vbscript:x)",
        "[a](data:text/html,x)",
        "[a]\n\n[a]: javascript:alert(1)",
        "![a](javascript:alert(1))",
    ],
)
def test_an_address_that_runs_code_does_not_become_a_link(text):
    for element in html(text).select("[href], [src]"):
        address = (element.get("href") or element.get("src")).lower()
        assert not re.match(r"\s*(javascript|vbscript|data)\s*:", address)


@pytest.mark.parametrize("address", ["https://example.org/a?b=1", "/about", "#sources"])
def test_an_ordinary_address_becomes_a_link(address):
    assert html(f"[a]({address})").a["href"] == address


def test_citations_are_numbered_in_the_order_of_the_source_list():
    page = html("One [@second]. Two [@first; @third],\nthree\n[@second].", FIRST_TO_THIRD)
    links = page.select("sup.citation a")
    assert [link["href"] for link in links] == [f"#source-{number}" for number in (2, 1, 3, 2)]
    assert [link.text for link in links] == ["2", "1", "3", "2"]
    assert [link["aria-label"] for link in links][:2] == ["Source 2", "Source 1"]
    assert page.get_text() == "One2. Two1, 3,\nthree2.\n"  # no space or line before a number


FIRST_TO_THIRD = ["first", "second", "third"]


@pytest.mark.parametrize(("level", "word"), CARDS.items())
def test_a_care_card_says_its_urgency_in_a_word(level, word):
    page = html(f"Before.\n\n::: {level} Call *now* & 'here' if:\n- a\n- b\n:::\n\nAfter.")
    card = page.select_one(f"section.card.card-{level}")
    assert card.h3.get_text() == f"{word}: Call *now* & 'here' if:"
    assert [item.text for item in card.select("li")] == ["a", "b"]
    assert [part.name for part in page.find_all(recursive=False)] == ["p", "section", "p"]


def test_headings_can_be_linked_to():
    assert html("## When to call\n\n### Now").h2["id"] == "when-to-call"


def test_the_practice_can_be_named_in_a_text(real):
    assert real.practice.phone in real.pages["about"].body
    assert "{{" not in "".join(page.body for page in real.pages.values())


def test_the_lead_article_has_the_front_matter_that_was_asked_for(real):
    lead = real.articles["migraines-and-the-spine"]
    assert lead.title == "Migraines and the spine"
    assert lead.category.name == "Spine"
    assert lead.author == "Stefano Sinicropi"
    assert "He has not reviewed this version." in lead.author_note
    assert (lead.reviewed_by, lead.reviewed_on) == ("", None)
    assert lead.months == ("june",)
    assert lead.comments == "closed"
    assert lead.published <= lead.updated < lead.next_review


def test_the_lead_article_cites_everything_it_lists_and_nothing_else(real):
    lead = real.articles["migraines-and-the-spine"]
    cited = {a["href"] for a in BeautifulSoup(lead.body, "html.parser").select(".citation a")}
    assert cited == {f"#source-{number}" for number in range(1, len(lead.sources) + 1)}
    assert len(lead.sources) > 10


def test_the_lead_article_says_when_to_get_help_at_all_three_levels(real):
    page = BeautifulSoup(real.articles["migraines-and-the-spine"].body, "html.parser")
    cards = {card["class"][1]: card.get_text() for card in page.select(".card")}
    assert cards.keys() == {"card-emergency", "card-urgent", "card-routine"}
    assert "911" in cards["card-emergency"]
    assert "today" in cards["card-urgent"]


@pytest.mark.parametrize(
    ("now", "month"),
    [
        ("2027-06-30T23:30-05:00", "june"),  # already July in UTC
        ("2027-07-01T00:00-05:00", "july"),
        ("2027-05-31T23:59-05:00", "june"),  # none for May: the next one there is
        ("2027-08-01T00:00-05:00", "june"),  # and round the end of the year
        ("2027-12-31T23:59-06:00", "june"),
    ],
)
def test_the_awareness_month_follows_the_clock_of_the_practice(folder, now, month):
    for file in (folder / "months").iterdir():
        if file.stem not in {"june", "july"}:
            file.unlink()
    change(folder / PRACTICE, "^time_zone = .*", 'time_zone = "America/Chicago"')
    library = content_files.load(folder)
    with time_machine.travel(datetime.fromisoformat(now), tick=False):
        assert library.current_month() == library.months[month]
    assert [library.months[month].number for month in ("june", "july")] == [6, 7]


def test_articles_are_found_by_month_and_category_newest_first(folder):
    before = content_files.load(folder)
    shutil.copy(folder / LEAD, folder / "articles" / "newer.md")
    change(folder / "articles" / "newer.md", "^published: .*", "published: 2099-01-01")
    change(folder / "articles" / "newer.md", "^months: .*\n", "")
    library = content_files.load(folder)
    assert library.articles_of()[0].slug == "newer"
    assert len(library.articles_of(month="june")) == len(before.articles_of(month="june"))
    assert (
        len(library.articles_of(category="spine")) == len(before.articles_of(category="spine")) + 1
    )
    assert library.articles_of(category="knees") == []


HOURS = {
    "monday": (time(8), time(17)),
    "tuesday": (time(8), time(17)),
    "wednesday": (time(8), time(17)),
    "thursday": (time(8), time(15)),
}
CLOSED_ON = (date(2026, 11, 26), date(2026, 12, 28))


@pytest.fixture(scope="module")
def practice(real):
    """A practice with hours of its own, so that the real one may change its own."""
    chicago = ZoneInfo("America/Chicago")
    return replace(
        real.practice, phone="(612) 555-0142", time_zone=chicago, hours=HOURS, closed_on=CLOSED_ON
    )


@pytest.mark.parametrize(
    ("received", "days", "due"),
    [
        ("2026-12-01T12:00-06:00", 1, "2026-12-02T17:00-06:00"),  # a Tuesday
        ("2026-12-01T07:00-06:00", 1, "2026-12-02T17:00-06:00"),  # before opening
        ("2026-12-02T05:30+00:00", 1, "2026-12-02T17:00-06:00"),  # still Tuesday here
        ("2026-12-01T12:00-06:00", 2, "2026-12-03T15:00-06:00"),  # Thursdays close early
        ("2026-12-03T12:00-06:00", 1, "2026-12-07T17:00-06:00"),  # over a weekend from Friday on
        ("2026-12-05T12:00-06:00", 1, "2026-12-07T17:00-06:00"),  # on a Saturday
        ("2026-12-05T12:00-06:00", 3, "2026-12-09T17:00-06:00"),
        ("2026-11-25T12:00-06:00", 1, "2026-11-30T17:00-06:00"),  # the next day is a holiday
        ("2026-12-24T12:00-06:00", 1, "2026-12-29T17:00-06:00"),  # a weekend, then a holiday
        ("2027-03-11T12:00-06:00", 1, "2027-03-15T17:00-05:00"),  # the clocks change in between
    ],
)
def test_a_reply_is_due_at_closing_time_so_many_open_days_on(practice, received, days, due):
    practice = replace(practice, reply_within_days=days)
    assert practice.reply_due(datetime.fromisoformat(received)) == datetime.fromisoformat(due)


@pytest.mark.parametrize(
    ("day", "is_open"),
    [("2026-12-03", True), ("2026-12-04", False), ("2026-12-28", False), ("2026-12-29", True)],
)
def test_the_practice_is_closed_on_holidays_and_off_days(practice, day, is_open):
    assert practice.is_open(date.fromisoformat(day)) is is_open


def test_days_in_a_row_with_the_same_hours_are_told_as_one(practice):
    long, short = (time(8), time(17)), (time(8), time(15))
    expected = [("monday", "wednesday", *long), ("thursday", "thursday", *short)]
    assert list(practice.opening) == expected


def test_days_with_a_day_off_between_them_are_told_apart(practice):
    practice = replace(practice, hours=dict.fromkeys(("monday", "wednesday"), HOURS["monday"]))
    assert [days[:2] for days in practice.opening] == [("monday",) * 2, ("wednesday",) * 2]


@time_machine.travel(datetime(2026, 12, 1, 5, 59, tzinfo=UTC), tick=False)
def test_today_is_the_day_at_the_practice(practice):
    assert practice.today() == date(2026, 11, 30)
    assert practice.local(datetime.now(UTC)).utcoffset() == timedelta(hours=-6)


@pytest.mark.parametrize(("days", "words"), [(1, "next day we are open"), (3, "within 3 days")])
def test_the_promise_is_in_words(practice, days, words):
    assert words in replace(practice, reply_within_days=days).reply_promise


def test_the_consent_has_a_new_version_when_a_word_changes():
    assert Consent("I agree.").version == Consent("I agree.").version
    assert Consent("I agree.").version != Consent("I agree!").version


@pytest.mark.parametrize(
    "name", ["My article.md", "June.md", "neck_pain.md", "none.md", f"{'a' * 101}.md"]
)
def test_a_file_whose_name_cannot_be_an_address_is_refused(folder, name):
    shutil.copy(folder / LEAD, folder / "articles" / name)
    assert f'articles/{name}: "file name" must be lower-case words' in refusal(folder)


def test_a_reviewer_without_a_day_is_refused(folder):
    change(folder / LEAD, "^reviewed_by:.*", "reviewed_by: Dr. A. Nobody")
    assert 'both "reviewed_by" and "reviewed_on"' in refusal(folder)


@pytest.mark.parametrize("words", ["[@NHF-June]", "{{Practice.phone}}"])
def test_a_misspelt_citation_or_placeholder_is_refused(folder, words):
    change(folder / ABOUT, END, f"\nSee {words}.\n")
    assert "misspelt" in refusal(folder)


@pytest.mark.parametrize(
    ("when", "year", "month", "days"),
    [
        ("first saturday", 2027, 5, ("2027-05-01", "2027-05-01")),  # the month begins with it
        ("first saturday", 2026, 5, ("2026-05-02", "2026-05-02")),
        ("first monday", 2026, 11, ("2026-11-02", "2026-11-02")),
        ("third thursday", 2026, 11, ("2026-11-19", "2026-11-19")),
        ("last friday", 2027, 2, ("2027-02-26", "2027-02-26")),
        ("fourth sunday", 2026, 2, ("2026-02-22", "2026-02-22")),
        ("16", 2026, 10, ("2026-10-16", "2026-10-16")),
        ("12 to 20", 2027, 10, ("2027-10-12", "2027-10-20")),
    ],
)
def test_days_that_move_are_worked_out_for_the_year(when, year, month, days):
    assert Observance("A day", when).days(year, month) == tuple(map(date.fromisoformat, days))


@pytest.mark.parametrize("when", ["all month", "late", "varies"])
def test_days_that_nobody_knows_are_not_made_up(when):
    assert Observance("A day", when).days(2026, 5) is None


@pytest.mark.parametrize(
    ("today", "year"), [("2026-05-31", 2026), ("2026-06-30", 2026), ("2026-07-01", 2027)]
)
def test_a_month_that_has_passed_is_shown_for_next_year(real, today, year):
    assert real.months["june"].year(date.fromisoformat(today)) == year


def test_there_are_twelve_months_in_order_and_at_least_24_articles(real):
    assert list(real.months) == MONTHS
    assert len(real.articles) >= 26
    assert all(real.articles_of(month=month) for month in MONTHS)
    assert len({month.topic for month in real.months.values()}) == 12


def test_every_article_is_as_long_as_people_read(real):
    wrong = [a.slug for a in real.articles.values() if not 350 <= a.words <= 900]
    assert wrong == ["migraines-and-the-spine"]  # the longest, as the one it comes from has it all


def test_the_text_of_a_page_has_its_words_and_nothing_else():
    body = render(
        'One [@a] *two*.\n\n## Three & four\n\n- five\n\n![Alt.](figures/f.svg "Six")',
        ["a"],
        {"f": '<svg viewBox="0 0 1 1"><text>drawn</text></svg>'},
    )
    page = Page("x", "X", "", date(2026, 1, 1), body)
    assert page.text == "One two.\nThree & four\nfive\nSix"
    assert page.headings == (("three--four", "Three & four"),)
    assert (page.words, page.minutes, page.is_long) == (7, 1, False)


def test_a_figure_has_its_text_alternative_and_its_caption():
    drawing = '<svg viewBox="0 0 1 1"><path d="M0 0"/></svg>'
    page = BeautifulSoup(
        render(
            '![A "neck" & <head>.](figures/neck.svg "Where <they> meet")', [], {"neck": drawing}
        ),
        "html.parser",
    )
    assert page.figure.svg["role"] == "img"
    assert page.figure.svg["aria-label"] == 'A "neck" & <head>.'
    assert page.figure.figcaption.get_text() == "Where <they> meet"
    assert not page.select("p")


def test_every_drawing_is_shown_by_an_article(real):
    words = "".join(article.body for article in real.articles.values())
    assert words.count("<svg") == len(list((content_files.FOLDER / "figures").glob("*.svg"))) == 5


def test_red_flags_become_a_card_for_each_thing_to_do(real):
    flags = [flag for flag in real.red_flags.values() if flag.topic == "back"]
    ids = sorted({source.id for flag in flags for source in flag.sources})
    cards = html(red_flag_cards(flags), ids).select(".card")
    assert [card["class"][1] for card in cards] == ["card-emergency", "card-urgent"]
    assert cards[0].h3.get_text().startswith("Emergency: Call 911 or go to the emergency room now")
    assert sum(len(card.select("li")) for card in cards) == len(flags)


def test_the_lead_article_and_the_file_of_risk_factors_agree(real):
    lead = real.articles["migraines-and-the-spine"]
    assert [*lead.risk_factors] == [*real.risk_factors.values()]
    for factor in real.risk_factors.values():
        ids = [source.id for source in factor.sources]
        section = replace(lead, body=render(risk_factor_section(factor), ids))
        assert set(section.text.splitlines()) <= set(lead.text.splitlines())
        assert {*factor.sources} <= {*lead.sources}


def test_the_nearest_article_has_the_same_risk_factor(real):
    leak = real.articles["spinal-csf-leak"]
    near = real.related(leak)
    assert "headache-after-a-spinal-tap" in {article.slug for article in near[:2]}
    assert leak not in near
    assert len(near) == 4
    assert len(real.related(leak, limit=2)) == 2


# Signs that the forms do not ask about, or that the article about them tells one by one.
OWN_SIGNS = ("Chest pain or shortness of breath", "after a blow to the head, ")


def test_every_emergency_sign_in_an_article_is_one_that_the_forms_ask_about(real):
    known = {flag.text for flag in real.red_flags.values() if flag.level == "emergency"}
    for page in [*real.articles.values(), *real.months.values()]:
        for sign in BeautifulSoup(page.body, "html.parser").select(".card-emergency li"):
            text = sign.get_text()
            assert text in known or text.startswith(OWN_SIGNS), f"{page.slug}: {text}"
