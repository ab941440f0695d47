"""Counts are right after whatever happens to a request, and percentiles are what they say."""

import math
import re
import statistics
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from functools import partial

import pytest
import sqlalchemy as sa
from hypothesis import example, given
from hypothesis import strategies as st

from models import Submission, WeeklyCount, db, now
from models_counts import WAITS, percentile, wait_name, week_of
from people import an_appointment, an_intake, an_open_day, submissions, to_check
from serving import at_once

APPOINTMENT = {("kind", "appointment"): 1, ("reason", "headache"): 1}


def counted(*whats):
    """Counts by what and name, of all subjects or these; without what came back to nothing."""
    query = sa.select(WeeklyCount.what, WeeklyCount.name, WeeklyCount.number)
    rows = db.session.execute(query).all()
    db.session.rollback()
    found = Counter()
    for what, name, number in rows:
        if not whats or what in whats:
            found[what, name] += number
    return {key: number for key, number in found.items() if number}


def change(ada, status):
    page = ada.visit(f"/staff/submissions/{submissions()[0].reference}")
    assert page.submit("form.change", status=status).status == 200


def by_the_patient(status):
    db.session.merge(submissions()[0]).move_to(status)
    db.session.commit()


def test_a_request_counts_once_by_its_kind_reason_and_article(bob):
    an_appointment(bob)
    assert counted() == APPOINTMENT
    an_appointment(bob, start="/appointment/?about=migraine-basics", reason="neck")
    assert counted() == {
        ("kind", "appointment"): 2,
        ("reason", "headache"): 1,
        ("reason", "neck"): 1,
        ("article", "migraine-basics"): 1,
    }


def test_an_intake_counts_by_its_risk_factors(bob):
    an_intake(bob)
    assert counted() == {("kind", "intake"): 1, ("factor", "tight-muscles"): 1}


def test_sending_the_same_draft_twice_counts_once(bob, app):
    check = to_check(bob)
    check.submit()
    check.submit()
    assert counted() == APPOINTMENT


def test_a_request_that_could_not_be_saved_is_not_counted(bob, app, monkeypatch):
    check = to_check(bob)
    monkeypatch.setattr("patients.db.session.commit", disk_is_full)
    assert check.submit().status == 503
    monkeypatch.undo()
    db.session.commit()
    assert counted() == {}


def test_what_is_rolled_back_is_not_counted_later(app):
    WeeklyCount.add(db.session(), {("kind", week_of(now()), "intake"): 1})
    db.session.scalar(sa.select(1))
    db.session.rollback()
    db.session.commit()
    assert counted() == {}


def test_counting_comes_last_and_only_the_trail_after_it(bob):
    """Both make others wait until the commit, the trail all of them."""
    said, check = [], to_check(bob)

    def hear(*args):
        said.append(args[2])

    sa.event.listen(db.engine, "before_cursor_execute", hear)
    check.submit(follow=False)
    sa.event.remove(db.engine, "before_cursor_execute", hear)
    changes = [words for words in said if words.startswith(("INSERT", "UPDATE", "DELETE"))]
    tables = [re.search(r"weekly_counts|events|trail_head|$", words)[0] for words in changes]
    assert tables[-4:] == ["", "weekly_counts", "events", "trail_head"]


def test_what_was_just_sent_has_not_been_changed(submission):
    assert (submission.version, submission.changed_at) == (1, None)


def disk_is_full():
    raise sa.exc.OperationalError(None, None, Exception("no more room"))


def test_spam_does_not_count_until_staff_take_it_back(bob, ada):
    an_appointment(bob, website="https://casino.example")
    assert counted() == {}
    change(ada, "new")
    assert counted() == APPOINTMENT
    change(ada, "spam")
    change(ada, "spam")
    assert counted() == {}
    change(ada, "contacted")
    assert counted() == {**APPOINTMENT, ("wait", "00"): 1}


def test_spam_that_the_patient_asks_or_cancels_is_none(bob):
    an_appointment(bob, website="https://casino.example")
    for status in ("cancelled", "new"):
        by_the_patient(status)
        assert counted() == APPOINTMENT


