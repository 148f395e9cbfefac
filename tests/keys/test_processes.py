"""The vault's own processes over a real Vault that is sealed, killed, frozen or throttling under looks at their keys.

The time limit of the keys that they hold is of seconds here; docs/guide-keys.md, "When the service is away".
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import partial

import httpx
import hvac
import pytest

from pii_vault.audit.note import log_key
from pii_vault.audit.verify import verify_log
from pii_vault.keys.transit import TransitKeys, create_transit_keys
from scripts.rehearse.real_vault import RealVault
from scripts.voice import say
from tests.faults.callers import recovered, reveal, wrong
from tests.faults.rig import Rig, Setting, rig
from tests.faults.stage import transit_settings
from tests.faults.watch import Group, each_worker, faults, store, told, watch
from tests.faults.work import ORIGIN
from tests.support.instance import until

LIMIT = 3.0
WORKERS = 2
QUOTA = "/v1/sys/quotas/rate-limit/tests"
REFUSED_START_SECONDS = 30.0  # most of it imports, on a busy machine


@contextmanager
def sealed(engine: RealVault) -> Iterator[None]:
    engine.seal()
    try:
        yield
    finally:
        engine.unseal()


@contextmanager
def killed(engine: RealVault) -> Iterator[None]:
    """It starts sealed, is unsealed, and knows the vault's sign-ins no more."""
    engine.kill()
    try:
        yield
    finally:
        engine.start()
        engine.client().adapter.post("/v1/sys/leases/revoke-prefix/auth/approle/login", json={})


def frozen(engine: RealVault) -> AbstractContextManager[None]:
    return engine.stopped()


@contextmanager
def throttled(engine: RealVault) -> Iterator[None]:
    """One call a minute, and that one is spent."""
    client = engine.client()
    client.adapter.post(QUOTA, json={"rate": 1, "interval": "60s", "path": "larets/"})
    try:
        with pytest.raises(hvac.exceptions.RateLimitExceeded):
            spend(client)
        yield
    finally:
        client.adapter.delete(QUOTA)


def spend(client: hvac.Client) -> None:
    for _ in range(10):
        client.adapter.get("/v1/larets/keys/audit")


WAYS: dict[str, Callable[[RealVault], AbstractContextManager[None]]] = {
    "sealed": sealed,
    "killed": killed,
    "frozen": frozen,
    "throttled": throttled,
}


class Shop:
    """A running vault, and for each way a warm and a cold group of tokens whose keys it has forgotten."""

    def __init__(self, there: Rig, keys: TransitKeys) -> None:
        self.rig = there
        self.keys = keys
        with self.client() as client:
            self.groups = {way: store(client, 100 * number) for number, way in enumerate([*WAYS, "others"])}
        time.sleep(LIMIT)

    def client(self) -> httpx.Client:
        client = self.rig.server.http()
        client.headers["larets-tenant"] = "demo"
        client.timeout = httpx.Timeout(30)
        return client

    def rows(self, statement: str) -> int:
        with self.rig.connect() as connection:
            [(number,)] = connection.execute(statement).fetchall()
            return int(str(number))

    def chain(self) -> list[str]:
        key = str(log_key(ORIGIN, self.keys.checkpoint_public_key()))
        return [str(each) for each in verify_log(self.rig.database.superuser_url, key, key).problems]


@pytest.fixture(scope="module")
def shop(engine_process: RealVault, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    engine_process.fresh_mount()
    operator = engine_process.options("operator")
    create_transit_keys(operator)
    keys = TransitKeys(operator)
    more = transit_settings(engine_process.options("vault"), tmp_path_factory.mktemp("journal"))
    with rig(Setting(workers=WORKERS, more=more | {"dek_seconds": LIMIT}, keys=keys)) as there:
        yield Shop(there, keys)


def right(client: httpx.Client, group: Group) -> bool:
    return wrong(recovered(lambda: reveal(client, group.tokens)), group.numbers) == []


@pytest.mark.parametrize("way", WAYS)
def test_warm_keys_serve_for_their_time_cold_ones_are_refused_and_all_comes_back(
    shop: Shop, engine_process: RealVault, way: str, capsys: pytest.CaptureFixture[str]
) -> None:
    groups = shop.groups[way]
    with each_worker(shop.client, WORKERS) as clients:
        with ExitStack() as away:
            seen = watch(clients, groups, limit=LIMIT, take_away=lambda: away.enter_context(WAYS[way](engine_process)))
        with capsys.disabled():
            say(f"  {way}: {told(seen)}")
        assert faults(seen, limit=LIMIT) == []
        assert all(right(client, group) for client in clients for group in groups)
    assert shop.chain() == []
    # Held against another limit, the same answers are wrong.
    assert any("refused within the limit" in each for each in faults(seen, limit=LIMIT + 3))
    assert any("served past the limit" in each for each in faults(seen, limit=LIMIT - 2))


def test_sealed_no_process_starts_and_the_worker_goes_on_signing_afterwards(
    shop: Shop, engine_process: RealVault
) -> None:
    head, signed = "SELECT size FROM audit_head", "SELECT coalesce(max(size), 0) FROM audit_checkpoint"
    group = shop.groups["others"][0]
    shop.rig.start_worker()
    with shop.client() as client:
        until(lambda: shop.rows(signed) == shop.rows(head))
        assert right(client, group)
        with sealed(engine_process):
            assert right(client, group)
            grown = shop.rows(head)
            with ThreadPoolExecutor(2) as threads:
                for ended in threads.map(partial(run, shop.rig), ("pii_vault.main", "pii_vault.worker")):
                    assert (ended.returncode, "unseal it" in ended.stderr) == (1, True), ended.stderr
            assert shop.rows(signed) < grown
        until(lambda: shop.rows(signed) >= grown)
        assert shop.rig.worker.poll() is None
        assert right(client, group)
    shop.rig.kill_worker()
    assert shop.chain() == []


def run(there: Rig, module: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(  # noqa: S603  our own
        [sys.executable, "-m", module],
        env={"PATH": os.environ["PATH"]} | there.settings,
        capture_output=True,
        text=True,
        check=False,
        timeout=REFUSED_START_SECONDS,
    )
