"""Print how many patients a second can send, beside bare SQLite transactions: `make bench`.

Eight at once ask the site as `make run` starts it, each from an address of their own, as a proxy in
front of it would tell: so its limits count, and keep nobody out. In each round, one process also
adds rows of as many bytes as a request leaves to a database on the same disk, with the site's own
settings and a commit for each. That is what it costs to be sure, and nothing else.
"""

import argparse
import os
import re
import secrets
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from http.client import HTTPConnection
from itertools import count
from operator import truediv
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlencode

from bench.servers import copy_site, site
from content_files import load
from models_engine import set_up, sqlite

AT_ONCE, ROWS = 8, 1_000
# Nobody here takes the three seconds that people take at least.
SETTINGS = {"TRUSTED_PROXIES": "1", "SPAM_SECONDS": "0", "DATABASE_URL": "sqlite:///site.db"}
FORM = "application/x-www-form-urlencoded"
TOKEN = re.compile(r'name="csrf_token"[^>]*value="([^"]+)"')
# What a request leaves that is sealed: the answers and two letters. Marks and the event are small.
WRITTEN = """
SELECT (SELECT avg(length(record_sealed)) FROM submissions)
     + (SELECT avg(length(contents_sealed)) FROM letters) * 2
"""
numbers = count()


class Patient:
    """Somebody with a browser, who has not asked for anything yet."""

    def __init__(self, address: str, day: str):
        number = next(numbers)
        self.connection = HTTPConnection(address.removeprefix("http://"), timeout=60)
        self.headers = {"X-Forwarded-For": f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}"}
        self.details = {
            "full_name": f"Ana Abdi {number}",
            "birth_month": "3", "birth_day": "31", "birth_year": "1975",
            "phone": f"612-555-{number % 10000:04}", "email": f"ana{number}@example.org",
            "contact_by": "phone", "visited_before": "new", "reason": "headache",
            "window1_day": day, "window1_part": "morning",
            "message": "It began after the crash in spring.", "consent": "yes",
        }  # fmt: skip

    def fill_in(self) -> None:
        """Answer all questions, as far as the page from which it is sent."""
        page = self.ask("GET", "safety")
        self.token = TOKEN.search(page)[1]
        self.post("safety", "/appointment/details", red_flags="none")
        self.post("details", "/appointment/check", **self.details)

    def send(self) -> None:
        self.post("check", "/received/")
        self.connection.close()

    def journey(self) -> None:
        self.fill_in()
        self.send()

    def post(self, page: str, leads_to: str, **typed: str) -> None:
        self.ask("POST", page, urlencode({"csrf_token": self.token, **typed}))
        if not self.went_to.startswith(leads_to):
            raise SystemExit(f"POST {page} leads to {self.went_to or self.status}")

    def ask(self, method: str, page: str, body: str | None = None) -> str:
        headers = {**self.headers, **({"Content-Type": FORM} if body else {})}
        self.connection.request(method, f"/appointment/{page}", body, headers)
        answer = self.connection.getresponse()
        self.status, self.went_to = answer.status, answer.getheader("Location", "")
        if cookie := answer.getheader("Set-Cookie"):
            self.headers["Cookie"] = cookie.partition(";")[0]
        return answer.read().decode()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one short round")
    quick = parser.parse_args().quick
    with TemporaryDirectory() as folder:
        tree = copy_site(Path(folder) / "site")
        with site(tree, **SETTINGS) as address:
            found = measure(address, tree, 1 if quick else 5, 16 if quick else 80)
    report(*found)


def measure(address: str, tree: Path, rounds: int, patients: int) -> list[list[float]]:
    """Return the rates of final sends, complete journeys and bare transactions, by round."""
    practice = load().practice
    day = practice.today() + timedelta(days=3)
    while not practice.is_open(day):
        day += timedelta(days=1)
    found = []
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for _ in range(rounds):
            ready = [Patient(address, day.isoformat()) for _ in range(patients)]
            list(pool.map(Patient.fill_in, ready))
            new = [Patient(address, day.isoformat()) for _ in range(patients)]
            sends = rate(pool.map, Patient.send, ready)
            journeys = rate(pool.map, Patient.journey, new)
            found.append((sends, journeys, rate(map, bare(tree), range(ROWS))))
    return [list(column) for column in zip(*found, strict=True)]


def rate(each: Callable[..., Iterable[object]], work: Callable[..., object], over: Any) -> float:
    start = time.perf_counter()
    done = len(list(each(work, over)))
    return done / (time.perf_counter() - start)


def bare(tree: Path) -> Callable[[int], object]:
    """Return what adds a row to a database of its own, and has it on the disk when it returns."""
    written = sqlite.connect(tree / "instance" / "site.db")
    size = round(written.execute(WRITTEN).fetchone()[0])
    written.close()
    database = sqlite.connect(tree / "bare.db", isolation_level=None)
    set_up(database)
    database.execute("CREATE TABLE IF NOT EXISTS rows (id INTEGER PRIMARY KEY, sealed BLOB)")

    def insert(_number: int) -> None:
        database.execute("BEGIN IMMEDIATE")
        database.execute("INSERT INTO rows (sealed) VALUES (?)", [secrets.token_bytes(size)])
        database.execute("COMMIT")

    return insert


def report(sends: list[float], journeys: list[float], plain: list[float]) -> None:
    print(f"\nload {os.getloadavg()[0]:.1f}, {AT_ONCE} patients at once", end="\n\n")
    print("| per second | site | bare transactions | ratio |\n| --- | ---: | ---: | ---: |")
    for name, ours in (("final sends", sends), ("complete journeys", journeys)):
        share = median(map(truediv, ours, plain))
        print(f"| {name} | {median(ours):,.0f} | {median(plain):,.0f} | {share:.3f} |")


if __name__ == "__main__":
    main()
