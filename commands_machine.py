"""What the site takes of the machine: a port to listen on, and processors."""

import errno
import os
import socket

import click


def take_port(host: str, port: int) -> socket.socket:
    """Return a socket that listens there. Who comes before the workers are up, waits in line."""
    try:
        family, kind, *_rest, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(1024)
    except OSError as error:
        advice = "Set HOST to an address of this machine."
        if error.errno == errno.EADDRINUSE:
            advice = f"Stop the program that uses it, or type: PORT={port + 1} make run"
        if error.errno == errno.EACCES:
            advice = "Choose a port above 1023, like PORT=8000."
        raise click.ClickException(
            f"{host}:{port} cannot be used ({error.strerror}). {advice}"
        ) from None
    return listener


def cores() -> int:
    """How many processors this process may use, which in a container is not all there are."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
