"""How much of the faults is tried: `FAULT_SHARE=10` a tenth, `FAULT_SEED` the same ones again."""

import os
import random
from collections.abc import Sequence
from typing import Final, TypeVar

T = TypeVar("T")

SEED: Final = int(os.environ.get("FAULT_SEED", str(random.randrange(1_000_000))))
_SHARE: Final = int(os.environ.get("FAULT_SHARE", "1"))


def share(name: str, whole: int) -> int:
    """Of so many: what the environment says by this name, or the share of all."""
    return int(os.environ.get(name, max(1, whole // _SHARE)))


def some(kinds: Sequence[T], *, least: int = 1) -> list[T]:
    """The share of these, drawn by the seed; all of them where all is tried."""
    return random.Random(SEED).sample(kinds, min(len(kinds), max(least, len(kinds) // _SHARE)))
