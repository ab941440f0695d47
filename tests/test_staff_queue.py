"""Staff find the dangerous one first, and a caller by half a name with an apostrophe in it."""

from datetime import timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy import event

from forms_contact import read_phone
from models import db, now
from models_events import Event
from models_search import names, things, understand
from people import an_appointment, an_intake, an_unseen_appointment, letters, submissions


@pytest.fixture
def three(bob):
    """Requests by three people, one of them urgent; return their references in this order."""
    ana = {"full_name": "Ana Abdi", "phone": "(612) 555-0100", "email": "ana@example.org"}
    jose = {"full_name": "José D’Angelo", "phone": "", "email": "Jose@example.org"}
    an_unseen_appointment(bob, full_name="Siobhán O'Brien-Núñez", phone="612-555-0187")
    an_appointment(bob, flags=["thunderclap"], contact_by="email", **ana)
    an_unseen_appointment(bob, contact_by="email", **jose)
    return [submission.shown_reference for submission in reversed(submissions())]


def shown(page):
    return [link.get_text() for link in page.soup.select("tbody th a")]


def find(person, typed):
    return person.visit("/staff/").submit("form[action$=search]", q=typed)


def work(person, reference, act, **changes):
    page = person.visit(f"/staff/submissions/{reference}")
    return page.submit(f"form[action*='/{act}']", **changes)


FOUND_BY = [
    ("si", 0),
    ("SIOBHAN", 0),
    ("o'br", 0),
    ("o’brien", 0),
    ("brien", 0),
    ("nuñ", 0),
    ("nunez siob", 0),
    ("O'Brien-Núñez", 0),
    ("ab", 1),
    ("d'ang", 2),
    ("jose", 2),
    ("612.555.0187", 0),
    ("+1 612 555 0187", 0),
    ("0100", 1),
    ("ANA@example.org", 1),
    ("jose@example.org", 2),
]


def test_somebody_is_found_by_any_of_it(ada, three):
    for typed, who in FOUND_BY:
        page = find(ada, typed)
        assert shown(page) == [three[who]], typed
        assert page.soup.select_one("#q")["value"] == typed


@pytest.mark.parametrize(
    ("name", "typed"),
    [
        ("Sean O' Brien", "O'Br"),
        ("Sean O' Brien", "o’brien sean"),
        ("Sean O'Brien", "O' Brien"),
        ("Łukasz Groß", "lukasz gross"),
        ("Søren Ødegård", "soren odegard"),
        ("Søren Kjær", "Soeren Kjaer"),
        ("Đorđe Guðrún Þóra", "dorde gudrun thora"),
        ("Œrsted Işık", "oersted isik"),
        ("Jürgen Müller", "Mueller Juergen"),
        ("Jürgen Müller", "muller"),
        ("Jürgen Mueller", "Müll"),
        ("Sören Köhler", "koehl"),
        ("王 芳", "王"),
        ("王 芳", "芳 王"),
        ("王芳", "王"),
    ],
)
def test_a_name_is_found_however_it_is_spelled(name, typed):
    assert understand(typed)
    assert set(understand(typed)) <= set(things({"full_name": name}))


@pytest.mark.parametrize(
    ("phone", "typed"),
    [
        ("(612) 555-1999", "1999"),
        ("(612) 555-1999", "555-1999"),
        ("(612) 555-1999 ext. 5", "612 555 1999"),
        ("(612) 555-1999 ext. 5", "1999"),
        ("(612) 555-1999", "612-555-1999 x5"),
        ("+44 20 7946 0018", "+44 20 7946 0018"),
    ],
)
def test_a_phone_is_found_by_its_number_and_by_its_end(phone, typed):
    assert len(understand(typed)) == 1
    assert set(understand(typed)) <= set(things({"phone": read_phone(phone)}))


def test_of_several_things_all_must_fit(ada, bob):
    for phone in ("(612) 555-1999 ext. 5", "(612) 555-0185"):
        an_appointment(bob, full_name="Grace O' Brien-王", phone=phone)
    other, grace = [submission.shown_reference for submission in submissions()]
    for typed in ("Grace 1999", "555-1999, 3/31/75 o'br", "王 siobhan@example.org 1999"):
        assert shown(find(ada, typed)) == [grace]
    assert shown(find(ada, "Grace 3/31/1975")) == [other, grace]
    for typed in ("Grace 0186", "Xiong 1999", "Grace 3/30/1975"):
        assert shown(find(ada, typed)) == []


