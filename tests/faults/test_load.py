"""Many people at once for minutes: nobody gets an error, and the memory stays what it was."""

import os
import re
import shutil
import subprocess
import sys
import threading
import time
from contextvars import copy_context
from itertools import count
from statistics import median

import psutil
import pytest

from crowd import Patient, all_is_there
from serving import new_place, wait_for

READERS, SENDERS = 200, 20
SECONDS = int(os.environ.get("DRILL_SECONDS", "120"))
EVERY = 2  # seconds between two looks at the memory
MAY_GROW = 1.2  # what threads keep for themselves comes and goes by a tenth
# Every public page in turn, and now and then a search.
READ = """
local paths, visit = {{{paths}}}, 0
request = function()
  visit = visit + 1
  local path = paths[visit % #paths + 1]
  if visit % 50 == 0 then path = "/search?q=pain" .. visit % 500 end
  return wrk.format("GET", path)
end
"""


class Senders:
    """Patients who come one after the other, so many at a time, until it is `over`."""

    def __init__(self, site):
        self.site, self.numbers, self.over = site, count(), threading.Event()
        self.shown, self.names, self.took = [], [], []

    def is_up(self):
        return True

    def person(self):
        return self.site.person()

    def send(self):
        while not self.over.is_set():
            patient, began = Patient(self, next(self.numbers), "appointment"), time.monotonic()
            self.shown.append(patient.send())
            self.names.append(patient.name)
            self.took.append(time.monotonic() - began)


def memory(process):
    """What the site's processes hold, in MB."""
    family = [process, *process.children(recursive=True)]
    return sum(one.memory_info().rss for one in family) / 1e6


def public_pages(server):
    """Every address in the site map."""
    with_host = re.findall(r"<loc>(.*?)</loc>", server.person().client.open("/sitemap.xml").text)
    return [address.removeprefix(server.url) for address in with_host]


@pytest.mark.drill
@pytest.mark.skipif(shutil.which("wrk") is None, reason="wrk, which reads here, is not installed")
def test_200_readers_and_20_senders_get_no_error_and_need_no_more_memory(
    tmp_path_factory, tmp_path, capsys
):
    place = new_place(tmp_path_factory)
    place.settings = {"TRUSTED_PROXIES": "1"}
    script = tmp_path / "read.lua"
    with place.serve(workers=os.cpu_count()) as server:
        senders, process = Senders(server), psutil.Process(server.process.pid)
        paths = ", ".join(f'"{path}"' for path in public_pages(server))
        script.write_text(READ.format(paths=paths))
        said, seen = read_and_send(server, senders, process, script)
    all_is_there(place, senders.shown, senders.names)
    early, late = seen[len(seen) // 4 : len(seen) // 2], seen[3 * len(seen) // 4 :]
    with capsys.disabled():
        sys.stdout.write(f"\n{said}{len(seen)} looks at the memory, MB: {shown_as(seen)}\n")
        sys.stdout.write(f"{len(senders.took)} forms, seconds each: {shown_as(senders.took)}\n")
    assert "Non-2xx" not in said
    assert "Socket errors" not in said
    assert median(late) <= MAY_GROW * median(early)


def shown_as(numbers):
    first, last = numbers[0], numbers[-1]
    return (
        f"first {first:.0f}, median {median(numbers):.0f}, most {max(numbers):.0f}, last {last:.0f}"
    )


def read_and_send(server, senders, process, script):
    """Let everybody loose; return what wrk said and how much memory was seen in use."""
    command = ["wrk", "-t1", f"-c{READERS}", f"-d{SECONDS}s", "--timeout", "10s"]
    command += ["--latency", "-s", str(script), server.url]
    with senders.site.place.look():
        threads = [
            threading.Thread(target=copy_context().run, args=(senders.send,))
            for _ in range(SENDERS)
        ]
        for thread in threads:
            thread.start()
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as reading:
            seen = watch(process, reading)
            said = reading.stdout.read()
        senders.over.set()
        for thread in threads:
            thread.join()
    assert len(senders.shown) == len(senders.names) >= SENDERS
    return said, seen


def watch(process, reading):
    seen = []
    while reading.poll() is None:
        began = time.monotonic()
        seen.append(memory(process))
        wait_for(lambda: reading.poll() is not None or time.monotonic() > began + EVERY)  # noqa: B023
    return seen
