"""What patients may tell us: every honest answer is kept, every mistake has its own words."""

import json
import subprocess
import sys
import unicodedata
from dataclasses import asdict, replace
from datetime import UTC, date, datetime, time
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import time_machine
from flask import Flask
from hypothesis import given, settings
from hypothesis import strategies as st

import content_files
import forms
from content import MONTHS, WEEKDAYS
from forms import FLOWS, DetailsForm
from forms_fields import NOT_PROVIDED, Choice, Text
from forms_flow import Flow, Step, StepForm
from forms_safety import SafetyForm
from hostile import effort
from people import details

NOW = datetime(2026, 12, 1, 18, tzinfo=UTC)  # a Tuesday, noon in Minneapolis
HOLIDAY = date(2026, 12, 25)  # a Friday
APPOINTMENT = FLOWS["appointment"]
FLAG = "thunderclap"

HIDDEN = "Remove the hidden characters. Typing it again helps."
WHOLE_NUMBER = "Enter a phone number with its area code, like "
WHOLE_ADDRESS = "Enter an email address in full, like name@example.com"
REAL_DATE = "Date of birth must be a real date, like March 31 1975"


@pytest.fixture(autouse=True, scope="module")
def noon():
    with time_machine.travel(NOW, tick=False):
        yield


@cache
def site():
    """The least app that a form needs: the content, and a practice whose hours we know."""
    app = Flask("forms")
    content_files.init_app(app)
    content = app.extensions["content"]
    practice = replace(
        content.practice,
        time_zone=ZoneInfo("America/Chicago"),
        hours=dict.fromkeys(WEEKDAYS[:5], (time(8), time(17))),
        closed_on=(HOLIDAY,),
    )
    app.extensions["content"] = replace(content, practice=practice)
    return app


def send(typed, form=DetailsForm):
    """Return the form that a browser sent, validated. None: the input was not even there."""
    typed = {"draft": ""} | {name: value for name, value in typed.items() if value is not None}
    with site().test_request_context(method="POST", data=typed):
        sent = form(meta={"csrf": False})
        sent.validate()
        return sent


def fill(**changes):
    """Return the details form, filled in without a mistake but for `changes`."""
    with site().app_context():
        return send(details(**changes))


def error(form, name):
    """Return the only error there is: what it says, and the id that it links to."""
    assert list(form.errors) == [name]
    return form.errors[name][0], form[name].first_id


def birth(month, day, year):
    return {"birth_month": month, "birth_day": day, "birth_year": year}


def test_what_is_filled_in_without_a_mistake_is_kept():
    form = fill()
    assert form.errors == {}
    assert form.answers["birth"] == "1975-03-31"
    assert form.answers["window2"] is None


# Names


@pytest.mark.parametrize(
    "name",
    [
        "Y",
        "李小龍",
        "محمد بن علي",
        "Ольга Ивановна",
        "Siobhán O'Brien-Núñez",
        "Nguyễn Thị Ánh",
        "ᏣᎳᎩ",
        "𐐔𐐯𐑅 1st, Jr. (she/her) 🙂",
        "x" * 200,
        "龍" * 200,
        "🙂" * 200,
    ],
)
def test_a_name_of_1_to_200_characters_in_any_script_is_kept(name):
    form = fill(full_name=name)
    assert form.errors == {}
    assert form.answers["full_name"] == name


@pytest.mark.parametrize("name", [None, "", " ", "\t\r\n \N{NO-BREAK SPACE}"])
def test_a_name_is_needed(name):
    assert error(fill(full_name=name), "full_name") == ("Enter your full name", "full_name")


def test_a_name_of_201_characters_is_too_long():
    words = "Full name must be 200 characters or less. It has 201 now."
    assert error(fill(full_name="x" * 201), "full_name") == (words, "full_name")


def test_a_name_is_trimmed_and_its_accents_are_put_together():
    assert fill(full_name="  Jose\N{COMBINING ACUTE ACCENT} ").answers["full_name"] == "José"
    assert fill(full_name=200 * "e\N{COMBINING ACUTE ACCENT}").answers["full_name"] == 200 * "é"


@pytest.mark.parametrize(
    "name", ["full_name", "phone", "email", "message", "birth_month", "window1_day"]
)
def test_a_null_byte_is_refused_in_words(name):
    assert error(fill(**{name: "1\0"}), name.partition("_m")[0].partition("_d")[0])[0] == HIDDEN


