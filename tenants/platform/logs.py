"""What the processes write: one line of JSON per event, or readable lines at a terminal.

Libraries that use ``logging`` go the same way. This file must never let a secret through: facts
with a telling name are masked, and tracebacks carry no local variables.
"""

import logging
import re
import sys

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

TELLING = re.compile(r"password|secret|token|authorization|cookie|api_key|_url$", re.IGNORECASE)
# What these say below a warning is of use to their authors only.
QUIET = ("alembic", "asyncio", "asyncpg", "dramatiq.worker", "httpcore", "httpx", "_granian.access")


def mask(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Replace what has a telling name."""
    return {name: "***" if TELLING.search(name) else fact for name, fact in event.items()}


def configure_logs(level: str = "info") -> None:
    """Set up both roads, ours and the libraries', for this process; ``level`` as in LOG_LEVEL."""
    number = logging.getLevelNamesMapping()[level.upper()]
    terminal = sys.stderr.isatty()
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        mask,
    ]
    ending: list[Processor] = (
        [structlog.dev.ConsoleRenderer()]
        if terminal
        else [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(ensure_ascii=False)]
    )
    structlog.configure(
        processors=[*shared, *ending],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *ending],
        )
    )
    logging.basicConfig(level=number, handlers=[handler], force=True)
    for name in QUIET:
        logging.getLogger(name).setLevel(max(number, logging.WARNING))
