"""`larets held` on a migrated public database: one order by its id or its number, of the shop that is named alone."""

from types import SimpleNamespace

import pytest
from typer.testing import CliRunner, Result

from scripts.public import held
from tests.integration.app.support import OTHER, TENANT, Take
from tests.support.postgres import Database as Clone


@pytest.fixture(autouse=True)
def _here(app_database: Clone, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(held, "here", lambda: SimpleNamespace(database_url=app_database.runtime_url))


def larets(order: str, *, tenant: str = TENANT) -> Result:
    return CliRunner().invoke(held.cli, [order, "--tenant", tenant])


async def test_an_order_is_named_by_its_id_or_its_number(take: Take) -> None:
    taken = await take(seed=1, number="1042")
    await take(seed=2, number="10421")
    by_number, by_id = larets("1042"), larets(taken.order or "")
    assert by_number.exit_code == 0, by_number.output
    assert by_number.stdout == by_id.stdout
    assert by_number.stdout.startswith(f"{taken.order}: ")


async def test_an_order_of_another_shop_and_a_number_of_two_orders_are_refused(take: Take) -> None:
    first, second = await take(seed=1, number="1042"), await take(seed=2, number="1042")
    stranger = larets("1042", tenant=OTHER)
    assert stranger.exit_code == 1
    assert "no such order" in stranger.stderr
    two = larets("1042")
    assert two.exit_code == 1
    assert all(str(each.order) in two.stderr for each in (first, second))