# Dates of birth


@pytest.mark.parametrize(
    ("typed", "born"),
    [
        (("3", "31", "1975"), "1975-03-31"),
        (("03", "01", "1975"), "1975-03-01"),
        ((" 3 ", " 1", "1975 "), "1975-03-01"),
        (("March", "31", "1975"), "1975-03-31"),
        (("mar", "31", "1975"), "1975-03-31"),
        (("MAR.", "31", "1975"), "1975-03-31"),
        (("may", "1", "2000"), "2000-05-01"),
        (("Sept", "5", "1980"), "1980-09-05"),
        (("3", "31", "１９７５"), "1975-03-31"),  # a Japanese keyboard
        (("2", "29", "2000"), "2000-02-29"),  # a leap day
        (("11", "30", "2026"), "2026-11-30"),  # born yesterday
        (("12", "1", "1896"), "1896-12-01"),  # 130 today
        (("12", "2", "1895"), "1895-12-02"),  # 131 tomorrow
    ],
)
def test_a_date_of_birth_is_understood(typed, born):
    form = fill(**birth(*typed))
    assert form.errors == {}
    assert form.answers["birth"] == born


@pytest.mark.parametrize(
    ("typed", "words", "part"),
    [
        (("", "", ""), "Enter your date of birth", "month"),
        ((None, None, None), "Enter your date of birth", "month"),
        (("", "31", "1975"), "Date of birth must include a month", "month"),
        (("3", " ", "1975"), "Date of birth must include a day", "day"),
        (("3", "31", ""), "Date of birth must include a year", "year"),
        (("3", "31", None), "Date of birth must include a year", "year"),
        (("", "", "1975"), "Date of birth must include a month", "month"),
        (("3", "31", "75"), "Year of birth must have 4 digits, like 1975", "year"),
        (("3", "31", "19755"), "Year of birth must have 4 digits, like 1975", "year"),
        (("2", "30", "1975"), REAL_DATE, "month"),
        (("2", "29", "1900"), REAL_DATE, "month"),
        (("4", "31", "1975"), REAL_DATE, "month"),
        (("0", "31", "1975"), REAL_DATE, "month"),
        (("13", "31", "1975"), REAL_DATE, "month"),
        (("3", "0", "1975"), REAL_DATE, "month"),
        (("3", "31", "0000"), REAL_DATE, "month"),
        (("ma", "31", "1975"), REAL_DATE, "month"),
        (("Marzo", "31", "1975"), REAL_DATE, "month"),
        (("-3", "31", "1975"), REAL_DATE, "month"),
        (("+3", "31", "1975"), REAL_DATE, "month"),
        (("3", "1_2", "1975"), REAL_DATE, "month"),
        (("3.5", "31", "1975"), REAL_DATE, "month"),
        (("³", "31", "1975"), REAL_DATE, "month"),
        (("99999999999999999999", "31", "1975"), REAL_DATE, "month"),
        (("3", "99999999999999999999", "1975"), REAL_DATE, "month"),
        (("3", "9" * 5000, "1975"), REAL_DATE, "month"),
        (("12", "1", "2026"), "Date of birth must be in the past", "year"),  # today
        (("1", "1", "2027"), "Date of birth must be in the past", "year"),
        (("12", "1", "1895"), "Check the year of birth. It says more than 130 years ago", "year"),
        (("1", "1", "0001"), "Check the year of birth. It says more than 130 years ago", "year"),
    ],
)
def test_a_wrong_date_of_birth_says_what_is_wrong_and_links_there(typed, words, part):
    assert error(fill(**birth(*typed)), "birth") == (words, f"birth_{part}")


def test_a_wrong_date_of_birth_is_shown_as_it_was_typed():
    form = fill(**birth("Febuary", "30", "75"))
    assert form.birth.typed == {"month": "Febuary", "day": "30", "year": "75"}


# Days that would suit


