"""What the server does besides answering: jobs, each in a thread of its own."""

import logging
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from threading import Event

import sqlalchemy as sa
from flask import Flask

from commands_database import DOWN

logger = logging.getLogger("site")


@dataclass(frozen=True)
class Job:
    """`work` is done every so many seconds, within the app; it ends early when its event is set.

    `things` are what the log says is held up when that fails.
    """

    things: str
    work: Callable[[Event], None]
    every: float

    def run(self, app: Flask, stop: Event) -> None:
        """Do it again and again until `stop`, through whatever happens to the database."""
        held_up = ""
        while not stop.is_set():
            before, held_up = held_up, self.attempt(app, stop)
            if held_up and held_up != before:
                logger.error("%s are held up: %s", self.things, held_up)
            if before and not held_up:
                logger.error("%s go on again", self.things)
            stop.wait(self.every)

    def attempt(self, app: Flask, stop: Event) -> str:
        """Do it once. Return what held it up, without anybody's words, or an empty string."""
        try:
            with app.app_context():  # at its end the session goes, and with it every transaction
                self.work(stop)
        except sa.exc.SQLAlchemyError as error:
            return f"{DOWN} ({type(error).__name__})"
        except Exception as error:  # noqa: BLE001 (the thread must live on; the log says where it was)
            return f"{type(error).__name__}\n{''.join(traceback.format_tb(error.__traceback__))}"
        return ""
