"""Print the speed table of docs/performance.md, measured now: `make bench`.

Each line asks the servers in turn, several rounds of it, and gives the medians; a ratio is the
median of the rounds' ratios, since what else the machine does changes from round to round.
"""

import argparse
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import version
from operator import truediv
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from bench.servers import LEAD, copy_site, exists, fetch, nginx, site, wrk

MANY = 2_600
PAGE = f"/articles/{LEAD}"
DIFFERENT = """
local visit = 0
request = function()
  visit = visit + 1
  return wrk.format("GET", wrk.path .. "?visit=" .. visit)
end
"""
START = "import time; from app import create_app; t = time.perf_counter(); create_app(); \
print(time.perf_counter() - t)"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one round of a second each")
    quick = parser.parse_args().quick
    if missing := [name for name in ("wrk", "nginx") if not shutil.which(name)]:
        raise SystemExit(
            f"This needs {' and '.join(missing)}. On Debian and Ubuntu, type: "
            f"sudo apt install {' '.join(missing)}"
        )
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that the servers are ended as well
    print(describe_machine(), end="\n\n", flush=True)
    with TemporaryDirectory() as folder:
        measure(Path(folder), rounds=1 if quick else 5, seconds=1 if quick else 2)


def measure(folder: Path, rounds: int, seconds: int) -> None:
    folder.chmod(0o755)  # nginx's workers read the files as nobody
    (folder / "different.lua").write_text(DIFFERENT)

    def ask(*addresses: str, options: tuple[str, ...] = ()) -> list[list[float]]:
        """Return the requests per second at each address, round by round."""
        found = [[wrk(address, seconds, *options) for address in addresses] for _ in range(rounds)]
        return [list(column) for column in zip(*found, strict=True)]

    trees = {
        "as it is": copy_site(folder / "as-is"),
        f"{MANY:,} articles": copy_site(folder / "many", articles=MANY),
    }
    row("requests per second", "site", "nginx", "ratio", "nginx, same headers", "ratio")
    row("---", "---:", "---:", "---:", "---:", "---:")
    for name, tree in trees.items():
        with site(tree) as address:
            compare(address, name, folder, ask)
            alone(f"`/healthz`, {name}", f"{address}/healthz", ask)
            alone(f"`/search?q=neck`, {name}", f"{address}/search?q=neck", ask)
    with site(copy_site(folder / "without", memory=False)) as address:
        alone("lead article, nothing in memory", address + PAGE, ask)
    trees["1 article"] = copy_site(folder / "one", articles=1)
    print()
    row("content", "`create_app()`, seconds")
    row("---", "---:")
    for name, tree in trees.items():
        row(name, f"{median(start(tree) for _ in range(rounds)):.2f}")


def compare(address: str, name: str, folder: Path, ask: Callable[..., list[list[float]]]) -> None:
    """Print the lines that set the lead article beside nginx."""
    warm_up(address + PAGE)
    lines = {
        "identity": ("", ()),
        "gzip": ("", ("-H", "Accept-Encoding: gzip")),
        "br": ("/br", ("-H", "Accept-Encoding: br")),
        "each request different": ("", ("-s", str(folder / "different.lua"))),
    }
    with nginx(folder / f"nginx {name}".replace(" ", "-"), address + PAGE) as files:
        for line, (br, options) in lines.items():
            plain, dressed = f"{files}{br}/page", f"{files}/same-headers{br}/page"
            ours, theirs, same = ask(address + PAGE, plain, dressed, options=options)
            cells = middle(ours), middle(theirs), ratio(ours, theirs), middle(same)
            row(f"lead article, {line}, {name}", *cells, ratio(ours, same))


def alone(line: str, address: str, ask: Callable[..., list[list[float]]]) -> None:
    if not exists(address):
        return row(line, "not there yet", "", "", "", "")
    (ours,) = ask(address)
    return row(line, middle(ours), "", "", "", "")


def middle(found: list[float]) -> str:
    return f"{median(found):,.0f}"


def ratio(ours: list[float], theirs: list[float]) -> str:
    return f"{median(map(truediv, ours, theirs)):.2f}"


def warm_up(address: str) -> None:
    """Let every worker meet the page: which of them answers is chance."""
    for encoding in ("identity", "gzip", "br") * 20:
        fetch(address, encoding)


def start(tree: Path) -> float:
    settings = {**os.environ, "INSTANCE_PATH": str(tree / "instance")}
    command = [sys.executable, "-c", START]
    said = subprocess.run(
        command, cwd=tree, env=settings, capture_output=True, text=True, check=True
    )
    return float(said.stdout)


def row(*cells: str) -> None:
    print("|", " | ".join(cells), "|", flush=True)


def describe_machine() -> str:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    said = subprocess.run(["nginx", "-v"], capture_output=True, text=True, check=True).stderr
    parts = [
        f"{len(os.sched_getaffinity(0))} cores",
        f"{memory:.0f} GB",
        f"Python {sys.version.split()[0]}",
        f"uvicorn {version('uvicorn')}",
        f"Flask {version('flask')}",
        said.strip().removeprefix("nginx version: ").replace("/", " "),
        f"load {os.getloadavg()[0]:.1f} before the start",
    ]
    return ", ".join(parts)


if __name__ == "__main__":
    main()
