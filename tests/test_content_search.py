"""What people find with a few words typed on a phone, misspelt or hostile or both."""

import pytest
from bs4 import BeautifulSoup
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from content_search import MAX_QUERY, SNIPPET, STOP_WORDS, WORD, Document, Index, meant


def page(address, title="A page", summary="", *, headings=(), text="", kind="Article"):
    return Document(address, kind, title, summary, tuple(headings), text)


PAGES = [
    page(
        "migraine",
        "Migraine basics",
        "What migraine is, how an attack goes, and what can help.",
        headings=["What it feels like", "What can help"],
        text="Migraine is a disorder of the brain and nerves. Many people have a headache on one "
        "side. Light hurts the eyes, and some feel dizziness. Sleep and a dark room can help. "
        "Neck pain is common with migraine.",
    ),
    page(
        "whiplash",
        "Whiplash and headache",
        "Why neck pain and headache can follow a car crash, and when to get help.",
        headings=["In the first days"],
        text="Whiplash is a neck injury from a sudden back-and-forth motion, often in a car crash. "
        "It can bring neck pain, headache and dizziness. Most people get better within 3 months.",
    ),
    page(
        "spinal-tap",
        "Headache after a spinal tap",
        "A headache that is worse when you sit or stand, after a spinal tap or an epidural.",
        headings=["What a leak is"],
        text="After a spinal tap, fluid can leak out. The headache usually starts within 5 days. "
        "It is better when you lie flat.",
    ),
    page(
        "arthritis",
        "Neck arthritis and joint pain",
        "What worn joints can do, and what can help a stiff, sore neck.",
        text="With arthritis the smooth lining of the joints gets thin. Doctors may numb a nerve "
        "with an injection. Worn joints are common on X-rays and usually cause no pain.",
    ),
    page(
        "overuse",
        "Headache from medicine overuse",
        "Taking pain medicine on too many days can bring headaches of its own.",
        text="Talk to a doctor before you stop a medicine. Don’t stop on your own.",
    ),
    page(
        "june",
        "June is Migraine and Headache Awareness Month",
        "What June is about.",
        kind="Awareness month",
        text="Start a headache diary. Siobhán’s café has 5 < 6 seats & <b>free</b> coffee.",
    ),
]
INDEX = Index(PAGES)


def found(query, index=INDEX):
    return [hit.document.address for hit in index.search(query)]


def marks(query, index=INDEX):
    """Every marked word of the first hit, in its title and its snippet."""
    hit = index.search(query)[0]
    return [mark.text for mark in parsed(hit.title + " " + hit.snippet).select("mark")]


def parsed(html):
    return BeautifulSoup(html, "html.parser")


@pytest.mark.parametrize(
    ("query", "first"),
    [
        ("migraine", "migraine"),
        ("headache after a spinal tap", "spinal-tap"),
        ("What can I do about a stiff neck?", "arthritis"),
        # Misspelt
        ("migrane", "migraine"),
        ("mygrain", "migraine"),
        ("arthritus", "arthritis"),
        ("whiplach", "whiplash"),
        ("epideral", "spinal-tap"),
        # In other words
        ("neck ache after crash", "whiplash"),
        ("car accident", "whiplash"),
        ("lumbar puncture", "spinal-tap"),
        ("rebound headache from pills", "overuse"),
        ("steroid shots", "arthritis"),
    ],
)
def test_a_worried_person_finds_the_page(query, first):
    assert found(query)[0] == first


@pytest.mark.parametrize(
    ("query", "word"),
    [
        ("MIGRAINE", "Migraine"),
        ("migraines", "Migraine"),
        ("migräne", "Migraine"),
        ("siobhan", "Siobhán’s"),
        ("SIOBHÁN'S", "Siobhán’s"),
        ("Siobha\u0301n", "Siobhán’s"),
        ("cafe", "café"),
        ("dont", "Don’t"),
        ("don't", "Don’t"),
        ("medicines", "medicine"),
        ("injecting", "injection"),
        ("numbness", "numb"),
        ("ray", "rays"),
        ("dizzy", "dizziness"),
        ("epid", "epidural"),
        ("hedache", "headache"),
    ],
)
def test_a_word_is_found_however_it_is_written_and_marked_as_it_stands(query, word):
    assert word in marks(query)