def test_what_nobody_can_be_looked_for_by_lists_nobody(ada, three):
    for typed in ("O'", "x", "%", "😀", "-", "J R"):
        page = find(ada, typed)
        assert (shown(page), "two or more letters of a name" in page.text) == ([], True), typed


@pytest.mark.parametrize(
    "typed",
    """12/1/1969 12/1/69 12-01-1969 12.1.69 1969-12-01 12011969 12|1|1969 December|1,|1969
    Dec|1|1969 Dec.|1,|1969 sept|30|1969 1|December|1969""".split(),
)
def test_a_day_is_read_however_it_is_written(typed):
    ((kind, day),) = understand(typed.replace("|", " "))
    assert (kind, day) == ("birth", "1969-09-30" if "30" in typed else "1969-12-01")


def test_a_year_of_two_digits_is_one_of_the_last_hundred():
    for days, century in ((-1, 0), (0, 0), (1, 100)):
        day = now().date() + timedelta(days)
        born = day.replace(year=day.year - century)
        assert understand(f"{day:%m/%d/%y}") == [("birth", born.isoformat())]


def test_everybody_born_on_a_day_is_found(ada, three):
    for typed in ("3/31/1975", "1975-03-31", "03-31-1975"):
        assert set(shown(find(ada, typed))) == set(three), typed


def test_who_is_not_there_is_not_found_and_the_page_says_what_can_be_looked_for(ada, three):
    for typed in ("nobody", "siobhan abdi", "612-555-9999", "1/1/1990", "x@y.org"):
        page = find(ada, typed)
        assert (shown(page), "two or more letters of a name" in page.text) == ([], True), typed


def test_a_reference_opens_at_once(ada, three):
    one = three[1]
    for written in (one, one.lower(), one.replace("-", ""), one.replace("-", " ")):
        assert find(ada, written).path == f"/staff/submissions/{one}"


def test_where_filters_leave_nothing_the_page_tells_to_choose_fewer(ada, three):
    page = ada.visit("/staff/?urgency=soon")
    assert "Nothing matches." in page.text
    assert "Choose more days, or “All” for something above." in page.text
    assert "Try two or more letters" not in page.text


def test_nobodys_name_is_in_the_address_of_a_search(ada, three):
    answer = ada.visit("/staff/").submit("form[action$=search]", q="Siobhán", follow=False)
    assert answer.status == 303
    for spelled in ("iobh", "IOBH", "Siobh%C3%A1n"):
        assert spelled not in answer.headers["Location"]


def test_a_made_up_search_is_harmless(ada, three):
    for token in ("made-up", "%00", "A" * 200, "é"):
        assert len(shown(ada.visit("/staff/", query_string={"find": token}))) == 3, token


def test_what_is_found_by_is_nowhere_in_the_clear(ada, three):
    for row in db.session.execute(sa.text("SELECT * FROM tokens")):
        assert all(isinstance(value, int) for value in row)


def test_names_are_told_apart_as_people_say_them():
    assert list(names("Siobhán O'Brien-Núñez")) == ["siobhan", "obrien", "brien", "nunez"]
    assert list(names("李小龍")) == ["李小龍"]


def test_every_choice_has_a_value_and_words(ada, three):
    for page in (ada.visit("/staff/"), ada.visit(f"/staff/submissions/{three[0]}")):
        options = page.soup.select("main select option")
        assert len(options) >= 7
        assert all(option.get_text() for option in options)
    filtered = ada.visit("/staff/?urgency=emergency&assigned=nobody").soup.select("details select")
    chosen = [select.select_one("[selected]") for select in filtered]
    assert [option.get_text() for option in chosen if option] == ["Emergency", "Nobody"]


def test_each_view_holds_what_it_says_and_counts_it(ada, three):
    one, two, three_ = three
    work(ada, one, "status", status="closed")
    work(ada, three_, "status", status="spam")
    page = ada.visit("/staff/")
    assert shown(page) == [two]
    links = {a.get_text().rpartition(" ")[0]: a.get_text() for a in page.soup.select("main nav a")}
    assert links["To do"] == "To do (1)"
    assert links["Closed"] == "Closed (1)"
    assert links["Spam"] == "Spam (1)"
    assert links["All"] == "All (3)"
    assert shown(ada.visit("/staff/?view=closed")) == [one]
    assert shown(ada.visit("/staff/?view=spam")) == [three_]


