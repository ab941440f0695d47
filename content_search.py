"""Find the right page for a few words typed in worry, on a phone, with mistakes in them.

The index is made once at start and kept in memory. It is plain Python: a few dozen pages need
no search engine, and what somebody looks for stays on this machine.
"""

import re
import unicodedata
from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from heapq import nlargest, nsmallest
from math import log
from operator import itemgetter

from markupsafe import Markup

MAX_QUERY = 200  # characters; the rest is cut off
SNIPPET = 160  # characters, about

# Each weighs twice the next, and many uses in a field count less than twice one use: so once in
# the title is worth more than any number of times in the summary, and so on down.
FIELDS = {"title": 8, "summary": 4, "headings": 2, "text": 1}

# How surely a word of ours is the one that was meant.
EXACT, EVERYDAY, PREFIX, NEAR = 1, 0.8, 0.6, 0.4
MOST_PREFIXED = 20  # words with one beginning; keeps the dearest query cheap

# What people say, and the words our pages use for it.
EVERYDAY_WORDS = {
    "accident collision crash wreck": "crash injury whiplash",
    "ache aching hurt sore": "pain",
    "advil aleve ibuprofen motrin painkiller tylenol": "medicine reliever",
    "baby birth delivery labor": "pregnant epidural",
    "bump hit": "blow concussion",
    "butt crotch groin private saddle": "bottom genitals",
    "crick": "stiff",
    "crooked curved": "curve scoliosis",
    "disk": "disc",
    "er": "emergency",
    "feel": "numb",
    "fell slipped": "fall",
    "headake hedache hedake": "headache",
    "hump hunchback shrink shrinking": "stooped height shorter",
    "incontinence pee peed peeing soiled wet": "bladder",
    "kid teenager": "child children teen",
    "lower": "low",
    "lumbar": "spinal back",
    "migrene": "migraine",
    "numness": "numb",
    "operation": "surgery",
    "pill": "medicine",
    "poop": "bowels",
    "puncture": "tap",
    "rebound": "overuse",
    "shot": "injection",
    "sudden worst": "severe emergency",
    "xray": "ray scan",
}
STOP_WORDS = """
    a about after am an and are as at be because been between but by can cant could did do does dont
    down for from get getting go goes got had has have having help how i if im in is it its ive just
    life me my need not of on or our should so some that the them then there these they this to up
    was we what when where which who why will with would you your
"""

MARK, END_MARK = Markup("<mark>"), Markup("</mark>")
# Letters and digits; accents and apostrophes only inside, so that no quotation mark is marked.
WORD = re.compile(r"[^\W_](?:[\u0300-\u036f]|['’]?[^\W_])*")
# Enough of the word is left that "legs" is "leg", and "many" is not "man".
ENDING = re.compile(r"(?<=...)(ies|(?<!s)s)$|(?<=....)(ness|ing|ed|ly|es|e|y)$")


def meant(word: str) -> str:
    """Return what is left of a word without capitals, accents, apostrophes and its ending."""
    letters = unicodedata.normalize("NFKD", word).casefold()
    return ENDING.sub("", "".join(filter(str.isalnum, letters)))


def words(text: str) -> list[str]:
    return [meant(word) for word in WORD.findall(text)]


STOPS = frozenset(words(STOP_WORDS))
OURS = {said: words(ours) for row, ours in EVERYDAY_WORDS.items() for said in words(row)}


@dataclass(frozen=True)
class Document:
    """A page as plain text. Its kind is shown, not searched.

    Where two pages have as many of the words, one with a larger `weight` is more likely first.
    """

    address: str
    kind: str
    title: str
    summary: str
    headings: tuple[str, ...]
    text: str
    weight: float = 1


@dataclass(frozen=True)
class Hit:
    """A page that was found. The found words stand in <mark>; all else is escaped."""

    document: Document
    title: Markup
    snippet: Markup


