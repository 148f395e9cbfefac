"""What `make test-keys` runs on: a real Vault and a SoftHSM2 token, one of each per run. `make test` leaves it out."""

from collections.abc import Iterator

import pytest

from scripts.rehearse.real_vault import RealVault, real_vault
from tests.support.soft_token import SoftToken, soft_token


@pytest.fixture(scope="session")
def engine_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealVault]:
    with real_vault(tmp_path_factory.mktemp("vault")) as vault:
        yield vault


@pytest.fixture
def engine(engine_process: RealVault) -> RealVault:
    engine_process.fresh_mount()
    return engine_process


@pytest.fixture(scope="session")
def token(tmp_path_factory: pytest.TempPathFactory) -> SoftToken:
    return soft_token(tmp_path_factory.mktemp("softhsm") / "tokens")
