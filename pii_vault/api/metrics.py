"""Counters of the API. Labels are names of verbs, statuses and outcomes: never ids, tenants or values.

Counting goes through files that all workers share, at ten system calls a request; so each worker counts in memory
and brings its sums there several times a second.
"""

import asyncio
import functools
from bisect import bisect_left
from pathlib import Path
from typing import Final

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

FLUSH_SECONDS: Final = 0.25
_BOUNDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.015, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)

REQUESTS: Final = Counter("larets_requests", "Requests by verb and status.", ["verb", "status"])
ITEMS: Final = Counter("larets_items", "Items of requests by verb.", ["verb"])
SECONDS: Final = Histogram("larets_request_seconds", "Time to answer by verb.", ["verb"], buckets=_BOUNDS)


class VerbMeter:
    """What one verb of the API did since the last flush."""

    def __init__(self, verb: str) -> None:
        self._verb = verb
        self._items = 0
        self._statuses: dict[int, int] = {}
        self._seconds = 0.0
        self._buckets = [0] * (len(_BOUNDS) + 1)
        self._armed = False

    def count(self, status: int, items: int, seconds: float) -> None:
        """One request was answered."""
        self._items += items
        self._statuses[status] = self._statuses.get(status, 0) + 1
        self._seconds += seconds
        self._buckets[bisect_left(_BOUNDS, seconds)] += 1
        if not self._armed:
            self._armed = True
            asyncio.get_running_loop().call_later(FLUSH_SECONDS, self.flush)

    def flush(self) -> None:
        """Bring the sums to the shared counters."""
        self._armed = False
        statuses, self._statuses = self._statuses, {}
        for status, number in statuses.items():
            REQUESTS.labels(self._verb, str(status)).inc(number)
        ITEMS.labels(self._verb).inc(self._items)
        histogram = SECONDS.labels(self._verb)
        # The library observes one value at a time; these are the cells in which it would count them.
        histogram._sum.inc(self._seconds)  # noqa: SLF001
        for place, number in enumerate(self._buckets):
            if number:
                histogram._buckets[place].inc(number)  # noqa: SLF001
                self._buckets[place] = 0
        self._items, self._seconds = 0, 0.0


@functools.cache
def meter(verb: str) -> VerbMeter:
    """This process's meter of a verb."""
    _known.append(made := VerbMeter(verb))
    return made


_known: list[VerbMeter] = []


def render(folder: Path | None) -> bytes:
    """All workers' counters together; `folder` is where they keep them, None for a single process."""
    for each in _known:
        each.flush()
    if folder is None:
        return generate_latest(REGISTRY)
    registry = CollectorRegistry()
    MultiProcessCollector(registry, path=str(folder))  # type: ignore[no-untyped-call]
    return generate_latest(registry)