class Passage:
    """A text and its words, each with the place where it begins."""

    def __init__(self, text: str, mean: Callable[[str], str]):
        self.text = " ".join(text.split())
        self.words = [mean(word) for word in WORD.findall(self.text)]
        self.starts = array("L", [match.start() for match in WORD.finditer(self.text)])

    def marked(self, found: Mapping[str, str], begin: int, end: int) -> Markup:
        """Return a part of the text, escaped, with the found words marked."""
        pieces, at = [], begin
        for place in range(bisect_left(self.starts, begin), bisect_left(self.starts, end)):
            if self.words[place] in found:
                start = self.starts[place]
                stop = WORD.match(self.text, start).end()
                pieces += [self.text[at:start], MARK, self.text[start:stop], END_MARK]
                at = stop
        return Markup("").join([*pieces, self.text[at:end]])  # escapes what is not Markup

    def cluster(self, found: Mapping[str, str]) -> tuple[int, int, int]:
        """Return how many words of the query stand closest together, and from where to where."""
        pairs = zip(self.starts, self.words, strict=True)
        places = [(start, found[word]) for start, word in pairs if word in found]
        clusters, last = [(0, 0, 0)], 0
        for first, (begin, _) in enumerate(places):
            while last < len(places) and places[last][0] < begin + SNIPPET:
                last += 1
            different = len({asked for _, asked in places[first:last]})
            clusters.append((different, begin, places[last - 1][0]))
        return max(clusters, key=itemgetter(0))

    def snippet(self, found: Mapping[str, str], first: int, last: int) -> Markup:
        """Return about SNIPPET characters around these places, cut between words."""
        lead = min((first + last - SNIPPET) // 2, len(self.text) - SNIPPET)
        begin = self.text.rfind(" ", 0, max(0, lead) + 1) + 1
        end = self.text.find(" ", begin + SNIPPET)
        if end < 0:
            end = len(self.text)
        before, after = "…" * (begin > 0), "…" * (end < len(self.text))
        return before + self.marked(found, begin, end) + after


class Index:
    def __init__(self, documents: Iterable[Document]):
        self.pages: list[tuple[Document, dict[str, Passage]]] = []
        self.worth: dict[str, dict[int, float]] = {}  # of a word on each page, by its number
        mean = cache(meant)  # words come again and again; only while the index is made
        for number, document in enumerate(documents):
            texts = vars(document) | {"headings": " ".join(document.headings)}
            passages = {field: Passage(texts[field], mean) for field in FIELDS}
            self.pages.append((document, passages))
            for field, weight in FIELDS.items():
                for word, times in Counter(passages[field].words).items():
                    pages = self.worth.setdefault(word, {})
                    pages[number] = pages.get(number, 0) + weight * times / (times + 1)
        for pages in self.worth.values():
            rarity = log((1 + len(self.pages)) / len(pages))
            pages.update({number: rarity * worth for number, worth in pages.items()})
        self.vocabulary = sorted(self.worth)

    def starting_with(self, letters: str) -> list[str]:
        begin = bisect_left(self.vocabulary, letters)
        return self.vocabulary[begin : bisect_left(self.vocabulary, letters + "\U0010ffff", begin)]

    def nearest(self, word: str) -> list[str]:
        """The words closest to one that may be misspelt. Only its first letter is trusted."""
        letters, others = set(word), self.starting_with(word[0])
        alike = [other for other in others if len(letters.symmetric_difference(other)) <= 3]
        return get_close_matches(word, alike, n=3, cutoff=0.8)

    def like(self, word: str) -> dict[str, float]:
        """The words of ours that this one may mean, and how surely it does."""
        found = dict.fromkeys(OURS.get(word, ()), EVERYDAY) | {word: EXACT}
        found = {other: surely for other, surely in found.items() if other in self.worth}
        if not found and len(word) >= 3:
            longer = nsmallest(MOST_PREFIXED, self.starting_with(word), key=len)
            found = {other: PREFIX * len(word) / len(other) for other in longer}
        if not found and len(word) >= 4:
            found = dict.fromkeys(self.nearest(word), NEAR)
        return found

    def search(self, query: str, limit: int = 20) -> list[Hit]:
        """Return the pages for these words, the best first.

        A page with more of the words comes before one with fewer. Then rare words count more than
        common ones, and the title more than the text.
        """
        asked = dict.fromkeys(words(query[:MAX_QUERY]))
        found: dict[str, str] = {}
        scores: dict[int, tuple[int, float]] = {}
        for word in [word for word in asked if word not in STOPS] or asked:
            best: dict[int, float] = {}
            for other, surely in self.like(word).items():
                found.setdefault(other, word)
                for page, worth in self.worth[other].items():
                    best[page] = max(best.get(page, 0), surely * worth)
            for page, worth in best.items():
                number, score = scores.get(page, (0, 0.0))
                scores[page] = number + 1, score + worth * self.pages[page][0].weight
        ranked = nlargest(limit, scores, key=lambda page: (*scores[page], -page))
        return [self.hit(page, found) for page in ranked]

    def hit(self, page: int, found: Mapping[str, str]) -> Hit:
        document, passages = self.pages[page]
        parts = [(passages[field], passages[field].cluster(found)) for field in ("summary", "text")]
        part, (_, first, last) = max(parts, key=lambda part: part[1][0])
        title = passages["title"].marked(found, 0, len(document.title))
        return Hit(document, title, part.snippet(found, first, last))
