"""How the command line speaks: results on standard output, everything else on standard error."""

import json
import sys
from collections.abc import Mapping
from typing import Any, NoReturn


def say(text: str = "") -> None:
    """Progress and explanations, for a person."""
    print(text, file=sys.stderr, flush=True)


def result(text: str) -> None:
    print(text, flush=True)


def emit(value: Any) -> None:
    """A result for a program."""
    print(json.dumps(value, ensure_ascii=False, indent=2, default=str), flush=True)


def emit_line(value: Any) -> None:
    """One of several results for a program, each on a line of its own."""
    print(json.dumps(value, ensure_ascii=False, default=str), flush=True)


def last_line(
    rehearsal: str, checks: Mapping[str, str], *, seconds: float, provider: str | None = None, **notes: Any
) -> None:
    """The one JSON object that `make tools`, `make images` and the rehearsals end with, however they end."""
    told = {"rehearsal": rehearsal, "provider": provider, "checks": checks, "seconds": round(seconds, 1)}
    result(json.dumps(told | notes, ensure_ascii=False))


def fail(problem: str, *, hint: str = "") -> NoReturn:
    """End with exit code 1, the problem and what to do next."""
    say(f"larets: error: {problem}")
    if hint:
        say(f"larets: hint: {hint}")
    raise SystemExit(1)
