"""Logging of the public processes: one line per record, and no exception's message, which may repeat a value."""

import logging
import sys
import traceback
from typing import Any


class QuietFormatter(logging.Formatter):
    """Writes where an exception came from and its class, never what it says."""

    def formatException(self, ei: Any) -> str:  # noqa: N802  the library's name
        kind, _, trace = ei
        frames = traceback.extract_tb(trace)
        lines = [f"  {frame.filename.rpartition('/')[2]}:{frame.lineno} in {frame.name}" for frame in frames]
        return "\n".join([*lines, f"  {kind.__name__ if kind else 'exception'}"])


def configure(level: str) -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(QuietFormatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    # httpx writes each request's address at INFO; the sign-in's back channel needs no such line.
    logging.getLogger("httpx").setLevel(logging.WARNING)
