"""Whether an address is free to serve on, asked before anything starts.

The web server shares its port between processes, so it would not notice a stranger there. This
file must never hold a port open.
"""

import errno
import socket

from tenants.platform.processes import CannotRun

NEIGHBOURS = 50
LARGEST_PORT = 65_535


def check_port(host: str, port: int, *, remedy: str = "make demo PORT={port}") -> None:
    """Raise ``CannotRun``, saying which neighbour is free, unless ``port`` can be taken."""
    match _refusal(host, port):
        case None:
            return
        case errno.EACCES:
            message = f"Port {port} needs privileges: {remedy.format(port=8000)}."
        case errno.EADDRNOTAVAIL:
            message = f"{host} is not an address of this machine."
        case _:
            neighbours = range(port + 1, min(port + NEIGHBOURS, LARGEST_PORT))
            free = next((other for other in neighbours if _refusal(host, other) is None), None)
            way_out = f": {remedy.format(port=free)}" if free else ""
            message = f"Port {port} is taken by another program{way_out}."
    raise CannotRun(message)


def _refusal(host: str, port: int) -> int | None:
    """The system's reason not to give us the port, or None."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as trial:
        # Connections that are still closing do not count; a program that listens does.
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind((host, port))
            trial.listen(1)
        except OSError as error:
            return error.errno or errno.EADDRINUSE
    return None
