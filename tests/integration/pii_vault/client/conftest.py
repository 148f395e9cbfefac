"""The two vaults of the contract suite: the real server, and the one in memory."""

from collections.abc import AsyncIterator, Iterator

import pytest

from pii_vault.client import VaultPort
from pii_vault.testing import DevelopmentModeWarning, InMemoryVault
from scripts.local.postgres import Cluster
from tests.conftest import VAULT
from tests.support import postgres as support
from tests.support.server import Server, serve
from tests.support.vault import POLICIES


@pytest.fixture(scope="module")
def server(
    tmp_path_factory: pytest.TempPathFactory, postgres_cluster: Cluster, vault_template: str
) -> Iterator[Server]:
    with (
        support.clone(postgres_cluster, VAULT, vault_template) as database,
        serve(tmp_path_factory.mktemp("vault"), database) as running,
    ):
        yield running


@pytest.fixture(params=["server", "memory"])
def running(request: pytest.FixtureRequest) -> Server | None:
    return request.getfixturevalue("server") if request.param == "server" else None


@pytest.fixture
async def vault(running: Server | None) -> AsyncIterator[VaultPort]:
    if running is None:
        with pytest.warns(DevelopmentModeWarning):
            yield InMemoryVault(POLICIES)
        return
    async with running.client() as client:
        yield client
