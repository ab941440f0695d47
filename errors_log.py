"""The lines of the log: text for whoever watches a terminal, and JSON for programs.

Python's handler of last resort writes them to stderr, warnings and worse, unless somebody who
serves the site in another way has set up a log of their own.
"""

import json
import logging
import secrets
import sys
import traceback
from datetime import UTC, datetime
from types import TracebackType

from flask import has_request_context, request


def request_id() -> str:
    """The number of the request that is being answered: in the log, and on the page of a crash."""
    return request.environ.setdefault("site.request_id", secrets.token_hex(4))


def where(found: TracebackType | None) -> str:
    """The places in the code. What the exception said is left out: it may quote a patient."""
    return "".join(traceback.format_tb(found))


class Line(logging.Formatter):
    """One line for each entry, however many its message has (ASVS v5.0.0-16.2.4, 16.4.1)."""

    def format(self, record: logging.LogRecord) -> str:
        message = record.getMessage()
        if record.exc_info and record.exc_info[0]:
            kind, _error, found = record.exc_info
            message = f"{message}: {kind.__name__}\n{where(found)}"
        if sys.stderr.isatty():
            return message
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": message,
        }
        if has_request_context():
            line["request"] = request_id()
        return json.dumps(line)