@pytest.mark.parametrize(
    ("day", "part", "kept"),
    [
        ("2026-12-02", "morning", {"day": "2026-12-02", "part": "morning"}),  # tomorrow
        ("12/02/2026", "afternoon", {"day": "2026-12-02", "part": "afternoon"}),
        ("12/2/2026", "either", {"day": "2026-12-02", "part": "either"}),
        (" 12/2/2026 ", "", {"day": "2026-12-02", "part": "either"}),
        ("2026-12-02", None, {"day": "2026-12-02", "part": "either"}),
        ("2027-06-02", "either", {"day": "2027-06-02", "part": "either"}),  # six months ahead
        ("", "either", None),
        (" ", "", None),
        (None, None, None),
    ],
)
@pytest.mark.parametrize("window", ["window1", "window2", "window3"])
def test_an_open_day_in_the_next_six_months_can_be_wished_for(window, day, part, kept):
    form = fill(**{f"{window}_day": day, f"{window}_part": part})
    assert form.errors == {}
    assert form.answers[window] == kept


@pytest.mark.parametrize(
    ("day", "part", "words", "wrong"),
    [
        ("2026-12-01", "either", "from Wednesday, December 2, 2026", "day"),  # today
        ("2020-12-01", "either", "from Wednesday, December 2, 2026", "day"),
        ("2027-06-03", "either", "to Wednesday, June 2, 2027", "day"),
        ("2026-12-05", "either", "We are closed on Saturday, December 5, 2026", "day"),
        ("2026-12-25", "either", "We are closed on Friday, December 25, 2026", "day"),
        ("2027-02-29", "either", "must be a real date, like 12/31/2026", "day"),
        ("31/12/2026", "either", "must be a real date, like 12/31/2026", "day"),
        ("12/2/26", "either", "must be a real date, like 12/31/2026", "day"),
        ("tomorrow", "either", "must be a real date, like 12/31/2026", "day"),
        ("2026-12-02", "night", "choose morning, afternoon or either", "part"),
    ],
)
@pytest.mark.parametrize(
    ("window", "name"), [("window1", "First"), ("window2", "Second"), ("window3", "Third")]
)
def test_another_day_is_refused_with_the_reason(window, name, day, part, words, wrong):
    form = fill(**{f"{window}_day": day, f"{window}_part": part})
    message, first_id = error(form, window)
    assert message.startswith(f"{name} choice")
    assert words in message
    assert first_id == f"{window}_{wrong}"
    assert form[window].typed == {"day": day, "part": part}


# How to reach people


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("612-555-0187", "(612) 555-0187"),
        ("6125550187", "(612) 555-0187"),
        (" (612) 555.0187 ", "(612) 555-0187"),
        ("1 612 555 0187", "(612) 555-0187"),
        ("+1 612 555 0187", "(612) 555-0187"),
        ("612-555-0187 x12", "(612) 555-0187 ext. 12"),
        ("612-555-0187 ext. 12", "(612) 555-0187 ext. 12"),
        ("612‑555‑0187", "(612) 555-0187"),  # non-breaking hyphens, copied from a page
        ("+442079460958", "+44 20 7946 0958"),
        ("011 44 20 7946 0958", "+44 20 7946 0958"),
        ("+39 06 1234 5678", "+39 06 1234 5678"),
    ],
)
def test_a_phone_number_is_kept_as_people_write_it(typed, shown):
    form = fill(phone=typed)
    assert form.errors == {}
    assert form.answers["phone"] == shown
    assert fill(phone=shown).answers["phone"] == shown


@pytest.mark.parametrize(
    "typed",
    [
        "555-0187",  # no area code
        "612-555-018",
        "612-555-01877",
        "call me",
        "911",
        "112-555-0142",
        "012-555-0142",
        "061-255-5014",
        "612-155-0142",
        "612-055-0142",
        "+44 20",
        "+999 555 0142",
        "612-555-0187 or 612-555-0188",
        "9" * 5000,
    ],
)
def test_what_cannot_be_called_is_refused_and_stays_as_it_was_typed(typed):
    form = fill(phone=typed)
    message, first_id = error(form, "phone")
    assert message.startswith(WHOLE_NUMBER)
    assert first_id == "phone"
    assert form.phone.data == typed


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("siobhan@example.org", "siobhan@example.org"),
        (" Ann.Lee+clinic@Example.ORG ", "Ann.Lee+clinic@example.org"),
        ("o'brien@example.co.uk", "o'brien@example.co.uk"),
        ("josé@bücher.de", "josé@bücher.de"),
        ("a@no-such-domain-0187.org", "a@no-such-domain-0187.org"),  # the network is not asked
    ],
)
def test_an_email_address_is_kept(typed, kept):
    form = fill(email=typed)
    assert form.errors == {}
    assert form.answers["email"] == kept


