"""What must not be published although it loads."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from markupsafe import Markup

import content_files
from content_check import check, grade, grades

TODAY = date(2026, 12, 1)
LEAD = "migraines-and-the-spine"


@pytest.fixture(scope="module")
def real():
    return content_files.load()


def anywhere(_address):
    """A site that has every page."""
    return '<p id="here"></p>'


def faults(pages, *, article=None, month=None, fetch=anywhere):
    """Return the faults after changes to the lead article or to June."""
    if article:
        changed = replace(pages.articles[LEAD], **article)
        pages = replace(pages, articles={**pages.articles, LEAD: changed})
    if month:
        changed = replace(pages.months["june"], **month)
        pages = replace(pages, months={**pages.months, "june": changed})
    return check(pages, TODAY, fetch)


def test_the_words_of_the_site_can_be_published(real):
    assert faults(real) == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"title": "a" * 61}, "the title has 61 characters; use 60 at most"),
        ({"summary": "a" * 156}, "the summary has 156 characters; use 155 at most"),
        ({"next_review": TODAY - timedelta(days=1)}, "was to be checked again by 2026-11-30"),
        ({"body": Markup("<p>It hurts.</p>")}, "about Migraine and has no care card"),
        ({"sources": ()}, "it has no sources"),
        ({"published": date(2026, 11, 30)}, "was updated on 2026-11-22, before it was published"),
        ({"updated": date(2026, 12, 2)}, "cannot have been updated on 2026-12-02"),
        ({"reviewed_on": date(2026, 12, 2)}, "cannot have been reviewed on 2026-12-02"),
    ],
)
def test_an_article_is_not_published_with(real, changes, words):
    (fault,) = faults(real, article=changes)
    assert fault.startswith(f"articles/{LEAD}.md: ")
    assert words in fault


def test_what_just_keeps_the_limits_is_published(real):
    limits = {"title": "a" * 60, "summary": "a" * 155, "next_review": TODAY}
    assert faults(real, article=limits) == []


def test_an_article_about_no_condition_needs_no_care_card(real):
    plain = {"body": Markup("<p>Lift with care.</p>"), "condition": ""}
    assert faults(real, article=plain) == []


@pytest.mark.parametrize(
    "promise",
    [
        "We cure it",
        "It was cured",
        "the true root cause",
        "Root causes",
        "Guaranteed!",
        "A miracle",
    ],
)
@pytest.mark.parametrize("where", ["title", "summary"])
def test_nobody_is_promised_anything(real, promise, where):
    (fault,) = faults(real, article={where: promise})
    assert "promises what nobody can promise" in fault


@pytest.mark.parametrize("word", ["secure", "obscure", "curious", "procedure", "causes"])
def test_an_innocent_word_is_no_promise(real, word):
    assert faults(real, article={"title": word}) == []


def test_a_month_says_why_and_what_to_do(real):
    (fault,) = faults(real, month={"body": Markup('<h2 id="why-it-matters">Why</h2>')})
    assert fault.startswith("months/june.md: a month needs")


@pytest.mark.parametrize(
    ("address", "is_dead"),
    [
        ("/here", False),
        ("/here#here", False),
        ("/here#gone", True),
        ("/gone", True),
        ("here", True),
        ("#why-it-matters", False),
        ("#gone", True),
        ("http://example.org", True),
        ("https://example.org", False),
    ],
)
def test_a_dead_link_is_found(real, address, is_dead):
    body = real.months["june"].body + Markup(f'<a href="{address}">x</a>')
    fetch = {"/here": anywhere("")}.get
    found = faults(real, month={"body": body}, fetch=fetch)
    assert any(f.startswith(f"months/june.md: the link to {address} is") for f in found) is is_dead


def test_a_missing_month_is_named(real):
    months = {name: month for name, month in real.months.items() if name != "june"}
    assert check(replace(real, months=months), TODAY, anywhere) == ["months/june.md is missing."]


@pytest.mark.parametrize(
    ("change", "same"),
    [
        ({"title": "Migraine basics"}, 'title "Migraine basics"'),
        ({"featured": 2}, "place 2 on the"),
    ],
)
def test_two_articles_do_not_have_the_same(real, change, same):
    (fault,) = faults(real, article=change)
    assert fault.startswith(f"two articles have the {same}")


def test_short_words_in_short_sentences_read_easily():
    assert grade("The cat sat. The dog ran.\nWe saw it.") < 1
    assert grade("Neurological examination necessitates considerable interdisciplinary care.") > 15
    assert grade("") == 0


def test_the_hardest_to_read_comes_first(real):
    found = grades(real)
    assert found == sorted(found, reverse=True)
    assert len(found) == len(real.articles) + len(real.months)
    assert found[0][0] < 7  # 6th grade at most
