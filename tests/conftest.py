"""Fixtures shared by all tests. The environment is scrubbed so that a developer's settings cannot leak in."""

import os
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import settings

import app.migrations
import pii_vault.migrations
from scripts.local.postgres import Cluster
from tests.support import postgres as support
from tests.support.scheduling import TogetherScheduling

for _name in [name for name in os.environ if name.startswith("LARETS_")]:
    del os.environ[_name]

# The same examples in every run: what a random one finds is found by `pytest --hypothesis-profile=random`.
settings.register_profile("steady", derandomize=True)
settings.register_profile("random")
settings.load_profile("steady")

VAULT = support.Side("vault", "larets_vault_owner", "larets_vault", pii_vault.migrations.upgrade)
APP = support.Side("app", "larets_app_owner", "larets_app", app.migrations.upgrade)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> TogetherScheduling:
    """A parallel run keeps the tests of one running instance in one worker."""
    return TogetherScheduling(config, log)


@pytest.fixture(scope="session")
def postgres_cluster() -> Iterator[Cluster]:
    with support.cluster() as started:
        yield started


@pytest.fixture(scope="session")
def vault_template(postgres_cluster: Cluster) -> str:
    return support.make_template(postgres_cluster, VAULT)


@pytest.fixture(scope="session")
def app_template(postgres_cluster: Cluster) -> str:
    return support.make_template(postgres_cluster, APP)


@pytest.fixture
def vault_database(postgres_cluster: Cluster, vault_template: str) -> Iterator[support.Database]:
    with support.clone(postgres_cluster, VAULT, vault_template) as database:
        yield database


@pytest.fixture
def app_database(postgres_cluster: Cluster, app_template: str) -> Iterator[support.Database]:
    with support.clone(postgres_cluster, APP, app_template) as database:
        yield database
