"""What every template can use: the practice, how moments and numbers are written, static files."""

import re
from datetime import UTC, date, datetime
from functools import lru_cache
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import quote

from flask import Flask, Response, abort, current_app, g, request
from werkzeug.utils import safe_join

from content import Month, Observance, library
from content_markdown import phone_link
from forms_parts import long_day


def day(value: date) -> str:
    """Like June 30, 2026."""
    return f"{value:%B} {value.day}, {value.year}"


def clock(value: datetime) -> str:
    """Like 3:40 pm."""
    return f"{value.hour % 12 or 12}:{value:%M} {'am' if value.hour < 12 else 'pm'}"


def moment(value: datetime | str) -> str:
    """In the practice's time zone, like 11/22/2026, 3:40 pm. Takes ISO 8601 too."""
    value = datetime.fromisoformat(value) if isinstance(value, str) else value
    local = library().practice.local(value)
    return f"{local:%m/%d/%Y}, {clock(local)}"


def deadline(value: datetime) -> str:
    """In the practice's time zone, like Tuesday, December 1, 2026, 5:00 pm."""
    local = library().practice.local(value)
    return f"{long_day(local)}, {clock(local)}"


def age(value: datetime) -> str:
    """How long ago, in one unit, like 5 min, 2 h or 3 days."""
    minutes = int((datetime.now(UTC) - value).total_seconds() // 60)
    if minutes < 60:
        return f"{max(minutes, 0)} min"
    if minutes < 48 * 60:
        return f"{minutes // 60} h"
    return f"{minutes // (24 * 60)} days"


def soon(value: datetime) -> str:
    """A time today, like 3:40 pm; on another day, like Nov 27, 5:00 pm."""
    practice = library().practice
    local = practice.local(value)
    if local.date() == practice.today():
        return clock(local)
    return f"{local:%b} {local.day}, {clock(local)}"


def dates(observance: Observance, year: int, month: Month) -> str:
    """When it is, like: Saturday, May 1, 2027."""
    days = observance.days(year, month.number)
    if days is None:
        whole = {
            "all month": f"all of {month.name}",
            "late": f"late in {month.name}",
            "varies": f"in {month.name}; its hosts set the day each year",
        }
        return whole[observance.when]
    first, last = days
    return long_day(first) if first == last else f"{month.name} {first.day} to {last.day}, {year}"


def mail_link(address: str) -> str:
    """The address that writes to somebody, like mailto:ana@example.org (RFC 6068).

    People may have ?, & and % in theirs, which must not name somebody else to write to.
    """
    return f"mailto:{quote(address, safe='@')}"


def question(label: str) -> str:
    """What was asked, without the note that it may stay empty."""
    return label.removesuffix(" (optional)")


FOREVER = "public, max-age=31536000, immutable"  # what a file's own address holds never changes
AN_HOUR = "public, max-age=3600"


@lru_cache
def fingerprint(path: Path, _changed: int) -> str:
    return sha256(path.read_bytes()).hexdigest()[:12]


def fingerprinted(name: str) -> str:
    """Return the name that a static file has with these contents, like site.3f9c2a71b0de.css."""
    found = safe_join(current_app.static_folder or "", name)
    if not found or not (path := Path(found)).is_file():
        return name
    mark = fingerprint(path, path.stat().st_mtime_ns)
    return str(PurePosixPath(name).with_stem(f"{path.stem}.{mark}"))


def name_by_contents(endpoint: str, values: dict[str, Any]) -> None:
    if endpoint == "static":
        values["filename"] = fingerprinted(values["filename"])


def find_by_contents(endpoint: str | None, values: dict[str, Any] | None) -> None:
    """Find the file of an address with a fingerprint; when that is an old one, answer 404."""
    if endpoint != "static" or not values:
        return
    asked = values["filename"]
    plain = re.sub(r"\.[0-9a-f]{12}(?=\.\w+$)", "", asked)
    if plain != asked and fingerprinted(plain) != asked:
        abort(404)
    g.own_address, values["filename"] = plain != asked, plain


def cache_static(response: Response) -> Response:
    if request.endpoint == "static" and response.status_code == 200:
        response.headers["Cache-Control"] = FOREVER if g.own_address else AN_HOUR
    return response


def init_app(app: Flask) -> None:
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.jinja_env.filters.update(
        age=age,
        clock=clock,
        dates=dates,
        day=day,
        deadline=deadline,
        mail_link=mail_link,
        moment=moment,
        phone_link=phone_link,
        question=question,
        soon=soon,
    )
    app.context_processor(lambda: {"practice": library().practice, "content": library()})
    app.url_defaults(name_by_contents)
    app.url_value_preprocessor(find_by_contents)
    app.after_request(cache_static)
