"""What `flask content check` finds: words that load, and still should not be published.

Faults that would break a page stop the start, in `content_files.py`. These do not: a running site
must not go down on the day when a review falls due.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import date

from content import MONTHS, Article, Library, Month, Page, Reviewed

TITLE, SUMMARY = 60, 155  # characters that search engines show

# Nobody can promise these, and nobody may seem to.
PROMISES = re.compile(r"(?i)\bcur(e|es|ed|ing)\b|\b(true )?root causes?\b|guarantee|miracle")
LINK = re.compile(r'href="([^"]*)"')
MONTH_PARTS = {"why-it-matters", "what-to-do-this-month"}

Fetch = Callable[[str], str | None]


def check(pages: Library, today: date, fetch: Fetch) -> list[str]:
    """Return each fault as a sentence that names the file.

    `fetch` returns the page of an address of ours, or None where there is none.
    """
    folders = {"articles": pages.articles, "months": pages.months, "pages": pages.pages}
    return [
        *(f"months/{month}.md is missing." for month in MONTHS if month not in pages.months),
        *(f"two articles have the {same}." for same in twice(pages.articles.values())),
        *(
            f"{folder}/{page.slug}.md: {fault}"
            for folder, found in folders.items()
            for page in found.values()
            for fault in faults(page, today, fetch)
        ),
    ]


def twice(articles: Iterable[Article]) -> Iterator[str]:
    """What should be one article's alone, and is not: a title, a place on the home page."""
    titles = Counter(article.title for article in articles)
    places = Counter(article.featured for article in articles if article.featured)
    yield from (f'title "{title}"' for title, times in titles.items() if times > 1)
    yield from (f"place {place} on the home page" for place, times in places.items() if times > 1)


def faults(page: Page, today: date, fetch: Fetch) -> Iterator[str]:
    yield from word_faults(page)
    for address in LINK.findall(page.body):
        if not leads_somewhere(address, page, fetch):
            yield f"the link to {address} is dead. Ours begin with /, others with https://."
    if page.updated > today:
        yield f"it cannot have been updated on {page.updated}, which is yet to come."
    if isinstance(page, Reviewed):
        yield from review_faults(page, today)
    if isinstance(page, Article):
        yield from article_faults(page)
    if isinstance(page, Month) and not {anchor for anchor, _ in page.headings} >= MONTH_PARTS:
        yield 'a month needs "## Why it matters" and "## What to do this month".'


def word_faults(page: Page) -> Iterator[str]:
    for name, longest in (("title", TITLE), ("summary", SUMMARY)):
        if (length := len(getattr(page, name))) > longest:
            yield f"the {name} has {length} characters; use {longest} at most."
    if promise := PROMISES.search(f"{page.title} {page.summary} {page.text}"):
        yield f'"{promise[0]}" promises what nobody can promise; say it another way.'


def review_faults(page: Reviewed, today: date) -> Iterator[str]:
    if page.next_review < today:
        yield f"it was to be checked again by {page.next_review}; have it checked."
    if page.reviewed_on and page.reviewed_on > today:
        yield f"it cannot have been reviewed on {page.reviewed_on}, which is yet to come."


def article_faults(article: Article) -> Iterator[str]:
    if article.condition and 'class="card ' not in article.body:
        yield f"it is about {article.condition} and has no care card; say when to get help."
    if article.published > article.updated:
        yield f"it was updated on {article.updated}, before it was published."
    if not article.sources:
        yield "it has no sources; every claim needs one."


def leads_somewhere(address: str, page: Page, fetch: Fetch) -> bool:
    if address.startswith(("https://", "tel:", "#source-")):
        return True
    path, _, anchor = address.partition("#")
    if path and not path.startswith("/"):
        return False
    html = fetch(path) if path else page.body
    return html is not None and (not anchor or f'id="{anchor}"' in html)


def grades(pages: Library) -> list[tuple[float, int, str]]:
    """Return (reading grade, words, slug) of every article and month, the hardest first."""
    found = [*pages.articles.values(), *pages.months.values()]
    return sorted(((grade(page.text), page.words, page.slug) for page in found), reverse=True)


def grade(text: str) -> float:
    """Return the US school grade that can read it, by Flesch and Kincaid (1975).

    Long words and long sentences make it rise. It does not know whether a text makes sense.
    """
    sentences = [part for part in re.split(r"[.!?:]\s|\n", text) if re.search(r"\w", part)]
    words = re.findall(r"[A-Za-z]+(?:['’][a-z]+)?", text)
    if not words:
        return 0.0
    syllables = sum(map(count_syllables, words))
    return 0.39 * len(words) / len(sentences) + 11.8 * syllables / len(words) - 15.59


def count_syllables(word: str) -> int:
    """Count groups of vowels; an e at the end is mostly silent."""
    word = re.sub(r"[^a-z]", "", word.lower())
    spoken = re.sub(r"(?<=[^aeiouyl])(?:e|es|ed)$", "", word) if len(word) > 3 else word
    return max(1, len(re.findall(r"[aeiouy]+", spoken)))
