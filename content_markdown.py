"""How the Markdown in `content/` becomes HTML: care cards, citations, headings.

Beyond CommonMark there are three things to write:

    ::: emergency Call 911 now if:      a care card; also `urgent` and `routine`
    - you cannot wake the person
    :::
    Most people get better [@ninds].    a citation of a source listed in the front matter
    Call {{practice.phone}}.            a value from `practice.toml`

Raw HTML is shown as text, never passed through.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.rules_inline import StateInline
from markupsafe import Markup, escape
from mdit_py_plugins.anchors import anchors_plugin
from mdit_py_plugins.container import container_plugin

# Care cards (the NHS pattern): the word is read out and seen, so color is never the only sign.
CARDS = {"emergency": "Emergency", "urgent": "Urgent", "routine": "Routine"}

CITATION = re.compile(r"\[(@[a-z0-9-]+(?:; *@[a-z0-9-]+)*)\]")
PLACEHOLDER = re.compile(r"\{\{ *practice\.(\w+) *\}\}")


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
    numbers = [env["sources"].index(name) + 1 for name in tokens[at].meta["ids"]]
    env["cited"].update(tokens[at].meta["ids"])
    links = (f'<a href="#source-{n}" aria-label="Source {n}">{n}</a>' for n in numbers)
    return f'<sup class="citation">{", ".join(links)}</sup>'


def render_card(_renderer: Any, tokens: Sequence[Any], at: int, _options: Any, _env: Any) -> str:
    if tokens[at].nesting < 0:
        return "</section>\n"
    level, _, title = tokens[at].info.strip().partition(" ")
    return (
        f'<section class="card card-{level}">'
        f'<h3><span class="card-level">{CARDS[level]}: </span>{escape(title)}</h3>\n'
    )


def make_markdown() -> MarkdownIt:
    markdown = MarkdownIt("js-default", {"typographer": True})
    markdown.enable(["replacements", "smartquotes"])
    markdown.inline.ruler.before("link", "citation", cite)
    markdown.add_render_rule("citation", render_citation)
    anchors_plugin(markdown, min_level=2, max_level=3)
    for level in CARDS:
        container_plugin(markdown, level, render=render_card)
    return markdown


MARKDOWN = make_markdown()


def fill_in(text: str, practice: Mapping[str, Any]) -> str:
    """Replace `{{practice.name}}` and the like. Raises ValueError for a name that is not there."""

    def value(match: re.Match[str]) -> str:
        if not isinstance(practice.get(match[1]), str):
            raise ValueError(f"{match[0]} is no text in practice.toml")
        return practice[match[1]]

    return PLACEHOLDER.sub(value, text)


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


def render(text: str, sources: Sequence[str] = ()) -> Markup:
    """Return the HTML of a page's Markdown that cites `sources` (their ids, in list order).

    Raises ValueError with what is wrong and what to write instead.
    """
    env: dict[str, Any] = {"sources": list(sources), "cited": set()}
    mentioned = {
        name for match in CITATION.findall(text) for name in re.findall(r"@([\w-]+)", match)
    }
    if missing := sorted(mentioned - set(sources)):
        raise ValueError(f'it cites "{missing[0]}"; list that source under "sources"')
    check_blocks(text)
    html = MARKDOWN.render(text, env)
    if unused := [name for name in sources if name not in env["cited"]]:
        raise ValueError(
            f'it lists the source "{unused[0]}" and never cites it; write [@{unused[0]}]'
        )
    if "<h1" in html:
        raise ValueError('it has a "# heading"; the title is the only one, begin with "## "')
    if left := re.search(r"\[@|\{\{", html):
        raise ValueError(f'"{left[0]}" begins a citation or a placeholder that is misspelt')
    # Safe: markdown-it escapes all text and HTML; the two rules above escape their own.
    return Markup(html)  # noqa: S704
