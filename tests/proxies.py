"""The proxies of `deploy/` as they are shipped, in front of the site, on ports of this machine."""

import os
import re
import socket
import ssl
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPSConnection
from pathlib import Path

from mail import Authority
from serving import ROOT, Wire, free_port, kill, wait_for

NAME = "www.example.org"  # as the shipped files have it
AROUND_NGINX = """
daemon off; pid {folder}/nginx.pid; error_log {folder}/nginx.log;
events {{ }}
http {{
    client_body_temp_path {folder}/spilled; proxy_temp_path {folder}/spilled;
    fastcgi_temp_path {folder}/unused; uwsgi_temp_path {folder}/unused;
    scgi_temp_path {folder}/unused; access_log {folder}/other.log;
    include {folder}/site.conf;
}}
"""


@dataclass
class Proxy:
    """A running proxy: where it listens, who vouches for it, and where it writes."""

    folder: Path
    plain: int
    secure: int

    def connect(self, name=NAME, *, secure=True, context=None):
        """Return a connection to this name, which leads to this proxy."""
        port = self.secure if secure else self.plain
        trusting = context or ssl.create_default_context(cafile=self.folder / "ca.pem")
        made = (
            HTTPSConnection(name, timeout=30, context=trusting)
            if secure
            else HTTPConnection(name, timeout=30)
        )
        made._create_connection = lambda _address, *more: socket.create_connection(
            ("127.0.0.1", port), *more
        )
        return made

    def ask(self, path, method="GET", headers=(), body=None, **where):
        """Return the answer to one request, and its body."""
        connection = self.connect(**where)
        try:
            connection.request(method, path, body, dict(headers))
            answer = connection.getresponse()
            return answer, answer.read()
        finally:
            connection.close()

    def listens(self):
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.secure)) == 0


class SecureWire(Wire):
    """Somebody's browser, which comes through a proxy."""

    def __init__(self, proxy, application):
        super().__init__(f"https://{NAME}", application)
        self.connect = proxy.connect


def write_nginx(proxy, upstream):
    """Write the shipped file with other ports and folders; return the command that runs it."""
    text = (ROOT / "deploy" / "nginx.conf").read_text()
    text = re.sub(r"\n *listen \[::\].*", "", text)
    changes = {
        "listen 443 ssl": f"listen 127.0.0.1:{proxy.secure} ssl",
        "listen 80": f"listen 127.0.0.1:{proxy.plain}",
        "/etc/letsencrypt/live/www.example.org/fullchain.pem": f"{proxy.folder}/server.pem",
        "/etc/letsencrypt/live/www.example.org/privkey.pem": f"{proxy.folder}/server.pem",
        "/var/log/nginx": str(proxy.folder),
        "127.0.0.1:8000": f"127.0.0.1:{upstream}",
    }
    (proxy.folder / "site.conf").write_text(changed(text, changes))
    (proxy.folder / "nginx.conf").write_text(AROUND_NGINX.format(folder=proxy.folder))
    return ["nginx", "-e", f"{proxy.folder}/nginx.log", "-c", f"{proxy.folder}/nginx.conf"]


def write_caddy(proxy, upstream):
    text = (ROOT / "deploy" / "Caddyfile").read_text()
    ports = f"\thttp_port {proxy.plain}\n\thttps_port {proxy.secure}\n"
    certificate = f"{proxy.folder}/server.pem"
    changes = {
        "\n{\n": f"\n{{\n\tadmin off\n\tdefault_bind 127.0.0.1\n{ports}",
        f"{NAME} {{\n": f"{NAME} {{\n\ttls {certificate} {certificate}\n",
        "127.0.0.1:8000": f"127.0.0.1:{upstream}",
    }
    (proxy.folder / "Caddyfile").write_text(changed(text, changes))
    return ["caddy", "run", "--adapter", "caddyfile", "--config", f"{proxy.folder}/Caddyfile"]


WRITE = {"nginx": write_nginx, "caddy": write_caddy}


def changed(text, changes):
    for old, new in changes.items():
        assert old in text, old
        text = text.replace(old, new)
    return text


@contextmanager
def running(program, folder, upstream):
    """Run a proxy in front of a port until the block ends."""
    Authority(folder).vouch(NAME)
    proxy = Proxy(folder, free_port(), free_port())
    command = WRITE[program](proxy, upstream)
    with (folder / "said.txt").open("wb") as said:
        process = subprocess.Popen(
            command,
            env={**os.environ, "HOME": str(folder), "XDG_DATA_HOME": str(folder)},
            stdout=said,
            stderr=said,
            start_new_session=True,
        )
    try:
        wait_for(lambda: process.poll() is not None or proxy.listens())
        assert process.poll() is None, (folder / "said.txt").read_text()
        yield proxy
    finally:
        kill(process)
