"""No sentence is said twice, and the same thing is called the same everywhere (`docs/voice.md`)."""

import ast
import re
from collections import defaultdict

import pytest
from jinja2 import Environment

from settings import ROOT

SHORTEST = 5  # words; what is shorter, like “Go back”, may be said again
INLINE = r"</?(?:a|bdi|button|code|em|span|strong|time)\b[^>]*>"
BREAK = "\n\n"
TEMPLATES = [path for path in sorted(ROOT.glob("templates/**/*.*")) if path.suffix != ".svg"]
# Sample data copy what patients and the site say.
MODULES = [path for path in sorted(ROOT.glob("*.py")) if path.stem != "commands_samples"]
CONTENT = [path for path in sorted(ROOT.glob("content/**/*.*")) if path.name != "sources.toml"]


def of_template(source):
    """Yield what a template says: its text, with … for each value, and the strings in its code."""
    text = []
    for _line, kind, value in Environment().lex(source):
        if kind == "data":
            text.append(value)
        elif kind in {"variable_begin", "block_begin"}:
            text.append("…" if kind == "variable_begin" else BREAK)
        elif kind == "string":
            yield value[1:-1]
    text = re.sub(INLINE, "", "".join(text))
    yield from re.findall(r'aria-label="([^"]*)"', text)
    yield re.sub(r"<[^>]+>", BREAK, text)


def of_module(source):
    """Yield each string of a module that is no docstring, with … for each value in it."""
    nodes, silent = list(ast.walk(ast.parse(source))), set()
    for node in nodes:
        if isinstance(node, ast.Expr):
            silent.add(node.value)
        elif isinstance(node, ast.JoinedStr):
            silent.update(ast.walk(node))
            yield "".join(part.value if is_text(part) else "…" for part in node.values)
    for node in nodes:
        if is_text(node) and node not in silent:
            yield node.value


def is_text(node):
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def sentences(text):
    """Yield each sentence on one line, as it is compared. `:::` begins a card and ends nothing."""
    for paragraph in re.split(r"\n\s*\n", text):
        for sentence in re.split(r"(?<=[^:][.?!:])\s+", paragraph):
            words = sentence.casefold().split()
            if len(words) - words.count("…") >= SHORTEST:
                yield " ".join(words).strip(" .:?!…")


def texts(path):
    source = path.read_text("utf-8")
    reader = {".py": of_module, ".md": lambda text: [text], ".toml": lambda text: [text]}
    return reader.get(path.suffix, of_template)(source)


def test_no_sentence_stands_in_two_places():
    places = defaultdict(list)
    for path in TEMPLATES + MODULES:
        for text in texts(path):
            for sentence in sentences(text):
                places[sentence].append(path.name)
    assert len(places) > 500
    assert {sentence: where for sentence, where in places.items() if len(where) > 1} == {}


def audience(path):
    """Who reads what is in this file: everyone, staff or (in commands) owners."""
    subject = path.stem.split("_")[0]
    if path.suffix == ".py" and subject not in {"forms", "patients", "visitors", "errors", "staff"}:
        return "commands"
    return "staff" if "staff" in {subject, path.parent.name, path.stem.split("_")[-1]} else ""


def names():
    """Yield each name that is not ours, and who alone may read it ("" for nobody)."""
    for line in (ROOT / "docs" / "voice.md").read_text("utf-8").splitlines():
        if line.startswith("| ") and not line.startswith("| we write"):
            for entry in line.strip("| ").split("|")[-1].split(","):
                name, _, only = entry.strip(" )").partition(" (")
                yield name, only.removesuffix(" only")


def may_say(only, reads):
    """Whether a name that only some may read may be said to these. Owners read what staff do."""
    return bool(only) and reads in {only, "commands"}


@pytest.mark.parametrize("path", [*TEMPLATES, *MODULES, *CONTENT], ids=lambda path: path.name)
def test_nothing_has_another_name_than_ours(path):
    wrong = [name for name, only in names() if not may_say(only, audience(path))]
    found = re.compile(rf"(?i)(?<![\w./_-])(?:{'|'.join(wrong)})(?:s|d|ed|ing)?(?![\w/_-])")
    said = [text for text in texts(path) if " " in text.strip()]
    assert [match[0] for text in said for match in found.finditer(text)] == []