@pytest.mark.parametrize(
    "typed",
    [
        "siobhan",
        "siobhan@",
        "@example.org",
        "siobhan@example",
        "siobhan@@example.org",
        "siobhan@exa mple.org",
        "siobhan@example..org",
        "Siobhán <siobhan@example.org>",
        "siobhan@[127.0.0.1]",
        "a@example.org, b@example.org",
        "a" * 250 + "@example.org",
    ],
)
def test_what_is_no_email_address_is_refused_and_stays_as_it_was_typed(typed):
    form = fill(email=typed)
    assert error(form, "email") == (WHOLE_ADDRESS, "email")
    assert form.email.data == typed


EITHER = "Enter a phone number or an email address"
TO_CALL = "Enter a phone number, so that we can call or text you"
CHOOSE = "Select how you would like to hear from us"
TO_WRITE = "Enter an email address, so that we can write to you"


@pytest.mark.parametrize(
    ("contact_by", "phone", "email", "errors"),
    [
        ("phone", "612-555-0187", "", {}),
        ("text", "612-555-0187", "", {}),
        ("email", "", "a@example.org", {}),
        ("phone", "", "a@example.org", {"phone": [TO_CALL]}),
        ("text", "", "a@example.org", {"phone": [TO_CALL]}),
        ("email", "612-555-0187", "", {"email": [TO_WRITE]}),
        ("phone", "", "", {"phone": [TO_CALL]}),
        ("email", "", "", {"phone": [EITHER], "email": [TO_WRITE]}),
        ("", "", "", {"phone": [EITHER], "contact_by": [CHOOSE]}),
        ("phone", None, None, {"phone": [TO_CALL]}),
        ("email", None, "a@example.org", {}),
    ],
)
def test_the_way_we_should_answer_must_be_given(contact_by, phone, email, errors):
    assert fill(contact_by=contact_by, phone=phone, email=email).errors == errors


# Messages, choices, consent


@pytest.mark.parametrize("message", ["", "x" * 1000, " " + "🙂" * 1000 + " "])
def test_a_message_of_1000_characters_is_kept(message):
    form = fill(message=message)
    assert form.errors == {}
    assert form.answers["message"] == message.strip()


def test_a_line_break_counts_as_one_character():
    assert fill(message=500 * "\r\nx").answers["message"] == "x" + 499 * "\nx"
    assert fill(message=501 * "\r\nx").errors == {
        "message": ["Your message must be 1,000 characters or less. It has 1,001 now."]
    }


@pytest.mark.parametrize("line_break", ["\n", "\r\n", "\r"])
def test_every_kind_of_line_break_is_kept_as_the_plain_one(line_break):
    assert fill(message=f"one{line_break}two").answers["message"] == "one\ntwo"


def test_a_message_of_1001_characters_is_too_long_and_stays_as_it_was_typed():
    form = fill(message="x" * 1001)
    words = "Your message must be 1,000 characters or less. It has 1,001 now."
    assert error(form, "message") == (words, "message")
    assert form.message.data == "x" * 1001


@pytest.mark.parametrize("ticked", [None, ""])
def test_consent_must_be_given(ticked):
    message, first_id = error(fill(consent=ticked), "consent")
    assert message.startswith("Check the box to agree")
    assert first_id == "consent"


def test_consent_is_kept_with_the_version_of_its_words_and_the_time():
    version = site().extensions["content"].consent.version
    assert fill().answers["consent"] == {"version": version, "at": "2026-12-01T18:00:00+00:00"}


@pytest.mark.parametrize("name", ["contact_by", "visited_before", "reason"])
@pytest.mark.parametrize("value", [None, "", "made-up", "Phone"])
def test_only_what_was_offered_can_be_chosen(name, value):
    message, first_id = error(fill(**{name: value}), name)
    assert message.startswith("Select ")
    assert first_id == f"{name}-0"


@pytest.mark.parametrize("name", ["contact_by", "visited_before", "reason"])
def test_everything_that_is_offered_can_be_chosen(name):
    for value, words in fill()[name].choices:
        form = fill(**{name: value})
        assert form.errors == {}
        assert (form[name].data, form[name].shown) == (value, words)


