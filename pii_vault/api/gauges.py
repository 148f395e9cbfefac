"""What the database knows and no process counts: what waits, for how long, what was given up. No ids, no tenants."""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Final, get_args

import asyncpg

from pii_vault import store
from pii_vault.alarms.rules import Kind
from pii_vault.alarms.store import open_alarms
from pii_vault.audit.query import witness_lag
from pii_vault.vault import Vault

SECONDS: Final = 3.0
# Each part reads an index of what is not finished, so what has been finished costs nothing.
WAITING: Final = """
SELECT (SELECT count(*) FROM relay_dispatch WHERE state = 'queued') AS relay_queued,
    (SELECT count(*) FROM relay_dispatch WHERE state = 'sending') AS relay_sending,
    (SELECT count(*) FROM relay_dispatch WHERE state IN ('dead', 'unknown')) AS relay_given_up,
    (SELECT coalesce(extract(epoch FROM now() - min(created)), 0) FROM relay_dispatch WHERE state = 'queued')
        AS relay_oldest,
    (SELECT count(*) FROM gateway_outbox WHERE dead IS NULL) AS outbox_waiting,
    (SELECT count(*) FROM gateway_outbox WHERE dead IS NOT NULL) AS outbox_dead,
    (SELECT coalesce(extract(epoch FROM now() - min(created)), 0) FROM gateway_outbox WHERE dead IS NULL)
        AS outbox_oldest,
    (SELECT count(*) FROM erasure WHERE final IS NULL AND live IS NULL) AS erasures_live,
    (SELECT count(*) FROM erasure WHERE final IS NULL AND live IS NOT NULL AND public IS NULL) AS erasures_public,
    (SELECT count(*) FROM erasure WHERE final IS NULL AND public IS NOT NULL) AS erasures_final,
    (SELECT coalesce(extract(epoch FROM now() - min(shredded)), 0) FROM erasure WHERE final IS NULL)
        AS erasures_untrimmed,
    (SELECT count(*) FROM file_removal) AS files_to_remove
"""
# metric → label set → column
_OF: Final[Mapping[str, Mapping[str, str]]] = {
    "larets_relay_waiting": {'{state="queued"}': "relay_queued", '{state="sending"}': "relay_sending"},
    "larets_relay_given_up": {"": "relay_given_up"},
    "larets_relay_oldest_seconds": {"": "relay_oldest"},
    "larets_outbox_waiting": {"": "outbox_waiting"},
    "larets_outbox_dead": {"": "outbox_dead"},
    "larets_outbox_oldest_seconds": {"": "outbox_oldest"},
    "larets_erasures_unfinished": {
        '{waits_for="live"}': "erasures_live",
        '{waits_for="public"}': "erasures_public",
        '{waits_for="final"}': "erasures_final",
    },
    "larets_erasures_untrimmed_seconds": {"": "erasures_untrimmed"},
    "larets_files_to_remove": {"": "files_to_remove"},
}
_HELP: Final = {
    "larets_audit_unwitnessed_records": "Newest audit records that no witness has seen.",
    "larets_audit_unwitnessed_seconds": "How long the oldest of them has waited; over 300 is an alarm.",
    "larets_alarms_open": "Alarms that the officer has not acknowledged.",
    "larets_relay_waiting": "Dispatches that are not sent yet, by state.",
    "larets_relay_given_up": "Dispatches that were given up, or of which nobody knows whether they went out.",
    "larets_relay_oldest_seconds": "How long the oldest queued dispatch has waited.",
    "larets_outbox_waiting": "Events that the other contour does not have yet.",
    "larets_outbox_dead": "Events that the other contour refused for good.",
    "larets_outbox_oldest_seconds": "How long the oldest of the waiting events has waited.",
    "larets_erasures_unfinished": "Erasures by what they wait for: workers, the other contour, the next trim.",
    "larets_erasures_untrimmed_seconds": "How long the oldest erasure waits for its trim; 30 days at most.",
    "larets_files_to_remove": "Sealed files whose key is destroyed and whose bytes must go.",
    "larets_certificate_seconds": "How long the certificate in use is still valid, by what it is used for.",
}


async def gauges(vault: Vault) -> bytes:
    """In Prometheus' text format; without the database nothing, and the counters are told alone."""
    try:
        async with asyncio.timeout(SECONDS):
            lag = await witness_lag(vault.pool)
            alarms = await open_alarms(vault.pool)
            [waiting] = await store.fetch(vault.pool, WAITING)
    except (*store.GONE, asyncpg.PostgresError):
        return b""
    kinds = {f'{{kind="{kind}"}}': float(alarms.get(kind, 0)) for kind in get_args(Kind)}
    found = {
        "larets_audit_unwitnessed_records": {"": float(lag.records)},
        "larets_audit_unwitnessed_seconds": {"": lag.seconds},
        "larets_alarms_open": kinds,
        **{name: {labels: float(waiting[column]) for labels, column in told.items()} for name, told in _OF.items()},
    }
    return "".join(f"{line}\n" for name, values in found.items() for line in _lines(name, values)).encode()


def certificate_gauge(ends: Mapping[str, Callable[[], datetime]], *, now: datetime) -> bytes:
    """Of a certificate that cannot be read 0 seconds are left: that has to be looked at all the same."""
    left: dict[str, float] = {}
    for use, end in ends.items():
        try:
            left[f'{{use="{use}"}}'] = max(0.0, (end() - now).total_seconds())
        except (OSError, ValueError):
            left[f'{{use="{use}"}}'] = 0.0
    return "".join(f"{line}\n" for line in _lines("larets_certificate_seconds", left)).encode()


def _lines(name: str, values: Mapping[str, float]) -> Iterator[str]:
    yield f"# HELP {name} {_HELP[name]}"
    yield f"# TYPE {name} gauge"
    for labels, value in values.items():
        yield f"{name}{labels} {value:.10g}"
