"""Make very many sample submissions: in processes on all cores, written in large parts.

A million takes minutes. They are the submissions of `commands_samples.py`, sealed and marked as
patients' are; only the way into the database is another one.
"""

import random
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Any

import sqlalchemy as sa
from flask import Flask
from flask.globals import app_ctx

import models_engine
from commands_machine import cores
from commands_samples import PERIOD, Sent, sample_counts, samples
from models import Submission, WeeklyCount, db, random_reference

CHUNK = 1_000  # submissions that a process makes at a time
PART = 50_000  # submissions that one transaction writes
COLUMNS = Submission.__table__.columns.keys()


@dataclass(frozen=True)
class Made:
    """A row, the marks that it is found by, and what it adds to the weekly counts."""

    row: dict[str, Any]
    marks: list[int]
    counts: Counter[Any]


@dataclass(frozen=True)
class Order:
    """Which of `total` submissions to make: `count` of them from number `first` on."""

    total: int
    first: int
    count: int
    staff: tuple[int, ...]


def add_samples(total: int, staff: tuple[int, ...], progress: Callable[[int], Any]) -> None:
    """Add so many submissions over the last 60 days; tell `progress` how many more there are."""
    taken = set(db.session.scalars(sa.select(Submission.reference)))
    part: list[Made] = []
    for made in in_processes(orders(total, staff)):
        part += made
        progress(len(made))
        if len(part) >= PART:
            write(part, taken)
            part.clear()
    write(part, taken)
    models_engine.take_stock(db.session.connection())
    db.session.commit()
    models_engine.overwrite_freed(db.engine)  # which leaves the pages as they are after a while


def orders(total: int, staff: tuple[int, ...]) -> list[Order]:
    return [
        Order(total, first, min(CHUNK, total - first), staff) for first in range(0, total, CHUNK)
    ]


def in_processes(all_orders: list[Order]) -> Iterator[list[Made]]:
    """Carry out the orders, oldest submissions first, and never many more than are written."""
    if len(all_orders) == 1:
        yield make(all_orders[0])
        return
    waiting: deque[Future[list[Made]]] = deque()
    # A fork has this app and its keys; it never touches the database.
    context, app = get_context("fork"), app_ctx.app
    with ProcessPoolExecutor(cores(), context, initializer=enter, initargs=(app,)) as pool:
        for order in all_orders:
            waiting.append(pool.submit(make, order))
            if len(waiting) > PART // CHUNK:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def enter(app: Flask) -> None:
    app.app_context().push()


def make(order: Order) -> list[Made]:
    """Return the rows of an order, and what each is found by."""
    oldest = PERIOD * (1 - order.first / order.total)
    newest = PERIOD * (1 - (order.first + order.count) / order.total)
    seed = f"{order.total} {order.first}"
    chance = random.Random(seed)  # noqa: S311 (sample data; no secret)
    sent = samples(chance, oldest, newest, order.count, order.staff)
    return [finish(one, sample_counts(chance, one.submission)) for one in sent]


def finish(sent: Sent, counts: Counter[Any]) -> Made:
    row = {name: getattr(sent.submission, name) for name in COLUMNS}
    return Made({**row, "version": 1}, sent.marks, counts)


def write(part: list[Made], taken: set[str]) -> None:
    """Add these rows with their tokens in one transaction, under references that are free.

    Whatever else a patient's submission brings with it comes in here, for all of them at once.
    """
    if not part:
        return
    for made in part:
        while made.row["reference"] in taken:
            made.row["reference"] = random_reference()
        taken.add(made.row["reference"])
    db.session.execute(sa.insert(Submission.__table__), [made.row for made in part])
    # In the order of their table, which is then written from front to back.
    write_tokens(sorted((mark, made.row["place"]) for made in part for mark in made.marks))
    WeeklyCount.add(db.session(), sum((made.counts for made in part), Counter()))
    db.session.commit()


def write_tokens(tokens: Iterable[tuple[int, int]]) -> None:
    connection = db.session.connection()
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("INSERT INTO tokens (mark, place) VALUES (?, ?)", [*tokens])
        return
    copy_in = "COPY tokens (mark, place) FROM STDIN (FORMAT BINARY)"
    with connection.connection.cursor() as cursor, cursor.copy(copy_in) as copy:
        copy.set_types(["int8", "int8"])
        for token in tokens:
            copy.write_row(token)
