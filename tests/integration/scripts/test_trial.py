"""The shop of checks is the checks' own: a real shop of its name is left alone."""

from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import pytest

from pii_vault import store
from scripts import trial
from tests.support.postgres import Database
from tests.support.vault import rows


@pytest.fixture
async def desk(vault_database: Database) -> AsyncIterator[Any]:
    """Nothing but a look at the database: whoever asks for more has gone too far."""
    rows(vault_database, "INSERT INTO tenant (id) VALUES (%s)", trial.TENANT)
    pool = await store.create_pool(vault_database.runtime_url, size=1)
    try:
        yield SimpleNamespace(vault=SimpleNamespace(pool=pool))
    finally:
        await pool.close()


@pytest.mark.parametrize("act", [trial._open, trial._close, trial._erase], ids=["open", "close", "erase"])
async def test_a_real_shop_of_this_name_is_not_touched(desk: Any, vault_database: Database, act: Any) -> None:
    rows(vault_database, "UPDATE tenant SET title = 'Trial shoes' WHERE id = %s", trial.TENANT)
    with pytest.raises(trial.ShopOfOthers):
        await act(desk)


async def test_with_its_own_and_without_one_a_check_goes_on(desk: Any, vault_database: Database) -> None:
    rows(vault_database, "UPDATE tenant SET title = %s WHERE id = %s", trial.TITLE, trial.TENANT)
    await trial._require_own(desk.vault)
    rows(vault_database, "DELETE FROM tenant WHERE id = %s", trial.TENANT)
    await trial._require_own(desk.vault)
