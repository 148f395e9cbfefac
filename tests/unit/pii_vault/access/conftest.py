from pathlib import Path

import pytest

from pii_vault.access.compile import compile_matrix
from pii_vault.access.matrix import Matrix


@pytest.fixture(scope="session")
def matrix() -> Matrix:
    return compile_matrix(Path("policies"))
