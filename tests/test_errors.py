"""When something goes wrong, people learn what to do next, and strangers learn nothing."""

import logging

import pytest

import visitors
from errors import WORDS
from security import HEADERS


@pytest.fixture
def broken(app, monkeypatch):
    """A site whose home page fails with a patient's words in the message."""

    def fail():
        raise RuntimeError("Siobh\u00e1n typed 1975")

    monkeypatch.setitem(app.view_functions, "visitors.home", fail)
    monkeypatch.setitem(app.config, "PROPAGATE_EXCEPTIONS", False)


def test_a_crash_shows_an_id_that_is_in_the_log_and_no_detail(broken, bob, caplog):
    with caplog.at_level(logging.ERROR):
        page = bob.visit("/")
    assert page.status == 500
    incident = page.soup.select_one("main strong").get_text()
    assert incident in caplog.text
    assert "RuntimeError" in caplog.text
    assert "in fail" in caplog.text
    assert "Traceback" not in page.response.text
    for text in (page.response.text, caplog.text):
        assert "Siobhán" not in text
    assert page.headers["Cache-Control"] == "no-store"
    for name in HEADERS:
        assert name in page.headers


@pytest.mark.parametrize("status", sorted(WORDS))
def test_every_error_page_says_what_to_do_next(app, bob, monkeypatch, status):
    monkeypatch.setitem(app.view_functions, "visitors.home", lambda: visitors.abort(status))
    monkeypatch.setitem(app.config, "PROPAGATE_EXCEPTIONS", False)
    page = bob.visit("/")
    assert page.status == status
    assert page.title.startswith(WORDS[status][0])
    assert "call us at (612) 555-0142" in page.text
    assert "Set-Cookie" not in page.headers


def test_an_error_without_words_of_its_own_is_explained_like_its_kind(app, bob, monkeypatch):
    monkeypatch.setitem(app.view_functions, "visitors.home", lambda: visitors.abort(418))
    assert bob.visit("/").title.startswith(WORDS[400][0])


def test_a_wrong_method_says_which_are_right(bob):
    assert bob.ask("DELETE", "/").headers["Allow"]
