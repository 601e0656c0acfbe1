"""`archipel serve`: the web server, one process per core but one.

This file must never build the application: ``marketplace.app`` does, in each process.
"""

import gc
import signal
from typing import Any

from granian.constants import HTTPModes, Interfaces, Loops
from granian.log import LogLevels
from granian.server import Server

from marketplace.app import create_app
from marketplace.operations import share_counts
from tenants.platform.leash import die_with_parent
from tenants.platform.ports import check_port
from tenants.platform.settings import Settings

# Requests that a stopping process still finishes.
GRACE_SECONDS = 10
# Granian's own lines go the way of every other line.
LOGS: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "loggers": {"_granian": {"level": "INFO", "handlers": [], "propagate": True}},
}


def serve(settings: Settings, *, host: str) -> None:
    """Serve until SIGTERM or SIGINT. Raises ``CannotRun`` when the port is taken."""
    check_port(host, settings.port, remedy="set PORT={port}")
    counts = share_counts(settings)
    # Built once here, a fault in it ends us at once with its traceback rather than being tried again for
    # ever; and where processes are forked, they share what was imported.
    create_app(settings)
    server = Server(
        "marketplace.commands.serve:application",
        factory=True,
        address=host,
        port=settings.port,
        interface=Interfaces.ASGI,
        workers=settings.web_workers,
        loop=Loops.uvloop,
        http=HTTPModes.http1,
        websockets=False,
        log_level=LogLevels.info,
        log_dictconfig=LOGS,
        respawn_failed_workers=True,
        workers_kill_timeout=GRACE_SECONDS,
    )
    try:
        server.serve()
    finally:
        if counts:
            counts.cleanup()


def application() -> object:
    """The application, in a process that ends when the server's first process ends."""
    # Until Granian sets its own, the handlers are those of its first process, which only take note:
    # a stop that came while the application is being built would be lost.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
    die_with_parent(signal.SIGTERM)
    app = create_app()
    # What lives as long as the process is never garbage: looking through it again stopped every request for
    # a tenth of a second at a time.
    gc.collect()
    gc.freeze()
    return app