@pytest.mark.parametrize(
    "query", ["cat", "kneel", "zzzzzzzz", "toradol", "ep", "nck", "flag", "'", "re"]
)
def test_what_is_not_there_is_not_found(query):
    assert found(query) == []


def test_small_words_do_not_count():
    assert found("what is the migraine about") == found("migraine")
    assert set(marks("after a migraine")) == {"Migraine", "migraine"}


def test_small_words_are_looked_for_when_there_is_nothing_else():
    assert found("What is it?")[0] == "migraine"
    assert "What" in marks("what is it")


def test_a_page_with_all_the_words_comes_before_one_with_some_in_its_title():
    pages = [page("some", "Neck neck neck", "Neck"), page("all", text="A neck after surgery")]
    assert found("neck surgery", Index(pages)) == ["all", "some"]


def test_title_counts_more_than_summary_than_headings_than_text():
    pages = [
        page("none"),
        page("text", text="neck " * 50),
        page("headings", headings=["neck"] * 50),
        page("summary", summary="neck " * 50),
        page("title", "On the neck"),
    ]
    assert found("neck", Index(pages)) == ["title", "summary", "headings", "text"]


def test_more_often_in_one_text_is_better():
    pages = [page("once", text="neck"), page("twice", text="neck, neck"), page("none")]
    assert found("neck", Index(pages)) == ["twice", "once"]


def test_a_rare_word_counts_more_than_a_common_one():
    pages = [page("common", text="pain pain"), page("rare", text="fusion")]
    pages += [page(f"more-{number}", text="pain pain") for number in range(8)]
    assert found("pain fusion", Index(pages))[0] == "rare"


def test_the_word_as_typed_wins_over_a_longer_and_a_misspelt_one():
    longer, near = page("longer", text="fusional"), page("near", text="fuzion")
    exact = page("exact", text="fusion")
    assert found("fusion", Index([near, longer, exact])) == ["exact"]
    assert found("fusion", Index([near, longer])) == ["longer"]
    assert found("fusion", Index([near])) == ["near"]


def test_the_word_as_typed_wins_over_another_word_for_it():
    pages = [page("ours", text="pain"), page("typed", text="ache"), page("none")]
    assert found("ache", Index(pages)) == ["typed", "ours"]


def test_pages_that_are_as_good_keep_their_order():
    pages = [page(str(number), "The neck") for number in range(30)]
    assert found("neck", Index([*pages, page("none")])) == [str(number) for number in range(20)]
    assert len(Index(pages).search("neck", limit=3)) == 3


def test_no_page_and_no_word_find_nothing():
    assert found("migraine", Index([])) == []
    assert found("migraine", Index([page("empty", "", "")])) == []


def test_a_snippet_shows_the_place_where_the_words_stand_together():
    text = (
        "Pain. "
        + "Some words in between. " * 40
        + "Then pain came after surgery. "
        + "End. " * 90
        + "surgery"
    )
    snippet = Index([page("a", text=text)]).search("surgery pain")[0].snippet
    assert "Then <mark>pain</mark> came after <mark>surgery</mark>." in snippet
    assert (snippet[0], snippet[-1]) == ("…", "…")
    assert SNIPPET <= len(parsed(snippet).text) < SNIPPET + 20
    assert is_cut_from(text, parsed(snippet).text)


def test_a_snippet_is_the_summary_when_that_says_as_much():
    hit = INDEX.search("neck pain crash")[0]
    assert parsed(hit.snippet).text == PAGES[1].summary


