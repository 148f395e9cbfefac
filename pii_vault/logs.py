"""Logging of the vault's processes: to standard error, and never the message of an exception."""

import logging
import sys
import traceback
from types import TracebackType
from typing import Any

_Exception = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]


class FirstLineOnly(logging.Filter):
    """Of a message of the event loop keeps what happened. The lines after it print tasks and callbacks as they are:
    with the text of their exceptions and their arguments.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        said = record.getMessage().partition("\n")[0]
        record.msg, record.args = "Exception in callback" if said.startswith("Exception in callback") else said, ()
        return True


class SafeFormatter(logging.Formatter):
    """Of an exception it writes types and places only: drivers and codecs quote values in their messages."""

    def formatException(self, ei: Any) -> str:  # noqa: N802  the name is logging's
        found: _Exception = ei
        error = found[1]
        lines = []
        while error is not None:
            frames = traceback.extract_tb(error.__traceback__)
            places = "".join(f"\n  {frame.filename}:{frame.lineno} in {frame.name}" for frame in frames)
            lines.append(f"{type(error).__name__}{places}")
            error = error.__cause__
        return "\n".join(lines)


def configure(level: str) -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(SafeFormatter("%(asctime)s %(levelname)s %(process)d %(name)s %(message)s"))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.captureWarnings(capture=True)
    for noisy in ("httpx", "httpcore", "uvicorn.error", "asyncio"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    logging.getLogger("asyncio").addFilter(FirstLineOnly())
