"""What the site leans on fails: its mail server, its clock, its folder."""

import subprocess
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial

import sqlalchemy as sa
import time_machine

from crowd import PHONE
from mail import NOTHING, deliver_due, mail_server
from models import db, now
from models_letters import Letter
from people import an_appointment, fill_in, intake_to, letters, submissions
from serving import at_once, new_database, new_place, wait_for
from troubles import on_a_small_disk


def an_appointment_at(server):
    """Send a request; return its reference."""
    with server.place.app.app_context():
        return an_appointment(server.person()).soup.select_one(".reference").get_text()


def states(place):
    """How the letters are, oldest first."""
    with place.look():
        return list(db.session.scalars(sa.select(Letter.state).order_by(Letter.due_at)))


def test_a_mail_server_that_hangs_holds_up_no_request_and_is_left_for_the_next_letter(
    tmp_path_factory,
):
    place = new_place(tmp_path_factory)
    with mail_server(EHLO=[NOTHING]) as box:
        place.settings = {"SMTP_URL": box.address()}
        with place.serve() as server:
            shown = [an_appointment_at(server)]
            wait_for(lambda: box.asked == ["EHLO"])
            shown += at_once([partial(an_appointment_at, server)] * 5)
            assert box.asked == ["EHLO"]  # it hangs still
            assert states(place) == ["waiting"] * 12
            box.hang_up()
            wait_for(lambda: len(box.got) >= 11)
            wait_for(lambda: states(place).count("sent") >= 11)
    assert len(set(shown)) == 6
    assert len(box.ids) == len(set(box.ids))
    with place.look():
        unsent = db.session.scalars(Letter.unsent()).all()
        assert [one.due_at - now() < timedelta(minutes=1) for one in unsent] == [True] * (
            12 - len(box.got)
        )


def test_a_clock_that_is_set_back_loses_nothing_that_was_typed(bob, app, ada):
    first = an_appointment(bob).soup.select_one(".reference").get_text()
    page = intake_to(bob, "health")
    with time_machine.travel(datetime.now(UTC) - timedelta(days=1)):
        page = fill_in(page)
        if page.status == 400:  # the cookie is from the future, and nobody's any more
            assert "This was not sent yet" in page.text
            assert PHONE in page.text
            assert page.typed()["hope"] == "To go back to work."
            page = page.submit()
        second = page.submit().soup.select_one(".reference").get_text()
        assert deliver_due() == 2  # those of the second; the others wait for their time
    assert deliver_due() == 2
    assert len(letters()) == 4
    assert {one.shown_reference for one in submissions()} == {first, second}
    queue = ada.visit("/staff/").text
    assert first in queue
    assert second in queue


@contextmanager
def read_only(folder):
    remount = ["mount", "-o", "remount,{}", str(folder)]
    subprocess.run([word.format("ro") for word in remount], check=True)
    try:
        yield
    finally:
        subprocess.run([word.format("rw") for word in remount], check=True)


def test_a_folder_that_became_read_only_is_named_at_the_start(request):
    with on_a_small_disk(request) as place:
        with place.serve() as server:
            shown = an_appointment_at(server)
            server.stop()
        with read_only(place.instance):
            refused = place.flask_alone("serve")
        assert refused.returncode != 0
        (line,) = refused.stderr.splitlines()
        assert f"The folder {place.instance} cannot be written to." in line
        with place.serve() as server:
            assert an_appointment_at(server) != shown
        with place.look():
            assert len(submissions()) == 2


def test_letters_wait_for_a_folder_that_is_read_only_and_patients_do_not(request, postgres):
    with on_a_small_disk(request, new_database(postgres)) as place, place.serve() as server:
        an_appointment_at(server)
        wait_for(lambda: states(place) == ["sent"] * 2)
        with read_only(place.instance):
            an_appointment_at(server)
            wait_for(lambda: server.output.count("is waiting: OSError") == 2)
            assert states(place).count("waiting") == 2
        an_appointment_at(server)
        wait_for(lambda: states(place).count("sent") >= 4)
        assert "incident" not in server.output
