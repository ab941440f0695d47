"""How the Markdown in `content/` becomes HTML: care cards, citations, headings.

Beyond CommonMark there are these things to write:

    ::: emergency Call 911 now if:      a care card; also `urgent` and `routine`
    - you cannot wake the person
    :::
    Most people get better [@ninds].    a citation of a source listed in the front matter
    ![What it shows.](figures/neck.svg "A caption")     a drawing of `content/figures/`
    Call {{practice.phone}}.            a value from `practice.toml`
    {{red_flags headache}}              the cards of `red_flags.toml`; also `back` and `emergency`
    - {{red_flag thunderclap}}          one sign of `red_flags.toml`, for a card of an article's own
    {{risk_factors}}                    the five of `risk_factors.toml`, as a section each

Raw HTML is shown as text, never passed through.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from types import MappingProxyType
from typing import Any

import phonenumbers
from markdown_it import MarkdownIt
from markdown_it.rules_core import StateCore
from markdown_it.rules_inline import StateInline
from markupsafe import Markup, escape
from mdit_py_plugins.anchors import anchors_plugin
from mdit_py_plugins.container import container_plugin

from content import STRENGTHS
from content_medical import RedFlag, RiskFactor, Source

# Care cards (the NHS pattern): the word is read out and seen, so color is never the only sign.
CARDS = {"emergency": "Emergency", "urgent": "Urgent", "routine": "Routine"}

# Anchors that the templates around a text have of their own.
TAKEN = {"articles", "contents", "main", "next", "observances", "related", "sources"}

CITATION = re.compile(r"\[(@[a-z0-9-]+(?:; *@[a-z0-9-]+)*)\]")
PLACEHOLDER = re.compile(r"\{\{ *([a-z][\w. -]*?) *\}\}")
LEVEL_CARDS = {"emergency": "emergency", "today": "urgent"}  # the card for a red flag's level


def cite(state: StateInline, silent: bool) -> bool:  # noqa: FBT001 (markdown-it's signature)
    """Turn `[@id; @other]` into small numbered links to the source list."""
    match = CITATION.match(state.src, state.pos)
    if not match:
        return False
    if not silent:
        # The number stands right behind the word it is about, also when it begins a line.
        state.pending = state.pending.rstrip()
        if state.tokens and not state.pending and state.tokens[-1].type == "softbreak":
            state.tokens.pop()
        token = state.push("citation", "", 0)
        token.meta["ids"] = [name.strip().removeprefix("@") for name in match[1].split(";")]
    state.pos = match.end()
    return True


def render_citation(_renderer: Any, tokens: Sequence[Any], at: int, _options: Any, env: Any) -> str:
    links = []
    for name in sorted(tokens[at].meta["ids"], key=env["sources"].index):
        number = env["sources"].index(name) + 1
        # The source list leads back to where it is cited first.
        anchor = "" if name in env["cited"] else f' id="cited-{number}"'
        env["cited"].add(name)
        link = f'<a href="#source-{number}"{anchor} aria-label="Source {number}">{number}</a>'
        links.append(link)
    return f'<sup class="citation">{", ".join(links)}</sup>'


def render_card(_renderer: Any, tokens: Sequence[Any], at: int, _options: Any, env: Any) -> str:
    level, _, title = tokens[at].info.strip().partition(" ")
    if tokens[at].nesting < 0:
        # The number to call stands in the card, ready to be tapped.
        level = next(token.info for token in reversed(tokens[:at]) if token.info).split()[0]
        number = env["phones"].get(level)
        link = f'<p><a href="{phone_link(number)}">Call {escape(number)}</a></p>' if number else ""
        return f"{link}</section>\n"
    return (
        f'<section class="card card-{level}">'
        f'<h3><span class="card-level">{CARDS[level]}: </span>{escape(title)}</h3>\n'
    )


@lru_cache(10)  # the practice's own is on every page
def phone_link(text: str) -> str:
    """The address that calls a number, like tel:+1-612-555-0142;ext=5 (RFC 3966), or tel:911."""
    number = phonenumbers.parse(text, "US")
    if not phonenumbers.is_possible_number(number):  # so short, it is one in every network
        return f"tel:{text}"
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.RFC3966)


def find_figures(state: StateCore) -> None:
    """Make a figure of each paragraph that is one picture; a picture cannot be elsewhere."""
    for at, token in enumerate(state.tokens):
        if not any(child.type == "image" for child in token.children or ()):
            continue
        before, after = state.tokens[at - 1], state.tokens[at + 1]
        if len(token.children) > 1 or before.type != "paragraph_open" or before.hidden:
            raise ValueError("a picture does not stand on a line of its own, between empty lines")
        before.tag = after.tag = "figure"


def render_figure(_renderer: Any, tokens: Sequence[Any], at: int, _options: Any, env: Any) -> str:
    image = tokens[at]
    name = image.attrs["src"].removeprefix("figures/").removesuffix(".svg")
    if name not in env["figures"]:
        raise ValueError(f'"{image.attrs["src"]}" is no drawing in content/figures')
    if not image.content.strip() or not image.attrs.get("title"):
        raise ValueError(
            f'"{image.attrs["src"]}" needs a text alternative and a caption: '
            f'![What it shows.](figures/{name}.svg "A caption")'
        )
    label = f'<svg role="img" aria-label="{escape(image.content)}"'
    drawing = env["figures"][name].replace("<svg", label, 1)
    return f"{drawing}<figcaption>{escape(image.attrs['title'])}</figcaption>"


def make_markdown() -> MarkdownIt:
    markdown = MarkdownIt("js-default", {"typographer": True})
    markdown.enable(["replacements", "smartquotes"])
    markdown.inline.ruler.before("link", "citation", cite)
    markdown.add_render_rule("citation", render_citation)
    markdown.core.ruler.push("figures", find_figures)
    markdown.add_render_rule("image", render_figure)
    anchors_plugin(markdown, min_level=2, max_level=3)
    for level in CARDS:
        container_plugin(markdown, level, render=render_card)
    return markdown


MARKDOWN = make_markdown()


def citation(sources: Iterable[Source]) -> str:
    return f"[@{'; @'.join(dict.fromkeys(source.id for source in sources))}]"


def red_flag_cards(flags: Sequence[RedFlag]) -> str:
    """Return red flags as a sentence with their sources, and a care card for each thing to do."""
    sources = citation(source for flag in flags for source in flag.sources)
    cards: dict[tuple[str, str], list[str]] = {}
    for flag in flags:
        cards.setdefault((LEVEL_CARDS[flag.level], flag.do), []).append(f"- {flag.text}\n")
    return f"These signs cannot wait for an appointment {sources}.\n" + "".join(
        f"\n::: {level} {do} if you or someone with you has:\n{''.join(items)}:::\n"
        for (level, do), items in cards.items()
    )


def risk_factor_section(factor: RiskFactor) -> str:
    return (
        f"### {factor.title}\n\n{factor.words}\n\n"
        f"**How strong is the evidence? {STRENGTHS[factor.strength]}.** {factor.why}\n"
    )


def placeholders(
    practice: Mapping[str, Any], flags: Sequence[RedFlag], factors: Sequence[RiskFactor]
) -> dict[str, str]:
    """Return what each `{{name}}` stands for, in Markdown."""
    ways = {"headache": "topic", "back": "topic", "emergency": "level"}
    return {
        **{f"practice.{key}": text for key, text in practice.items() if isinstance(text, str)},
        **{
            f"red_flags {word}": red_flag_cards([f for f in flags if getattr(f, key) == word])
            for word, key in ways.items()
        },
        **{f"red_flag {flag.id}": flag.text for flag in flags},
        "risk_factors": "\n".join(map(risk_factor_section, factors)),
    }


def fill_in(text: str, values: Mapping[str, str]) -> str:
    """Replace `{{practice.name}}` and the like. Raises ValueError for a name that is not there."""

    def value(match: re.Match[str]) -> str:
        name = " ".join(match[1].split())
        if name not in values:
            raise ValueError(f"{match[0]} stands for nothing; there are: {', '.join(values)}")
        return values[name]

    return PLACEHOLDER.sub(value, text)


def check_citations(text: str, sources: Sequence[str]) -> None:
    """Raise ValueError for a source that is cited and not listed."""
    cited = {name for match in CITATION.findall(text) for name in re.findall(r"@([\w-]+)", match)}
    if missing := sorted(cited - set(sources)):
        raise ValueError(f'it cites "{missing[0]}"; list that source under "sources"')


def check_blocks(text: str) -> None:
    """Raise ValueError unless every ::: block is one of ours and closed before the next."""
    opened = False
    for words in re.findall(r"^:::+(.*)$", text, re.MULTILINE):
        name = words.strip().partition(" ")[0]
        if opened and name:
            raise ValueError(f'a ::: block is not closed by ::: before ":::{words}"')
        if not opened and name not in CARDS:
            raise ValueError(f'":::{words}" begins a block that is not one of {", ".join(CARDS)}')
        opened = not opened
    if opened:
        raise ValueError("the last ::: block is not closed by :::")


def render(
    text: str,
    sources: Sequence[str] = (),
    figures: Mapping[str, str] = MappingProxyType({}),
    phones: Mapping[str, str] = MappingProxyType({}),
) -> Markup:
    """Return the HTML of a page's Markdown that cites `sources` (their ids, in list order).

    `figures` are the drawings it may show, name to SVG; `phones` the number to call for a card.
    Raises ValueError with what is wrong and what to write instead.
    """
    env = {"sources": list(sources), "cited": set(), "figures": figures, "phones": phones}
    check_citations(text, sources)
    check_blocks(text)
    html = MARKDOWN.render(text, env)
    if unused := [name for name in sources if name not in env["cited"]]:
        raise ValueError(
            f'it lists the source "{unused[0]}" and never cites it; write [@{unused[0]}]'
        )
    check_html(html)
    # Safe: markdown-it escapes all text and HTML, our rules above escape theirs, and drawings are
    # ours, with nothing in them that could run.
    return Markup(html)  # noqa: S704


def check_html(html: str) -> None:
    """Raise ValueError for a heading that clashes with the page's, or a mark that is left."""
    if "<h1" in html:
        raise ValueError('it has a "# heading"; the title is the only one, begin with "## "')
    if taken := TAKEN.intersection(re.findall(r'<h[23] id="([^"]*)"', html)):
        raise ValueError(
            f'a heading "{min(taken).capitalize()}" is on every page; word it otherwise'
        )
    if left := re.search(r"\[@|\{\{", html):
        raise ValueError(f'"{left[0]}" begins a citation or a placeholder that is misspelt')
