"""A vault with a real hot standby beside its primary."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import pytest

from pii_vault.assemble import open_vault
from pii_vault.core.tokens import parse_subject
from pii_vault.keys.memory import MemoryKeyService
from pii_vault.operations.items import TokeniseItem
from pii_vault.operations.rows import SMALL
from pii_vault.operations.tokenise import tokenise
from pii_vault.replicas import metrics
from pii_vault.vault import Vault
from scripts.local.postgres import Cluster
from tests.conftest import VAULT
from tests.support import postgres as support
from tests.support.replica import Replica, standby
from tests.support.vault import POLICIES, prepare, program

CROWD = SMALL + 50  # a request of so many is worth a standby


@dataclass
class Crowd:
    """Persons of one phone each, in one request's worth of tokens."""

    subjects: list[str]
    tokens: list[str]
    phones: list[str]

    def bits(self, at: int) -> bytes:
        return parse_subject(self.subjects[at], tenant="demo")


@pytest.fixture(scope="module")
def primary() -> Iterator[Cluster]:
    with support.cluster({"synchronous_commit": "local"}) as started:  # else a commit is sent a fifth of a second later
        yield started


@pytest.fixture(scope="module")
def template(primary: Cluster) -> str:
    return support.make_template(primary, VAULT)


@pytest.fixture(scope="module")
def replica(primary: Cluster, template: str) -> Iterator[Replica]:
    assert template
    with standby(primary) as streaming:
        yield streaming


@pytest.fixture
def vault_database(primary: Cluster, template: str, replica: Replica) -> Iterator[support.Database]:
    with support.clone(primary, VAULT, template) as database:
        replica.catch_up()
        yield database


@pytest.fixture
async def vault(vault_database: support.Database, replica: Replica, keys: MemoryKeyService) -> AsyncIterator[Vault]:
    await prepare(vault_database, keys, tenants=("demo", "other"))
    replica.catch_up()
    urls = [replica.url_of(vault_database)]
    async with open_vault(vault_database.runtime_url, keys, POLICIES, pool_size=4, replica_urls=urls) as opened:
        for each in opened.replicas._standbys:
            each.seconds = 20.0  # on a busy machine too
        await opened.replicas.look()
        yield opened


@pytest.fixture
async def crowd(vault: Vault, replica: Replica) -> Crowd:
    """Stored, and replayed by the standby."""
    phones = [f"+7900{number:07}" for number in range(CROWD)]
    results = await tokenise(vault, program(), [TokeniseItem("phone", phone) for phone in phones], request_id="r")
    replica.catch_up()
    return Crowd([result.subject or "" for result in results], [result.token or "" for result in results], phones)


class Reads:
    """How reads were answered since the test began."""

    def __init__(self) -> None:
        self._before = self._now()

    def __call__(self) -> dict[str, int]:
        now = self._now()
        return {name: now[name] - self._before[name] for name in now if now[name] > self._before[name]}

    @staticmethod
    def _now() -> dict[str, int]:
        outcomes = ("replica", "behind", "broken")
        return {name: int(metrics.READS.labels(name)._value.get()) for name in outcomes}


@pytest.fixture
def reads() -> Reads:
    return Reads()
