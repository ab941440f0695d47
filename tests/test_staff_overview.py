"""Staff see how the practice does: the same numbers in each chart and its table, and no names."""

import random
import re
from datetime import timedelta

import pytest
import sqlalchemy as sa

from models import STATUSES, WeeklyCount, db, now
from models_counts import HANDLED, WAITS, week_of
from models_events import Event, log
from models_letters import Letter
from people import an_appointment, an_intake, intake_to, submissions, to_details
from staff_charts import scale
from staff_numbers import FEWEST_WEEKS, WEEKS, how_long, last_weeks

CHARTS = [
    "Submissions by week",
    "Time to first contact",
    "By reason",
    "By risk factor",
    "By article",
    "Red flags",
]


def charts(page):
    """Each chart that is drawn: its title, its svg, and its table as rows of cells."""
    return {
        section.h2.get_text(): (section.svg, table(section))
        for section in page.soup.select("section.beside")
        if section.svg
    }


def table(section):
    return [
        [cell.get_text().replace("\N{NO-BREAK SPACE}", " ") for cell in row.select("th, td")]
        for row in section.select("tbody tr")
    ]


def texts(svg):
    return [text.get_text() for text in svg.select("text")]


def number(text):
    return int(text.replace(",", ""))


def proportional(lengths, numbers):
    ratios = [length / of for length, of in zip(lengths, numbers, strict=True) if of]
    return max(ratios) == pytest.approx(min(ratios), rel=0.001)


KINDS = {
    "kind": ["appointment", "intake"],
    "reason": ["headache", "neck", "back", "injury", "other"],
    "factor": ["injury", "tight-muscles", "gone-since"],
    "article": [f"article-{number}" for number in range(20)],
    "flag shown": ["thunderclap", "back-fever"],
    "wait": [f"{number:02}" for number in range(len(WAITS))] + ["over"],
}


def many(weeks_back=WEEKS):
    """Counts as half a year with a million submissions leaves them; the same each time."""
    chance, counts = random.Random(7), {}
    for week in last_weeks(weeks_back):
        for what, names in KINDS.items():
            counts |= {(what, week, name): chance.randint(1, 40_000) for name in names}
        for name in KINDS["flag shown"]:
            counts["flag passed", week, name] = chance.randint(0, counts["flag shown", week, name])
    WeeklyCount.add(db.session(), counts)
    db.session.commit()
    return counts


def test_without_submissions_it_says_so_and_draws_nothing(ada):
    page = ada.visit("/staff/overview")
    assert page.status == 200
    assert [heading.get_text() for heading in page.soup.select("main h2")] == CHARTS
    assert charts(page) == {}
    assert page.text.count("Nothing yet.") == len(CHARTS)


def test_one_submission_is_in_its_charts(ada, submission):
    found = charts(ada.visit("/staff/overview"))
    assert list(found) == ["Submissions by week", "By reason"]
    assert len(found["Submissions by week"][1]) == FEWEST_WEEKS
    assert found["Submissions by week"][1][0][1:] == ["1", "0"]
    assert found["By reason"][1] == [["Headache", "1"]]


@pytest.mark.parametrize("title", ["By reason", "By risk factor", "By article"])
def test_of_many_submissions_the_bars_are_as_long_as_the_table_says(ada, title):
    counts = many()
    svg, rows = charts(ada.visit("/staff/overview"))[title]
    bars = svg.select("rect")
    assert proportional(
        [float(bar["width"]) for bar in bars], [number(row[1]) for row in reversed(rows)]
    )
    written = [text for text in texts(svg) if re.fullmatch(r"[\d,]+", text)]
    assert sorted(written) == sorted(row[1] for row in rows)
    first = {row[0]: number(row[1]) for row in rows}
    if title == "By reason":
        assert first["Neck"] == sum(n for (_, _, name), n in counts.items() if name == "neck")
        assert set(texts(svg)) >= first.keys()


def test_a_chart_says_the_same_in_each_place_about_what_it_counts(ada):
    many()
    counted = {"By reason": "Requests", "By risk factor": "Intakes", "By article": "Submissions"}
    for section in ada.visit("/staff/overview").soup.select("section.beside"):
        if what := counted.get(section.h2.get_text()):
            assert section.select("thead th")[-1].get_text() == what
            assert section.svg["aria-label"].startswith(f"Bars: {what.lower()} by ")


