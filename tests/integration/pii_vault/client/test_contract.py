"""What every vault does for a program, whatever stands behind the interface."""

import os
from collections.abc import Awaitable
from typing import Literal

import pytest

from pii_vault.client import RevealResult, TokeniseItem, VaultPort, VaultRefused, parse_token_shape
from pii_vault.core.tokens import new_subject_text, new_token_text

FOUND_AGAIN: Literal["deterministic"] = "deterministic"


async def refusal(act: Awaitable[object]) -> tuple[int, str]:
    with pytest.raises(VaultRefused) as caught:
        await act
    return caught.value.status, caught.value.problem


async def test_values_come_back_in_order(vault: VaultPort) -> None:
    taken = await vault.tokenise(
        [TokeniseItem("name", "Анна", "@1"), TokeniseItem("phone", "+79001110001", "@1"), TokeniseItem("text", "ж")]
    )
    assert taken[0].subject == taken[1].subject != taken[2].subject
    tokens = [result.token or "" for result in taken]
    shape = parse_token_shape(tokens[1])
    assert shape is not None
    assert shape.class_id == "phone"
    shown = await vault.reveal([tokens[2], tokens[0], tokens[1]], purpose="order_processing")
    assert [result.value for result in shown] == ["ж", "Анна", "+79001110001"]


async def test_random_tokens_differ_and_deterministic_ones_are_found(vault: VaultPort) -> None:
    plain = TokeniseItem("email", "anna@example.ru")
    again = TokeniseItem("email", "Anna@Example.ru", kind=FOUND_AGAIN)
    one, two = await vault.tokenise([plain, plain])
    assert one.token != two.token
    [three] = await vault.tokenise([again])
    [four] = await vault.tokenise([again])
    assert three == four
    [five] = await vault.tokenise([TokeniseItem("email", "anna@example.ru", "@1", FOUND_AGAIN)])
    assert five.token != three.token


async def test_a_value_joins_a_known_subject(vault: VaultPort) -> None:
    [first] = await vault.tokenise([TokeniseItem("name", "Вера")])
    [second] = await vault.tokenise([TokeniseItem("address", "Тверь", first.subject)])
    assert second.subject == first.subject


async def test_bad_items_do_not_stop_good_ones(vault: VaultPort) -> None:
    unknown = new_subject_text(os.urandom(16), tenant="demo")
    results = await vault.tokenise(
        [
            TokeniseItem("phone", "нет"),
            TokeniseItem("name", "Вера", "sub_x"),
            TokeniseItem("name", "Вера", unknown),
            TokeniseItem("name", "Вера"),
        ]
    )
    errors = [result.error for result in results]
    assert errors == ["invalid_value", "malformed_token", "unknown_subject", None]


async def test_unknown_and_malformed_tokens_are_told_apart(vault: VaultPort) -> None:
    unknown = new_token_text("phone", tenant="demo", bits=os.urandom(16))
    foreign = new_token_text("phone", tenant="other", bits=os.urandom(16))
    shown = await vault.reveal([unknown, foreign, "x"], purpose="support")
    assert [result.error for result in shown] == ["unknown_token", "malformed_token", "malformed_token"]


async def test_what_the_policies_deny_is_denied_with_a_reason(vault: VaultPort) -> None:
    [card] = await vault.tokenise([TokeniseItem("card", "4111 1111 1111 1111")])
    [shown] = await vault.reveal([card.token or ""], purpose="order_processing")
    assert shown.value is None
    assert shown.error == "denied"
    assert shown.reason


async def test_a_search_finds_equal_values_only(vault: VaultPort) -> None:
    [taken] = await vault.tokenise([TokeniseItem("phone", "+79001110002")])
    found = await vault.search("8 900 111-00-02", class_id="phone", purpose="support")
    assert [(each.subject, each.tokens) for each in found] == [(taken.subject, {"phone": [taken.token]})]
    assert await vault.search("+79001110003", class_id="phone", purpose="support") == []


async def test_a_text_is_one_token_and_does_not_cross_by_default(vault: VaultPort) -> None:
    [anna] = await vault.tokenise([TokeniseItem("name", "Анна")])
    taken = await vault.classify("звонить Анне, 8 900 111-00-04", subject=anna.subject, idempotency_key="a text")
    assert taken.crossing is None
    assert taken.subject == anna.subject
    assert taken == await vault.classify(
        "звонить Анне, 8 900 111-00-04", subject=anna.subject, idempotency_key="a text"
    )
    [shown] = await vault.reveal([taken.token], purpose="support")
    assert shown.value == "звонить Анне, 8 900 111-00-04"
    assert await vault.search("+79001110004", class_id="phone", purpose="support") == []
    assert await refusal(vault.classify("  ")) == (422, "invalid_value")


async def test_an_idempotency_key_repeats_the_answer(vault: VaultPort) -> None:
    items = [TokeniseItem("name", "Дарья")]
    first = await vault.tokenise(items, idempotency_key="once")
    assert await vault.tokenise(items, idempotency_key="once") == first
    assert await vault.tokenise(items) != first
    other = [TokeniseItem("name", "Ольга")]
    assert await refusal(vault.tokenise(other, idempotency_key="once")) == (422, "idempotency_conflict")


async def test_refusals_name_their_reason(vault: VaultPort) -> None:
    one = [TokeniseItem("shoe", "41")]
    assert await refusal(vault.tokenise(one)) == (422, "unknown_class")
    found_again = [TokeniseItem("address", "Тверь", kind=FOUND_AGAIN)]
    assert await refusal(vault.tokenise(found_again)) == (422, "invalid_request")
    assert await refusal(vault.tokenise([])) == (422, "invalid_request")
    assert await refusal(vault.tokenise([TokeniseItem("name", "x")] * 1001)) == (413, "body_too_large")
    assert await refusal(vault.reveal(["x"], purpose="curiosity")) == (422, "unknown_purpose")
    assert await refusal(vault.reveal(["x"], purpose="marketing")) == (403, "forbidden")
    assert await refusal(vault.search("x", class_id="shoe", purpose="support")) == (422, "unknown_class")
    assert await refusal(vault.search("x", class_id="phone", purpose="support")) == (422, "invalid_value")
    assert await refusal(vault.search("x", class_id="address", purpose="support")) == (422, "invalid_request")
    assert await refusal(vault.search("Анна", class_id="name", purpose="support")) == (403, "forbidden")


async def test_nothing_shows_a_value() -> None:
    canary = "Канарейка"
    assert canary not in f"{TokeniseItem('name', canary)!r}{RevealResult(value=canary)!r}"
