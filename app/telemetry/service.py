"""The page of metrics, in Prometheus' text format."""

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from prometheus_client import CollectorRegistry, Gauge, generate_latest

from app.errors import DatabaseUnavailable
from app.kit.db import Database
from app.telemetry import repository
from app.telemetry.counters import Counters

SECONDS: Final = 3.0


async def page(db: Database, counters: Counters) -> bytes:
    """Counters of this process, then what the database knows; without the database the counters alone."""
    told = generate_latest(counters.registry)
    try:
        async with asyncio.timeout(SECONDS), db.anonymous() as session:
            found = await repository.queue(session)
    except (DatabaseUnavailable, TimeoutError):
        return told
    return told + _gauges(found)


def _gauges(found: Mapping[str, Any]) -> bytes:
    registry = CollectorRegistry()
    jobs = Gauge("larets_app_jobs", "Jobs of the queue by state.", ["state"], registry=registry)
    for state in ("waiting", "running", "failed"):
        jobs.labels(state).set(found[state])
    if found["silent"] is not None:
        told = "How long the worker has not been heard of; not there without a worker."
        Gauge("larets_app_worker_silent_seconds", told, registry=registry).set(found["silent"])
    if found["unwitnessed"] is not None:
        told = "Since the beginning of the hour in which a checkpoint of the vault's log was last cosigned."
        Gauge("larets_app_cosigned_seconds", told, registry=registry).set(found["unwitnessed"])
    return generate_latest(registry)
