"""Patients fill in the intake: only what applies is asked, nothing twice, and danger stops them."""

from dataclasses import replace

import pytest
import sqlalchemy as sa

from app import create_app
from conftest import private_folder
from content import library
from content_files import ContentError
from forms import FLOWS, check_rules
from forms_fields import Text
from forms_flow import Step
from forms_intake import HealthForm
from forms_safety import ASKED_IF
from models import WeeklyCount, db
from people import INTAKE, an_appointment, an_intake, fill_in, intake_to, on_to, submissions

NO_HEADACHE = {"you": {"help_with": ["back"]}}
UPRIGHT = {"headaches": {"upright": "yes"}, "spine": {"procedure": "month"}}


def counts():
    flags = WeeklyCount.what.in_(("flag shown", "flag passed"))
    rows = db.session.execute(
        sa.select(WeeklyCount.what, WeeklyCount.name, WeeklyCount.number).where(flags)
    ).all()
    db.session.rollback()
    found = {(what, flag): number for what, flag, number in rows}
    return {
        flag: (found.get(("flag shown", flag), 0), found.get(("flag passed", flag), 0))
        for _what, flag in found
    }


def test_an_intake_arrives_with_everything_the_patient_said_and_what_it_shows(bob):
    page = an_intake(bob)
    (submission,) = submissions()
    assert submission.shown_reference in page.text
    assert "does not book an appointment" in page.text
    assert (submission.kind, submission.status, submission.urgency) == ("intake", "new", "routine")
    answers = submission.answers
    assert answers["headache_days"] == "12"
    assert answers["medicines"] == {"text": "Sumatriptan\nVitamin D", "none": ""}
    assert answers["allergies"] == {"text": "", "none": "yes"}
    assert answers["birth"] == "1975-03-31"
    assessment = submission.record["assessment"]
    assert assessment["risk_factors"] == ["tight-muscles"]
    assert [(score["instrument"], score["value"]) for score in assessment["scores"]] == [
        ("peg", 6.0),
        ("simple-days", 8),
        ("strong-days", 3),
    ]


def test_the_pages_are_counted(bob):
    seen, page = [], bob.visit("/intake/")
    while not page.path.endswith("/check"):
        seen.append((page.path.rpartition("/")[2], page.soup.select_one(".caption").get_text()))
        page = fill_in(page)
    seen.append(("check", page.soup.select_one(".caption").get_text()))
    steps = [(name, " ".join(words.split())) for name, words in seen]
    names = ("safety", "you", "headaches", "spine", "health", "check")
    assert steps == [
        (name, f"Intake form: step {number} of 6") for number, name in enumerate(names, start=1)
    ]


def test_the_first_page_says_how_long_it_takes_and_what_to_have_ready(bob):
    text = bob.visit("/intake/").text
    assert "about 10 minutes" in text
    assert "names of your medicines" in text


def test_without_headaches_there_is_no_headache_page(bob):
    page = fill_in(intake_to(bob, "you"), **NO_HEADACHE)
    assert page.path == "/intake/spine"
    assert "step 3 of 5" in " ".join(page.text.split())
    assert bob.visit("/intake/headaches").path == "/intake/spine"


def test_answers_that_became_irrelevant_are_not_sent_and_come_back_when_they_matter(bob):
    intake_to(bob, "check")
    changed = bob.visit("/intake/you").submit(help_with=["back"])
    assert changed.path == "/intake/check"
    assert "12" not in [row.get_text().strip() for row in changed.soup.select("dd.words")]
    again = bob.visit("/intake/you").submit(help_with=["headache"])
    assert "Rest in the dark helps a little." in again.text
    bob.visit("/intake/you").submit(help_with=["back"]).submit()
    (submission,) = submissions()
    assert "headaches" not in submission.record["answers"]
    assert "upright" not in submission.answers


def test_a_flag_that_only_taken_back_answers_raise_stops_nobody(bob):
    intake_to(bob, "health", **UPRIGHT)
    bob.visit("/intake/you").submit(help_with=["back"])
    assert fill_in(bob.visit("/intake/health")).path == "/intake/check"
    assert bob.visit("/intake/advice").path == "/intake/check"


def test_a_page_that_not_everyone_is_asked_counts_for_flags_only_where_it_is():
    steps = [step for flow in FLOWS.values() for step in flow.steps if not step.interrupts]
    for step in steps:
        assert step.applies is ASKED_IF.get(step.name, Step.applies), step.name


def test_pain_is_not_asked_about_where_nothing_hurts(bob):
    painless = dict.fromkeys(("neck_pain", "upper_back_pain", "low_back_pain"), "no")
    spine = {"spine": {**painless, "limbs": ["arm-numb"]}}
    page = intake_to(bob, "health", **NO_HEADACHE, **spine)
    assert "peg_pain" not in page.asked()
    assert fill_in(page).path == "/intake/check"


