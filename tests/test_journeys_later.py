"""Patients who stop and come back, who follow a request, and whose browsers go astray."""

import re
import time

import pytest
from playwright.sync_api import expect

from browsing import (
    a_page,  # noqa: F401 (a fixture, asked for by its name)
    a_page_elsewhere,  # noqa: F401 (likewise)
    a_window,  # noqa: F401
    become,
    field,
    follow,
    goes_by_http,
    is_led_to,
    link_sent_to,
    press,
    sees,
    sees_that_it_arrived,
    sent_by,
    shows,
    somebody,
    write,
)
from models import Submission, db, now
from models_drafts import Draft
from models_letters import Letter
from people import BIRTH, INTAKE, an_appointment, an_open_day, letters
from serving import (
    a_browser,  # noqa: F401
    a_server,  # noqa: F401
    needs_chromium,
)

pytestmark = needs_chromium

DAY = 24 * 60 * 60  # seconds
HALF_TYPED = {"headache_days": "a few", "worst_pain": "9", "tried": "Rest in the dark."}
USED_UP = "This link does not open a form any more"


def draft_is_kept(server, key):
    with server.place.look():
        return db.session.get(Draft, Draft.id_of(key)) is not None


# Finish later


@pytest.fixture
def half_typed(page, window, server):
    """A tab of somebody who has stopped in the middle of a page that is not right yet."""
    become(window, goes_by_http(server, "headaches", somebody()))
    page.goto("/intake/")
    sees(page, "Your headaches")
    write(page, HALF_TYPED)
    press(page, "Save and finish later")
    sees(page, "Finish later")
    return page


def test_save_and_finish_later_keeps_what_was_typed_right_or_wrong(half_typed):
    expect(half_typed.get_by_text("We have saved what you typed.")).to_be_visible()
    follow(half_typed, "Go on now")
    sees(half_typed, "Your headaches")
    shows(half_typed, HALF_TYPED)


def test_back_keeps_what_was_half_typed(page, window, server):
    become(window, goes_by_http(server, "headaches", somebody()))
    page.goto("/intake/")
    write(page, HALF_TYPED)
    press(page, "Back")
    sees(page, "About you")
    page.goto("/intake/headaches")
    shows(page, HALF_TYPED)


def test_save_and_finish_later_on_the_last_page_sends_nothing(page, ready, server):
    press(page, "Save and finish later")
    sees(page, "Finish later")
    assert sent_by(server, ready) == []
    follow(page, "Go on now")
    sees(page, "Check your answers")


def test_the_answers_are_there_after_the_browser_was_closed(half_typed, window, elsewhere):
    outlive = [cookie for cookie in window.cookies() if cookie["expires"] > 0]
    assert [cookie["name"] for cookie in outlive] == ["form"]
    assert outlive[0]["expires"] - time.time() == pytest.approx(7 * DAY, abs=60)
    again = elsewhere(outlive)
    again.goto("/intake/")
    sees(again, "Your headaches")
    shows(again, HALF_TYPED)


def test_erase_my_answers_really_erases_them(half_typed, window, server):
    kept = window.cookies()
    key = half_typed.locator("input[name=draft]").first.get_attribute("value")
    assert draft_is_kept(server, key)
    press(half_typed, "Erase my answers and leave")
    expect(half_typed).to_have_url(f"{server.url}/")
    assert not draft_is_kept(server, key)
    for cookies in ([], kept):  # what the browser has now, and what somebody copied before
        window.add_cookies(cookies)
        half_typed.goto("/intake/")
        sees(half_typed, "First, check that it is safe to wait")
        expect(half_typed.locator("main input:checked")).to_have_count(0)


