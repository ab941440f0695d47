"""Red flags: each one says how soon to act, and the most urgent decides."""

import ast
import tomllib
from pathlib import Path

import pytest

import content_files
import triage

ROWS = tomllib.loads((content_files.FOLDER / "red_flags.toml").read_text("utf-8"))["red_flags"]
LEVELS = {row["id"]: row["level"] for row in ROWS}
EMERGENCY, TODAY = (
    [flag for flag, level in LEVELS.items() if level == wanted] for wanted in ("emergency", "today")
)


@pytest.fixture(scope="module")
def known():
    return content_files.load().red_flags


@pytest.mark.parametrize(("flag", "level"), LEVELS.items())
def test_each_red_flag_alone_gives_its_level(known, flag, level):
    assert triage.assess([flag], known) == triage.Assessment(level, (flag,))


def test_there_are_red_flags_of_both_levels():
    assert EMERGENCY
    assert TODAY


def test_no_red_flag_is_routine(known):
    assert triage.assess([], known) == triage.Assessment("routine", ())


@pytest.mark.parametrize(
    ("ticked", "urgency"),
    [
        ([TODAY[0], EMERGENCY[0]], "emergency"),
        ([EMERGENCY[0], TODAY[0]], "emergency"),
        ([EMERGENCY[-1], *TODAY], "emergency"),
        (TODAY, "today"),
        (list(LEVELS), "emergency"),
    ],
)
def test_the_most_urgent_red_flag_decides_and_all_are_kept(known, ticked, urgency):
    assert triage.assess(ticked, known) == triage.Assessment(urgency, tuple(ticked))


@pytest.mark.parametrize(
    ("ticked", "urgency", "kept"),
    [
        (["none"], "routine", ()),
        (["made-up", "", "EMERGENCY"], "routine", ()),
        (["made-up", TODAY[0]], "today", (TODAY[0],)),
    ],
)
def test_what_is_no_red_flag_is_ignored(known, ticked, urgency, kept):
    assert triage.assess(ticked, known) == triage.Assessment(urgency, kept)


def test_triage_is_pure():
    tree = ast.parse(Path(triage.__file__).read_text("utf-8"))
    imported = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            imported.add(node.module)
        elif isinstance(node, ast.Import):
            imported.update(name.name for name in node.names)
    # No Flask, no database, no clock.
    assert imported <= {"collections.abc", "dataclasses", "content"}
