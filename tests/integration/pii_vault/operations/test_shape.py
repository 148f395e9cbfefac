"""Shaped tokens: unique, theirs alone, taken back for good, and revealed by the same rules as any token."""

import asyncio

import pytest

from pii_vault.core import shapes
from pii_vault.core.shapes import is_shaped
from pii_vault.errors import Forbidden, InvalidRequest, MalformedToken, NotFound
from pii_vault.operations import shape as operation
from pii_vault.operations.errors import Busy
from pii_vault.operations.items import TokeniseItem
from pii_vault.operations.shape import issue_shape, resolve_shapes, tokens_of_shapes, withdraw_shape
from pii_vault.operations.tokenise import tokenise
from pii_vault.vault import Vault
from tests.support.postgres import Database
from tests.support.vault import program, rows, staff

VALUES = {"phone": "+79001234567", "email": "anna@example.ru", "inn": "500100732259", "card": "4111111111111111"}


async def take(vault: Vault, class_id: str, value: str = "", *, tenant: str = "demo") -> str:
    item = TokeniseItem(class_id=class_id, value=value or VALUES[class_id])
    return (await tokenise(vault, program(tenant=tenant), [item], request_id="r"))[0].token or ""


async def issue(vault: Vault, token: str) -> str:
    return await issue_shape(vault, program(), token=token, request_id="r")


async def resolve(vault: Vault, class_id: str, *texts: str, role: str = "program") -> list[str | None]:
    principal = program() if role == "program" else staff(role)
    found = await resolve_shapes(
        vault, principal, purpose="order_processing", class_id=class_id, shapes=texts, request_id="r"
    )
    return [result.value or result.mask or result.error for result in found]


@pytest.mark.parametrize("class_id", ["phone", "email", "inn"])
async def test_a_shape_leads_to_its_value_in_any_spelling(vault: Vault, class_id: str) -> None:
    token = await take(vault, class_id)
    shape = await issue(vault, token)
    assert is_shaped(class_id, shape)
    assert await issue(vault, token) == shape
    spelled = f" {shape[:3]} {shape[3:]} " if class_id != "email" else shape.upper()
    assert await resolve(vault, class_id, shape, spelled) == [VALUES[class_id]] * 2
    assert await tokens_of_shapes(vault, "demo", class_id, [shape]) == [token]


async def test_a_card_behind_a_shape_stays_a_mask(vault: Vault) -> None:
    shape = await issue(vault, await take(vault, "card"))
    assert await resolve(vault, "card", shape) == ["denied"]


async def test_what_is_no_live_shape_is_an_unknown_token(vault: Vault) -> None:
    shape = await issue(vault, await take(vault, "phone"))
    assert await resolve(vault, "phone", shapes.new_shape("phone"), VALUES["phone"], "") == ["unknown_token"] * 3
    assert await tokens_of_shapes(vault, "other", "phone", [shape]) == [None]
    assert await tokens_of_shapes(vault, "demo", "inn", [shape]) == [None]


async def test_a_shape_that_was_taken_back_is_never_somebody_elses(
    vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = await take(vault, "phone")
    shape = await issue(vault, token)
    assert await withdraw_shape(vault, program(), token=token, request_id="r")
    assert not await withdraw_shape(vault, program(), token=token, request_id="r")
    assert await resolve(vault, "phone", shape) == ["unknown_token"]
    other = await take(vault, "phone", "+79007654321")
    monkeypatch.setattr(operation, "new_shape", lambda _class_id: shape)  # the dice fall on the same number
    with pytest.raises(Busy):
        await issue(vault, other)
    fresh = shapes.new_shape("phone")
    drawn = iter([shape, shape, fresh])
    monkeypatch.setattr(operation, "new_shape", lambda _class_id: next(drawn))
    assert await issue(vault, other) == fresh


async def test_many_at_once_get_one_shape(vault: Vault) -> None:
    token = await take(vault, "phone")
    assert len(set(await asyncio.gather(*(issue(vault, token) for _ in range(6))))) == 1


async def test_who_may_not_is_refused_and_recorded(vault: Vault, vault_database: Database) -> None:
    token = await take(vault, "phone")
    with pytest.raises(Forbidden):
        await issue_shape(vault, staff("marketer"), token=token, request_id="r")
    shape = await issue(vault, token)
    assert await resolve(vault, "phone", shape, role="sales") == [VALUES["phone"]]
    found = rows(vault_database, "SELECT verb, decision FROM audit_detail ORDER BY idx")
    assert found == [("tokenise", "allow"), ("tokenise", "forbidden"), ("tokenise", "allow"), ("reveal", "allow")]


async def test_whose_shape_was_given_and_taken_back_is_on_record(vault: Vault, vault_database: Database) -> None:
    token = await take(vault, "phone")
    await issue(vault, token)
    for _ in range(2):  # the second finds none, and names nobody
        await withdraw_shape(vault, program(), token=token, request_id="r")
    found = rows(vault_database, "SELECT subjects FROM audit_detail ORDER BY idx")
    (taken,), (given,), (withdrawn,), (nothing,) = found
    assert taken == given == withdrawn
    assert nothing == []


async def test_only_stored_values_of_such_classes_have_shapes(vault: Vault, vault_database: Database) -> None:
    name = await take(vault, "name", "Анна")
    with pytest.raises(InvalidRequest, match="have shaped tokens"):
        await issue(vault, name)
    with pytest.raises(MalformedToken):
        await issue(vault, await take(vault, "phone", tenant="other"))
    token = await take(vault, "phone")
    rows(vault_database, "UPDATE subject SET state = 'e'")
    with pytest.raises(NotFound):
        await issue(vault, token)


async def test_a_shape_does_not_enter_as_a_value(vault: Vault) -> None:
    item = TokeniseItem(class_id="phone", value=shapes.new_shape("phone"))
    assert (await tokenise(vault, program(), [item], request_id="r"))[0].error == "invalid_value"