def test_a_patient_goes_on_where_it_was_on_another_device(page, window, server, elsewhere):
    me = somebody()
    become(window, goes_by_http(server, "spine", me))
    page.goto("/intake/later")
    sees(page, "Finish later")
    field(page, "email").fill(me["email"])
    press(page, "Email me a link")
    expect(page.get_by_role("status")).to_be_visible()
    link, other = link_sent_to(server, me, "finish"), elsewhere()
    other.goto(link)
    sees(other, "Finish your form")
    write(other, {**BIRTH, "birth_day": "30"})
    press(other, "Continue")
    is_led_to(other, re.compile("^This is not the date of birth"), "#birth_month")
    write(other, BIRTH)
    press(other, "Continue")
    sees(other, "Your neck and back")
    for used_up in (page, other):
        used_up.bring_to_front()
        used_up.goto(link)
        sees(used_up, USED_UP)
    page.goto("/intake/")  # the answers have moved
    sees(page, "First, check that it is safe to wait")
    finishes(other)
    (sent,) = sent_by(server, me)
    assert sent.answers["tried"] == "Rest in the dark helps a little."


def finishes(page):
    page.goto("/intake/")
    for name in ("spine", "health"):
        write(page, INTAKE[name])
        press(page, "Continue")
    press(page, "Send my form")
    sees_that_it_arrived(page, "form")


# After sending


def asks_for(server, who):
    """Let somebody ask for an appointment; return the link of the letter that says so."""
    with server.place.app.app_context():
        an_appointment(server.person(), **who)
    return link_sent_to(server, who, "received")


def opens(page, link):
    page.goto(link)
    sees(page, "See your request")
    write(page, BIRTH)
    press(page, "Continue")
    sees(page, "Your request")


def test_a_patient_follows_a_request_asks_for_another_time_and_cancels(page, server):
    me = somebody()
    page.goto(asks_for(server, me))
    sees(page, "See your request")
    expect(page.get_by_text(me["full_name"])).to_have_count(0)
    write(page, {**BIRTH, "birth_year": "1957"})
    press(page, "Continue")
    is_led_to(page, re.compile("^This is not the date of birth"), "#birth_month")
    write(page, BIRTH)
    press(page, "Continue")
    sees(page, "Your request")
    expect(page.get_by_text("This is a request, not a booked appointment.")).to_be_visible()
    asks_for_another_time(page, server)
    (request,) = sent_by(server, me)
    assert len(request.record["later"]) == 1
    follow(page, "Cancel my request")
    sees(page, "Do you want to cancel?")
    follow(page, "No, keep it")
    assert sent_by(server, me)[0].status == "new"
    follow(page, "Cancel my request")
    press(page, "Yes, cancel it")
    expect(page.get_by_text("Your request is cancelled.")).to_be_visible()
    expect(page.get_by_role("main").get_by_role("link", name="Cancel")).to_have_count(0)
    assert sent_by(server, me)[0].status == "cancelled"


def asks_for_another_time(page, server):
    follow(page, "Ask for another time")
    press(page, "Ask for this time")
    is_led_to(page, "Choose at least one day that would suit you", "#window1_day")
    with server.place.app.app_context():
        write(page, {"window1_day": an_open_day(9), "window1_part": "afternoon"})
    press(page, "Ask for this time")
    sees(page, "Your request")


def test_a_mere_visit_of_every_link_changes_nothing(page, server):
    me = somebody()
    link = asks_for(server, me)
    book(server, me)
    before = state(server, me)
    opens(page, link)
    expect(page.get_by_text("Your appointment: ")).to_be_visible()
    visited, waiting = set(), [link]
    while waiting:
        address = waiting.pop()
        visited.add(address)
        if address.endswith(".ics"):  # a browser would save it
            assert page.request.get(address).status == 200
            continue
        page.goto(address)
        found = page.locator("main a").evaluate_all("all => all.map(a => a.getAttribute('href'))")
        waiting += [to for to in found if to.startswith(link) and to not in visited]
    ends = {address.removeprefix(link) for address in visited}
    assert ends == {"", "/appointment.ics", "/times", "/cancel"}
    page.goto(link)
    follow(page, "Fill in your intake form")
    sees(page, "First, check that it is safe to wait")
    assert state(server, me) == before


