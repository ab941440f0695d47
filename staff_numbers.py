"""What the overview says: numbers by week and by kind, out of the counts that are kept."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from markupsafe import Markup

import staff_charts
from forms_staff import articles, factors
from models import KINDS, WeeklyCount, db, now
from models_counts import percentile, week_of
from models_letters import Letter

WEEKS, WEEKS_OF_WAITS, FEWEST_WEEKS, MOST_ROWS = 26, 13, 8, 12
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
FIRST_HALF, MOST = "Half within", "Nine in ten within"

Names = Mapping[str, int]  # name: how many


@dataclass(frozen=True)
class Chart:
    """A drawing and the table that says the same. There is no drawing where there is nothing."""

    title: str
    words: str  # what it counts, and how its series are told apart
    first: str  # what the rows are
    columns: tuple[str, ...]
    rows: list[tuple[str, ...]]
    svg: Markup | None


@dataclass(frozen=True)
class Numbers:
    """All that is read for the overview. It is little, whatever the number of submissions."""

    kinds: dict[date, Names]
    waits: dict[date, Names]
    sums: dict[str, Names]
    letters: Names

    def charts(self) -> list[Chart]:
        return [
            requests(self.kinds),
            first_contact(self.waits),
            *groups(self.sums),
            flags(self.sums),
        ]

    def all_waits(self) -> dict[str, str]:
        """Return, by words like "Half within", words like "3 hours"."""
        together = in_words(sum(map(Counter, self.waits.values()), Counter()))
        return dict(zip((FIRST_HALF, MOST), together, strict=True))


def read() -> Numbers:
    weeks = last_weeks(WEEKS)
    return Numbers(
        kinds=by_week("kind", weeks),
        waits=by_week("wait", weeks[-WEEKS_OF_WAITS:]),
        sums=summed_up(weeks[0]),
        letters=letters(),
    )


def last_weeks(count: int) -> list[date]:
    this = week_of(now())
    return [this - timedelta(weeks=back) for back in reversed(range(count))]


def by_week(what: str, weeks: list[date]) -> dict[date, Names]:
    """Return what there was in each week, without the many in which nothing was counted yet."""
    found: dict[date, dict[str, int]] = {week: {} for week in weeks}
    for week, name, number in db.session.execute(WeeklyCount.by_week(weeks[0], what)):
        if number > 0:
            found.setdefault(week, {})[name] = number
    first = next((week for week, names in found.items() if names), weeks[-1])
    return {week: found[week] for week in found if week >= min(first, weeks[-FEWEST_WEEKS])}


def summed_up(first: date) -> dict[str, Names]:
    whats = ("reason", "factor", "article", "flag shown", "flag passed")
    found: dict[str, dict[str, int]] = defaultdict(dict)
    for what, name, number in db.session.execute(WeeklyCount.since(first, *whats)):
        if number > 0:
            found[what][name] = number
    return found


def letters() -> Names:
    """Return how many letters wait, and how many could not be sent."""
    return dict(db.session.execute(Letter.count("waiting", "failed")).all())


def requests(kinds: Mapping[date, Names]) -> Chart:
    columns = tuple(f"{name}s" for name in KINDS.values())
    series = {
        column: [week.get(kind, 0) for week in kinds.values()]
        for column, kind in zip(columns, KINDS, strict=True)
    }
    rows = table(map(short, kinds), *series.values())[::-1]  # the newest on top
    alternative = f"Columns: requests and intakes in each of the last {len(kinds)} weeks."
    svg = staff_charts.columns([short(week) for week in kinds], series, alternative)
    words = "What came in each week, which begins on the Monday shown. Spam is not counted."
    return Chart(
        "Submissions by week", words, "Week of", columns, rows, svg if any(kinds.values()) else None
    )


def first_contact(waits: Mapping[date, Names]) -> Chart:
    found = [(percentile(week, 0.5), percentile(week, 0.9)) for week in waits.values()]
    rows = [(short(week), *in_words(names)) for week, names in waits.items()][::-1]
    halves, mosts = zip(*[[drawn_as(wait) for wait in week] for week in found], strict=True)
    series = {FIRST_HALF: halves, "Nine in ten (dotted)": mosts}
    days = max(filter(None, mosts), default=0) >= 72
    if days:
        series = {name: [at and at / 24 for at in line] for name, line in series.items()}
    svg = staff_charts.lines(
        [short(week) for week in waits],
        series,
        "Lines: within how long half, and nine in ten, of the requests were first contacted.",
        "days" if days else "h",
    )
    words = (
        "From when a request came in until staff first changed its status, with nights and "
        f"weekends, by the week of that contact, in the last {WEEKS_OF_WAITS} weeks. Rounded up."
    )
    title, columns = "Time to first contact", (FIRST_HALF, MOST)
    return Chart(title, words, "Week of", columns, rows, svg if any(waits.values()) else None)


def drawn_as(wait: timedelta | None) -> float | None:
    """Hours, for the drawing; what is over a month ends at its upper edge."""
    return None if wait is None else min(wait, 31 * DAY) / HOUR


def in_words(waits: Names) -> tuple[str, str]:
    return how_long(percentile(waits, 0.5)), how_long(percentile(waits, 0.9))


def how_long(wait: timedelta | None) -> str:
    """Like 15 minutes, 3 hours, 1.5 days; a dash for None."""
    if wait is None:
        return "–"
    if wait == timedelta.max:
        return "over 30 days"
    if wait < HOUR:
        return f"{wait.seconds // 60} minutes"
    number, unit = (wait / DAY, "day") if wait >= DAY else (wait / HOUR, "hour")
    return f"{number:g} {unit}{'s' if number != 1 else ''}"


def groups(sums: Mapping[str, Names]) -> list[Chart]:
    """Return charts of what patients came for, what their answers show, and what brought them."""
    since = f"in the last {WEEKS} weeks"
    return [
        group("Reason", "Requests", f"Requests {since}.", sums["reason"], {}),
        group("Risk factor", "Intakes", f"Found in intakes {since}.", sums["factor"], factors()),
        group(
            "Article",
            "Submissions",
            f"The article that led to the submission, {since}.",
            sums["article"],
            articles(),
        ),
    ]


def group(first: str, counted: str, words: str, names: Names, called: Mapping[str, str]) -> Chart:
    """Return a chart of how many there are of each name; `counted` says of what."""
    most = sorted(names, key=lambda name: (-names[name], name))[:MOST_ROWS]
    labels = [called.get(name, plain(name)) for name in most]
    numbers = [names[name] for name in most]
    if len(names) > MOST_ROWS:
        words += f" The {MOST_ROWS} most frequent of {len(names)}."
    alternative = f"Bars: {counted.lower()} by {first.lower()}."
    svg = staff_charts.bars(labels, {counted: numbers}, alternative)
    title, rows = f"By {first.lower()}", table(labels, numbers)
    return Chart(title, words, first, (counted,), rows, svg if rows else None)


def flags(sums: Mapping[str, Names]) -> Chart:
    """Return a chart of how often each red flag was shown, and of what people did then.

    Whoever left has, we hope, called for help.
    """
    shown, passed = sums["flag shown"], sums["flag passed"]
    names = sorted(shown, key=lambda flag: (-shown[flag], flag))
    # Who went on in the first week may have been shown the flag in the week before.
    went_on = [min(passed.get(flag, 0), shown[flag]) for flag in names]
    left = [shown[flag] - on for flag, on in zip(names, went_on, strict=True)]
    labels = [plain(flag) for flag in names]
    rows = table(labels, [shown[flag] for flag in names], went_on, left)
    alternative = "Bars: how often each red flag was shown, in two parts: went on, and left."
    svg = staff_charts.bars(labels, {"Went on": went_on, "Left": left}, alternative)
    words = (
        f"How often the advice to get help was shown in the last {WEEKS} weeks, and what people "
        "did then. Filled: they went on with the form. Outlined: they left it."
    )
    columns = ("Shown", "Went on", "Left")
    return Chart("Red flags", words, "Red flag", columns, rows, svg if rows else None)


def plain(name: str) -> str:
    """Write an id as words."""
    return name.replace("-", " ").capitalize()


def short(day: date) -> str:
    return f"{day:%b}\N{NO-BREAK SPACE}{day.day}"


def table(labels: Iterable[str], *columns: Iterable[int]) -> list[tuple[str, ...]]:
    return [
        (label, *(f"{number:,}" for number in numbers))
        for label, *numbers in zip(labels, *columns, strict=True)
    ]
