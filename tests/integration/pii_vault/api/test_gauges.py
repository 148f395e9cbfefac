"""What /metrics tells of the database: what waits, how long, what was given up, without any id."""

import asyncpg

import pii_vault.hosts  # noqa: F401  as the process does: all that counts is imported
from pii_vault.api import metrics
from pii_vault.api.gauges import certificate_gauge, gauges
from pii_vault.vault import Vault
from tests.support.postgres import Database
from tests.support.telemetry import exported, expressions, spoken

DISPATCH = """
INSERT INTO relay_dispatch
    (id, tenant_key, subject, template, version, parameters, principal, request_key, fingerprint, created, state)
VALUES ($1, 1, gen_random_uuid(), 'order', 1, '{}', 'service:crm', $1, 'x', now() - interval '90 seconds', $2)
"""
EVENT = """
INSERT INTO gateway_outbox (id, connection_key, object, external_id, sequence, body, created, dead)
VALUES ($1, 1, 'order', $1, 1, '', now() - interval '40 seconds', $2)
"""
ERASURE = """
INSERT INTO erasure (id, tenant_key, subject, groups, reason, requested_by, blocked, shredded, live)
VALUES ($1, 1, gen_random_uuid(), '{1}', 'subject_request', 'operator', now(),
    now() - $3 * interval '1 day', CASE WHEN $2 THEN now() END)
"""


def told(page: bytes) -> dict[str, float]:
    lines = [line.rpartition(" ") for line in page.decode().splitlines() if not line.startswith("#")]
    return {name: float(value) for name, _, value in lines}


async def test_nothing_waits_in_a_fresh_vault(vault: Vault) -> None:
    found = told(await gauges(vault))
    assert found["larets_relay_given_up"] == found["larets_outbox_waiting"] == 0
    assert found['larets_erasures_unfinished{waits_for="final"}'] == 0
    assert found["larets_erasures_untrimmed_seconds"] == 0
    assert found["larets_files_to_remove"] == 0


async def test_alarms_and_boards_speak_of_what_the_vault_shows(vault: Vault) -> None:
    shown = exported(metrics.render(None) + certificate_gauge({}, now=vault.clock()) + await gauges(vault))
    assert spoken(expressions("private")) - shown == set()
    assert spoken(["rate(larets_made_up_total[5m])", "larets_requests"]) - shown == {
        "larets_made_up_total",
        "larets_requests",
    }


async def test_an_erasure_that_was_trimmed_in_time_is_no_alarm(vault: Vault, vault_database: Database) -> None:
    """However many wait at any time: it is the oldest that counts."""
    owner = await asyncpg.connect(vault_database.owner_url)
    try:
        await owner.executemany(ERASURE, [(f"ers_{'0' * 25}{n}", True, n * 10.0) for n in (1, 2, 3)])
        await owner.execute(
            "UPDATE erasure SET public = now(), final = now() WHERE shredded < now() - interval '15 days'"
        )
        found = told(await gauges(vault))
    finally:
        await owner.close()
    assert 10 <= found["larets_erasures_untrimmed_seconds"] / 86400 < 10.1


async def test_what_waits_is_counted_by_what_it_waits_for(vault: Vault, vault_database: Database) -> None:
    owner = await asyncpg.connect(vault_database.owner_url)
    try:
        states = ("queued", "queued", "sending", "dead", "unknown", "sent")
        await owner.executemany(DISPATCH, [(f"dsp_{number}", state) for number, state in enumerate(states)])
        await owner.execute(EVENT, "evt_1", None)
        await owner.execute("INSERT INTO file_removal (name, erasure) VALUES ($1, 'ers_x')", "0" * 32)
        await owner.executemany(
            ERASURE, [(f"ers_{'0' * 25}{n}", live, days) for n, live, days in ((1, True, 3.0), (2, False, 26.0))]
        )
        page = await gauges(vault)
    finally:
        await owner.close()
    found = told(page)
    assert found['larets_relay_waiting{state="queued"}'] == 2
    assert found['larets_relay_waiting{state="sending"}'] == 1
    assert found["larets_relay_given_up"] == 2
    assert 90 <= found["larets_relay_oldest_seconds"] < 600
    assert (found["larets_outbox_waiting"], found["larets_outbox_dead"]) == (1, 0)
    assert 40 <= found["larets_outbox_oldest_seconds"] < 600
    assert found['larets_erasures_unfinished{waits_for="live"}'] == 1
    assert found['larets_erasures_unfinished{waits_for="public"}'] == 1
    assert 26 <= found["larets_erasures_untrimmed_seconds"] / 86400 < 26.1
    assert found["larets_files_to_remove"] == 1
    assert not [word for word in ("dsp_", "evt_", "ers_", "demo") if word in page.decode()]


async def test_without_a_database_there_are_none(vault: Vault) -> None:
    await vault.pool.close()
    assert await gauges(vault) == b""
