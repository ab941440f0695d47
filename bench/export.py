"""Print how fast submissions are exported, beside a bare loop over the same rows: `make bench`.

The loop reads the rows, opens them and writes what patients said as CSV, and nothing else: no
columns by field, no cells made safe, no parts.
"""

import argparse
import csv
import os
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import flask_migrate
import sqlalchemy as sa
from flask import Flask

import staff_csv
from app import create_app
from models import Submission, db, only_read
from models_queue import VIEWS

ROWS, ROUNDS = 2_000, 9


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one round of a tenth of the rows")
    quick = parser.parse_args().quick
    with TemporaryDirectory() as folder:
        Path(folder).chmod(0o700)
        app = create_app(INSTANCE_PATH=folder, DATABASE_URL="sqlite:///bench.db", DEMO="true")
        with app.app_context():
            flask_migrate.upgrade()
        measure(app, ROWS // 10 if quick else ROWS, 1 if quick else ROUNDS)


def measure(app: Flask, rows: int, rounds: int) -> None:
    app.test_cli_runner().invoke(args=["demo", "data", str(rows)])
    with app.app_context():
        rows = db.session.scalar(sa.select(sa.func.count(Submission.id)))
    loops = [(seconds(bare, app), seconds(export, app)) for _ in range(rounds)]
    plain, ours = (median(times) for times in zip(*loops, strict=True))
    share = median(loop / made for loop, made in loops)
    print(f"\n{rows:,} submissions, load {os.getloadavg()[0]:.1f}", end="\n\n")
    print("| rows per second | export | bare loop | ratio |\n| --- | ---: | ---: | ---: |")
    print(f"| `/staff/export.csv` | {rows / ours:,.0f} | {rows / plain:,.0f} | {share:.2f} |")


def seconds(work: Callable[[Flask], None], app: Flask) -> float:
    start = time.perf_counter()
    work(app)
    return time.perf_counter() - start


def export(app: Flask) -> None:
    with Path(os.devnull).open("wb") as file:
        file.writelines(staff_csv.export(app, VIEWS["all"].select(), Submission.place))


def bare(app: Flask) -> None:
    with app.app_context(), Path(os.devnull).open("w", newline="") as file:
        only_read()
        query, table = sa.select(Submission), csv.writer(file)
        for row in db.session.scalars(query.execution_options(yield_per=staff_csv.BATCH)):
            shown = [line["text"] for line in row.record["shown"]]
            table.writerow([row.reference, row.kind, row.status, *shown])


if __name__ == "__main__":
    main()
