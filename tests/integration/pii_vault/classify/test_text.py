"""Texts taken in: a token as a whole, and classified only where the officer let them cross."""

import pytest

from pii_vault.classify.find import find
from pii_vault.classify.process import ClassifierProcess, ClassifierUnavailable
from pii_vault.classify.setting import switch, switched_on
from pii_vault.classify.spans import Span
from pii_vault.classify.text import TakenText, classify_text
from pii_vault.core.detect import find_personal_data
from pii_vault.core.tokens import parse_token_shape
from pii_vault.errors import Forbidden, InvalidRequest, InvalidValue
from pii_vault.operations.reveal import reveal
from pii_vault.vault import Vault
from tests.support.postgres import Database
from tests.support.vault import program, rows, staff

TEXT = "Это Ольга Синицына, 8 916 441 77 23, живу ул. Лесная, д. 5, кв. 7. Заказ 48215."


class Rules:
    """The rules alone, in this process."""

    async def find(self, text: str) -> list[Span]:
        return find(text)


class Away:
    async def find(self, text: str) -> list[Span]:
        del text
        raise ClassifierUnavailable


class Blind:
    """Finds names only, as a classifier may."""

    async def find(self, text: str) -> list[Span]:
        return [span for span in find(text) if span.class_id == "name"]


async def take(vault: Vault, text: str = TEXT, classifier: object = None) -> TakenText:
    return await classify_text(vault, program(), text, classifier=classifier or Rules(), request_id="r")  # type: ignore[arg-type]


async def let_cross(vault: Vault, *, on: bool = True) -> None:
    await switch(vault, staff("officer"), class_id="text", on=on, request_id="r")


async def test_by_default_a_text_is_one_token_and_nothing_of_it_crosses(vault: Vault) -> None:
    taken = await take(vault)
    assert taken.crossing is None
    assert taken.token.startswith("tok_text_")


async def test_where_it_was_switched_on_tokens_stand_in_place(vault: Vault) -> None:
    await let_cross(vault)
    taken = await take(vault)
    assert taken.crossing is not None
    assert find_personal_data(taken.crossing) == []
    words = taken.crossing.replace(",", " ").replace(".", " ").split()
    tokens = [word for word in words if parse_token_shape(word)]
    assert [token.split("_")[1] for token in tokens] == ["name", "phone", "address"]
    assert taken.crossing.startswith("Это tok_name_")
    assert taken.crossing.endswith("Заказ 48215.")
    found = await reveal(vault, program(), purpose="support", tokens=[taken.token, *tokens], request_id="r")
    assert [each.value for each in found] == [TEXT, "Ольга Синицына", "8 916 441 77 23", "ул. Лесная, д. 5, кв. 7"]


async def test_a_value_that_is_none_of_its_class_becomes_text(vault: Vault) -> None:
    await let_cross(vault)
    said = "мой телефон восемь девятьсот шестнадцать четыреста сорок один семьдесят семь двадцать три"
    taken = await take(vault, said)
    assert taken.crossing is not None
    assert taken.crossing.startswith("мой телефон tok_text_")


@pytest.mark.parametrize("classifier", [Away(), Blind()])
async def test_what_goes_wrong_leaves_the_text_a_token_as_a_whole(vault: Vault, classifier: object) -> None:
    await let_cross(vault)
    taken = await take(vault, classifier=classifier)
    assert taken.crossing is None
    assert taken.token.startswith("tok_text_")


async def test_the_switch_is_the_officers_and_stands_in_the_log(vault: Vault, vault_database: Database) -> None:
    for role in ("owner", "sales", "marketer"):
        with pytest.raises(Forbidden):
            await switch(vault, staff(role), class_id="text", on=True, request_id="r")
    assert await switched_on(vault, "demo") == []
    await let_cross(vault)
    assert [(each.class_id, each.officer) for each in await switched_on(vault, "demo")] == [("text", "stf_officer")]
    assert await switched_on(vault, "other") == []
    await let_cross(vault, on=False)
    assert (await take(vault)).crossing is None
    found = rows(vault_database, "SELECT verb, decision FROM audit_detail WHERE verb LIKE 'classified%' ORDER BY idx")
    assert found == [("classified_text_on", "forbidden")] * 3 + [
        ("classified_text_on", "allow"),
        ("classified_text_off", "allow"),
    ]


async def test_only_a_class_of_text_is_classified(vault: Vault) -> None:
    with pytest.raises(InvalidRequest):
        await switch(vault, staff("officer"), class_id="phone", on=True, request_id="r")
    with pytest.raises(InvalidValue):
        await take(vault, "  ")


async def test_the_process_finds_starts_again_and_refuses_what_is_too_long() -> None:
    process = ClassifierProcess(recogniser=False)
    try:
        assert await process.find(TEXT) == find(TEXT)
        for child in list(process._executor._processes.values()):  # type: ignore[union-attr]
            child.kill()
        with pytest.raises(ClassifierUnavailable):
            await process.find(TEXT)
        assert await process.find(TEXT) == find(TEXT)
        with pytest.raises(ClassifierUnavailable):
            await process.find("а" * 20_001)
    finally:
        process.close()
