"""The one style sheet: everybody can read its colors, and nothing in it is left over."""

import re
from pathlib import Path

import pytest

import layout
from content_markdown import CARDS
from content_medical import URGENCIES
from forms_parts import BirthDate

ROOT = Path(layout.__file__).parent
RAW = (ROOT / "static" / "site.css").read_bytes()
SHEET = re.sub(r"/\*.*?\*/", "", RAW.decode(), flags=re.DOTALL)
# First the names with their light values, then in a media query those that are dark.
_before, NAMES, DARK, REST = re.split(
    r"\n*:root \{(.*?)\n\}\n@media screen and \(prefers-color-scheme: dark\) \{(.*?)\n\}",
    SHEET,
    maxsplit=1,
    flags=re.DOTALL,
)
LIGHT_COLORS, DARK_COLORS = (
    dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", values)) for values in (NAMES, DARK)
)
COLORS = {name: {"light": light, "dark": DARK_COLORS[name]} for name, light in LIGHT_COLORS.items()}

TEXT = [
    (color, ground)
    for color in ("text", "quiet", "brand", "emergency", "urgent", "done")
    for ground in ("page", "shade")
]
ON = [(f"on-{color}", color) for color in ("brand", "emergency", "urgent")]
FOUND = [("text", "found")]
# What shows where an input is, where the keyboard is, and what a message is about.
LINES = [(color, ground) for color in ("border", "focus") for ground in ("page", "shade")]

# What the templates put into names of classes.
FILLED_IN = {
    "level": CARDS,
    "submission.urgency": URGENCIES,
    "category": ("success", "error"),
    "part": BirthDate.parts,
}
# Properties that take a color, and the words that they take beside one.
COLORED = re.compile(
    r"(?:^|[{;\s])(color|background(?:-color)?|border(?:-(?:top|right|bottom|left|color))?"
    r"|outline(?:-color)?|accent-color|caret-color|text-decoration-color|fill|stroke|box-shadow"
    r"|--(?:on-)?[a-z]+):([^;}]+)"
)
NO_COLORS = {"none", "inherit", "currentcolor", "transparent", "solid", "!important"}


def luminance(color):
    """WCAG 2.2, relative luminance."""
    parts = (int(color[at : at + 2], 16) / 255 for at in (1, 3, 5))
    linear = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return sum(part * weight for part, weight in zip(linear, (0.2126, 0.7152, 0.0722), strict=True))


def contrast(one, other):
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def class_names(text):
    """Return the classes of every `class="..."`, with what templates fill in."""
    names = set()
    for value in re.findall(r'(?:class|className)\s*=\s*"([^"]*)"', text):
        plain = re.sub(r"\{%.*?%\}", " ", value)
        for word in re.sub(r"\{+ *([\w.]+) *\}+", r"<\1>", plain).split():
            start, _, filled = word.partition("<")
            ends = FILLED_IN[filled.removesuffix(">")] if filled else [""]
            names |= {start + end for end in ends}
    return names


def test_contrast_is_measured_as_wcag_does():
    assert contrast("#ffffff", "#000000") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.478, abs=0.001)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    ("color", "ground", "least"),
    [(*pair, 4.5) for pair in TEXT + ON + FOUND] + [(*pair, 3) for pair in LINES],
)
def test_everybody_can_tell_a_color_from_its_ground(scheme, color, ground, least):
    assert contrast(COLORS[color][scheme], COLORS[ground][scheme]) >= least


def test_every_named_color_is_for_light_and_dark_and_is_used():
    assert LIGHT_COLORS.keys() == DARK_COLORS.keys()
    assert len(COLORS) >= 14
    for name in re.findall(r"--([a-z-]+):", NAMES):
        assert f"var(--{name})" in REST, name


def test_the_sheet_is_small_and_loads_nothing():
    assert len(RAW) <= 14_000
    for word in ("url(", "data:", "@import", "@font-face", "image-set("):
        assert word not in RAW.decode()


def test_every_color_below_the_names_is_one_of_the_names():
    assert not re.search(r"#[0-9a-f]{3,8}\b|\b(rgb|hsl|hwb|lab|lch|oklab|oklch|color)a?\(", REST)
    values = COLORED.findall(REST)
    assert len(values) > 40
    for name, value in values:
        kept = re.sub(r"var\(--[a-z-]+\)|(?<![\w#])[\d.]+(px|rem|em)?(?!\w)", " ", value)
        assert set(kept.split()) <= NO_COLORS, f"{name}:{value}"


def test_every_variable_that_is_used_has_a_value():
    given = set(re.findall(r"(--[a-z-]+):", SHEET))
    assert set(re.findall(r"var\((--[a-z-]+)\)", SHEET)) <= given


def test_every_class_in_the_sheet_is_used():
    preludes = (text for text in re.findall(r"([^{};]+)\{", REST) if "@" not in text)
    styled = set(re.findall(r"\.([a-z][\w-]*)", " ".join(preludes)))
    assert len(styled) > 50
    makers = [ROOT / "content_markdown.py", ROOT / "static" / "site.js"]
    for drawn in ("templates/**/*.html", "templates/**/*.svg", "content/figures/*.svg"):
        makers += ROOT.glob(drawn)
    used = set().union(*(class_names(path.read_text("utf-8")) for path in makers))
    assert styled - used == set()