def test_a_snippet_without_a_found_word_is_the_beginning_of_the_summary():
    hit = Index([page("a", "Neck", "Short. " * 40, text="b")]).search("neck")[0]
    assert hit.snippet == ("Short. " * 23).strip() + "…"


def test_text_that_looks_like_html_is_shown_as_text():
    hit = INDEX.search("seats coffee")[0]
    assert (
        "5 &lt; 6 <mark>seats</mark> &amp; &lt;b&gt;free&lt;/b&gt; <mark>coffee</mark>"
        in hit.snippet
    )
    assert isinstance(hit.title, Markup)


@pytest.mark.parametrize(
    "query",
    [
        "",
        " \t\r\n",
        "?!.,;:-–—_'’\"()[]{}*/\\%&|~^",
        "<script>alert(1)</script>",
        "\0",
        "\0\0migr\0ane",
        "🤕🤕🤕",
        "\u202e\u200f\u200b\ufeff",
        "\ud800",
        "ﷺ" * 200,
        "a" * 10_000,
        "e\u0301" * 5_000,
        "'" * 10_000,
        "neck " * 2_000,
        "' OR 1=1 --",
        "{{7*7}} ${7*7} %s %n ../../etc/passwd",
    ],
)
def test_harmful_input_does_nothing(query):
    for hit in INDEX.search(query):
        assert not parsed(hit.title + hit.snippet).select(":not(mark)")


def test_only_the_beginning_of_a_long_query_counts():
    assert found("x" * MAX_QUERY + " migraine") == []
    assert found("x" * (MAX_QUERY - 9) + " migraine") != []


def test_every_small_word_is_one_word():
    assert all(WORD.fullmatch(word) for word in STOP_WORDS.split())


@pytest.mark.parametrize(
    "forms",
    [
        "leg legs",
        "injury injuries",
        "nerve nerves",
        "smoke smoking",
        "numb numbness",
        "child child’s",
    ],
)
def test_forms_of_one_word_are_the_same(forms):
    assert len({meant(word) for word in forms.split()}) == 1


@pytest.mark.parametrize("different", ["man many", "stress stres", "spine spinal", "hip hiss"])
def test_other_words_are_not(different):
    assert len({meant(word) for word in different.split()}) == 2


SOME = st.sampled_from(
    "neck |Neck|pain|migrane|<b>|</mark>|&|&amp;|&lt;|'|’|\"|\0|é|e\u0301|ß|İ|ﬁ|½|ͺ|🤕|\u200f|_|-|…"
    "|\n| ".split("|")
)
ANY = st.text(max_size=60) | st.lists(SOME | st.text(max_size=3), max_size=80).map("".join)
PLAIN = st.builds(page, st.just("a"), ANY, ANY, headings=st.lists(ANY, max_size=2), text=ANY)


@given(pages=st.lists(PLAIN, min_size=1, max_size=3), query=ANY, pick=st.data())
def test_any_text_is_shown_as_it_is_and_only_whole_words_are_marked(pages, query, pick):
    if pick.draw(st.booleans(), "ask for what is there"):
        query = pick.draw(st.sampled_from(pages)).text[:30] + query
    for hit in Index(pages).search(query):
        document, snippet = hit.document, parsed(hit.snippet)
        texts = [as_shown(document.summary), as_shown(document.text)]
        assert parsed(hit.title).get_text() == as_shown(document.title)
        assert any(is_cut_from(text, snippet.get_text()) for text in texts)
        for mark in [*parsed(hit.title).find_all(), *snippet.find_all()]:
            assert (mark.name, mark.attrs) == ("mark", {})
            assert mark.get_text() in WORD.findall(" ".join([document.title, *texts]))


def as_shown(text):
    return " ".join(text.split())


def is_cut_from(text, snippet):
    """Whether the snippet, with or without its dots, goes from one space of the text to another."""
    cuts = (snippet.removeprefix(a).removesuffix(b) for a in ("", "…") for b in ("", "…"))
    return any(f" {cut} " in f" {text} " for cut in cuts)