def book(server, who):
    """Book a time as staff do, without a letter."""
    (request,) = sent_by(server, who)
    with server.place.look():
        found = db.session.get(Submission, request.id)
        found.scheduled_for, found.status = now().replace(year=now().year + 1), "scheduled"
        db.session.commit()


def state(server, who):
    """All that is known of a request, and how many letters there are about it."""
    (request,) = sent_by(server, who)
    with server.place.look():
        found = db.session.get(Submission, request.id)
        columns = {column.key: getattr(found, column.key) for column in found.__table__.columns}
        return columns, len(db.session.scalars(Letter.about(found)).all())


# Browsers that go astray


@pytest.fixture
def ready(page, window, server):
    """Somebody whose intake is filled in and not sent yet, in a tab at the last page."""
    who = somebody()
    become(window, goes_by_http(server, "check", who))
    page.goto("/intake/")
    sees(page, "Check your answers")
    return who


def test_after_sending_refresh_and_back_show_that_it_arrived(page, ready, server):
    press(page, "Send my form")
    sees_that_it_arrived(page, "form")
    page.reload()
    sees_that_it_arrived(page, "form")
    page.go_back()
    sees_that_it_arrived(page, "form")
    (sent,) = sent_by(server, ready)
    expect(page.locator(".reference")).to_have_text(sent.shown_reference)
    with server.place.look():
        assert len([one for one in letters("received") if one[1]["to"] == ready["email"]]) == 1


def test_a_double_click_on_send_sends_once(page, ready, server):
    page.get_by_role("button", name="Send my form").dblclick()
    sees_that_it_arrived(page, "form")
    (sent,) = sent_by(server, ready)
    expect(page.locator(".reference")).to_have_text(sent.shown_reference)


def test_when_the_answer_to_send_is_lost_the_patient_finds_that_it_arrived(page, ready, server):
    def lose(route):
        assert route.request.method == "POST"
        assert route.fetch(max_redirects=0).status == 303
        route.abort()

    page.route("**/intake/check", lose)
    with page.expect_event("requestfailed"):
        page.get_by_role("button", name="Send my form").click()
    page.unroute("**/intake/check")
    page.reload()
    sees_that_it_arrived(page, "form")
    assert len(sent_by(server, ready)) == 1


def test_two_tabs_of_the_same_form_send_once(page, window, ready, server):
    other = window.new_page()
    other.goto("/intake/check")
    for tab in (page, other):
        tab.bring_to_front()
        press(tab, "Send my form")
        sees_that_it_arrived(tab, "form")
    other.goto("/intake/health")  # a third one that was left open
    sees_that_it_arrived(other, "form")
    other.close()
    assert len(sent_by(server, ready)) == 1


def test_a_tab_that_was_left_behind_takes_nothing_away_from_the_one_in_front(page, window, server):
    become(window, goes_by_http(server, "headaches", somebody()))
    page.goto("/intake/you")
    ahead = window.new_page()
    ahead.goto("/intake/headaches")
    write(ahead, INTAKE["headaches"])
    press(ahead, "Continue")
    sees(ahead, "Your neck and back")
    page.bring_to_front()  # the browser lets those behind wait
    late = {"full_name": "Ana Abdi"}
    write(page, late)
    press(page, "Continue")
    sees(page, "Your neck and back")
    ahead.goto("/intake/headaches")
    shows(ahead, INTAKE["headaches"])
    ahead.goto("/intake/you")
    shows(ahead, late)
    ahead.close()


def test_a_form_that_was_opened_twice_before_the_first_answer_is_one_form(page, window):
    twin = window.new_page()
    for tab in (page, twin):
        tab.goto("/intake/")
    for tab in (twin, page):
        tab.bring_to_front()  # the browser lets those behind wait
        write(tab, INTAKE["safety"])
        press(tab, "Continue")
        sees(tab, "About you")
    write(page, INTAKE["you"])
    press(page, "Continue")
    sees(page, "Your headaches")
    twin.reload()
    shows(twin, {**INTAKE["you"], "phone": "(612) 555-0187"})  # as we write it
    twin.close()
