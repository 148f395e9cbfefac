"""A witness that was restored takes back what it forgot by its own cosignature, and by nothing else."""

import asyncio
from datetime import UTC, datetime

import httpx
import pytest
from sqlalchemy import text

from app.kit.db import Database
from app.witness import repository
from app.witness.errors import ClosedOrigin
from app.witness.service import Witness, parse_submission
from pii_vault.audit import note as notes
from pii_vault.audit.witness import announcement, submission
from tests.integration.app.witness.support import (
    LOG_KEY,
    NOW,
    Log,
    cosigned,
    keys,
    statement,
)

LOG = Log()
SECOND = f"{LOG_KEY.name}/2"


def checkpoint(note: notes.Note) -> notes.Checkpoint:
    return notes.parse_checkpoint(note.text)


NINE = cosigned(LOG.note(9))
NINE_OF_SECOND = cosigned(LOG.note(9, origin=SECOND))
SAID = statement(checkpoint(NINE))


async def announce(client: httpx.AsyncClient, said: str, witnessed: notes.Note | None) -> httpx.Response:
    body = said.encode() if witnessed is None else announcement(said, str(witnessed))
    return await client.post("/witness/new-origin", content=body)


async def kept(client: httpx.AsyncClient) -> tuple[list[str], list[str]]:
    content = (await client.get("/witness/history")).json()
    return content["origins"], content["checkpoints"]


@pytest.fixture
async def behind(client: httpx.AsyncClient) -> httpx.AsyncClient:
    """It cosigned nine records once, and was restored to when it knew five."""
    assert (await client.post("/witness/add-checkpoint", content=LOG.body(0, 5))).status_code == 200
    return client


async def test_its_own_cosignature_is_enough(behind: httpx.AsyncClient, caplog: pytest.LogCaptureFixture) -> None:
    assert (await announce(behind, SAID, None)).status_code == 409
    for _ in range(2):  # showing it again does nothing
        assert (await announce(behind, SAID, NINE)).status_code == 204
    assert (await announce(behind, SAID, None)).status_code == 204
    statements, checkpoints = await kept(behind)
    assert statements == [SAID]
    assert str(NINE) in checkpoints
    assert "9 records of vault.test/audit were cosigned, and it knew of 5" in caplog.text
    under_new = submission(LOG.note(4, origin=SECOND), old=0, proof=[])
    assert (await behind.post("/witness/add-checkpoint", content=under_new)).status_code == 200
    closed = await behind.post("/witness/add-checkpoint", content=LOG.body(9, 12))
    assert (closed.status_code, closed.json()["code"]) == (409, "closed_origin")


async def test_what_was_cosigned_in_the_gap_is_given_up_and_told(
    client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    """A witness that forgot all can be shown other records first: their root is left as evidence of it."""
    gap = Log("gap")
    assert (await client.post("/witness/add-checkpoint", content=gap.body(0, 7))).status_code == 200
    assert (await announce(client, SAID, NINE)).status_code == 204
    assert f"it knew of 7, root {checkpoint(gap.note(7)).root.hex()}" in caplog.text


OTHER_WITNESS = bytes(range(65, 97))
FORGED = Log("forged").note(9)
TIMELESS = notes.Note(NINE.text, (NINE.signatures[0], notes.sign_with(keys().public, bytes(8) + bytes(64))))


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        (SAID, None),
        (SAID, LOG.note(9)),  # the log's signature alone
        (SAID, TIMELESS),
        (SAID, cosigned(LOG.note(9), seed=OTHER_WITNESS)),
        (SAID, cosigned(LOG.note(9), seed=OTHER_WITNESS, name="crm.other/witness")),
        (SAID, cosigned(LOG.note(9, seed=OTHER_WITNESS))),  # cosigned here, and not by the log
        (SAID, cosigned(LOG.note(8))),  # of this log and cosigned here, but not what the statement names
        (SAID, cosigned(FORGED)),
        (statement(checkpoint(FORGED)), NINE),
        (statement(checkpoint(NINE_OF_SECOND), origin=f"{LOG_KEY.name}/3"), NINE_OF_SECOND),
        (statement(checkpoint(NINE), seed=OTHER_WITNESS), NINE),
        (statement(checkpoint(LOG.note(0))), cosigned(LOG.note(0))),
    ],
    ids=[
        "nothing", "not cosigned", "no signature", "forged", "other witness", "not signed by the log", "other size",
        "other root", "names a fork", "passes over an origin", "forged statement", "names nothing",
    ],
)  # fmt: skip
async def test_nothing_else_is(behind: httpx.AsyncClient, said: str, shown: notes.Note | None) -> None:
    before = await kept(behind)
    answer = await announce(behind, said, shown)
    assert (answer.status_code, answer.json()["code"]) == (409, "unfounded_origin")
    assert await kept(behind) == before
    assert (await behind.post("/witness/add-checkpoint", content=LOG.body(5, 6))).status_code == 200  # still open


