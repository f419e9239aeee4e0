"""Logging: one line per event on standard error, never one per alarm looked at."""

import logging
import sys
import time

FORMAT = "%(asctime)s.%(msecs)03dZ %(levelname)s %(name)s %(message)s"


def set_up(level: str = "INFO") -> None:
    """Send the product's log to standard error in UTC; libraries speak from WARNING up."""
    handler = logging.StreamHandler(sys.stderr)
    formatter = logging.Formatter(FORMAT, "%Y-%m-%dT%H:%M:%S")
    formatter.converter = time.gmtime
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("faultwire").setLevel(level)
    # It tells of every broken connection with a traceback; whoever used it gets Unavailable.
    logging.getLogger("sqlalchemy.pool").setLevel(logging.CRITICAL)
