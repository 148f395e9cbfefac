"""kill -9 of any process of both contours while orders come in: each order that was taken is one card, and is readable.

Killed are the vault, its worker, the CRM, its worker, and either PostgreSQL, each with all of its own processes.
`FAULT_CONTOUR_KILLS` says at how many points, `FAULT_SEED` repeats them.
"""

import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any, Self

import httpx
import psutil
import psycopg
import pytest

from scripts.local.processes import running, start
from scripts.local.shop import Buyer, buyer, order
from scripts.voice import say
from tests.e2e.command import larets
from tests.faults.share import SEED, share
from tests.support.instance import World, quiet_children, service_of, until

KILLS = share("FAULT_CONTOUR_KILLS", 30)
SERVICES = ("vault", "vault-worker", "app", "app-worker")
DATABASES = ("private", "public")
PATIENCE_SECONDS = 120.0


class Shop:
    """Sends orders one after another, and each again until it is taken: what WooCommerce does with a webhook."""

    def __init__(self, world: World) -> None:
        self.taken: dict[int, Buyer] = {}
        self._world = world
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        number = 500_000
        with httpx.Client(trust_env=False, timeout=15) as client:
            while not self._stop.is_set():
                number += 1
                who = buyer(number)
                content = order(number, buyer=who)
                while not self._taken(client, content):
                    time.sleep(0.2)
                self.taken[number] = who

    def _taken(self, client: httpx.Client, content: dict[str, Any]) -> bool:
        with suppress(httpx.TransportError):
            return self._world.shop.send("order.created", content, client=client).status_code == httpx.codes.OK
        return False


def kill(process: psutil.Process | None) -> None:
    if process is not None:
        family = [process, *process.children(recursive=True)]
        for each in family:
            with suppress(psutil.NoSuchProcess):
                each.kill()
        psutil.wait_procs(family, timeout=10)


def kill_and_start(world: World, victim: str) -> None:
    if victim in DATABASES:
        contour: Any = victim
        kill(psutil.Process(int((world.instance.postgres(contour) / "postmaster.pid").read_text().splitlines()[0])))
        world.start_postgres(contour)
    else:
        kill(running(world.instance, service_of(victim)))
    keep_up(world)


def keep_up(world: World) -> None:
    """What a kubelet does: a process that ended, such as one whose database was away as it began, is started again."""
    with quiet_children():
        for name in SERVICES:
            if running(world.instance, service_of(name)) is None:
                start(world.instance, service_of(name))


def judge(world: World, taken: dict[int, Buyer]) -> dict[str, int]:
    """How many orders are not there, left a second person behind, or do not give back whose they are; and the chain."""
    found = {str(row[0]) for row in world.rows("public", "SELECT external_id FROM orders")}
    return {
        "lost": sum(str(number) not in found for number in taken),
        "doubled": doubled(world),
        "unreadable": sum(who.phone not in phones(world, number) for number, who in taken.items()),
        "chain": larets(world.instance.home, "audit", "verify", "--json").returncode,
    }


def doubled(world: World) -> int:
    """How many persons have no order."""
    question = "SELECT count(*) FROM contact c WHERE NOT EXISTS (SELECT FROM orders o WHERE o.contact_id = c.id)"
    return int(world.rows("public", question)[0][0])


def phones(world: World, number: int) -> list[str]:
    question = (
        "SELECT t.token FROM orders o JOIN contact_token t ON t.contact_id = o.contact_id "
        "WHERE o.external_id = %s AND t.token LIKE 'tok_phone_%%'"
    )
    tokens = [str(row[0]) for row in world.rows("public", question, str(number))]
    if not tokens:
        return []
    with world.peer("demo-program", headers={"larets-tenant": "demo"}) as client:
        body = {"purpose": "order_processing", "items": [{"token": token} for token in tokens]}
        return [str(item.get("value")) for item in client.post("/v1/reveal", json=body).json()["items"]]


def arrived(world: World, taken: dict[int, Buyer]) -> bool:
    keep_up(world)
    with suppress(psycopg.Error):
        rows = world.rows("public", "SELECT external_id FROM orders")
        return {str(number) for number in taken} <= {str(row[0]) for row in rows}
    return False


def test_orders_outlive_every_process(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    draw = random.Random(SEED)
    kinds = [*SERVICES, *DATABASES]
    victims = [*draw.sample(kinds, len(kinds)), *draw.choices(kinds, k=KILLS)][: max(KILLS, len(kinds))]
    with capsys.disabled(), Shop(world) as shop:
        say(f"\n  {len(victims)} kills in both contours, FAULT_SEED={SEED}")
        for number, victim in enumerate(victims, 1):
            time.sleep(draw.uniform(0.05, 1))
            kill_and_start(world, victim)
            say(f"  {number} of {len(victims)}: {victim}, {len(shop.taken)} orders")
        before = len(shop.taken)
        until(lambda: len(shop.taken) > before, seconds=PATIENCE_SECONDS)
    until(lambda: arrived(world, shop.taken), seconds=PATIENCE_SECONDS)
    assert judge(world, shop.taken) == {"lost": 0, "doubled": 0, "unreadable": 0, "chain": 0}


def test_the_twin_orders_that_are_lost_doubled_or_another_buyers_are_found_out(world: World) -> None:
    sent = dict(world.send() for _ in range(2))
    first, second = sent
    until(lambda: arrived(world, sent))
    before = doubled(world)
    assert judge(world, sent | {first + 900_000: buyer(1)})["lost"] == 1
    world.rows(
        "public",
        "UPDATE orders SET contact_id = (SELECT contact_id FROM orders WHERE external_id = %s) WHERE external_id = %s",
        str(first),
        str(second),
    )
    assert judge(world, sent) == {"lost": 0, "doubled": before + 1, "unreadable": 1, "chain": 0}


@contextmanager
def instead(world: World, name: str, module: str) -> Iterator[None]:
    """A twin in the place of this service, killed at the end of the block."""
    kill(running(world.instance, service_of(name)))
    with quiet_children():
        start(world.instance, replace(service_of(name), module=module))
    world.wait_ready(name)
    try:
        yield
    finally:
        kill(running(world.instance, service_of(name)))
        keep_up(world)
        world.wait_ready("vault")  # the judgement asks it


def test_the_twin_a_worker_that_forgets_an_event_before_it_is_answered_is_found_out(world: World) -> None:
    before = doubled(world)
    with instead(world, "vault-worker", "tests.faults.hasty"):
        kill(running(world.instance, service_of("app")))  # nobody is there who could answer
        sent = dict([world.send()])
        until(lambda: not world.rows("private", "SELECT id FROM gateway_outbox"))
    assert judge(world, sent) == {"lost": 1, "doubled": before, "unreadable": 1, "chain": 0}


def test_the_twin_a_gateway_that_answers_before_it_writes_and_knows_nobody_again_is_found_out(world: World) -> None:
    before = doubled(world)
    with instead(world, "vault", "tests.faults.forgetful"):
        sent = dict([world.send()])
        for number, who in sent.items():
            world.send(who, number=number)  # again, as a shop does that was not answered
        until(lambda: doubled(world) > before)
        killed = dict([world.send()])
    assert judge(world, sent | killed) == {"lost": 1, "doubled": before + 1, "unreadable": 1, "chain": 0}