@pytest.mark.parametrize("ticked", [[FLAG], [FLAG, "leg-weakness"], ["none"]])
def test_red_flags_or_none_can_be_ticked(ticked):
    form = send({"red_flags": ticked}, SafetyForm)
    assert form.errors == {}
    assert form.answers == {"red_flags": ticked}


@pytest.mark.parametrize(
    ("ticked", "words"),
    [
        (None, "Select what applies, or “None of these”"),
        ([""], "Select what applies, or “None of these”"),
        (["made-up"], "Select what applies, or “None of these”"),
        ([FLAG, "made-up"], "Select what applies, or “None of these”"),
        ([FLAG, "none"], "Select what applies, or only “None of these”"),
    ],
)
def test_red_flags_that_do_not_fit_are_refused(ticked, words):
    form = send({"red_flags": ticked}, SafetyForm)
    assert error(form, "red_flags") == (words, "red_flags-0")


# Anything at all

NAMES = [
    "full_name", "birth_month", "birth_day", "birth_year", "phone", "email", "contact_by",
    "visited_before", "reason", "window1_day", "window1_part", "window2_day", "window3_part",
    "message", "consent", "red_flags", "draft",
]  # fmt: skip
LIKELY = (
    st.sampled_from(
        "1 2 12 31 1975 2026-12-02 12/3/2026 mar morning either phone email none".split()
    )
    | st.sampled_from(["new", "headache", "yes", FLAG, "9" * 20, "\r\r\n", "e\u0301", " ", "\0"])
    | st.from_regex(r"\A\(?[2-9][0-9]{2}[-) .]{0,2}[0-9]{3}[- ]?[0-9]{4}( ?(x|ext|#) ?[0-9]+)?\Z")
    | st.from_regex(r"\A\+(44|49|52|91) ?[1-9][0-9]{5,9}\Z")
    | st.emails()
)
ANYTHING = st.text() | LIKELY | st.tuples(st.text(), LIKELY, st.text()).map("".join)


def typed_again(field):
    """Return the inputs of a question as the page would show its answer."""
    if hasattr(field, "written"):
        return {f"{field.name}_{part}": text for part, text in field.written(field.data).items()}
    if field.kind == "consent":
        return {field.name: "yes" if field.data else ""}
    return {field.name: field.data}


def texts(answer):
    if isinstance(answer, dict):
        answer = list(answer.values())
    return answer if isinstance(answer, list) else [answer] if isinstance(answer, str) else []


@effort(few=60, many=2_000)
@pytest.mark.parametrize("form", [DetailsForm, SafetyForm])
def test_whatever_is_typed_is_refused_in_words_or_kept_for_good(form, effort):
    @effort
    @given(typed=st.fixed_dictionaries({}, optional=dict.fromkeys(NAMES, ANYTHING)))
    def attempt(typed):
        first = send(typed, form)
        passed = [field for field in first.questions if not field.errors]
        for field in first.questions:
            assert all(isinstance(message, str) and message for message in field.errors)
            assert isinstance(field.shown, str)
        for field in passed:
            assert json.loads(json.dumps(field.data)) == field.data
            for text in texts(field.data):
                assert text == text.strip()
                assert unicodedata.is_normalized("NFC", text)
                assert "\0" not in text
        again = dict(typed)
        for field in passed:
            again |= typed_again(field)
        second = send(again, form)
        for field in passed:
            assert (second[field.name].errors, second[field.name].data) == ([], field.data)

    attempt()


@settings(deadline=None, max_examples=200)
@given(day=st.dates(date(1900, 1, 1), date(2026, 11, 30)), data=st.data())
def test_every_real_date_is_understood_in_each_notation(day, data):
    name = MONTHS[day.month - 1]
    months = [str(day.month), f"{day.month:02}", name, name.capitalize(), name[:3], name[:3] + "."]
    month = data.draw(st.sampled_from(months))
    number = data.draw(st.sampled_from([str(day.day), f"{day.day:02}"]))
    form = fill(**birth(month, number, str(day.year)))
    assert form.errors == {}
    assert form.answers["birth"] == day.isoformat()
    again = fill(**typed_again(form.birth))
    assert again.answers["birth"] == day.isoformat()
    assert again.birth.shown == f"{name.capitalize()} {day.day}, {day.year}"


# Flows

