"""Which list somebody has come from, as addresses say it: view, filters, and where a page begins.

Pages of a submission carry it on, so that they lead to the next one of that list and back to it.
"""

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from flask import request
from flask_security import current_user

import vault
from content import library
from content_medical import URGENCIES
from models import KINDS, STATUSES, Submission, db
from models_queue import AT_MOST, VIEWS, Filters, Query, listed, selected
from staff_base import bp, read_day, read_number

SEARCH = "what staff look for"  # the place that a search is sealed for
NAMES = {"view", "find", "before", *(field.name for field in fields(Filters))} - {"search"}


@bp.app_template_filter()
def counted(number: int) -> str:
    """Write how many there are, as far as they were counted."""
    return f"{min(number, AT_MOST):,}" + "+" * (number > AT_MOST)


def read_view() -> str:
    return request.args["view"] if request.args.get("view") in VIEWS else "todo"


def read_filters() -> Filters:
    """Take what the address asks for; what it cannot mean is left out."""
    given = request.args

    def one_of(name: str, known: Sequence[str] | Mapping[str, Any]) -> str | None:
        return given[name] if given.get(name) in known else None

    assigned = {"me": current_user.id, "nobody": 0}.get(given.get("assigned", ""))
    return Filters(
        kind=one_of("kind", KINDS),
        urgency=one_of("urgency", URGENCIES),
        status=one_of("status", STATUSES),
        assigned=given.get("assigned", type=read_number) if assigned is None else assigned,
        factor=one_of("factor", library().risk_factors),
        article=one_of("article", library().articles),
        since=given.get("since", type=read_day),
        until=given.get("until", type=read_day),
        search=unseal_search(given.get("find", "")),
    )


def selected_here() -> tuple[Query, Any]:
    """Select what the address asks for, in no order; with the column that holds the places."""
    return selected(VIEWS[read_view()], read_filters(), library().practice.time_zone)


def kept_arguments(*without: str) -> dict[str, str]:
    """What the address says about a list, but for these."""
    given = request.args.items()
    return {name: one for name, one in given if one and name in NAMES and name not in without}


def seal_search(typed: str) -> str:
    if not typed:
        return ""
    return base64.urlsafe_b64encode(vault.current().seal(typed, SEARCH)).decode().rstrip("=")


def unseal_search(token: str) -> str:
    """Return what was looked for; nothing for an address that somebody has made up."""
    try:
        sealed = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
        return vault.current().open(sealed, SEARCH)
    except (binascii.Error, ValueError, vault.VaultError):
        return ""


def neighbors(here: Submission) -> dict[str, Submission | None]:
    """Return the submissions before and after one in the list that the address tells of."""
    view, filters, zone = VIEWS[read_view()], read_filters(), library().practice.time_zone
    if not view.can_hold(here):
        return {}  # it has left the list: its visit was called off

    def nearest(*, backwards: bool) -> Submission | None:
        query = listed(view, filters, zone, here, backwards=backwards)
        return db.session.scalar(query.limit(1))

    return {"previous": nearest(backwards=True), "next": nearest(backwards=False)}
