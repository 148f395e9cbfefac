"""A vault as its own processes, over a transit engine whose faults are ours."""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx

from pii_vault.audit.note import log_key
from pii_vault.audit.verify import verify_log
from pii_vault.keys.transit import TransitKeys, create_transit_keys
from pii_vault.keys.transit_session import TransitOptions
from pii_vault.operations.registry import create_tenant, register_service_client
from tests.faults.rig import Rig, Setting, rig
from tests.faults.work import ORIGIN
from tests.support.fake_transit import ROLE, SECRET, FakeTransit, fake_transit
from tests.support.vault import PURPOSES

STALL_SECONDS = 5.0  # longer than the vault waits


class Stage:
    """The vault, its engine, and a program that serves many shops, each used once."""

    def __init__(self, there: Rig, engine: FakeTransit, keys: TransitKeys) -> None:
        self.rig = there
        self.engine = engine
        self.keys = keys
        self._unused: list[str] = []

    async def found(self, count: int) -> None:
        self._unused = [f"shop-{number}" for number in range(count)]
        for name in self._unused:
            await create_tenant(self.rig.database.owner_url, self.keys, name)
        await register_service_client(
            self.rig.database.owner_url, trust_domain="private", cn="stranger", tenants=self._unused,
            roles=["program"], purposes=PURPOSES,
        )  # fmt: skip

    def shops(self, count: int) -> list[str]:
        """New ones: the vault holds no key of theirs yet."""
        return [self._unused.pop() for _ in range(count)]

    def client(self, shop: str) -> httpx.Client:
        client = self.rig.server.http("stranger")
        client.headers["larets-tenant"] = shop
        client.timeout = httpx.Timeout(30)
        return client

    def fail(self, fault: str, *, spare: int = 0, only: str = "", slow_seconds: float = STALL_SECONDS) -> None:
        """`only`: calls whose path holds this."""
        self.engine.slow_seconds, self.engine.spare, self.engine.faulted = slow_seconds, spare, 0
        self.engine.only = only
        self.engine.fault = fault

    def heal(self) -> None:
        self.engine.fault = ""

    def restart(self, *, module: str = "pii_vault.main") -> None:
        """A vault that holds no key; `module`: another one, for a twin."""
        self.rig.kill_vault()
        self.rig.start_vault(module=module)

    def chain(self) -> list[str]:
        """What is wrong with the audit log."""
        key = str(log_key(ORIGIN, self.keys.checkpoint_public_key()))
        return [str(each) for each in verify_log(self.rig.database.superuser_url, key, key).problems]


@contextmanager
def staged(folder: Path, *, shops: int, workers: int, more: Mapping[str, object]) -> Iterator[Stage]:
    """`more`: settings of the vault beside those of its key service."""
    secret = folder / "secret"
    secret.touch(mode=0o600)
    secret.write_text(SECRET)
    with fake_transit() as engine:
        options = TransitOptions(url=engine.url, role=ROLE, secret_file=secret)
        create_transit_keys(options)
        keys = TransitKeys(options)
        with rig(Setting(workers=workers, more=transit_settings(options, folder) | dict(more), keys=keys)) as there:
            made = Stage(there, engine, keys)
            asyncio.run(made.found(shops))
            yield made


def transit_settings(options: TransitOptions, folder: Path) -> dict[str, object]:
    """What a vault is told to use this engine; its journal of erasures lies in the folder."""
    told: dict[str, object] = {
        "key_service": "transit",
        "transit_url": options.url,
        "transit_role": options.role,
        "transit_secret_file": options.secret_file,
        "erasure_journal": folder / "erasures.journal",
    }
    return told if options.ca is None else told | {"transit_ca": options.ca}
