"""A shop that goes on sending orders while something happens, as shops' systems do: what is not accepted comes again.

Each order has a number of its own. What was answered 200 is the vault's to keep; afterwards every such number must be
one order of the public contour, and none more.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import httpx

from scripts.env.place import Side
from scripts.local.shop import Shop, buyer, order
from scripts.rehearse.deep.node import Node
from scripts.rehearse.deep.stage import DeepStage
from scripts.rehearse.plane import PlaneProblem
from scripts.rehearse.stage import CheckFailed

SENDERS: Final = 2
PAUSE: Final = 0.4
AGAIN: Final = 1.0
PATIENCE: Final = 300.0  # longer than a node takes to come up again
TIMEOUT: Final = httpx.Timeout(15.0)
AWAY: Final = frozenset({500, 502, 503, 504})


@dataclass(slots=True)
class Load:
    """What was sent. `refused` counts answers and broken connections after which an order was sent again."""

    shop: Shop
    trust: str
    first: int
    accepted: list[int] = field(default_factory=list)
    refused: dict[str, int] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)
    _next: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _stop: threading.Event = field(default_factory=threading.Event)

    def number(self) -> int:
        with self._lock:
            self._next += 1
            return self.first + self._next

    def send(self) -> None:
        """One sender: an order after the other until it is told to stop; it never gives one up half-way."""
        with httpx.Client(verify=self.trust, trust_env=False, timeout=TIMEOUT) as client:
            while not self._stop.is_set():
                self.deliver(self.number(), client)
                self._stop.wait(PAUSE)

    def deliver(self, number: int, client: httpx.Client) -> None:
        payload = order(number, buyer=buyer(number))
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            try:
                code = self.shop.send("order.created", payload, client=client).status_code
            except httpx.HTTPError as error:
                told = type(error).__name__
            else:
                if code == httpx.codes.OK:
                    with self._lock:
                        self.accepted.append(number)
                    return
                told = str(code)
                if code not in AWAY:
                    with self._lock:
                        self.wrong.append(told)
                    return
            with self._lock:
                self.refused[told] = self.refused.get(told, 0) + 1
            time.sleep(AGAIN)
        with self._lock:
            self.wrong.append(f"given up after {PATIENCE:.0f} s")

    def wait_for(self, more: int) -> None:
        """Until that many more were accepted. Raises CheckFailed: they are not, in time."""
        wanted, until = len(self.accepted) + more, time.monotonic() + PATIENCE
        while len(self.accepted) < wanted:
            if time.monotonic() > until:
                raise CheckFailed(f"orders are not accepted: {self.refused or self.wrong or 'no answer at all'}")
            time.sleep(0.2)

    def stop(self) -> None:
        self._stop.set()


@contextmanager
def under_load(stage: DeepStage) -> Iterator[Load]:
    """Orders come all the time inside; after it every accepted one must have arrived, once.

    Raises:
        CheckFailed: an order was lost, doubled, or refused for good.
    """
    if stage.shop is None:
        raise CheckFailed("there is no shop yet: the check that makes one failed")
    stage.orders += 100_000
    load = Load(stage.shop, str(stage.trust), stage.orders)
    senders = [threading.Thread(target=load.send, daemon=True) for _ in range(SENDERS)]
    for sender in senders:
        sender.start()
    try:
        yield load
    finally:
        load.stop()
        for sender in senders:
            sender.join(PATIENCE + AGAIN)
    settled(stage, load)


def settled(stage: DeepStage, load: Load) -> None:
    """Waits until the public contour holds what was accepted. Raises CheckFailed."""
    if load.wrong or not load.accepted:
        raise CheckFailed(f"orders were refused for good: {load.wrong[:5]}; accepted {len(load.accepted)}")
    until = time.monotonic() + PATIENCE
    while True:
        try:
            held = arrived(stage, load.first)
        except PlaneProblem as problem:  # its pod was killed just now, and the answer with it
            if time.monotonic() > until:
                raise CheckFailed(f"the public database does not answer: {problem}") from problem
            time.sleep(1)
            continue
        lost, twice = set(load.accepted) - held.keys(), [number for number, times in held.items() if times != 1]
        if not lost and not twice:
            return
        if twice or time.monotonic() > until:
            raise CheckFailed(f"of {len(load.accepted)} accepted orders {len(lost)} are lost, {len(twice)} are doubled")
        time.sleep(1)


def arrived(stage: DeepStage, first: int) -> dict[int, int]:
    """Orders of one load that the public database holds: number → how often."""
    query = f"SELECT external_id, count(*) FROM orders WHERE external_id ~ '^{first // 100_000}[0-9]{{5}}$' GROUP BY 1"  # noqa: S608  a number of ours
    rows = ask_database(stage.nodes["public"], "public", query)
    return {int(number): int(times) for number, times in rows}


def ask_database(node: Node, side: Side, query: str) -> list[list[str]]:
    """Rows of a query, by PostgreSQL's own program inside the database's pod. Raises PlaneProblem: it is away."""
    found: Any = node.plane.cluster().request("GET", "/api/v1/namespaces/data/pods")
    name = next((pod["metadata"]["name"] for pod in found["items"] if "deletionTimestamp" not in pod["metadata"]), None)
    if name is None:
        raise PlaneProblem(f"{side}: the database has no pod")
    database = "vault" if side == "private" else "app"
    command = f'PGPASSWORD=$(cat /run/larets/superuser/password) exec psql -U postgres -d {database} -At -F " " -c "$0"'
    inside = ["exec", "--namespace=data", name, "--container=postgres", "--", "sh", "-c", command, query]
    told = node.kubectl(*inside)
    return [line.split(" ") for line in told.splitlines() if line]