def test_the_columns_are_as_high_as_the_table_says(ada):
    counts = many()
    svg, rows = charts(ada.visit("/staff/overview"))["Submissions by week"]
    heights = [float(bar["height"]) for bar in svg.select("rect")]
    columns, legend = heights[: 2 * WEEKS], heights[2 * WEEKS :]
    assert len(legend) == 2
    assert proportional(columns, [number(row[at]) for at in (1, 2) for row in reversed(rows)])
    week = week_of(now())
    assert number(rows[0][1]) == counts["kind", week, "appointment"]
    assert number(rows[0][2]) == counts["kind", week, "intake"]


def test_only_half_a_year_is_shown(ada):
    counts = many(weeks_back=WEEKS + 10)
    rows = charts(ada.visit("/staff/overview"))["By reason"][1]
    kept = set(last_weeks(WEEKS))
    recent = [counts[key] for key in counts if key[0] == "reason" and key[1] in kept]
    assert sum(number(row[1]) for row in rows) == sum(recent)


def test_of_many_articles_only_the_most_frequent_are_shown(ada):
    many()
    page = ada.visit("/staff/overview")
    numbers = [number(row[1]) for row in charts(page)["By article"][1]]
    assert len(numbers) == 12
    assert numbers == sorted(numbers, reverse=True)
    assert "The 12 most frequent of 20." in page.text


def test_the_flags_that_were_shown_and_followed_are_told_apart(ada, bob, eve):
    intake_to(bob, "you", safety={"red_flags": ["thunderclap"]})  # went on
    eve.visit("/appointment/").submit(red_flags=["thunderclap", "back-fever"])  # left
    svg, rows = charts(ada.visit("/staff/overview"))["Red flags"]
    assert rows == [["Thunderclap", "2", "1", "1"], ["Back fever", "1", "0", "1"]]
    widths = [float(bar.get("width", 0)) for bar in svg.select("rect")]  # last row first
    assert widths[0] == 0
    assert proportional(widths, [0, 1, 1, 1])


def test_a_patient_who_goes_on_from_the_advice_has_not_left(ada, bob):
    to_details(bob, flags=["stroke-signs"])
    rows = charts(ada.visit("/staff/overview"))["Red flags"][1]
    assert rows == [["Stroke signs", "1", "1", "0"]]


def test_how_long_a_first_contact_took_is_said(ada, bob):
    for hours in (1, 2, 3, 40):
        an_appointment(bob)
        made = db.session.merge(submissions()[0])
        made.received_at = now() - timedelta(hours=hours, minutes=-1)
        made.move_to("contacted", now())
        db.session.commit()
    page = ada.visit("/staff/overview")
    facts = {fact.dt.get_text(): fact.dd.get_text() for fact in page.soup.select(".facts div")}
    assert facts["First contact: half within"] == "2 hours"
    assert facts["First contact: nine in ten within"] == "2 days"
    rows = charts(page)["Time to first contact"][1]
    assert rows[0][1:] == ["2 hours", "2 days"]
    assert {tuple(row[1:]) for row in rows[1:]} == {("–", "–")}


def test_the_dots_of_a_first_contact_are_as_high_as_the_table_says(ada):
    for at, hours in enumerate((6, 12, 3)):
        week = last_weeks(3)[at]
        name = f"{WAITS.index(timedelta(hours=hours)):02}"
        WeeklyCount.add(db.session(), {("wait", week, name): 5})
    db.session.commit()
    svg, rows = charts(ada.visit("/staff/overview"))["Time to first contact"]
    assert [row[1:] for row in rows[:3]] == [["3 hours"] * 2, ["12 hours"] * 2, ["6 hours"] * 2]
    heights = [float(dot["cy"]) for dot in svg.select("circle.solid")]
    assert len(heights) == 3
    assert heights[0] - heights[1] == pytest.approx((heights[2] - heights[0]) * 2, rel=0.001)


