"""Each rule fires when it should, just does not otherwise, and the most urgent decides."""

import ast
import tomllib
from pathlib import Path

import pytest

import content_files
import content_medical
import triage
from content_medical import URGENCIES

ROWS = tomllib.loads((content_files.FOLDER / "red_flags.toml").read_text("utf-8"))["red_flags"]
LEVELS = {row["id"]: row["level"] for row in ROWS}
EMERGENCY, TODAY = (
    [flag for flag, level in LEVELS.items() if level == wanted] for wanted in ("emergency", "today")
)
FLAG = "upright-after-procedure"


@pytest.fixture(scope="module")
def content():
    return content_files.load()


@pytest.fixture(scope="module")
def assess(content):
    return lambda **answers: triage.assess(answers, content)


@pytest.mark.parametrize(("flag", "level"), LEVELS.items())
def test_each_red_flag_alone_gives_its_level(assess, flag, level):
    assert assess(red_flags=[flag]) == triage.Assessment(level, (flag,), (), ())


def test_there_are_red_flags_of_both_levels():
    assert EMERGENCY
    assert TODAY


@pytest.mark.parametrize("answers", [{}, {"red_flags": []}, {"red_flags": ["none"]}])
def test_no_red_flag_is_routine(assess, answers):
    assert assess(**answers) == triage.Assessment("routine", (), (), ())


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
def test_the_most_urgent_red_flag_decides_and_all_are_kept(assess, ticked, urgency):
    assessment = assess(red_flags=ticked)
    assert assessment.urgency == urgency
    assert set(assessment.red_flags) == set(ticked)


@pytest.mark.parametrize(
    ("ticked", "urgency", "kept"),
    [
        (["made-up", "", "EMERGENCY"], "routine", ()),
        (["made-up", TODAY[0]], "today", (TODAY[0],)),
    ],
)
def test_what_is_no_red_flag_is_ignored(assess, ticked, urgency, kept):
    assessment = assess(red_flags=ticked)
    assert (assessment.urgency, assessment.red_flags) == (urgency, kept)


@pytest.mark.parametrize("what", ["procedure", "injury"])
def test_a_headache_worse_upright_after_a_recent_procedure_or_injury_is_for_today(assess, what):
    assessment = assess(red_flags=["none"], upright="yes", **{what: "month"})
    assert assessment.urgency == "today"
    assert assessment.red_flags == (FLAG,)


@pytest.mark.parametrize(
    "answers",
    [
        {"upright": "yes"},
        {"upright": "yes", "procedure": "no", "injury": "no"},
        {"upright": "yes", "procedure": "quarter", "injury": "earlier"},
        {"upright": "no", "procedure": "month", "injury": "month"},
        {"upright": "unsure", "procedure": "month"},
        {"procedure": "month"},
    ],
)
def test_either_of_the_two_alone_is_not(assess, answers):
    assert FLAG not in assess(red_flags=["none"], **answers).red_flags


@pytest.mark.parametrize(
    ("factor", "present", "absent"),
    [
        ("low-back-pain", {"low_back_pain": "long"}, {"low_back_pain": "short"}),
        ("neck-joints", {"bones": ["neck-arthritis", "osteoporosis"]}, {"bones": ["osteoporosis"]}),
        ("tight-muscles", {"tight_neck": "yes"}, {"tight_neck": "unsure"}),
        ("injury", {"after_injury": "yes"}, {"after_injury": "no", "injury": "month"}),
        ("fluid-leak", {"upright": "yes"}, {"upright": "unsure"}),
    ],
)
def test_a_risk_factor_is_found_by_its_own_answer_only(assess, factor, present, absent):
    assert assess(**present).risk_factors == (factor,)
    assert assess(**absent).risk_factors == ()


def test_each_rule_of_the_content_has_a_case_here(content):
    with_conditions = [flag.id for flag in content.red_flags.values() if flag.when]
    assert with_conditions == [FLAG]
    assert len(content.risk_factors) == 5
    assert {one.id for one in content.instruments.values() if one.on} == {
        "peg",
        "simple-days",
        "strong-days",
    }


@pytest.mark.parametrize(("instrument", "limit"), [("simple-days", 15), ("strong-days", 10)])
def test_medicine_days_count_from_their_limit_on(assess, instrument, limit):
    item = instrument.replace("-", "_")
    at, below = assess(**{item: str(limit)}), assess(**{item: str(limit - 1)})
    assert at.scores == (triage.Score(instrument, limit, over=True),)
    assert below.scores == (triage.Score(instrument, limit - 1, over=False),)
    assert (at.urgency, below.urgency) == ("soon", "routine")


@pytest.mark.parametrize(
    ("answers", "mean"), [(("0", "0", "0"), 0), (("7", "8", "8"), 7.7), (("10", "10", "10"), 10)]
)
def test_peg_is_the_mean_of_its_three_answers(assess, answers, mean):
    items = dict(zip(("peg_pain", "peg_enjoyment", "peg_activity"), answers, strict=True))
    assert assess(**items).scores == (triage.Score("peg", mean, over=False),)


def test_an_instrument_that_was_not_answered_whole_has_no_score(assess):
    assert assess(peg_pain="7", peg_enjoyment="8").scores == ()


def test_an_instrument_that_is_off_has_no_score(assess):
    answers = {"midas_work_missed", "midas_work_less", "midas_home_missed", "midas_home_less"}
    assert assess(**dict.fromkeys([*answers, "midas_social_missed"], "9")).scores == ()


def test_a_red_flag_goes_before_a_score(assess):
    assert assess(red_flags=[TODAY[0]], simple_days="30").urgency == "today"


def test_every_rule_names_its_sources_and_who_has_reviewed_it(content):
    rules = [content.red_flags, content.risk_factors, content.instruments]
    for rule in [rule for rows in rules for rule in rows.values()]:
        assert rule.sources, rule.id
        assert isinstance(rule.reviewed_by, str)
    assert {flag.level for flag in content.red_flags.values()} <= set(URGENCIES[:2])


def test_triage_is_pure():
    imported = set()
    for module in (triage, content_medical):
        path = Path(module.__file__)
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom):
                imported.add(node.module)
            elif isinstance(node, ast.Import):
                imported.update(name.name for name in node.names)
    # No Flask, no database, no clock.
    assert imported <= {"collections.abc", "dataclasses", "typing", "content", "content_medical"}