SAFE, FLAGGED = {"safety": {"red_flags": ["none"]}}, {"safety": {"red_flags": [FLAG]}}
ADVISED = {**FLAGGED, "advice": {"shown": [FLAG]}}
# Advice that was seen for other red flags is to be seen again.
ADVISED_BEFORE = {**FLAGGED, "advice": {"shown": ["back-fever"]}}


@pytest.mark.parametrize(
    ("answers", "following", "back"),
    [
        ({}, "safety", None),
        (SAFE, "details", "safety"),
        (FLAGGED, "advice", "safety"),
        (ADVISED, "details", "advice"),
        (ADVISED_BEFORE, "advice", "safety"),
        ({**SAFE, "advice": {}}, "details", "safety"),
        ({"details": {}}, "safety", None),
        ({**SAFE, "details": {}}, "details", "safety"),
        ({**FLAGGED, "details": {}}, "advice", "details"),  # the page that was answered last
        ({"details": {}, **FLAGGED}, "advice", "safety"),
        ({**ADVISED, "details": {}}, "details", "advice"),
    ],
)
def test_a_patient_is_asked_what_applies_in_order_and_can_go_back(answers, following, back):
    with site().app_context():
        step = APPOINTMENT.next_step(answers)
        before = APPOINTMENT.before(step, answers)
    assert (step.name if step else None) == following
    assert (before.name if before else None) == back


def test_a_step_is_found_by_its_name_only():
    assert APPOINTMENT.step("details").form is DetailsForm
    assert APPOINTMENT.step("surgery") is None


@pytest.mark.parametrize(("safety", "sent"), [(SAFE, []), (FLAGGED, ["advice"])])
def test_only_answers_to_pages_that_apply_are_sent(safety, sent):
    answers = {**safety, "advice": {"shown": [FLAG]}, "details": fill().answers}
    with site().app_context():
        columns = APPOINTMENT.columns(answers)
        shown = [asdict(row) for row in APPOINTMENT.rows(answers)]
    assert columns == {
        "kind": "appointment",
        "form_version": APPOINTMENT.version,
        "answers": {name: answers[name] for name in ["safety", *sent, "details"]},
        "shown": shown,
    }
    assert json.loads(json.dumps(columns)) == columns


def test_every_answer_is_shown_in_words_in_the_order_it_was_asked():
    answers = {**ADVISED, "details": fill(phone="", contact_by="email").answers}
    with site().app_context():
        rows = list(APPOINTMENT.rows(answers))
    text = {row.first_id: row.text for row in rows}
    assert list(text) == [
        "red_flags-0", "full_name", "birth_month", "phone", "email", "contact_by-2",
        "visited_before-0", "reason-0", "window1_day", "window2_day", "window3_day", "message",
        "consent",
    ]  # fmt: skip
    assert text["red_flags-0"] == site().extensions["content"].red_flags[FLAG].text
    assert text["birth_month"] == "March 31, 1975"
    assert text["phone"] == text["window2_day"] == NOT_PROVIDED
    assert text["contact_by-2"] == "Email"  # a link to it leads to the one that is chosen
    assert text["window1_day"] == "Friday, December 4, 2026, morning"
    assert text["consent"].startswith("Agreed: I agree that ")
    assert (rows[0].step, rows[0].label) == ("safety", "Do you have any of these right now?")
    assert rows[-1].step == "details"


def asking(label="Name", choices=(("a", "Yes"),), step="one"):
    class Form(StepForm):
        name = Text(label, attributes={})
        pick = Choice("Pick", choices=choices, missing="Select")

    return Flow("flow", "Flow", "", (Step(step, "One", Form),))


@pytest.mark.parametrize(
    "change", [{"label": "Your name"}, {"choices": (("a", "No"),)}, {"step": "two"}]
)
def test_a_form_has_a_new_version_when_a_question_changes(change):
    assert asking().version == asking().version
    assert asking(**change).version != asking().version


@pytest.mark.parametrize("seed", ["1", "2"])
def test_a_form_has_the_same_version_whenever_the_site_starts(seed):
    run = subprocess.run(
        [sys.executable, "-c", "import forms; print(forms.FLOWS['appointment'].version)"],
        cwd=Path(forms.__file__).parent,
        env={"PYTHONHASHSEED": seed},
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout.strip() == APPOINTMENT.version
