"""Charts as SVG in the page itself: drawn by pygal, colored by our style sheet.

pygal writes its styles and its script into each drawing, which our content security policy rightly
stops, and texts for a pointer. All of that is taken out, and what is left gets the classes that
drawings of the site have. Whoever cannot see a chart has its table.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any
from xml.etree import ElementTree as ET

import pygal
from markupsafe import Markup
from pygal.graph.horizontal import HorizontalGraph
from pygal.style import Style

WIDTH, TEXT = 440, 16  # in the drawing's own units; the page makes it as wide as there is room
LONGEST = 20  # letters of a bar's label
STYLE = Style(
    label_font_size=TEXT, major_label_font_size=TEXT, value_font_size=TEXT, legend_font_size=TEXT
)
LOOK = {
    "style": STYLE,
    "width": WIDTH,
    "margin": 4,
    "margin_right": 32,  # the last label and the longest bar's number reach over the edge
    "no_prefix": True,
    "legend_at_bottom": True,
    "truncate_legend": -1,
    "truncate_label": -1,
}
TABLE = "The table has the same numbers."
Series = Mapping[str, Sequence[float | None]]  # what the legend calls it: its values

# A first and a second series, told apart by being filled or not, and whole or dashed.
BARS = (
    {"class": "solid", "stroke": "none"},
    {"class": "soft accent", "stroke-width": "1.5"},
)
LINES = ({"class": "accent"}, {"class": "accent", "stroke-dasharray": "1 5"})
DOTS = ({"class": "solid", "stroke": "none"}, {"class": "paper accent", "stroke-width": "1.5"})
GUIDE = {"class": "faint", "stroke-width": "0.5"}
DRAWN = {"svg", "g", "path", "rect", "circle", "text"}
LEFT_OUT = {"background", "tooltip-overlay", "titles"}


def columns(labels: Sequence[str], series: Series, alternative: str) -> Markup:
    """Draw a column for each label, the series on top of each other."""
    chart = pygal.StackedBar(
        height=300, **LOOK, **some_labels(labels), y_labels=scale(highest(series))
    )
    return drawn(chart, series, alternative)


def lines(labels: Sequence[str], series: Series, alternative: str, unit: str) -> Markup:
    """Draw a line for each series; where there is no value it has a gap."""
    values = [value for line in series.values() for value in line if value is not None]
    marks = scale(max(values, default=0))
    chart = pygal.Line(
        height=300,
        **LOOK,
        **some_labels(labels),
        y_labels=marks,
        range=(0, marks[-1]),
        value_formatter=lambda value: f"{value:g} {unit}",
        allow_interruptions=True,
        dots_size=4,
    )
    return drawn(chart, series, alternative)


def bars(labels: Sequence[str], series: Series, alternative: str) -> Markup:
    """Draw a bar for each label, the first on top; beside it the number of an only series."""
    alone = len(series) == 1
    chart = (pygal.HorizontalBar if alone else pygal.HorizontalStackedBar)(
        height=40 + 30 * len(labels),
        **LOOK,
        x_labels=[cut(label) for label in reversed(labels)],
        y_labels=scale(highest(series)),
        show_x_labels=not alone,
        show_legend=False,
        print_values=alone,
        print_values_position="top",
        value_formatter=lambda value: f"{value:,.0f}",
    )
    upwards = {name: list(reversed(values)) for name, values in series.items()}
    return drawn(chart, upwards, alternative)


def some_labels(labels: Sequence[str]) -> dict[str, Any]:
    """Label the last, and at most five before it, so that the labels do not touch."""
    kept = list(labels)[:: -math.ceil(len(labels) / 6)]
    return {"x_labels": list(labels), "x_labels_major": kept, "show_minor_x_labels": False}


def cut(label: str) -> str:
    return label if len(label) <= LONGEST else label[: LONGEST - 1].rstrip() + "…"


def highest(series: Series) -> float:
    """Return how far the series reach on top of each other."""
    return max((sum(filter(None, at)) for at in zip(*series.values(), strict=True)), default=0)


def scale(most: float) -> list[int]:
    """Return at most six round whole numbers, from nothing to the most or a little above."""
    sizes = (step * 10**power for power in range(9) for step in (1, 2, 5))
    step = next(size for size in sizes if size * 5 >= most)
    return list(range(0, max(step, -int(-most // step) * step) + 1, step))


def drawn(chart: Any, series: Series, alternative: str) -> Markup:
    for name, values in series.items():
        chart.add(name, list(values))
    root = chart.render_tree()
    tidy(root, horizontal=isinstance(chart, HorizontalGraph))
    size = {"viewBox": root.get("viewBox"), "role": "img", "aria-label": f"{alternative} {TABLE}"}
    root.attrib.clear()
    root.attrib.update(size)
    return Markup(ET.tostring(root, encoding="unicode"))  # noqa: S704 (ElementTree has escaped it)


def tidy(node: ET.Element, inside: tuple[str, ...] = (), *, horizontal: bool) -> None:
    """Take out what is for pygal's own page, and dress what is left for ours."""
    inside = (*inside, *node.get("class", "").split())
    for child in list(node):
        names = {*inside, *child.get("class", "").split()}
        across = child.tag == "path" and {"axis", "y" if horizontal else "x"} <= names
        if child.tag not in DRAWN or LEFT_OUT & names or across:
            node.remove(child)
        else:
            tidy(child, inside, horizontal=horizontal)
    for name in ("class", "id", "style"):
        node.attrib.pop(name, None)
    node.attrib.update(dress(node.tag, inside, horizontal=horizontal))


def dress(tag: str, inside: tuple[str, ...], *, horizontal: bool) -> dict[str, str]:
    """Return the attributes of a part of the drawing, by the classes that pygal gave it."""
    second = "color-1" in inside or "serie-1" in inside
    if tag == "rect":
        return BARS[second]
    if tag == "circle":
        return DOTS[second]
    if tag == "text":
        return {"text-anchor": anchor(inside, horizontal=horizontal)}
    if tag == "path":
        return GUIDE if "axis" in inside else LINES[second]
    return {}


def anchor(inside: tuple[str, ...], *, horizontal: bool) -> str:
    if "axis" in inside:
        return "end" if "y" in inside else "middle"
    return "start" if horizontal or "legends" in inside else "middle"