def test_the_rule_of_the_article_stops_the_patient_in_the_middle(bob):
    page = fill_in(intake_to(bob, "spine", **UPRIGHT), **UPRIGHT)
    assert page.path == "/intake/advice"
    assert page.title.startswith("Call us today")
    assert "8:00 am to 5:00 pm" in page.text
    assert "after a spinal tap" in page.text
    assert "You told us" not in page.text
    assert "Your answers together point to this" in page.text
    assert page.link("Back").path == "/intake/spine"
    page = page.submit()
    assert page.path == "/intake/health"
    fill_in(page).submit()
    (submission,) = submissions()
    assert submission.urgency == "today"
    assert submission.record["answers"]["advice"] == {"shown": ["upright-after-procedure"]}


def test_advice_about_one_flag_does_not_stand_for_another(bob):
    changes = {"safety": {"red_flags": ["thunderclap"]}, **UPRIGHT}
    page = bob.visit("/intake/")
    stops = []
    while not page.path.endswith("/check"):
        if page.path.endswith("/advice"):
            stops.append(page.title.split(" – ")[0])
            assert len(page.soup.select(".card > ul li")) == len(stops)
        page = fill_in(page, **changes)
    assert stops == ["Call 911 now, or go to the emergency room"] * 2


def test_red_flags_are_counted_without_a_person_when_they_leave_and_when_they_go_on(bob, eve):
    intake_to(eve, "advice", safety={"red_flags": ["thunderclap"]})
    assert counts() == {"thunderclap": (1, 0)}
    intake_to(bob, "you", safety={"red_flags": ["thunderclap", "back-fever"]})
    assert counts() == {"thunderclap": (2, 1), "back-fever": (1, 1)}
    bob.visit("/intake/safety").submit()  # the same once more
    assert counts() == {"thunderclap": (2, 1), "back-fever": (1, 1)}


def test_a_submission_with_a_red_flag_is_on_top_of_the_queue(bob, eve, ada):
    an_appointment(eve)
    an_appointment(bob, flags=["back-fever"])
    an_intake(bob, safety={"red_flags": ["thunderclap"]})
    rows = [row.get_text() for row in ada.visit("/staff/").soup.select("tbody .urgency")]
    assert [row.split()[-1] for row in rows] == ["Emergency", "Today", "Routine"]
    flagged = ada.visit("/staff/").link(submissions()[0].shown_reference)
    assert "at its worst within about a minute" in flagged.text
    assert "chose to go on" in flagged.text


def test_many_days_with_medicine_are_seen_soon_and_said_to_staff_only(bob, ada):
    page = an_intake(bob, headaches={"simple_days": "15"})
    (submission,) = submissions()
    assert submission.urgency == "soon"
    assert "overuse" not in page.text
    assert "PEG" not in page.text
    text = ada.visit("/staff/").link(submission.shown_reference).text
    assert "At or over the limit of 15 days" in text
    assert "PEG, past week: 6" in text
    assert "Tight neck muscles" in text


def test_after_a_request_the_intake_asks_nothing_twice_and_the_two_are_joined(bob, ada):
    received = an_appointment(bob)
    first = submissions()[0]
    page = fill_in(received.link("Start your intake form"))
    assert page.path == "/intake/you"
    assert not {"full_name", "birth_month", "phone", "email", "contact_by"} & page.asked()
    assert f"from your request {first.shown_reference}" in page.text
    check = intake_to(bob, "check")
    # Whoever follows the link sees nothing of what the request said.
    assert "Siobhán" not in check.text
    assert "555-0187" not in check.text
    check.submit()
    intake = submissions()[0]
    assert intake.follows == first.id
    for name in ("full_name", "birth", "phone", "email", "contact_by"):
        assert intake.answers[name] == first.answers[name]
    assert intake.answers["filled_in_by"] == "self"
    shown = {row["label"]: row["text"] for row in intake.record["shown"]}
    assert shown["Full name"] == "Siobhán O'Brien-Núñez"
    page = ada.visit(f"/staff/submissions/{first.shown_reference}")
    assert "The patient has filled in the intake" in page.text
    assert "Goes with the request" in page.link(intake.shown_reference).text


def test_who_follows_the_link_of_anothers_request_is_not_told_who_that_is(bob, eve):
    received = an_appointment(bob)
    page = on_to(eve.visit(received.path).link("Start your intake form"), "check").submit()
    assert "Sumatriptan" in page.text  # what Eve has said herself
    copy = page.link("Save it as a file").response.text
    for secret in ("Siobhán", "March 31", "555-0187", "siobhan@example.org"):
        assert secret not in page.text
        assert secret not in copy


