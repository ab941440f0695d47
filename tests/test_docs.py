"""What the documents say about the code is so."""

import re
import tomllib
from textwrap import dedent

import pytest

from forms_fields import Scale
from forms_intake import HealthForm
from settings import ROOT


def rows_of(name):
    """The rows of each table whose last column says what holds it."""
    held = False
    for line in (ROOT / "docs" / f"{name}.md").read_text("utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if not line.startswith("|"):
            held = False
        elif cells[-1] == "held by":
            held = True
        elif held and line.startswith("| "):
            yield cells


SAFETY, SECURITY = list(rows_of("safety")), list(rows_of("security"))
HELD = [row[-1] for row in SAFETY + SECURITY if ": " in row[-1]]


def named(row):
    """Yield each test of a row like `module: test · test · module: test`, as (module, words)."""
    module = ""
    for part in row.split(" · "):
        words = part.rpartition(": ")[2]
        module = part.rpartition(": ")[0] or module
        yield module, words


def names_in(module):
    (file,) = (ROOT / "tests").rglob(f"test_{module}.py")
    text = file.read_text("utf-8")
    return {name.replace("_", " ") for name in re.findall(r"^def test_(\w+)", text, re.MULTILINE)}


@pytest.mark.parametrize("row", HELD)
def test_what_a_document_says_is_held_by_a_test_that_there_is(row):
    for module, words in named(row):
        plain = re.sub(r"[^\w ]", "", words.lower().replace("-", " "))
        assert plain in names_in(module), f"{module}: {words}"


def test_there_are_hazards():
    assert len([row for row in SAFETY if ": " in row[-1]]) >= 20


def test_each_check_of_security_is_held_or_says_why_not():
    assert [row[0] for row in SECURITY] == [f"S{number}" for number in range(1, 36)]
    for name, _words, held in SECURITY:
        assert ": " in held or held.startswith("does not apply"), name


def test_the_version_is_the_newest_of_the_changes():
    newest = re.search(r"^## ([\d.]+) – 20\d\d-\d\d-\d\d$", read("CHANGELOG.md"), re.MULTILINE)
    assert tomllib.loads(read("pyproject.toml"))["project"]["version"] == newest[1]


def test_the_question_that_the_guide_adds_is_asked(app):
    guide = read("docs/contributing.md")
    lines = re.search(r"\*\*A question\.\*\*.*?\n\n((?: {4}[^\n]*\n)+)", guide, re.DOTALL)[1]
    added = {"Scale": Scale}
    exec(dedent(lines), added)
    form = type("LongerForm", (HealthForm,), {"sleep": added["sleep"]})
    with app.test_request_context():
        assert "sleep" in form(meta={"csrf": False}).answers


def read(name):
    return (ROOT / name).read_text("utf-8")