async def test_a_checkpoint_of_another_log_is_not(behind: httpx.AsyncClient) -> None:
    """Cosigned by this very witness's key, as it may be where one key served two logs."""
    other = cosigned(LOG.note(9, origin="vault.other/audit"))
    for said in (SAID, statement(checkpoint(other), origin="vault.other/audit/2")):
        assert (await announce(behind, said, other)).status_code == 409
    assert (await kept(behind))[0] == []


@pytest.mark.parametrize("history", ["true", "forged"])
async def test_a_log_cannot_rewind_its_witness(client: httpx.AsyncClient, history: str) -> None:
    """Whatever was cosigned after the statement's checkpoint, or beside it, is not taken back by showing that."""
    grown = Log(history)
    size = 12 if history == "true" else 9
    await client.post("/witness/add-checkpoint", content=grown.body(0, size))
    answer = await announce(client, SAID, NINE)
    assert (answer.status_code, answer.json()["code"]) == (409, "unfounded_origin")
    assert (await client.post("/witness/add-checkpoint", content=grown.body(size, 15))).status_code == 200


async def test_an_old_statement_is_not_taken_after_another(behind: httpx.AsyncClient) -> None:
    """Both were once true: the log was restored, went back, and was restored again."""
    newer = statement(checkpoint(LOG.note(7)), reason="the second time")
    assert (await announce(behind, newer, cosigned(LOG.note(7)))).status_code == 204
    assert (await announce(behind, SAID, NINE)).status_code == 409
    third = cosigned(LOG.note(8, origin=SECOND))
    after = statement(checkpoint(third), origin=f"{LOG_KEY.name}/3")
    assert (await announce(behind, after, third)).status_code == 204
    for old, shown in ((SAID, NINE), (statement(checkpoint(NINE)), NINE)):
        assert (await announce(behind, old, shown)).status_code == 409
    assert sorted((await kept(behind))[0]) == sorted([newer, after])


GOOD = announcement(SAID, str(NINE)).decode()


@pytest.mark.parametrize(
    "body",
    ["", "\n\n", SAID + "\n", SAID + "\n" + GOOD, GOOD + "\n", GOOD + "\n\n", GOOD.replace("\n", "\r\n"), GOOD[:-1],
     str(LOG.note(3)) + "\n" + SAID + "\n" + str(NINE), "\n\n" + GOOD],
)  # fmt: skip
async def test_malformed_announcements_are_refused(behind: httpx.AsyncClient, body: str) -> None:
    answer = await behind.post("/witness/new-origin", content=body.encode())
    assert (answer.status_code, answer.json()["code"]) == (400, "broken_submission")
    assert (await kept(behind))[0] == []


async def test_a_body_that_is_no_text_is_refused(behind: httpx.AsyncClient) -> None:
    assert (await behind.post("/witness/new-origin", content=GOOD.encode()[:40] + b"\xff")).status_code == 400


_WAITS = text("SELECT count(*) FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY (pg_blocking_pids(pid))")


async def test_an_origin_that_is_founded_meanwhile_is_seen(db: Database, witness: Witness) -> None:
    """Nothing is cosigned under the old one after the statement, though it was the newest when it was asked for."""
    await witness.add(parse_submission(LOG.body(0, 9)))
    now = datetime.fromtimestamp(NOW, UTC)
    async with asyncio.timeout(20):
        async with db.anonymous() as session:
            await repository.lock(session, origin=LOG_KEY.name, now=now)
            late = asyncio.create_task(witness.add(parse_submission(LOG.body(9, 10))))
            while not await session.scalar(_WAITS):  # noqa: ASYNC110  the database tells nobody who waits
                await asyncio.sleep(0.01)
            await repository.found(session, origin=SECOND, statement=SAID, now=now)
        with pytest.raises(ClosedOrigin):
            await late
