"""One running vault for the tests of a module."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.local.postgres import Cluster
from tests.conftest import VAULT
from tests.support import postgres as support
from tests.support.server import Server, serve


@pytest.fixture(scope="module")
def database(postgres_cluster: Cluster, vault_template: str) -> Iterator[support.Database]:
    with support.clone(postgres_cluster, VAULT, vault_template) as cloned:
        yield cloned


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, database: support.Database) -> Iterator[Server]:
    folder: Path = tmp_path_factory.mktemp("vault")
    with serve(folder, database, workers=2) as running:
        yield running
