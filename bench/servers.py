"""The site as `make run` serves it, nginx with the same bytes as files, and wrk to ask both."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from socket import create_connection, create_server
from urllib.error import HTTPError
from urllib.request import Request, urlopen

ROOT = Path(__file__).resolve().parent.parent
LEAD = "migraines-and-the-spine"
LEFT_OUT = shutil.ignore_patterns(".*", "instance", "tests", "bench", "__pycache__")
ENCODINGS = {"identity": "", "gzip": ".gz", "br": ".br"}

NGINX = """
daemon off; worker_processes 2; pid {folder}/nginx.pid; error_log {folder}/nginx.log;
events {{ worker_connections 1024; }}
http {{
  access_log off; sendfile on; tcp_nopush on; open_file_cache max=100;
  keepalive_requests 1000000; default_type "text/html; charset=utf-8";
  client_body_temp_path {folder}/tmp; proxy_temp_path {folder}/tmp; fastcgi_temp_path {folder}/tmp;
  uwsgi_temp_path {folder}/tmp; scgi_temp_path {folder}/tmp;
  server {{
    listen 127.0.0.1:{port}; root {folder}/files; gzip_static on; gzip_vary on;
    location /br/ {{ add_header Content-Encoding br; alias {folder}/br/; }}
    location /same-headers/ {{ alias {folder}/files/; {headers} }}
    location /same-headers/br/ {{ add_header Content-Encoding br; alias {folder}/br/; {headers} }}
  }}
}}
"""
# Headers that nginx writes itself.
OWN = {"content-type", "content-length", "content-encoding", "etag", "vary", "date", "connection"}


def free_port() -> int:
    with create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


def copy_site(to: Path, *, articles: int | None = None, memory: bool = True) -> Path:
    """Copy the site, with as many articles (all like the lead) and with the memory or without."""
    shutil.copytree(ROOT, to, ignore=LEFT_OUT)
    if articles is not None:
        lead = to / "content" / "articles" / f"{LEAD}.md"
        for other in set(lead.parent.glob("*.md")) - {lead}:
            other.unlink()
        for number in range(1, articles):
            shutil.copy(lead, lead.with_stem(f"{LEAD}-{number}"))
    if not memory:
        app = to / "app.py"
        app.write_text(app.read_text().replace("    pagecache,\n", ""))
    return to


@contextmanager
def running(command: list[str], port: int, cwd: Path, **environment: str) -> Iterator[None]:
    """Run a server until the block ends."""
    process = subprocess.Popen(
        command,
        cwd=cwd,
        env={**os.environ, **environment},
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        wait_for(port, process)
        yield
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def wait_for(port: int, process: subprocess.Popen) -> None:
    while process.poll() is None:
        try:
            return create_connection(("127.0.0.1", port)).close()
        except OSError:
            time.sleep(0.05)
    raise SystemExit(f"{process.args[0]} ended with {process.returncode}.")


@contextmanager
def site(tree: Path, **settings: str) -> Iterator[str]:
    """Serve a copy of the site, with these settings; the address."""
    port = free_port()
    command = [sys.executable, "-m", "flask", "serve"]
    own = {"PORT": str(port), "INSTANCE_PATH": str(tree / "instance"), "HOST": "127.0.0.1"}
    with running(command, port, tree, **own, **settings):
        yield f"http://127.0.0.1:{port}"


@contextmanager
def nginx(folder: Path, address: str) -> Iterator[str]:
    """Serve what the site answers at an address, as files called `page`; the address."""
    for name in ("files", "br", "tmp"):
        (folder / name).mkdir(parents=True)
    for encoding, ending in ENCODINGS.items():
        body, headers = fetch(address, encoding)
        place = folder / "br" / "page" if encoding == "br" else folder / "files" / f"page{ending}"
        place.write_bytes(body)
    lines = [f'add_header {n} "{value}";' for n, value in headers.items() if n.lower() not in OWN]
    port, config = free_port(), folder / "nginx.conf"
    config.write_text(NGINX.format(folder=folder, port=port, headers=" ".join(lines)))
    folder.chmod(0o755)
    with running(["nginx", "-e", str(folder / "nginx.log"), "-c", str(config)], port, folder):
        yield f"http://127.0.0.1:{port}"


def fetch(address: str, encoding: str = "identity") -> tuple[bytes, dict[str, str]]:
    with urlopen(Request(address, headers={"Accept-Encoding": encoding}), timeout=120) as answer:
        return answer.read(), dict(answer.headers)


def exists(address: str) -> bool:
    try:
        fetch(address)
    except HTTPError:
        return False
    return True


def wrk(address: str, seconds: int, *options: str) -> float:
    """Return how many requests per second were answered."""
    command = ["wrk", "-t1", "-c32", f"-d{seconds}s", *options, address]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    if problem := re.search(r"(Socket errors|Non-2xx).*", said):
        raise SystemExit(f"{address}: {problem[0]}")
    return float(re.search(r"Requests/sec:\s+([\d.]+)", said)[1])