def test_a_question_named_like_one_that_is_taken_over_is_in_the_copy(bob, monkeypatch):
    question = Text("Phone at work", attributes={})
    monkeypatch.setattr(HealthForm, "phone_at_work", question, raising=False)
    page = an_appointment(bob).link("Start your intake form")
    page = on_to(page, "check", health={"phone_at_work": "612-555-0199"}).submit()
    assert "612-555-0199" in page.text


def test_the_intake_of_a_second_request_does_not_take_over_the_first_ones_draft(bob):
    intake_to(bob, "headaches", an_appointment(bob).soup.select_one("a.button")["href"])
    received = an_appointment(bob, full_name="Ana Núñez", phone="612-555-0100")
    page = received.link("Start your intake form")
    assert page.path == "/intake/safety"
    on_to(page, "check").submit()
    assert submissions()[0].answers["full_name"] == "Ana Núñez"


def test_a_half_filled_intake_goes_on_after_a_request_with_its_own_answers(bob):
    intake_to(bob, "spine", you={"full_name": "Written by hand"})
    page = an_appointment(bob).link("Start your intake form")
    assert page.path == "/intake/spine"
    check = on_to(page, "check")
    assert "come from your request" not in check.text
    check.submit()
    intake, request = submissions()
    assert (intake.follows, intake.answers["full_name"]) == (request.id, "Written by hand")


def test_a_half_filled_intake_of_another_person_is_not_sent_with_a_request(bob):
    intake_to(bob, "spine", you={"full_name": "Her mother"})
    page = an_appointment(bob, birth_year="2011").link("Start your intake form")
    assert page.path == "/intake/safety"
    on_to(page, "check").submit()
    intake, request = submissions()
    assert intake.follows == request.id
    assert intake.answers["birth"] == request.answers["birth"]


def test_the_next_person_at_this_computer_does_not_follow_the_first_ones_request(bob):
    an_appointment(bob).link("Start your intake form")
    page = fill_in(bob.visit("/intake/"))
    assert "full_name" in page.asked()
    on_to(page, "check").submit()
    assert submissions()[0].follows is None


def test_advice_in_an_old_tab_does_not_stand_for_a_flag_ticked_in_another(bob):
    old = fill_in(bob.visit("/intake/"), safety={"red_flags": ["back-fever"]})
    fill_in(bob.visit("/intake/safety"), safety={"red_flags": ["back-fever", "thunderclap"]})
    page = old.submit()
    assert page.path == "/intake/advice"
    assert page.title.startswith("Call 911 now")


def test_pain_that_is_not_asked_about_any_more_is_not_sent(bob, ada):
    painless = dict.fromkeys(("neck_pain", "upper_back_pain", "low_back_pain"), "no")
    intake_to(bob, "check", **NO_HEADACHE)
    page = fill_in(bob.visit("/intake/spine"), spine={**painless, "limbs": ["none"]})
    page.submit()
    (submission,) = submissions()
    assert "peg_pain" not in submission.answers
    assert submission.record["assessment"]["scores"] == []


@pytest.mark.parametrize("after", ["", "made-up", "WyJhIl0.x"])
def test_an_intake_after_nothing_asks_everything(bob, after):
    page = fill_in(bob.visit("/intake/", query_string={"after": after}))
    assert "full_name" in page.asked()


def test_a_caregiver_says_who_they_are(bob, ada):
    you = {"filled_in_by": "helper", "helper_name": "Maeve", "helper_relation": "Mother"}
    an_intake(bob, you=you)
    text = ada.visit("/staff/").link(submissions()[0].shown_reference).text
    assert "Someone I help" in text
    assert "Maeve" in text
    assert "Mother" in text


def test_a_caregiver_without_a_name_is_asked_for_it(bob):
    page = fill_in(intake_to(bob, "you"), you={"filled_in_by": "helper"})
    assert list(page.errors) == ["helper_name", "helper_relation"]


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ("", "Enter the number of days with a headache"),
        ("31", "Enter a whole number of days from 0 to 30"),
        ("-1", "Enter a whole number of days from 0 to 30"),
        ("2.5", "Enter a whole number of days from 0 to 30"),
        ("a few", "Enter a whole number of days from 0 to 30"),
        ("９", None),
        (" 07 ", None),
        ("0", None),
        ("30", None),
    ],
)
def test_days_are_whole_numbers_from_0_to_30(bob, typed, message):
    page = fill_in(intake_to(bob, "headaches"), headaches={"headache_days": typed})
    assert page.errors == ({"headache_days": message} if message else {})
    if message:
        assert page.typed()["headache_days"] == typed