def test_weeks_before_anything_was_counted_are_not_shown(ada):
    first = last_weeks(11)[0]
    WeeklyCount.add(db.session(), {("kind", first, "intake"): 1})
    db.session.commit()
    rows = charts(ada.visit("/staff/overview"))["Submissions by week"][1]
    assert len(rows) == 11
    assert rows[-1][1:] == ["0", "1"]


def test_when_old_submissions_were_last_deleted_is_said(ada):
    assert "No run yet" in ada.visit("/staff/overview").text
    log("retention_purge")
    db.session.commit()
    text = ada.visit("/staff/overview").text
    assert "No run yet" not in text
    assert f"{now():%Y}" in text.partition("Old submissions erased")[2][:60]


def test_letters_that_wait_or_failed_are_counted(ada, bob):
    an_appointment(bob)
    assert "2 waiting, none failed" in ada.visit("/staff/overview").text
    db.session.execute(sa.update(Letter).values(state="failed").where(Letter.name == "received"))
    db.session.commit()
    assert "1 waiting, 1 failed" in ada.visit("/staff/overview").text


def test_nobodys_name_or_answer_is_on_it(ada, bob):
    an_intake(bob)
    an_appointment(bob)
    text = ada.visit("/staff/overview").response.text
    for words in ("Siobh", "555-0187", "siobhan@", "1975", "crash", "Sumatriptan"):
        assert words not in text
    assert submissions()[0].shown_reference not in text


def test_every_chart_says_in_words_what_it_shows_and_has_no_style_or_script(ada):
    many()
    drawn = ada.visit("/staff/overview").soup.select("main svg")
    assert len(drawn) == len(CHARTS)
    for svg in drawn:
        assert svg["role"] == "img"
        assert len(svg["aria-label"]) > 20
        assert not svg.select("style, script, title, desc, [style], [id], [onload]")
        names = {name for part in svg.select("[class]") for name in part["class"]}
        assert names <= {"solid", "soft", "accent", "faint", "paper"}


def test_two_series_differ_in_more_than_color(ada):
    many()
    found = charts(ada.visit("/staff/overview"))
    filled = {bar["class"][0] for bar in found["Submissions by week"][0].select("rect")}
    assert filled == {"solid", "soft"}
    paths = found["Time to first contact"][0].select("path.accent")
    assert {"stroke-dasharray" in path.attrs for path in paths} == {True, False}


def test_what_the_content_no_longer_has_is_called_by_its_id(ada):
    many()
    found = charts(ada.visit("/staff/overview"))
    assert "Gone since" in [row[0] for row in found["By risk factor"][1]]


def test_a_name_with_markup_in_it_stays_text(ada):
    WeeklyCount.add(db.session(), {("article", week_of(now()), "<script>alert(1)</script>"): 3})
    db.session.commit()
    page = ada.visit("/staff/overview")
    assert "&lt;script&gt;" in page.response.text
    assert "<script>alert" not in page.response.text


def test_a_reader_may_look_and_looking_is_recorded(rita):
    assert rita.visit("/staff/").link("Overview").path == "/staff/overview"
    looked = sa.select(Event.name).where(Event.detail == "overview")
    assert db.session.scalars(looked).all() == ["sensitive_list"]


@pytest.mark.parametrize(
    ("wait", "words"),
    [
        (None, "–"),
        (WAITS[0], "15 minutes"),
        (timedelta(hours=1), "1 hour"),
        (timedelta(hours=20), "20 hours"),
        (timedelta(days=1), "1 day"),
        (timedelta(days=1.5), "1.5 days"),
        (timedelta.max, "over 30 days"),
    ],
)
def test_a_wait_is_said_in_words(wait, words):
    assert how_long(wait) == words


@pytest.mark.parametrize(
    ("most", "marks"),
    [
        (0, [0, 1]),
        (1, [0, 1]),
        (5, [0, 1, 2, 3, 4, 5]),
        (6, [0, 2, 4, 6]),
        (24.5, [0, 5, 10, 15, 20, 25]),
        (1_000_000, [0, 200_000, 400_000, 600_000, 800_000, 1_000_000]),
    ],
)
def test_an_axis_has_a_few_round_numbers_up_to_the_most(most, marks):
    assert scale(most) == marks


def test_what_handling_means_is_all_but_new_and_spam():
    assert set(STATUSES) - set(HANDLED) == {"new", "spam"}
