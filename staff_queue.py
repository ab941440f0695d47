"""The lists that staff work through: views with counts, filters, and one box to find anybody."""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import sqlalchemy as sa
from flask import flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from content import library
from forms_staff import QueueForm, SearchForm, SeveralForm, who_works
from models import Submission, db
from models_queue import VIEWS, View, counts, listed, visits_in_question
from staff_base import bp, log, opened, read_reference, refuse_wrong
from staff_list import kept_arguments, read_filters, read_view, seal_search
from staff_submission import change_status, hand_to, why_not

PAGE_SIZE = 25


@bp.get("/")
def queue() -> str:
    """Show a page of a list. Everything it is narrowed by is in the address, names only sealed."""
    view, filters = read_view(), read_filters()
    after = page_start(VIEWS[view])
    query = listed(VIEWS[view], filters, library().practice.time_zone, after)
    found = db.session.scalars(query.limit(PAGE_SIZE + 1)).all()
    rows = found[:PAGE_SIZE]
    log("sensitive_search" if filters.search else "sensitive_list")
    html = render_template(
        "staff/queue.html",
        rows=[(row, opened(row)) for row in rows],
        more=found[PAGE_SIZE - 1].reference if len(found) > PAGE_SIZE else None,
        after=after,
        view=view,
        title=VIEWS[view].title,
        staff=who_works(),
        intakes=intakes_of(rows),
        in_question=in_question(view),
        search=SearchForm(q=filters.search),
        form=QueueForm(formdata=None, obj=filters),
        several=SeveralForm(),
        **around(),
    )
    db.session.commit()
    return html


def around() -> dict[str, Any]:
    """What the page has around its list: all lists with their counts, and what its links keep."""
    numbers = counts()
    return {
        "tabs": [(name, view.title, numbers[name]) for name, view in VIEWS.items()],
        "is_empty": not numbers["all"],
        "kept": kept_arguments("before"),
        "here": {"view": read_view(), **kept_arguments()},
    }


def in_question(view: str) -> Sequence[Submission]:
    """The visits that are not in the list of visits, because they may change."""
    if view != "scheduled":
        return []
    return db.session.scalars(visits_in_question().limit(PAGE_SIZE)).all()


def page_start(view: View) -> Submission | None:
    """The submission behind which the page begins; none, when that has left the list since."""
    reference = request.args.get("before", type=read_reference)
    found = db.session.scalar(Submission.with_reference(reference)) if reference else None
    return found if found and view.can_hold(found) else None


@bp.post("/search")
def search() -> Response:
    """Open a submission by its reference, or list what else was looked for.

    Nobody's name may stand in an address, so it goes there sealed.
    """
    form = SearchForm()
    refuse_wrong(form)
    typed = (form.q.data or "").strip()
    try:
        found = db.session.scalar(Submission.with_reference(read_reference(typed)))
    except ValueError:
        found = None
    if found:
        return redirect(url_for(".submission", reference=found.reference), 303)
    return redirect(url_for(".queue", view="all", find=seal_search(typed) or None), 303)


@bp.post("/several")
def several() -> Response:
    """Assign all that are ticked, or change their status.

    What somebody else has changed since it was on the screen stays as it is, and so does what has a
    visit booked.
    """
    form, versions = SeveralForm(), ticked()
    back = redirect(url_for(".queue", **kept_arguments("before")), 303)
    refuse_wrong(form)
    if not versions or not (form.status.data or form.assigned.data):
        flash("Select some, and choose what to do with them.", "error")
        return back
    same = as_they_were(versions)
    free = [row for row in same if not (form.status.data and why_not(row, form.status.data))]
    for row in free:
        if form.status.data:
            change_status(row, form.status.data)
        if form.assigned.data:
            hand_to(row, int(form.assigned.data))
    db.session.commit()
    say_what_changed(len(free), booked=len(same) - len(free), meanwhile=len(versions) - len(same))
    return back


def as_they_were(versions: dict[str, str]) -> list[Submission]:
    """Those of these submissions that are still in this version, and open, locked."""
    these = (Submission.reference.in_(versions), Submission.erased_at.is_(None))
    query = sa.select(Submission).where(*these).order_by(Submission.place).with_for_update()
    found = db.session.scalars(query).all()
    same = [row for row in found if str(row.version) == versions[row.reference]]
    return [row for row in same if opened(row) is not None]


def ticked() -> dict[str, str]:
    """The version of each that is ticked, as it was on the screen, by its reference."""
    found: dict[str, str] = {}
    for text in request.form.getlist("chosen")[:PAGE_SIZE]:
        reference, _, version = text.partition(".")
        with suppress(ValueError):
            found[read_reference(reference)] = version
    return found


def say_what_changed(changed: int, *, booked: int, meanwhile: int) -> None:
    if changed:
        flash(f"{changed} changed.", "success")
    if booked:
        flash(f"{booked} not changed: a visit is booked. Open it to call the visit off.", "error")
    if meanwhile:
        flash(f"{meanwhile} not changed: somebody else has just changed it. Look again.", "error")


def intakes_of(rows: Sequence[Submission]) -> dict[str, Submission]:
    """The intakes that go with these requests, by the request's id."""
    query = sa.select(Submission).where(Submission.follows.in_([row.id for row in rows]))
    return {intake.follows: intake for intake in db.session.scalars(query)}