@pytest.mark.parametrize(
    ("text", "none", "wrong"),
    [
        ("", None, "_text"),
        ("  ", None, "_text"),
        ("Pollen", "yes", "_none"),
        ("x" * 2001, None, "_text"),
    ],
)
def test_allergies_are_written_down_or_there_are_none(bob, text, none, wrong):
    typed = {"allergies_text": text, "allergies_none": none}
    page = fill_in(intake_to(bob, "health"), health=typed)
    assert list(page.errors) == [f"allergies{wrong}"]
    assert page.typed()["allergies_text"] == text.strip()


def test_an_empty_page_names_each_question(bob):
    for name in ("you", "headaches", "spine", "health"):
        page = intake_to(bob, name).submit(**dict.fromkeys(INTAKE[name]))
        assert page.status == 422
        assert len(page.errors) >= 6, name
        for error in page.errors:
            assert page.soup.find(id=error), error


def test_the_words_of_peg_are_the_published_ones_from_the_content(bob):
    page = intake_to(bob, "health")
    legends = [" ".join(legend.get_text().split()) for legend in page.soup.select("legend")]
    for item in library().instruments["peg"].items:
        assert item.text in legends


def test_an_instrument_that_is_off_is_not_asked(bob, app, monkeypatch):
    instruments = dict(library().instruments)
    instruments["peg"] = replace(instruments["peg"], on=False)
    monkeypatch.setitem(app.extensions, "content", replace(library(), instruments=instruments))
    page = intake_to(bob, "health")
    assert "peg_pain" not in page.asked()
    fill_in(page).submit()
    assert [score["instrument"] for score in submissions()[0].record["assessment"]["scores"]] == [
        "simple-days",
        "strong-days",
    ]


def test_an_instrument_that_the_intake_does_not_ask_cannot_be_switched_on(app):
    instruments = dict(library().instruments)
    instruments["midas"] = replace(instruments["midas"], on=True, license="We may.")
    with pytest.raises(ContentError, match="midas: it is on, but the intake form does not ask"):
        check_rules(replace(library(), instruments=instruments))


@pytest.mark.parametrize("when", [{"uprite": ("yes",)}, {"upright": ("sometimes",)}])
def test_a_rule_that_could_never_fire_stops_the_start(app, when):
    flags = dict(library().red_flags)
    flags["thunderclap"] = replace(flags["thunderclap"], when=(when,))
    with pytest.raises(ContentError, match="thunderclap: “when” names"):
        check_rules(replace(library(), red_flags=flags))


def test_every_risk_factor_is_asked_about(app):
    asked = {
        field.name
        for step in FLOWS["intake"].steps
        for field in step.form(formdata=None, meta={"csrf": False}).questions
    }
    for factor in library().risk_factors.values():
        assert factor.when
        assert {question for when in factor.when for question in when} <= asked


def test_a_site_with_an_unlicensed_instrument_does_not_start(tmp_path_factory, monkeypatch):
    import content_files

    loaded = content_files.load()
    instruments = dict(loaded.instruments)
    instruments["peg"] = replace(instruments["peg"], license="")
    with pytest.raises(ContentError, match="peg: it is on, and has no license note"):
        content_files.check_licenses(instruments)
    monkeypatch.setattr(content_files, "load", lambda: replace(loaded, instruments={
        **loaded.instruments, "midas": replace(loaded.instruments["midas"], on=True),
    }))  # fmt: skip
    with pytest.raises(ContentError, match="midas"):
        create_app(INSTANCE_PATH=private_folder(tmp_path_factory))


def test_who_opens_the_form_again_after_sending_sees_that_it_arrived(bob, eve):
    received = an_intake(bob)
    page = bob.visit("/intake/")
    reference = submissions()[0].shown_reference
    assert page.link(f"We have it: {reference}").path == received.path
    assert reference not in eve.visit("/intake/").text


def test_what_is_changed_in_an_old_tab_after_sending_is_not_dropped_in_silence(bob):
    old = intake_to(bob, "spine")
    an_intake_sent = on_to(old, "check").submit()
    page = fill_in(old, spine={"injury": "month"})
    assert page.path == an_intake_sent.path
    assert "What you changed later was not sent" in page.text
    assert "What you changed later" not in bob.visit(page.path).text


def test_what_0_and_10_mean_is_read_out_with_the_question(bob):
    page = intake_to(bob, "headaches")
    scale = page.soup.select_one("fieldset:has([name=worst_pain])")
    ends = page.soup.select_one(f"#{scale['aria-describedby']}")
    assert ends.get_text().startswith("0: ")
