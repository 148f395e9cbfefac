"""Runs the checks of a rehearsal in their order: what each found, and how long it took."""

import json
import subprocess
import time
import traceback
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

from scripts.env.errors import EnvProblem
from scripts.rehearse.stage import CheckFailed, Stage
from scripts.voice import say

LONGEST: Final = 200  # of what is told on one line
S = TypeVar("S", bound=Stage)


def judged(checks: Mapping[str, Callable[[S], Any]], stage: S) -> dict[str, str]:
    """`pass` or `fail` by name; one that fails stops none of those after it."""
    return {name: _verdict(name, check, stage) for name, check in checks.items()}


def _verdict(name: str, check: Callable[[S], Any], stage: S) -> str:
    began = time.monotonic()
    try:
        found = check(stage)
    except CheckFailed as failed:
        say(f"  FAIL {name}, {time.monotonic() - began:.0f} s: {failed}")
        return "fail"
    except (EnvProblem, OSError, LookupError, ValueError, TypeError, subprocess.SubprocessError) as broken:
        say(f"  FAIL {name}: {type(broken).__name__}: {broken}\n{traceback.format_exc(limit=-3)}")
        return "fail"
    say(f"  pass {name}, {time.monotonic() - began:.0f} s{_told(found)}")
    return "pass"


def _told(found: Any) -> str:
    if not isinstance(found, dict):
        return ""
    text = json.dumps(found, ensure_ascii=False, default=str)
    return f": {text}" if len(text) < LONGEST else ""
