"""What the documents say about the code is so."""

import re

import pytest

from settings import ROOT

TABLES = (ROOT / "docs" / "safety.md").read_text("utf-8")
ROWS = [line.rsplit("|", 2)[1].strip() for line in TABLES.splitlines() if line.startswith("| ")]
HELD = [row for row in ROWS if row and row != "held by" and not set(row) <= {"-"}]


def named(row):
    """Yield each test of a row like `module: test · test · module: test`, as (module, words)."""
    module = ""
    for part in row.split(" · "):
        words = part.rpartition(": ")[2]
        module = part.rpartition(": ")[0] or module
        yield module, words


def names_in(module):
    text = (ROOT / "tests" / f"test_{module}.py").read_text("utf-8")
    return {name.replace("_", " ") for name in re.findall(r"^def test_(\w+)", text, re.MULTILINE)}


@pytest.mark.parametrize("row", HELD)
def test_each_hazard_is_held_by_a_test_that_there_is(row):
    for module, words in named(row):
        plain = re.sub(r"[^\w ]", "", words.lower().replace("-", " "))
        assert plain in names_in(module), f"{module}: {words}"


def test_there_are_hazards():
    assert len(HELD) >= 20
