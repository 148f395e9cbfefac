"""Counters of the API. Labels are names of verbs, statuses and outcomes: never ids, tenants or values."""

from pathlib import Path
from typing import Final

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

REQUESTS: Final = Counter("larets_requests", "Requests by verb and status.", ["verb", "status"])
ITEMS: Final = Counter("larets_items", "Items of requests by verb.", ["verb"])
SECONDS: Final = Histogram(
    "larets_request_seconds",
    "Time to answer by verb.",
    ["verb"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.015, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10),
)


def render(folder: Path | None) -> bytes:
    """All workers' counters together; `folder` is where they keep them, None for a single process."""
    if folder is None:
        return generate_latest(REGISTRY)
    registry = CollectorRegistry()
    MultiProcessCollector(registry, path=str(folder))  # type: ignore[no-untyped-call]
    return generate_latest(registry)
