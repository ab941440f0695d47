"""Answers in, assessment out. Pure: no request, no database, no clock.

A safety net, not a diagnosis: it only decides what the practice looks at first.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from content import URGENCIES, RedFlag


@dataclass(frozen=True)
class Assessment:
    """How soon staff should act (one of `URGENCIES`), and the red flags that say so."""

    urgency: str
    red_flags: tuple[str, ...]


def assess(ticked: Iterable[str], known: Mapping[str, RedFlag]) -> Assessment:
    """Weigh the ids of the red flags a patient ticked. The most urgent flag decides."""
    flags = [known[flag_id] for flag_id in ticked if flag_id in known]
    urgency = min((flag.level for flag in flags), key=URGENCIES.index, default="routine")
    return Assessment(urgency, tuple(flag.id for flag in flags))
