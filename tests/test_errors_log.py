"""The log has one line for each entry, which a program reads, and a person on a terminal."""

import io
import json
import logging
import os
from datetime import UTC, datetime, timedelta

import pytest

from errors_log import Line

TYPED = "Siobhan"


@pytest.fixture(autouse=True)
def log_file(monkeypatch):
    """Let stderr be a file, also where somebody watches the tests on a terminal."""
    monkeypatch.setattr("sys.stderr", io.StringIO())


def crashed(message="a draft does not open"):
    """What a logger makes of a crash that quotes a patient."""
    try:
        int(TYPED)
    except ValueError as error:
        found = (type(error), error, error.__traceback__)
    return logging.LogRecord("site", logging.ERROR, __file__, 1, message, (), found)


@pytest.mark.parametrize("message", ["two\r\nlines", "a\u2028b\u0085c\x1b[31m"])
def test_an_entry_is_one_line_whatever_is_in_it(message):
    written = Line().format(crashed(message))
    assert len(written.splitlines()) == 1
    assert written.isascii()
    line = json.loads(written)
    assert line["message"].startswith(f"{message}: ValueError\n")
    assert "in crashed" in line["message"]
    assert (line["level"], line["logger"]) == ("ERROR", "site")


def test_the_time_is_in_utc():
    time = datetime.fromisoformat(json.loads(Line().format(crashed()))["time"])
    assert time.tzinfo == UTC
    assert abs(datetime.now(UTC) - time) < timedelta(minutes=1)


def test_what_an_exception_says_is_left_out():
    assert TYPED not in Line().format(crashed())


def test_all_lines_of_a_request_have_its_number_and_others_none(app):
    def numbers():
        return [json.loads(Line().format(crashed())).get("request") for _ in range(2)]

    with app.test_request_context():
        one = numbers()
    with app.test_request_context():
        other = numbers()
    assert one[0] == one[1] != other[0] == other[1]
    assert numbers() == [None, None]


def test_a_terminal_shows_text(monkeypatch):
    leader, follower = os.openpty()
    with os.fdopen(leader), os.fdopen(follower, "w") as terminal:
        monkeypatch.setattr("sys.stderr", terminal)
        assert Line().format(crashed()).startswith("a draft does not open: ValueError\n  File ")