def test_several_at_once_are_each_counted(ada, bob):
    an_appointment(bob)
    an_appointment(bob, reason="neck")
    page = ada.visit("/staff/")
    chosen = [box["value"] for box in page.soup.select("[name=chosen]")]
    page.submit("main form[action*=several]", chosen=chosen, status="contacted")
    assert counted("wait") == {("wait", "00"): 2}


def test_what_came_in_before_counts_began_is_never_taken_off(ada, submission):
    db.session.execute(sa.update(Submission).values(counted=False))
    db.session.commit()
    change(ada, "spam")
    assert counted() == APPOINTMENT


def test_a_request_that_is_cancelled_did_come_in(bob, ada):
    an_appointment(bob)
    change(ada, "cancelled")
    assert counted("kind", "reason") == APPOINTMENT


def test_the_first_contact_is_kept_and_counted_once(ada, submission):
    received = now() - timedelta(hours=2.5)
    db.session.execute(sa.update(Submission).values(received_at=received))
    db.session.commit()
    for status in ("contacted", "new", "closed"):
        change(ada, status)
    contacted = submissions()[0].contacted_at
    assert timedelta(0) <= now() - contacted < timedelta(minutes=1)
    assert counted("wait") == {("wait", wait_name(timedelta(hours=3))): 1}


def test_booking_a_time_is_a_first_contact(ada, submission):
    page = ada.visit(f"/staff/submissions/{submission.reference}")
    page.submit("form[action$=schedule]", day=an_open_day(9), time="09:30")
    assert submissions()[0].contacted_at
    assert counted("wait") == {("wait", "00"): 1}


def test_an_intake_waits_for_no_contact(ada, bob):
    an_intake(bob)
    change(ada, "closed")
    assert submissions()[0].contacted_at
    assert counted("wait") == {}


@pytest.mark.parametrize("status", ["new", "spam"])
def test_saving_it_as_new_or_putting_it_aside_is_no_contact(ada, submission, status):
    change(ada, status)
    assert submissions()[0].contacted_at is None
    assert counted("wait") == {}


def test_what_the_patient_has_cancelled_is_not_contacted_by_closing_it(ada, submission):
    by_the_patient("cancelled")
    change(ada, "closed")
    assert counted() == APPOINTMENT
    assert submissions()[0].contacted_at is None


def test_twenty_who_count_at_once_in_any_order_lose_no_count(app):
    names = [f"name {number}" for number in range(12)]
    week = date(2026, 11, 23)

    def count(turn):
        with app.app_context():
            order = names[turn % 12 :] + names[: turn % 12]
            WeeklyCount.add(db.session(), {("kind", week, name): 1 for name in order})
            db.session.commit()
            db.session.remove()

    at_once([partial(count, turn) for turn in range(20)])
    assert counted() == {("kind", name): 20 for name in names}


def test_a_week_begins_on_monday_where_the_practice_is(app):
    sunday_evening = datetime(2026, 11, 30, 5, 59, tzinfo=UTC)
    assert week_of(sunday_evening) == date(2026, 11, 23)
    assert week_of(sunday_evening + timedelta(minutes=1)) == date(2026, 11, 30)


waits = st.lists(st.integers(0, 60 * 24 * 40), min_size=1, max_size=60)


@given(waits, st.sampled_from([0.5, 0.9]))
@example([15, 16], 0.5)
@example([60 * 24 * 30], 0.9)
def test_a_percentile_is_that_of_the_plain_list_rounded_up(minutes, share):
    found = [timedelta(minutes=number) for number in minutes]
    exact = sorted(found)[math.ceil(share * len(found)) - 1]
    rounded = min((most for most in WAITS if most >= exact), default=timedelta.max)
    assert percentile(Counter(map(wait_name, found)), share) == rounded


@given(waits)
def test_half_of_the_waits_are_at_most_the_median(minutes):
    found = [timedelta(minutes=number) for number in minutes]
    assert percentile(Counter(map(wait_name, found)), 0.5) >= statistics.median_low(found)


def test_nothing_has_no_percentile():
    assert percentile({}, 0.5) is None
    assert percentile({"00": 0}, 0.9) is None