def test_overdue_is_what_is_past_the_promised_reply(ada, three):
    db.session.execute(sa.text("UPDATE submissions SET reply_due_at = :at WHERE rank = 0"),
                       {"at": now().replace(year=2020)})  # fmt: skip
    db.session.commit()
    assert shown(ada.visit("/staff/?view=overdue")) == [three[1]]


LEFT_BY = [
    ("urgency=emergency", [1]),
    ("kind=intake", []),
    ("status=new", [1, 0, 2]),
    ("assigned=nobody", [1, 0, 2]),
    ("assigned=me", []),
    ("urgency=made-up", [1, 0, 2]),
    ("since=2020-01-01&until=2020-12-31", []),
    ("since=2020-01-01", [1, 0, 2]),
    ("since=yesterday", [1, 0, 2]),
    ("factor=injury", []),
]


def test_filters_combine_and_live_in_the_address(ada, three):
    for query, who in LEFT_BY:
        page = ada.visit(f"/staff/?view=todo&{query}")
        assert shown(page) == [three[number] for number in who], query


def test_an_intake_is_found_by_its_risk_factor_and_shown_beside_its_request(ada, bob):
    received = an_appointment(bob)
    an_intake(bob, received.soup.select_one("a.button")["href"])
    intake, request = (submission.shown_reference for submission in submissions())
    assert shown(ada.visit("/staff/?factor=tight-muscles")) == [intake]
    page = ada.visit("/staff/?kind=appointment")
    assert shown(page) == [request]
    assert f"intake {intake}" in page.text


def test_a_page_costs_the_same_number_of_queries_with_one_row_and_with_many(ada, app, bob):
    an_appointment(bob)
    few = queries(ada)
    for _ in range(6):
        an_appointment(bob)
    assert queries(ada) == few <= 20


def queries(person):
    seen = []

    def count(_connection, _cursor, statement, *_rest):
        seen.append(statement)

    event.listen(db.engine, "before_cursor_execute", count)
    person.visit("/staff/?view=all")
    event.remove(db.engine, "before_cursor_execute", count)
    return len(seen)


def test_several_can_be_assigned_and_changed_at_once(ada, three):
    page = ada.visit("/staff/")
    chosen = [box["value"] for box in page.soup.select("[name=chosen]")][:2]
    page = page.submit("main form[action*=several]", chosen=chosen, status="contacted")
    assert "2 changed." in page.text
    assert sorted(submission.status for submission in submissions()) == ["contacted"] * 2 + ["new"]


def test_ticking_nothing_says_so(ada, three):
    page = ada.visit("/staff/").submit("main form[action*=several]", status="contacted")
    assert "Select some" in page.text


def test_a_reader_is_offered_nothing_but_to_look_and_to_print(rita, three):
    assert not rita.visit("/staff/").soup.select("[name=chosen]")
    page = rita.visit(f"/staff/submissions/{three[0]}")
    offered = [form["action"] for form in page.soup.select("main form:not([data-stay])")]
    assert offered == [f"/staff/submissions/{three[0]}/print"]


# One submission


def test_a_note_is_kept_sealed_with_who_wrote_it(ada, three):
    page = work(ada, three[0], "notes", text="Called twice; <b>no answer</b>.")
    assert "Called twice; <b>no answer</b>." in page.text
    assert "ada@example.org" in page.text
    (raw,) = db.session.scalars(sa.text("SELECT text_sealed FROM notes")).all()
    assert b"Called" not in bytes(raw)


def test_it_is_assigned_to_me_or_to_nobody(ada, three):
    page = work(
        ada, three[0], "assign", me="1"
    )  # with what the list beside it says, as browsers do
    assert "It is assigned." in page.text
    assert shown(ada.visit("/staff/?assigned=me")) == [three[0]]
    work(ada, three[0], "assign", assigned="0")
    assert shown(ada.visit("/staff/?assigned=me")) == []


def test_the_second_of_two_who_change_one_is_told_and_overwrites_nothing(ada, three):
    page = ada.visit(f"/staff/submissions/{three[0]}")
    work(ada, three[0], "status", status="contacted")
    late = page.submit("form[action$='/status']", status="closed")
    assert "This has changed since you opened it" in late.text
    assert submissions()[-1].status == "contacted"


