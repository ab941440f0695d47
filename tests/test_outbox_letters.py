"""No letter tells why somebody goes to the doctor, whatever they have told us."""

import email
import email.policy
import re

import pytest

import outbox
from content import library
from mail import deliver_due
from pages import Person
from people import (
    BIRTH,
    INTAKE,
    an_appointment,
    an_intake,
    an_open_day,
    details,
    intake_to,
    letters,
    link_in,
    submissions,
)
from settings import ROOT

ADDRESS = "canary-address@example.org"
TYPED = ("text", "message", "tried", "hope", "helper_name", "helper_relation", "full_name")
# A word that tells of a body, an illness or a specialty.
TELLING = (
    "headache", "migraine", "spine", "spinal", "back pain", "neck", "pain", "doctor", "pregnan",
    "medicine", "allerg", "injur", "symptom", "clinic", "patient education",
)  # fmt: skip


def canary(field):
    return f"canary-{field.replace('_', '-')}"


def with_canaries(page):
    """The same page with a word of its own in every field that takes words."""
    return {
        field: canary(field) if field.endswith(TYPED) else typed for field, typed in page.items()
    }


@pytest.fixture
def mail(posted):
    """Everything that went out, as one text: headers, bodies and attachments, decoded."""

    def read():
        texts = []
        for raw in posted():
            message = email.message_from_bytes(raw, policy=email.policy.default)
            texts += [f"{name}: {value}" for name, value in message.items() if name != "To"]
            for part in message.walk():
                texts += [f"{name}: {value}" for name, value in part.items()]
                if part.get_content_maintype() == "text":
                    texts.append(part.get_content())
        return "\n".join(texts).replace(ADDRESS, "")

    return read


def everything_that_is_written(bob, app, ada):
    """Let every letter be written about somebody who has said a lot."""
    an_appointment(bob, **with_canaries(details(email=ADDRESS, reason="headache")))
    you = {"filled_in_by": "helper", "email": ADDRESS, "full_name": canary("full_name")}
    changes = {name: with_canaries(page) for name, page in INTAKE.items()}
    changes["you"] = with_canaries(
        {**changes["you"], "helper_name": "", "helper_relation": ""} | you
    )
    eve = Person(app.test_client())
    later = intake_to(eve, "health", **changes).submit(later="yes")
    later.submit(email=ADDRESS)
    an_intake(eve, **changes)
    deliver_due()
    reference = submissions()[-1].shown_reference
    for time in ("09:30", "10:30"):
        page = ada.visit(f"/staff/submissions/{reference}")
        page.submit("form[action$=schedule]", day=an_open_day(), time=time)
        deliver_due()
    phone = Person(app.test_client())
    page = phone.visit(link_in(letters("received")[0])).submit(**BIRTH)
    page.link("Ask for another time").submit(window1_day=an_open_day(9))
    phone.visit(page.path).link("Cancel my appointment").submit()


def test_no_letter_carries_an_answer_a_condition_or_a_specialty(bob, app, ada, mail):
    everything_that_is_written(bob, app, ada)
    kinds = {name for name, _contents in letters()}
    folders = (ROOT / "templates" / "letters").iterdir()
    assert kinds == {folder.name for folder in folders if folder.is_dir()}
    text = mail()
    assert submissions()[-1].shown_reference in text
    assert "METHOD:CANCEL" in text
    assert "canary" not in text.lower()
    for said in ("555-0187", "1975", "March 31", "sumatriptan", "blood pressure", "crash"):
        # On its own: the numbers of MIME parts and the tokens of links are random.
        assert not re.search(rf"(?<![\w-]){said}(?![\w-])", text.lower()), said
    for word in TELLING:
        assert word not in text.lower(), word
    assert library().practice.name not in text


def test_the_check_would_notice_an_answer(bob, app, mail):
    an_appointment(bob, **with_canaries(details(email=ADDRESS)))
    outbox.add("waiting", "x@example.org", news="new", reference=canary("message"), kind="intake",
               urgency="today", link="https://example.org/")  # fmt: skip
    from models import db

    db.session.commit()
    assert "canary-message" in mail()
