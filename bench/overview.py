"""Print how long the overview's queries take with few and with many submissions: `make bench`.

They read counts that are kept by week, so the number of submissions should hardly matter.
"""

import argparse
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter

from flask import Flask

import staff_numbers
from app import create_app
from models import db


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sizes", type=int, nargs="*", default=[1_000, 100_000])
    sizes = parser.parse_args().sizes
    print("\n| submissions in the database | the overview's queries, milliseconds | ratio |")
    print("| ---: | ---: | ---: |", flush=True)
    first = None
    for size in sizes:
        with TemporaryDirectory() as folder:
            found = median(times(filled(Path(folder), size)))
        first = first or found
        print(f"| {size:,} | {found * 1000:.2f} | {found / first:.2f} |", flush=True)


def filled(folder: Path, size: int) -> Flask:
    """Return a site with so many made-up submissions."""
    app = create_app(INSTANCE_PATH=folder, DATABASE_URL="sqlite:///bench.db", DEMO="true")
    made = app.test_cli_runner().invoke(args=["demo", "data", str(size)])
    if made.exit_code:
        raise SystemExit(made.output)
    return app


def times(app: Flask, rounds: int = 300) -> list[float]:
    """Return the seconds that each of the rounds took, each in a transaction of its own."""
    found = []
    with app.app_context():
        for _ in range(rounds):
            start = perf_counter()
            staff_numbers.read()
            db.session.rollback()
            found.append(perf_counter() - start)
        db.engine.dispose()
    return found


if __name__ == "__main__":
    main()
