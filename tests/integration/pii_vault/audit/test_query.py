"""What the console reads."""

from datetime import UTC, datetime, timedelta

import asyncpg

from pii_vault.audit import query
from pii_vault.audit.log import AuditCommitter
from pii_vault.audit.record import SubjectHasher
from tests.integration.pii_vault.audit.support import HASH_KEY, make_entry, subject
from tests.support.postgres import Database

HASHER = SubjectHasher(HASH_KEY)


async def test_pages_go_back_in_time_without_repeats(pool: asyncpg.Pool, committer: AuditCommitter) -> None:
    for number in range(7):
        await committer.commit(make_entry(number))
    seen: list[int] = []
    before: int | None = None
    while True:
        page = await query.page(pool, tenant="demo", before=before, limit=3)
        seen += [row.index for row in page.rows]
        before = page.next_before
        if before is None:
            break
    assert seen == list(range(6, -1, -1))


async def test_a_row_says_who_did_what(pool: asyncpg.Pool, committer: AuditCommitter) -> None:
    entry = make_entry(1)
    await committer.commit(entry)
    (row,) = (await query.page(pool, tenant="demo")).rows
    assert (row.principal, row.verb, row.purpose, row.counts) == (
        entry.principal_id,
        "reveal",
        "order_processing",
        {"value": {"phone": 1}},
    )
    assert row.subjects == 1


async def test_another_tenant_sees_nothing(pool: asyncpg.Pool, committer: AuditCommitter) -> None:
    await committer.commit(make_entry(1))
    assert not (await query.page(pool, tenant="other")).rows
    assert not (await query.who_looked(pool, HASHER, tenant="other", subject=subject(1))).rows
    assert not await query.counts(pool, tenant="other", since=datetime(2020, 1, 1, tzinfo=UTC))


async def test_who_looked_at_a_person(pool: asyncpg.Pool, committer: AuditCommitter) -> None:
    await committer.commit(make_entry(1, verb="tokenise", subjects=[subject(1)]))
    await committer.commit(make_entry(2, subjects=[subject(1), subject(2)]))
    await committer.commit(make_entry(3, subjects=[subject(2)]))
    await committer.commit(make_entry(4, verb="search", decision="deny", subjects=[subject(1)]))
    page = await query.who_looked(pool, HASHER, tenant="demo", subject=subject(1))
    assert [(row.index, row.verb) for row in page.rows] == [(3, "search"), (1, "reveal")]
    one = await query.who_looked(pool, HASHER, tenant="demo", subject=subject(1), limit=1)
    assert one.next_before == 3
    rest = await query.who_looked(pool, HASHER, tenant="demo", subject=subject(1), before=one.next_before)
    assert [row.index for row in rest.rows] == [1]


async def test_another_key_finds_nothing(pool: asyncpg.Pool, committer: AuditCommitter) -> None:
    await committer.commit(make_entry(1))
    assert not (await query.who_looked(pool, SubjectHasher(bytes(32)), tenant="demo", subject=subject(1))).rows


async def test_the_index_serves_the_question_in_a_long_log(
    pool: asyncpg.Pool, committer: AuditCommitter, vault_database: Database
) -> None:
    owner = await asyncpg.connect(vault_database.owner_url)
    await owner.execute(
        "INSERT INTO audit_detail SELECT i, 'demo', 'reveal', 'staff', 'stf_a', 'support', 'allow', now(), '{}', "
        "ARRAY[i]::bigint[] FROM generate_series(1000, 21000) AS i; ANALYZE audit_detail"
    )
    await owner.close()
    for number in range(5):
        await committer.commit(make_entry(number))
    await pool.execute("SELECT audit_tidy()")
    plan = await pool.fetch(f"EXPLAIN {query._WHO_LOOKED}", "demo", HASHER.digest(subject(3)), query._FIRST, 10)
    assert "audit_detail_subjects" in str(plan)
    page = await query.who_looked(pool, HASHER, tenant="demo", subject=subject(3))
    assert [row.index for row in page.rows] == [3]


async def test_filters_and_counts(pool: asyncpg.Pool, committer: AuditCommitter) -> None:
    await committer.commit(make_entry(1))
    await committer.commit(make_entry(2, verb="search"))
    await committer.commit(make_entry(3, decision="forbidden", principal_id="stf_other"))
    since = datetime.now(UTC) - timedelta(minutes=1)
    assert [
        (each.verb, each.decision, each.records) for each in await query.counts(pool, tenant="demo", since=since)
    ] == [
        ("reveal", "allow", 1),
        ("reveal", "forbidden", 1),
        ("search", "allow", 1),
    ]

    async def found(**only: str) -> list[int]:
        page = await query.page(pool, tenant="demo", only=query.Filters(**only))  # type: ignore[arg-type]
        return [row.index for row in page.rows]

    assert await found(verb="search") == [1]
    assert await found(principal="stf_other") == [2]
    assert await found(decision="deny") == [2]
    assert await found(decision="allow") == [1, 0]


async def test_a_day_of_a_long_log_is_found_without_reading_it(vault_database: Database) -> None:
    connection = await asyncpg.connect(vault_database.superuser_url)
    try:
        await connection.execute("SET session_replication_role = replica")  # a log that nobody has to be able to verify
        await connection.execute(
            "INSERT INTO audit_detail SELECT number, 'demo', 'reveal', 'service', 'crm', 'support', 'allow', "
            "now() - interval '100 days' + number * interval '86 seconds', '{}', '{}' "
            "FROM generate_series(1, 100000) AS number"
        )
        await connection.execute("SELECT brin_summarize_new_values('audit_detail_at')")
        await connection.execute("ANALYZE audit_detail")
        asked = query._COUNTS.replace("$1", "'demo'").replace("$2", "now() - interval '1 day'")
        plan = "\n".join(row[0] for row in await connection.fetch(f"EXPLAIN {asked}"))
        assert "audit_detail_at" in plan
    finally:
        await connection.close()
