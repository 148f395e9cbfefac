"""From the audit log to alarms, on a real database."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from pii_vault.access.principal import Principal
from pii_vault.alarms import store
from pii_vault.alarms.acknowledge import acknowledge, tenants_of
from pii_vault.alarms.errors import BrokenNote, NoSuchAlarm
from pii_vault.alarms.policy import AlarmPolicy, load_alarms
from pii_vault.alarms.watch import look
from pii_vault.audit.origin import LOG_TENANT
from pii_vault.errors import BudgetExceeded, Forbidden
from pii_vault.operations.items import TokeniseItem
from pii_vault.operations.tokenise import tokenise
from pii_vault.vault import Vault
from tests.integration.pii_vault.audit.support import make_entry, subject
from tests.support.postgres import Database
from tests.support.vault import rows, staff


@pytest.fixture
def policy() -> AlarmPolicy:
    return load_alarms(Path("policies/alarms.yaml"))


@pytest.fixture
async def pool(vault_database: Database) -> AsyncIterator[asyncpg.Pool]:
    """The worker's: the runtime role."""
    async with asyncpg.create_pool(vault_database.runtime_url, min_size=1, max_size=4) as opened:
        yield opened


async def refused(vault: Vault, count: int, *, tenant: str = "demo", who: str = "stf_sales") -> None:
    for number in range(count):
        await vault.audit.commit(make_entry(number, tenant=tenant, principal_id=who, decision="forbidden", subjects=()))


async def alarms(pool: asyncpg.Pool, who: Principal) -> list[store.AlarmRow]:
    return await store.list_alarms(pool, tenants=tenants_of(who), all_of_them=True)


async def test_an_ordinary_log_raises_nothing(vault: Vault, pool: asyncpg.Pool, policy: AlarmPolicy) -> None:
    await refused(vault, policy.refusals)
    await vault.audit.commit(make_entry())
    assert await look(pool, policy) is False
    assert await alarms(pool, staff("officer")) == []


async def test_values_tried_out_by_storing_them_are_a_sweep(
    vault: Vault, pool: asyncpg.Pool, policy: AlarmPolicy
) -> None:
    tried = [TokeniseItem("phone", f"+7916555{number:04d}", None, "deterministic") for number in range(250)]
    await tokenise(vault, staff("sales"), tried[: policy.sweep.misses], request_id="1")
    await look(pool, policy)
    assert await alarms(pool, staff("officer")) == []
    await tokenise(vault, staff("sales"), tried[:100], request_id="2")
    with pytest.raises(BudgetExceeded):
        await tokenise(vault, staff("sales"), tried, request_id="3")
    await look(pool, policy)
    assert {alarm.kind for alarm in await alarms(pool, staff("officer"))} == {"search_sweep", "over_budget"}


async def test_one_more_raises_one_alarm_whose_figures_follow(
    vault: Vault, pool: asyncpg.Pool, policy: AlarmPolicy
) -> None:
    await refused(vault, policy.refusals)
    await look(pool, policy)
    await refused(vault, 1)
    await look(pool, policy)
    [alarm] = await alarms(pool, staff("officer"))
    assert (alarm.kind, alarm.principal, alarm.counts["refused"]) == ("refusals", "stf_sales", policy.refusals + 1)
    await refused(vault, 2)
    await look(pool, policy)
    [alarm] = await alarms(pool, staff("officer"))
    assert alarm.counts["refused"] == policy.refusals + 3
    assert await store.open_alarms(pool) == {"refusals": 1}


async def test_another_shops_alarms_are_not_ours(vault: Vault, pool: asyncpg.Pool, policy: AlarmPolicy) -> None:
    await refused(vault, policy.refusals + 1, tenant="other")
    await look(pool, policy)
    assert await alarms(pool, staff("officer")) == []
    assert len(await alarms(pool, staff("officer", tenant="other"))) == 1


