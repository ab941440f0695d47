"""Those who answer for it see who did what, and find a part of it."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from content import library
from models import db, now
from models_events import log
from models_staff import User
from people import an_appointment, submissions


def lines(page):
    """The rows of the page: who, what, reference and more."""
    found = [[cell.get_text() for cell in row.select("td")] for row in page.soup.select("tbody tr")]
    return [tuple(cells[1:]) for cells in found]


def narrowed(person, **wanted):
    """What the form shows for this; it puts its fields in the address, as it changes nothing."""
    fields = person.visit("/staff/activity").typed()
    return person.visit("/staff/activity", query_string={**fields, **wanted})


def number_of(email):
    found = db.session.scalar(sa.select(User.id).where(User.email == email))
    db.session.rollback()
    return str(found)


def test_all_that_was_done_is_listed_newest_first(olga, ada, bob):
    an_appointment(bob)
    reference = submissions()[0].shown_reference
    ada.visit(f"/staff/submissions/{reference}")
    page = olga.visit("/staff/").link("Activity")
    assert lines(page)[:3] == [
        ("olga@example.org", "Looked at a list", "–", "–"),
        ("ada@example.org", "Opened a submission", reference, "–"),
        ("A patient", "Sent a form", reference, "–"),
    ]
    assert page.link(reference).status == 200


def test_looking_at_it_is_an_event_too(olga):
    olga.visit("/staff/activity")
    page = olga.visit("/staff/activity")
    assert lines(page)[0] == ("olga@example.org", "Looked at the activity", "–", "–")


def test_filters_combine_stay_in_the_address_and_can_be_cleared(olga, ada, bob):
    an_appointment(bob)
    an_appointment(bob)
    first, second = submissions()
    for submission in (first, second, first):
        ada.visit(f"/staff/submissions/{submission.reference}")
    olga.visit(f"/staff/submissions/{first.reference}")
    who = number_of("ada@example.org")
    page = narrowed(
        olga,
        who=who,
        what="sensitive_read",
        submission=first.shown_reference.lower().replace("-", " "),
    )
    opened = ("ada@example.org", "Opened a submission", first.shown_reference, "–")
    assert lines(page) == [opened, opened]
    assert "2 events, newest first" in page.text
    address = page.response.request.full_path
    assert f"who={who}" in address
    assert lines(olga.visit(address)) == [opened, opened]
    assert page.typed()["what"] == "sensitive_read"
    page = page.link("Clear")
    assert page.response.request.full_path.rstrip("?") == "/staff/activity"


def test_the_owners_and_the_patients_acts_can_be_told_apart(olga, bob):
    an_appointment(bob)
    log("user_disabled", user_id=int(number_of("olga@example.org")))
    log("letters_retried", detail="3 letters")
    db.session.commit()
    assert {who for who, *_rest in lines(narrowed(olga, who="patients"))} == {"A patient"}
    assert lines(narrowed(olga, who="owner")) == [
        ("The owner", "Let letters be sent again", "–", "3 letters"),
        ("The owner (olga@example.org)", "Shut an account out", "–", "–"),
    ]


def test_what_the_owner_does_with_one_persons_data_is_the_owners(olga, bob, flask, tmp_path):
    an_appointment(bob)
    reference = submissions()[0].shown_reference
    flask("person", "export", reference, "--to", str(tmp_path / "all.json"))
    flask("person", "erase", reference, "--yes")
    olga.visit(f"/staff/submissions/{reference}")
    found = [line[:3] for line in lines(narrowed(olga, who="owner"))]
    assert found == [
        ("The owner", "Erased a submission", reference),
        ("The owner", "Exported submissions", "–"),
        ("The owner", "Opened a submission", reference),
    ]
    assert "Somebody unknown" not in olga.visit("/staff/activity").text


def test_days_are_those_of_the_practice(olga):
    today = library().practice.today()
    day = timedelta(days=1)
    for since, until, found in [
        (today, today, True),
        (None, today - day, False),
        (today + day, None, False),
        (today - day, today + day, True),
    ]:
        days = {"since": str(since or ""), "until": str(until or "")}
        page = narrowed(olga, what="authn_login_success", **days)
        assert bool(lines(page)) is found, days


@pytest.mark.parametrize(
    ("wanted", "field"),
    [
        ({"submission": "what"}, "submission"),
        ({"who": "nobody"}, "who"),
        ({"what": "nothing"}, "what"),
        ({"since": "yesterday"}, "since"),
        ({"since": "0001-01-01"}, "since"),
        ({"until": "9999-12-31"}, "until"),
        ({"since": "2026-02-02", "until": "2026-02-01"}, "until"),
    ],
)
def test_what_cannot_be_looked_for_says_so(olga, wanted, field):
    page = olga.visit("/staff/activity", query_string=wanted)
    assert page.status == 422
    assert list(page.errors) == [field]
    assert page.title.startswith("Error: Activity")
    assert lines(page) == []


def test_nothing_found_says_what_to_do(olga):
    page = narrowed(olga, what="sensitive_export")
    assert "Nothing matches." in page.text
    assert page.link("Show all activity").status == 200


def test_a_long_trail_is_read_page_by_page_without_gap_or_repeat(olga):
    for number in range(120):
        log("sensitive_list", detail=f"number {number}")
    db.session.commit()
    page, seen = narrowed(olga, what="sensitive_list"), []
    while True:
        seen += [line[3] for line in lines(page) if line[3] != "–"]
        if not [a for a in page.soup.select("main a") if a.get_text() == "More"]:
            break
        page = page.link("More")
    assert seen == [f"number {number}" for number in reversed(range(120))]
    assert len(lines(page.link("Start of the list"))) == 50


@pytest.mark.parametrize("before", ["0", "-5", "x", "99999999999999999999", "\x00"])
def test_an_odd_page_address_is_harmless(olga, before):
    assert olga.visit("/staff/activity", query_string={"before": before}).status == 200


def test_many_lines_take_as_many_queries_as_few(olga, ada, bob):
    counts = []
    for more in (1, 40):
        an_appointment(bob)
        for submission in submissions():
            for _ in range(more):
                log("sensitive_read", submission=db.session.merge(submission))
        db.session.commit()
        db.session.remove()
        said = []
        listener = lambda *args, said=said: said.append(args[2])  # noqa: E731
        sa.event.listen(db.engine, "before_cursor_execute", listener)
        olga.visit("/staff/activity")
        sa.event.remove(db.engine, "before_cursor_execute", listener)
        counts.append(len(said))
    assert counts[0] == counts[1]


def test_whom_something_was_assigned_to_is_named(olga, ada, submission):
    for number in (number_of("ada@example.org"), "0"):
        page = ada.visit(f"/staff/submissions/{submission.reference}")
        page.submit("form[action$=assign]", assigned=number)
    found = [more for *_rest, more in lines(narrowed(olga, what="assigned"))]
    assert found == ["to nobody", "to ada@example.org"]


def test_handlers_and_readers_do_not_see_it(ada, rita):
    for person in (ada, rita):
        assert "Activity" not in person.visit("/staff/").text
        assert person.visit("/staff/activity").status == 403


def test_events_of_today_are_found_by_a_day_in_the_practices_zone(olga):
    at = library().practice.local(now())
    page = narrowed(olga, since=f"{at:%Y-%m-%d}", until=f"{at:%Y-%m-%d}")
    assert lines(page)
