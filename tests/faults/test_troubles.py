"""Trouble on a running site: what was typed stays, nobody is told a lie, and all goes on by itself.

`test_patients_faults.py` has the same for each page of the forms, inside one process.
"""

import json
from functools import partial

import pytest

from crowd import PHONE, all_is_there
from people import CONTACT, INTAKE, fill_in, intake_to
from serving import at_once, come_in
from troubles import TROUBLES

NAME = CONTACT["full_name"]
# So much that there is no room for it in what the database's files have already.
LONG = {**INTAKE["health"], "medicines_text": "x" * 2000, "conditions_text": "y" * 2000}


@pytest.fixture(params=TROUBLES)
def trouble(request):
    """A running server, and what can befall it."""
    make_place, befall = TROUBLES[request.param]
    with make_place(request) as place, place.serve() as server:
        yield server, befall


def test_what_a_patient_typed_stays_and_is_sent_when_the_trouble_is_over(trouble):
    server, befall = trouble
    with server.place.app.app_context():
        health, check = (intake_to(server.person(), name) for name in ("health", "check"))
        stranger, ada = server.person(), server.person()
        come_in(ada, server.place, "ada@example.org")
        with befall(server):
            unsaved, unsent = at_once([partial(health.submit, **LONG), check.submit])
            visits = [stranger.visit(path) for path in ("/", "/articles/", "/staff/")]
            queue = ada.visit("/staff/")
        check_the_truth(unsaved, "This was not saved")
        assert unsaved.typed()["medicines_text"] == LONG["medicines_text"]
        check_the_truth(unsent, "Nothing was sent")
        assert [page.status for page in visits] == [200, 200, 200]
        check_it_can_be_found(queue, server)
        pages = [fill_in(unsaved, health=LONG).submit(), unsent.submit()]
    shown = [page.soup.select_one(".reference").get_text() for page in pages]
    all_is_there(server.place, shown, [NAME, NAME])
    assert ada.visit("/staff/").status == 200


def check_the_truth(page, words):
    assert page.status == 503
    assert words in page.text
    assert PHONE in page.text


def check_it_can_be_found(page, server):
    """Staff see their list, or a number under which the log says what happened."""
    if page.status != 200:
        assert page.status == 500
        number = page.soup.select_one("main strong").get_text()
        (line,) = [json.loads(text) for text in server.output.splitlines() if number in text]
        assert line["message"].startswith(f"incident {number}: OperationalError\n")
        assert (line["level"], line["logger"], line["request"]) == ("ERROR", "site", number)
