"""How a process of `reel` logs: one JSON object a line on stderr, warnings and worse."""

from __future__ import annotations

import logging
import sys

import structlog


def log_to_stderr() -> None:
    """Set it up, for this process."""
    structlog.configure(
        processors=[
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.add_log_level,
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),  # the stderr of the moment
    )
