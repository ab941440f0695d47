"""What a balancer learns at `/readyz`."""

from datetime import timedelta

import pytest

from app import create_app
from conftest import private_folder
from models import now
from test_outbox import change, put


def test_a_site_that_can_take_requests_is_ready(bob):
    page = bob.visit("/readyz")
    assert (page.status, page.headers["Content-Type"]) == (200, "text/plain; charset=utf-8")
    assert page.response.text == "database ok\nmigrations ok\nletters ok\n"
    assert page.headers["Cache-Control"] == "no-store"
    assert "Set-Cookie" not in page.headers
    assert "Cookie" not in page.headers.get("Vary", "")


@pytest.mark.parametrize(("overdue", "word"), [(14, "ok"), (16, "late")])
def test_letters_that_are_late_are_said_and_keep_no_patient_away(bob, overdue, word):
    change(put(), due_at=now() - timedelta(minutes=overdue))
    page = bob.visit("/readyz")
    assert page.status == 200
    assert page.response.text == f"database ok\nmigrations ok\nletters {word}\n"


@pytest.mark.parametrize("state", ["sent", "failed"])
def test_letters_that_nobody_waits_for_are_not_late(bob, state):
    change(put(), due_at=now() - timedelta(days=3), state=state)
    assert "letters ok" in bob.visit("/readyz").response.text


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("sqlite:///site.db", "database ok\nmigrations missing\nletters unknown\n"),
        (
            "postgresql://127.0.0.1:1/nobody-listens-there",
            "database down\nmigrations unknown\nletters unknown\n",
        ),
    ],
)
def test_a_site_that_could_keep_no_request_is_not_ready(url, text, tmp_path_factory):
    app = create_app(DATABASE_URL=url, INSTANCE_PATH=private_folder(tmp_path_factory))
    answer = app.test_client().get("/readyz")
    assert (answer.status_code, answer.text) == (503, text)
    assert answer.headers["Cache-Control"] == "no-store"
