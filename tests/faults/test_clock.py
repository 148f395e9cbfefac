"""Clocks two hours wrong, back and forth, of the vault, of its database and of both, while work goes on.

Nothing is lost, doubled or unaudited; the chain holds; no mail goes out twice; a token that has expired opens
nothing; a consent that was withdrawn stays so, and so does a budget that was used up.
"""

import asyncio
import ssl
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from scripts.local.pki import Authority
from scripts.voice import say
from tests.faults.clock import SEEN_SECONDS, Clocks
from tests.faults.office import Office, office
from tests.faults.rig import Setting, rig
from tests.faults.share import SEED, some
from tests.faults.work import Client, Promises, finish, judge
from tests.support.instance import until
from tests.support.outside import mail_server

STAGES = [
    (vault, postgres)
    for vault in (0, 2, -2)
    for postgres in (0, 2, -2)
    if (vault, postgres) != (0, 0) and not vault * postgres < 0
]
STAGE_SECONDS = 2.0
PATIENCE_SECONDS = 120.0  # a busy machine is slow
MAILS_A_STAGE = 3
CLIENTS = 3
SLOW_MAIL_SECONDS = 15.0  # longer than it takes to see another clock, and shorter than the relay waits


@contextmanager
def wrong_clocks() -> Iterator[tuple[Office, Clocks]]:
    with tempfile.TemporaryDirectory(prefix="larets-clocks-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        clocks = Clocks(folder)
        Authority("Test mail", certificates=folder, secrets=folder).issue("mail", hosts=("127.0.0.1",))
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(folder / "mail.crt", folder / "mail.key")
        trusted = {"SSL_CERT_FILE": str(folder / "ca.crt")}
        environment = {"vault": {**clocks.environment("vault"), **trusted}, "postgres": clocks.environment("postgres")}
        with (
            mail_server(tls) as mailbox,
            rig(Setting(environment=environment)) as there,
            office(there, mailbox) as opened,
        ):
            there.start_worker()
            yield opened, clocks


def status_of(there: Office, bearer: str) -> int:
    """What a member of staff gets with this token."""
    body = {"purpose": "support", "items": [{"token": "tok_phone_x"}]}
    with there.rig.server.browser() as client:
        client.timeout = httpx.Timeout(30)
        return client.post("/v1/reveal", json=body, headers={"authorization": f"Bearer {bearer}"}).status_code


async def work_through(there: Office, clocks: Clocks) -> Promises:
    promises = Promises()
    clients = [Client(there.rig, promises, number, SEED) for number in range(CLIENTS)]
    working = [asyncio.create_task(client.run()) for client in clients]
    expired = there.bearer(age=timedelta(minutes=6))
    stages = some(STAGES, least=2)
    numbers = iter(range(1, 1000))
    await asyncio.to_thread(there.consent)
    assert await asyncio.to_thread(there.search) == httpx.codes.OK
    await asyncio.to_thread(there.spend)
    for place, (vault, postgres) in enumerate(stages):
        clocks.turn(vault=vault, postgres=postgres)
        say(f"  vault {vault:+}, postgres {postgres:+}")
        await asyncio.sleep(SEEN_SECONDS)
        for _ in range(MAILS_A_STAGE):
            number = next(numbers)
            await asyncio.to_thread(there.order, number)
        if place == len(stages) // 2:
            await asyncio.to_thread(there.consent, "/withdraw")
        assert await asyncio.to_thread(there.consented) == (place < len(stages) // 2)
        before = len(promises.tokens)
        await asyncio.sleep(STAGE_SECONDS)
        deadline = time.monotonic() + PATIENCE_SECONDS
        while len(promises.tokens) <= before:
            assert time.monotonic() < deadline, f"nothing goes on with clocks at {vault:+} and {postgres:+} hours"
            await asyncio.sleep(0.1)
        if vault == 0:
            assert await asyncio.to_thread(status_of, there, expired) == httpx.codes.UNAUTHORIZED
        clocks.turn(vault=0, postgres=0)
        await asyncio.sleep(SEEN_SECONDS)
        await comes_to(httpx.codes.TOO_MANY_REQUESTS, there.search)  # the hour's budget stays used up
        assert await asyncio.to_thread(status_of, there, expired) == httpx.codes.UNAUTHORIZED
        await comes_to(httpx.codes.OK, lambda: status_of(there, there.bearer()))
        assert await asyncio.to_thread(there.consented) == (place < len(stages) // 2)
    await finish(clients, working)
    await all_sent(there, clocks)
    promises.sent["mails"] = next(numbers) - 1
    return promises


async def comes_to(status: int, ask: Callable[[], int]) -> None:
    """A process looks at its clock now and then; until it has, a token of the right time is one of the future."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while await asyncio.to_thread(ask) != status:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.2)


async def all_sent(there: Office, clocks: Clocks) -> None:
    """What was queued by a clock that went ahead is due when the right one gets there: here, at once."""
    clocks.turn(vault=0, postgres=2.1)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while there.waiting():
        assert time.monotonic() < deadline, f"not sent: {there.waiting()}"
        await asyncio.sleep(0.2)
    clocks.turn(vault=0, postgres=0)
    await asyncio.sleep(SEEN_SECONDS)


def test_clocks_two_hours_wrong_break_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled(), wrong_clocks() as (there, clocks):
        say(f"\n  wrong clocks, FAULT_SEED={SEED}")
        promises = asyncio.run(work_through(there, clocks))
        promises.sent["items"] += 1  # the address that the mails go to
        found = asyncio.run(judge(there.rig, promises))
        assert found == {"lost": 0, "doubled": 0, "unaudited": 0, "wrong": 0, "chain": 0}
        assert there.mails() == {str(number): 1 for number in range(1, promises.sent["mails"] + 1)}


@pytest.fixture(scope="module")
def twins() -> Iterator[tuple[Office, Clocks]]:
    """One set of processes for all twins: each begins with the processes that it needs, at the right time of day."""
    with wrong_clocks() as made:
        yield made


def test_the_twin_a_mail_that_is_queued_again_and_a_token_that_is_good_are_found_out(
    twins: tuple[Office, Clocks],
) -> None:
    there, clocks = twins
    there.order(1)
    asyncio.run(all_sent(there, clocks))
    with there.rig.connect() as connection:
        connection.execute(
            "UPDATE relay_dispatch SET state = 'queued', finished = NULL, due = now() - interval '1 second'"
        )
    asyncio.run(all_sent(there, clocks))
    assert there.mails() == {"1": 2}
    assert status_of(there, there.bearer(age=timedelta(minutes=4))) == httpx.codes.OK
    clocks.turn(vault=2)
    time.sleep(SEEN_SECONDS)
    assert status_of(there, there.bearer()) == httpx.codes.UNAUTHORIZED  # the clock is really another one
    clocks.turn(vault=0)
    time.sleep(SEEN_SECONDS)


@pytest.mark.parametrize(("module", "times"), [("pii_vault.worker", 1), ("tests.faults.hasty", 2)])
def test_the_twin_a_relay_that_does_not_note_what_it_gives_away_is_found_out(
    twins: tuple[Office, Clocks], module: str, times: int
) -> None:
    """The clock of the database goes ahead, and so past the claim, while the mail's server has not answered yet."""
    there, clocks = twins
    there.rig.kill_worker()
    there.mailbox.mails.clear()
    there.mailbox.seconds = SLOW_MAIL_SECONDS
    there.order(100 + times)
    there.rig.start_worker(module=module)
    until(there.mails, seconds=PATIENCE_SECONDS)
    clocks.turn(postgres=2.1)
    until(lambda: not there.waiting() or there.mails().total() > 1, seconds=PATIENCE_SECONDS)
    assert there.mails() == {str(100 + times): times}
    clocks.turn(postgres=0)
    time.sleep(SEEN_SECONDS)
    there.mailbox.seconds = 0


def test_the_twin_a_vault_that_does_not_look_at_a_tokens_time_is_found_out(twins: tuple[Office, Clocks]) -> None:
    there, _ = twins
    expired = there.bearer(age=timedelta(minutes=6))
    assert status_of(there, expired) == httpx.codes.UNAUTHORIZED
    there.rig.kill_vault()
    there.rig.start_vault(module="tests.faults.careless")
    assert status_of(there, expired) == httpx.codes.OK