def test_a_status_can_be_undone(ada, three):
    page = work(ada, three[0], "status", status="spam")
    assert "Undo" in page.text
    page.submit("form.message")
    assert submissions()[-1].status == "new"


def test_a_submission_can_be_kept_from_being_deleted(ada, three):
    assert "It is held, and stays when its time is over." in work(ada, three[0], "hold").text
    assert "It is erased when its time is over." in work(ada, three[0], "hold").text


def test_a_letter_that_failed_goes_out_again(ada, three):
    db.session.execute(sa.text("UPDATE letters SET state = 'failed', problem = 'SMTP 550'"))
    db.session.commit()
    page = work(ada, three[0], "resend")
    assert "The letter goes out again." in page.text
    states = db.session.scalars(sa.text("SELECT state FROM letters")).all()
    assert sorted(states) == ["failed"] * (len(letters()) - 1) + ["waiting"]


def test_perhaps_the_same_person_is_suggested_and_not_joined(ada, bob):
    an_appointment(bob)
    an_appointment(bob, full_name="Siobhan Obrien", email="")
    an_appointment(bob, full_name="Somebody Else", birth_year="1980")
    other, same, first = (submission.shown_reference for submission in submissions())
    page = ada.visit(f"/staff/submissions/{first}")
    assert "Perhaps the same person" in page.text
    assert same in page.text
    assert other not in page.text


def test_what_staff_do_is_in_the_trail_without_a_word_of_the_patient(ada, three):
    work(ada, three[0], "notes", text="Called twice")
    work(ada, three[0], "hold")
    find(ada, "Siobhán")
    trail = db.session.execute(sa.select(Event.name, Event.detail)).all()
    assert {"note_added", "held", "sensitive_search"} <= {name for name, _detail in trail}
    for _name, detail in trail:
        assert "iobh" not in detail
        assert "Called" not in detail


# From one to the next


def test_from_one_submission_the_list_it_was_in_goes_on_and_leads_back(ada, three):
    page = ada.visit("/staff/?status=new").link(three[1])
    page = page.link("Next")
    assert three[0] in page.title
    page = page.link("Next")
    assert three[2] in page.title
    assert "Next" not in page.soup.select_one("main nav").get_text()
    assert three[0] in page.link("Previous").title
    back = page.link("Back to the list")
    assert shown(back) == [three[1], three[0], three[2]]
    assert back.soup.select_one("#status [selected]")["value"] == "new"


def test_a_change_keeps_the_list_one_came_from(ada, three):
    page = ada.visit("/staff/").link(three[1]).submit("form[action*='/status']", status="contacted")
    assert three[0] in page.link("Next").title
    page = page.submit("form.message")
    assert three[0] in page.link("Next").title


def test_one_that_is_opened_again_still_leads_on_in_the_list_it_came_from(ada, three):
    for reference in three:
        work(ada, reference, "status", status="closed")
    page = ada.visit("/staff/?view=closed")
    assert shown(page) == three[::-1]
    page = page.link(three[1]).submit("form[action*='/status']", status="contacted")
    assert three[2] in page.link("Previous").title
    page = page.link("Next")
    assert three[0] in page.title
    links = [a.get_text() for a in page.soup.select("main nav a")]
    assert links == ["Back to the list", "Previous"]


def test_a_search_goes_on_to_the_next_that_was_found(ada, three):
    page = find(ada, "3/31/1975").link(three[2])
    assert three[1] in page.link("Next").title


def test_one_whose_visit_is_called_off_has_no_neighbors_in_that_list(ada, three):
    page = ada.visit(f"/staff/submissions/{three[0]}?view=scheduled")
    assert [a.get_text() for a in page.soup.select("main nav a")] == ["Back to the list"]


def test_a_page_that_began_behind_one_whose_visit_is_called_off_is_the_first(ada, three):
    page = ada.visit(f"/staff/?view=scheduled&before={three[0]}")
    assert "There is no more." not in page.text
    assert "There is nothing in this list." in page.text


def test_printing_is_in_the_trail_and_says_all_that_the_patient_said(rita, three):
    page = rita.visit("/staff/").link(three[1]).submit("form[action*='/print']")
    assert "Ana Abdi" in page.text
    assert "Red flag:" in page.text
    assert db.session.scalar(sa.select(Event.name).where(Event.name == "sensitive_print"))
