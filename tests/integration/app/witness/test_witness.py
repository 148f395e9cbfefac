"""The witness cosigns what continues, and nothing else."""

import asyncio

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from app.errors import Conflict
from app.kit.db import Database
from app.witness.errors import OtherSize
from app.witness.service import Witness, parse_submission
from pii_vault.audit import note as notes
from pii_vault.audit.witness import submission
from tests.integration.app.witness.support import LOG_KEY, NOW, WITNESS_KEY, WITNESS_SEED, Log, keys

LOG = Log()


async def send(client: httpx.AsyncClient, body: bytes) -> httpx.Response:
    return await client.post("/witness/add-checkpoint", content=body)


async def cosigned_size(client: httpx.AsyncClient) -> int:
    answer = await client.get("/witness/checkpoint")
    if answer.status_code == 404:
        return 0
    note = notes.parse_note(answer.text)
    notes.verify_cosignature(note, WITNESS_KEY)
    return notes.open_checkpoint(note, LOG_KEY).size


async def test_the_first_checkpoint_and_its_growth_are_cosigned(client: httpx.AsyncClient) -> None:
    assert await cosigned_size(client) == 0
    for old, new in ((0, 3), (3, 3), (3, 300), (300, 301)):
        answer = await send(client, LOG.body(old, new))
        assert answer.status_code == 200
        note = notes.Note(LOG.note(new).text, notes.parse_signatures(answer.text))
        assert notes.verify_cosignature(note, WITNESS_KEY) == NOW
        assert await cosigned_size(client) == new


async def test_a_wrong_old_size_is_told_the_right_one(client: httpx.AsyncClient) -> None:
    await send(client, LOG.body(0, 5))
    answer = await send(client, LOG.body(0, 8))
    assert (answer.status_code, answer.text) == (409, "5\n")
    assert answer.headers["content-type"].partition(";")[0] == "text/x.tlog.size"
    assert await cosigned_size(client) == 5


async def test_a_rollback_is_refused(client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture) -> None:
    await send(client, LOG.body(0, 8))
    answer = await send(client, LOG.body(5, 5))
    assert (answer.status_code, answer.text) == (409, "8\n")
    assert "rolled back" in caplog.text
    assert (await send(client, submission(LOG.note(5), old=8, proof=[]))).status_code == 400
    assert await cosigned_size(client) == 8


async def test_a_fork_of_the_same_size_is_refused(client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture) -> None:
    await send(client, LOG.body(0, 5))
    answer = await send(client, Log("forged").body(5, 5))
    assert (answer.status_code, answer.json()["code"]) == (409, "forked_log")
    assert "two roots of size 5" in caplog.text
    assert await cosigned_size(client) == 5


async def test_a_fork_that_grew_is_refused(client: httpx.AsyncClient) -> None:
    await send(client, LOG.body(0, 5))
    forged = Log("forged")
    for body in (forged.body(5, 9), forged.body(5, 9, digests=LOG.proof(5, 9)), LOG.body(5, 9, digests=())):
        answer = await send(client, body)
        assert (answer.status_code, answer.json()["code"]) == (422, "inconsistent_log")
    assert await cosigned_size(client) == 5
    assert (await send(client, LOG.body(5, 9))).status_code == 200


async def test_a_proof_for_the_empty_tree_must_be_empty(client: httpx.AsyncClient) -> None:
    assert (await send(client, LOG.body(0, 5, digests=[bytes(32)]))).status_code == 422
    assert await cosigned_size(client) == 0


async def test_only_the_logs_own_signature_counts(client: httpx.AsyncClient) -> None:
    by_witness = submission(LOG.note(3, seed=WITNESS_SEED), old=0, proof=[])
    assert (await send(client, by_witness)).status_code == 403
    other = submission(LOG.note(3, origin="vault.other/audit"), old=0, proof=[])
    assert (await send(client, other)).status_code == 404
    assert await cosigned_size(client) == 0


GOOD = LOG.body(0, 3).decode()


@pytest.mark.parametrize(
    "body",
    [
        "",
        GOOD.removeprefix("old 0\n"),
        GOOD.replace("old 0", "old 00"),
        GOOD.replace("old 0", "old -1"),
        GOOD.replace("old 0", "old  0"),
        GOOD.replace("old 0\n", "old 0\nAAAA\n"),
        GOOD.replace("old 0\n", "old 0\n" + "A" * 43 + "=\n" * 1 + ("A" * 43 + "=\n") * 63),
        GOOD.replace("\n", "\r\n"),
        GOOD + "\n",
        GOOD.replace("\n3\n", "\n3\n\n"),
        GOOD.encode().replace(b"old", b"\xffld").decode("latin-1"),
    ],
)
async def test_malformed_submissions_are_refused(client: httpx.AsyncClient, body: str) -> None:
    assert (await send(client, body.encode())).status_code in {400, 403}
    assert await cosigned_size(client) == 0


async def test_a_large_body_is_refused(client: httpx.AsyncClient) -> None:
    assert (await send(client, b"x" * 70_000)).status_code == 413


async def test_two_at_once_cannot_overtake_one_another(witness: Witness) -> None:
    await witness.add(parse_submission(LOG.body(0, 4)))
    outcomes = await asyncio.gather(
        *(witness.add(parse_submission(LOG.body(4, size))) for size in (9, 5, 7)), return_exceptions=True
    )
    assert sum(isinstance(each, str) for each in outcomes) == 1
    assert sum(isinstance(each, OtherSize) for each in outcomes) == 2


async def test_what_is_cosigned_survives_a_restart(client: httpx.AsyncClient, db: Database, witness: Witness) -> None:
    await send(client, LOG.body(0, 5))
    again = Witness(db.anonymous, witness._keys)
    with pytest.raises(OtherSize):
        await again.add(parse_submission(LOG.body(0, 5)))


@pytest.mark.parametrize(
    "change",
    ["size = 1", "root = decode(repeat('00', 32), 'hex')", "origin = 'vault.other/audit'"],
)
async def test_the_database_itself_refuses_to_forget(client: httpx.AsyncClient, db: Database, change: str) -> None:
    await send(client, LOG.body(0, 5))
    with pytest.raises((Conflict, IntegrityError)):
        async with db.anonymous() as session:
            await session.execute(text(f"UPDATE witness_log SET {change}"))  # noqa: S608
    assert await cosigned_size(client) == 5


async def test_each_hours_last_checkpoint_is_kept(db: Database) -> None:
    now = [NOW]
    witness = Witness(db.anonymous, keys(), clock=lambda: now[0])
    for old, new, moment in ((0, 3, NOW), (3, 5, NOW + 60), (5, 9, NOW + 7200)):
        now[0] = moment
        await witness.add(parse_submission(LOG.body(old, new)))
    async with db.anonymous() as session:
        rows = (await session.execute(text("SELECT size FROM witness_checkpoint ORDER BY hour"))).scalars().all()
    assert rows == [5, 9]