async def test_a_role_is_summed_over_its_members(
    vault: Vault, vault_database: Database, pool: asyncpg.Pool, policy: AlarmPolicy
) -> None:
    members = [f"stf_{'0' * 25}{number}" for number in range(1, 6)]
    for place, member in enumerate(members):
        rows(
            vault_database,
            "INSERT INTO staff "
            "(id, tenant_key, alias, role, state, login_digest, login_sealed, created_at, changed_at) "
            "SELECT %s, key, %s, 'sales', 'active', %s, '', now(), now() FROM tenant WHERE id = 'demo'",
            member, f"member {place}", member.encode(),
        )  # fmt: skip
    each = policy.volume.role.floor // len(members)
    assert each <= policy.volume.staff.floor  # no one of them is unusual alone

    async def show(persons: int, who: str) -> None:
        entry = make_entry(principal_id=who, counts={"value": {"phone": persons}})
        entry.subjects = [subject(number) for number in range(persons)]
        await vault.audit.commit(entry)

    for member in members:
        await show(each, member)
    await look(pool, policy)
    found = {alarm.kind for alarm in await alarms(pool, staff("officer"))}
    assert "volume_role" not in found
    await show(1, members[0])
    await look(pool, policy)
    found = {alarm.kind for alarm in await alarms(pool, staff("officer"))}
    assert "volume_role" in found
    assert "volume_person" not in found


async def test_a_silent_witness_is_an_alarm_of_everybodys_log(
    vault: Vault, vault_database: Database, pool: asyncpg.Pool, policy: AlarmPolicy
) -> None:
    await vault.audit.commit(make_entry())
    await look(pool, policy)
    assert await store.open_alarms(pool) == {}
    rows(vault_database, "UPDATE audit_detail SET at = now() - interval '6 minutes'")
    await look(pool, policy)
    [alarm] = await alarms(pool, staff("officer", tenant="other"))
    assert (alarm.kind, alarm.tenant) == ("witness_silent", LOG_TENANT)


async def test_each_record_is_counted_once_however_many_look(
    vault: Vault, pool: asyncpg.Pool, policy: AlarmPolicy
) -> None:
    await refused(vault, 7)
    await asyncio.gather(*(look(pool, policy) for _ in range(4)))
    await look(pool, policy)
    assert await pool.fetchval("SELECT sum(refused) FROM alarm_activity") == 7
    assert await pool.fetchval("SELECT next_idx FROM alarm_state") == 7


async def test_the_officer_acknowledges_with_a_note_on_record(
    vault: Vault, vault_database: Database, pool: asyncpg.Pool, policy: AlarmPolicy
) -> None:
    await refused(vault, policy.refusals + 1)
    await look(pool, policy)
    officer = staff("officer")
    [alarm] = await alarms(pool, officer)
    for wrong in ("", " ", "x" * 501, "звонила +7 916 123-45-67"):
        with pytest.raises(BrokenNote):
            await acknowledge(vault, officer, alarm.key, wrong)
    with pytest.raises(Forbidden):
        await acknowledge(vault, staff("owner"), alarm.key, "проверено")
    with pytest.raises(NoSuchAlarm):
        await acknowledge(vault, staff("officer", tenant="other"), alarm.key, "проверено")
    assert await store.open_alarms(pool) == {"refusals": 1}
    await acknowledge(vault, officer, alarm.key, "новый сотрудник, ошибся разделом")
    assert await store.open_alarms(pool) == {}
    [done] = await alarms(pool, officer)
    assert (done.acknowledged_by, done.note) == (officer.id, "новый сотрудник, ошибся разделом")
    with pytest.raises(NoSuchAlarm):
        await acknowledge(vault, officer, alarm.key, "ещё раз")
    kept = rows(vault_database, "SELECT principal, decision FROM audit_detail WHERE verb = 'alarm_acknowledge'")
    assert sorted(kept) == [("stf_officer", "allow"), ("stf_owner", "forbidden")]
    await refused(vault, 1)
    await look(pool, policy)
    assert await store.open_alarms(pool) == {}  # what was looked into stays closed,
    await refused(vault, policy.refusals)
    await look(pool, policy)
    assert await store.open_alarms(pool) == {"refusals": 1}  # but twice as much is another matter
