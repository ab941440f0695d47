"""Answers in, assessment out. Pure: no request, no database, no clock.

A safety net, not a diagnosis: it only decides what the practice looks at first, and what staff see
beside the answers. The rules are data: `red_flags.toml`, `risk_factors.toml`, `instruments.toml`.
"""

from dataclasses import asdict, dataclass
from typing import Any

from content import Library
from content_medical import URGENCIES, Answers, Instrument


@dataclass(frozen=True)
class Score:
    """What an instrument made of the answers; `over` when it reached the instrument's limit."""

    instrument: str
    value: float
    over: bool


@dataclass(frozen=True)
class Assessment:
    """How soon staff should act (one of `URGENCIES`), and what says so, by id."""

    urgency: str
    red_flags: tuple[str, ...]
    risk_factors: tuple[str, ...]
    scores: tuple[Score, ...]

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def assess(answers: Answers, content: Library) -> Assessment:
    """Weigh the answers (question -> answer) by the rules. The most urgent of them decides."""
    flags = [flag for flag in content.red_flags.values() if flag.raised(answers)]
    factors = [factor.id for factor in content.risk_factors.values() if factor.present(answers)]
    asked = [one for one in content.instruments.values() if answered(one, answers)]
    scores = [score(instrument, answers) for instrument in asked]
    urgencies = [flag.level for flag in flags] + [
        content.instruments[found.instrument].urgency for found in scores if found.over
    ]
    return Assessment(
        min(urgencies, key=URGENCIES.index, default="routine"),
        tuple(flag.id for flag in flags),
        tuple(factors),
        tuple(scores),
    )


def answered(instrument: Instrument, answers: Answers) -> bool:
    """Whether it was asked, and every item was answered."""
    return instrument.on and all(answers.get(item.id) for item in instrument.items)


def score(instrument: Instrument, answers: Answers) -> Score:
    """Add up the items' numbers, or take their mean to one decimal."""
    value: float = sum(int(answers[item.id]) for item in instrument.items)
    if instrument.rule == "mean":
        value = round(value / len(instrument.items), 1)
    over = instrument.limit is not None and value >= instrument.limit
    return Score(instrument.id, value, over)
