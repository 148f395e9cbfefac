"""The group commit on real PostgreSQL."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest

from pii_vault.audit.errors import AuditOutcomeUnknown
from pii_vault.audit.log import AuditCommitter, AuditEntry
from pii_vault.audit.record import SubjectHasher, parse_record
from pii_vault.errors import AuditUnavailable
from tests.integration.pii_vault.audit.support import HASH_KEY, make_entry, subject
from tests.support.postgres import Database


@pytest.fixture
async def owner(vault_database: Database) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(vault_database.owner_url)
    await connection.execute("CREATE TABLE made (number int PRIMARY KEY); GRANT ALL ON made TO larets_vault")
    yield connection
    await connection.close()


async def made(owner: asyncpg.Connection) -> list[int]:
    return [row["number"] for row in await owner.fetch("SELECT number FROM made ORDER BY number")]


async def verbs(owner: asyncpg.Connection) -> list[str]:
    return [row["verb"] for row in await owner.fetch("SELECT verb FROM audit_detail ORDER BY idx")]


class Make:
    """An act that inserts one row; `fail` makes it raise after that."""

    def __init__(self, number: int, *, fail: bool = False) -> None:
        self.number = number
        self.fail = fail

    async def __call__(self, connection: asyncpg.Connection) -> int:
        await connection.execute("INSERT INTO made VALUES ($1)", self.number)
        if self.fail:
            raise LookupError
        return self.number * 10


async def test_a_look_is_recorded_with_hashed_subjects(committer: AuditCommitter, owner: asyncpg.Connection) -> None:
    entry = make_entry(5)
    await committer.commit(entry)
    row = await owner.fetchrow("SELECT * FROM audit_detail JOIN audit_log USING (idx)")
    assert entry.index == row["idx"] == 0
    assert row["subjects"] == [SubjectHasher(HASH_KEY).digest(subject(5))]
    record = parse_record(row["record"])
    assert (record.who, record.verb, record.counts) == (entry.principal_id, "reveal", {"value": {"phone": 1}})
    assert subject(5) not in row["record"]
    assert subject(5).hex().encode() not in row["record"]


async def test_concurrent_commits_share_transactions_and_leave_no_gap(
    committer: AuditCommitter, owner: asyncpg.Connection
) -> None:
    entries = [make_entry(i) for i in range(200)]
    await asyncio.gather(*(committer.commit(entry) for entry in entries))
    assert sorted(entry.index or 0 for entry in entries) == list(range(200))
    assert await owner.fetchval("SELECT size FROM audit_head") == 200
    assert committer.stats.records == 200
    assert committer.stats.groups < 50


async def test_an_act_and_its_record_commit_together(committer: AuditCommitter, owner: asyncpg.Connection) -> None:
    results = await asyncio.gather(*(committer.commit(make_entry(i), apply=Make(i)) for i in range(20)))
    assert results == [i * 10 for i in range(20)]
    assert await made(owner) == list(range(20))
    assert await owner.fetchval("SELECT count(*) FROM audit_log") == 20


@pytest.mark.parametrize("neighbours", [0, 5])
async def test_a_failing_act_fails_alone_and_its_refusal_is_recorded(
    committer: AuditCommitter, owner: asyncpg.Connection, neighbours: int
) -> None:
    refusal = make_entry(99, verb="refused", decision="deny")
    outcomes = await asyncio.gather(
        *(committer.commit(make_entry(i), apply=Make(i)) for i in range(neighbours)),
        committer.commit(make_entry(50), apply=Make(50, fail=True), refusal=refusal),
        *(committer.commit(make_entry(i), apply=Make(i)) for i in range(60, 60 + neighbours)),
        return_exceptions=True,
    )
    assert isinstance(outcomes[neighbours], LookupError)
    expected = [*range(neighbours), *range(60, 60 + neighbours)]
    assert await made(owner) == expected
    assert sorted(await verbs(owner)) == sorted(["refused"] + ["reveal"] * len(expected))
    assert refusal.index is not None


async def test_a_failing_statement_does_not_poison_the_group(
    committer: AuditCommitter, owner: asyncpg.Connection
) -> None:
    await owner.execute("INSERT INTO made VALUES (3)")
    outcomes = await asyncio.gather(
        *(committer.commit(make_entry(i), apply=Make(i)) for i in range(6)), return_exceptions=True
    )
    assert [type(each) for each in outcomes if not isinstance(each, int)] == [asyncpg.UniqueViolationError]
    assert await made(owner) == list(range(6))
    assert await owner.fetchval("SELECT count(*) FROM audit_log") == 5


async def test_an_act_without_refusal_entry_leaves_nothing(
    committer: AuditCommitter, owner: asyncpg.Connection
) -> None:
    with pytest.raises(LookupError):
        await committer.commit(make_entry(1), apply=Make(1, fail=True))
    assert await made(owner) == []
    assert await owner.fetchval("SELECT size FROM audit_head") == 0


async def test_apply_may_complete_its_entry(committer: AuditCommitter, owner: asyncpg.Connection) -> None:
    entry = make_entry(1, subjects=(), counts={})

    async def apply(_: asyncpg.Connection) -> None:
        entry.subjects = [subject(7)]
        entry.counts = {"stored": {"phone": 2}}

    await committer.commit(entry, apply=apply)
    assert await owner.fetchval("SELECT subjects[1] FROM audit_detail") == SubjectHasher(HASH_KEY).digest(subject(7))


async def test_two_acts_in_a_deadlock_are_both_done(pool: asyncpg.Pool, owner: asyncpg.Connection) -> None:
    await owner.execute("INSERT INTO made VALUES (1), (2)")
    committer = AuditCommitter(pool, hash_key=HASH_KEY)
    await committer.start()
    both = asyncio.Barrier(2)
    runs: list[int] = []

    async def touch(connection: asyncpg.Connection, first: int, second: int) -> None:
        await connection.execute("UPDATE made SET number = number WHERE number = $1", first)
        if len(runs) < 2:
            runs.append(first)
            await both.wait()
        await connection.execute("UPDATE made SET number = number WHERE number = $1", second)

    one = asyncio.create_task(committer.commit(make_entry(1), apply=lambda c: touch(c, 1, 2)))
    await asyncio.sleep(0.05)  # so that they run in two transactions
    two = asyncio.create_task(committer.commit(make_entry(2), apply=lambda c: touch(c, 2, 1)))
    await asyncio.gather(one, two)
    assert await owner.fetchval("SELECT count(*) FROM audit_log") == 2
    await committer.stop()


async def test_a_held_head_is_503_and_writes_nothing(pool: asyncpg.Pool, owner: asyncpg.Connection) -> None:
    committer = AuditCommitter(pool, hash_key=HASH_KEY, deadline=20, act_deadline=20)  # the database ends it, not these
    await committer.start()
    async with owner.transaction():
        await owner.execute("SELECT FROM audit_head FOR UPDATE")
        outcomes = await asyncio.wait_for(
            asyncio.gather(
                committer.commit(make_entry(1)),
                committer.commit(make_entry(2), apply=Make(2)),
                return_exceptions=True,
            ),
            timeout=15,
        )
    assert [type(each) for each in outcomes] == [AuditUnavailable, AuditUnavailable]
    assert await owner.fetchval("SELECT size FROM audit_head") == 0
    assert await made(owner) == []
    await committer.commit(make_entry(3))
    await committer.stop()


async def test_time_running_out_under_way_is_an_unknown_outcome(pool: asyncpg.Pool, owner: asyncpg.Connection) -> None:
    committer = AuditCommitter(pool, hash_key=HASH_KEY, deadline=0.2)
    await committer.start()
    async with owner.transaction():
        await owner.execute("SELECT FROM audit_head FOR UPDATE")
        with pytest.raises(AuditOutcomeUnknown):
            await committer.commit(make_entry(1))
    await committer.commit(make_entry(2))
    await committer.stop()


async def test_a_server_side_refusal_is_certain(committer: AuditCommitter, owner: asyncpg.Connection) -> None:
    await owner.execute("REVOKE EXECUTE ON FUNCTION audit_tidy() FROM larets_vault")
    await owner.execute("ALTER TABLE audit_log ADD CONSTRAINT full_disk CHECK (idx < 0) NOT VALID")
    with pytest.raises(AuditUnavailable) as look:
        await committer.commit(make_entry(1))
    with pytest.raises(AuditUnavailable) as act:
        await committer.commit(make_entry(2), apply=Make(2))
    assert not isinstance(look.value, AuditOutcomeUnknown)
    assert not isinstance(act.value, AuditOutcomeUnknown)
    assert await made(owner) == []


async def test_a_lost_database_is_503_and_recovers_without_restart(
    committer: AuditCommitter, owner: asyncpg.Connection, vault_database: Database
) -> None:
    await committer.commit(make_entry(1))
    admin = await asyncpg.connect(vault_database.superuser_url.rpartition("/")[0] + "/postgres")
    name = vault_database.name
    await admin.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
    await admin.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1 AND usename = 'larets_vault'",
        name,
    )
    for number in (2, 3):
        with pytest.raises(AuditUnavailable):
            await committer.commit(make_entry(number), apply=Make(number))
        with pytest.raises(AuditUnavailable):
            await committer.commit(make_entry(number))
    await admin.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')
    await committer.commit(make_entry(4))
    assert await owner.fetchval("SELECT size FROM audit_head") == 2
    await admin.close()


async def test_a_connection_lost_at_commit_says_that_the_outcome_is_unknown(
    committer: AuditCommitter, owner: asyncpg.Connection
) -> None:
    await owner.execute(
        "CREATE FUNCTION cut() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END $$"
    )
    await owner.execute(
        "CREATE CONSTRAINT TRIGGER cut AFTER INSERT ON made DEFERRABLE INITIALLY DEFERRED "
        "FOR EACH ROW EXECUTE FUNCTION cut()"
    )
    with pytest.raises(AuditOutcomeUnknown):
        await committer.commit(make_entry(1), apply=Make(1))
    await committer.commit(make_entry(2))


async def test_a_hanging_act_is_given_up(pool: asyncpg.Pool, owner: asyncpg.Connection) -> None:
    committer = AuditCommitter(pool, hash_key=HASH_KEY, act_deadline=0.3)
    await committer.start()

    async def hang(connection: asyncpg.Connection) -> None:
        await connection.execute("INSERT INTO made VALUES (1)")
        await connection.execute("SELECT pg_sleep(60)")

    with pytest.raises(AuditUnavailable):
        await committer.commit(make_entry(1), apply=hang)
    assert await committer.commit(make_entry(2), apply=Make(2)) == 20
    assert await made(owner) == [2]
    await committer.stop()


async def test_small_acts_share_a_commit_and_large_ones_do_not(
    committer: AuditCommitter, owner: asyncpg.Connection
) -> None:
    async def slow(connection: asyncpg.Connection) -> None:
        await connection.execute("SELECT pg_sleep(0.06)")

    await asyncio.gather(*(committer.commit(make_entry(i), apply=Make(i)) for i in range(8)))
    shared = committer.stats.groups
    assert shared < 4  # one, unless the machine was so slow that the group's time was up
    await asyncio.gather(*(committer.commit(make_entry(i), apply=slow) for i in range(4)))
    assert committer.stats.groups == shared + 4
    assert await owner.fetchval("SELECT size FROM audit_head") == 12


async def test_an_act_whose_caller_left_is_not_done(committer: AuditCommitter, owner: asyncpg.Connection) -> None:
    entered = asyncio.Event()

    async def slow(connection: asyncpg.Connection) -> None:
        entered.set()
        await connection.execute("SELECT pg_sleep(0.03)")

    first = asyncio.create_task(committer.commit(make_entry(1), apply=slow))
    second = asyncio.create_task(committer.commit(make_entry(2), apply=Make(2)))
    await entered.wait()
    second.cancel()
    await first
    assert await made(owner) == []
    assert await owner.fetchval("SELECT size FROM audit_head") == 1


async def test_a_caller_who_leaves_before_its_turn_is_not_recorded(
    committer: AuditCommitter, owner: asyncpg.Connection
) -> None:
    task = asyncio.create_task(committer.commit(make_entry(1)))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await committer.commit(make_entry(2))
    assert await owner.fetchval("SELECT size FROM audit_head") == 1


async def test_a_stopped_committer_refuses(committer: AuditCommitter) -> None:
    await committer.stop()
    with pytest.raises(AuditUnavailable):
        await committer.commit(make_entry(1))


@pytest.mark.parametrize(
    "changes",
    [
        {"tenant": "Демо"},
        {"principal_id": "anna@example.ru"},
        {"purpose": "+79161234567"},
        {"verb": "reveal\nx"},
        {"decision": "Анна"},
        {"request_id": "a b"},
        {"counts": {"value": {"+79161234567": 1}}},
        {"counts": {"Анна": {"phone": 1}}},
        {"counts": {"value": {"phone": -1}}},
        {"counts": {f"{'x' * 30}{'y' * i}": {"phone": 1} for i in range(10)} | {"z" * 41: {}}},
    ],
)
async def test_what_could_be_a_value_never_enters(
    committer: AuditCommitter, owner: asyncpg.Connection, changes: dict[str, object]
) -> None:
    with pytest.raises(ValueError, match="not an id") as caught:
        await committer.commit(make_entry(1, **changes))
    assert not any(str(value) in str(caught.value) for value in changes.values())
    assert await owner.fetchval("SELECT size FROM audit_head") == 0


async def test_a_record_does_not_grow_with_the_batch(committer: AuditCommitter, owner: asyncpg.Connection) -> None:
    for count in (1, 1000):
        await committer.commit(
            make_entry(1, subjects=[subject(i) for i in range(count)], counts={"value": {"phone": count}})
        )
    small, large = [row["size"] for row in await owner.fetch("SELECT length(record) AS size FROM audit_log")]
    assert large - small == 3  # three more digits of the count


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO audit_log VALUES (0, '', '', '')",
        "UPDATE audit_log SET record = ''",
        "DELETE FROM audit_log",
        "TRUNCATE audit_log",
        "UPDATE audit_detail SET subjects = '{}'",
        "DELETE FROM audit_detail",
        "UPDATE audit_head SET size = 0",
        "INSERT INTO audit_checkpoint (size, root, note) VALUES (1, '', '')",
        "DELETE FROM audit_checkpoint",
        "UPDATE audit_tile SET hashes = ''",
        "SELECT idx FROM audit_log FOR UPDATE",
    ],
)
async def test_the_runtime_role_cannot_write_but_through_the_function(
    pool: asyncpg.Pool, committer: AuditCommitter, statement: str
) -> None:
    await committer.commit(make_entry(1))
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await pool.execute(statement)


async def test_records_of_two_processes_form_one_chain(
    pool: asyncpg.Pool, committer: AuditCommitter, owner: asyncpg.Connection
) -> None:
    other = AuditCommitter(pool, hash_key=HASH_KEY)
    await other.start()
    entries: list[AuditEntry] = [make_entry(i) for i in range(60)]
    await asyncio.gather(*((committer, other)[i % 2].commit(each) for i, each in enumerate(entries)))
    await other.stop()
    broken = await owner.fetchval(
        "SELECT count(*) FROM (SELECT chain, leaf, idx, lag(chain, 1, decode(repeat('00', 32), 'hex')) "
        "OVER (ORDER BY idx) AS before FROM audit_log) AS log WHERE chain <> sha256(before || leaf)"
    )
    assert broken == 0
    assert await owner.fetchval("SELECT count(*) FROM audit_log") == 60
