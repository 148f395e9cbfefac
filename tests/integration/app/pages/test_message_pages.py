"""Writing to a person from a card: the choice, the press, and what is said when it does not go."""

import re
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from pii_vault.client import OfferedParameter, VaultRefused, VaultUnreachable
from tests.integration.app.pages.conftest import PART, Reader
from tests.integration.app.pages.test_contact_pages import contact
from tests.integration.app.support import FakeRelay, party, template

Take = Callable[..., Awaitable[Any]]


def fields(page: str) -> dict[str, str]:
    """The first form's hidden fields and inputs, as a browser would send them."""
    form = page[page.index('action="/messages"') :].split("</form>", maxsplit=1)[0]
    found = dict(re.findall(r'name="([a-z_]+)" value="([^"]*)"', form))
    if 'name="to"><option' in form:
        found["to"] = form.split('name="to"><option value="')[1].split('"')[0]
    return found


async def test_from_the_order_to_a_message_on_its_card(
    take: Take, read: Reader, reader: Reader, relay: FakeRelay
) -> None:
    order = (await take()).order
    assert "Сообщений ещё не было" in (await read(f"/orders/{order}")).text
    page = await read(f"/messages/new?order={order}")
    sent = fields(page.text)
    assert sent["given_number"] == "1001"
    for _ in range(2):  # a double press
        done = await reader("POST", "/messages", data=sent)
        assert (done.status_code, done.headers["location"]) == (303, f"/orders/{order}")
    [(tenant, request)] = relay.sent.values()
    assert (tenant, request.template, request.parameters) == ("demo", "order-sent", {"number": "1001"})
    card = (await read(f"/orders/{order}")).text
    assert "Сообщение принято к отправке" in card
    assert card.count("в очереди") == 1
    assert "Сообщение:" in card  # in the history too


async def test_the_card_asks_again_for_a_while_and_no_longer(take: Take, read: Reader, reader: Reader) -> None:
    order = (await take()).order
    assert "/messages/sent" not in (await read(f"/orders/{order}")).text
    await reader("POST", "/messages", data=fields((await read(f"/messages/new?order={order}")).text))
    again = f'hx-get="/messages/sent?order={order}&amp;tries='
    assert f"{again}9" in (await read(f"/orders/{order}")).text
    part = await reader("GET", f"/messages/sent?order={order}&tries=1", headers=PART)
    assert ("в очереди" in part.text, f"{again}0" in part.text) == (True, True)
    assert again not in (await reader("GET", f"/messages/sent?order={order}&tries=0", headers=PART)).text
    assert (await reader("GET", "/messages/sent?order=ord_none", headers=PART)).status_code == 404


async def test_from_a_contact(take: Take, read: Reader, reader: Reader, relay: FakeRelay) -> None:
    path = await contact(take, read)
    page = await read(f"/messages/new?contact={path.rpartition('/')[2]}")
    sent = fields(page.text)
    assert sent["given_number"] == ""
    done = await reader("POST", "/messages", data=sent | {"given_number": "7", "given_extra": "Анна"})
    assert done.headers["location"] == path
    assert [request.parameters for _, request in relay.sent.values()] == [{"number": "7"}]
    assert "Заказ отправлен" in (await read(path)).text


async def test_a_recipient_may_be_chosen(take: Take, read: Reader) -> None:
    order = (await take(recipient=party(2))).order
    page = (await read(f"/messages/new?order={order}")).text
    assert ("покупателю" in page, "получателю" in page) == (True, True)


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("consent_missing", "человек не давал согласия"), ("forbidden", "правила не разрешают"),
        ("relay_budget_exceeded", "исчерпал лимит"), ("outside_hours", "в эти часы"),
        ("something_new", "something_new"),
    ],
)  # fmt: skip
async def test_what_the_vault_refuses_is_said_and_listed(
    take: Take, read: Reader, reader: Reader, relay: FakeRelay, *, code: str, said: str
) -> None:
    order = (await take()).order
    sent = fields((await read(f"/messages/new?order={order}")).text)
    relay.fails = VaultRefused(403, code, "Not this.")
    refused = await reader("POST", "/messages", data=sent)
    assert refused.status_code == 422
    assert 'role="alert"' in refused.text
    assert said in refused.text
    assert fields(refused.text)["key"] != sent["key"]
    card = (await read(f"/orders/{order}")).text
    assert said in card
    assert "отказано" in card


async def test_a_vault_that_does_not_answer(take: Take, read: Reader, reader: Reader, relay: FakeRelay) -> None:
    order = (await take()).order
    sent = fields((await read(f"/messages/new?order={order}")).text)
    relay.fails = VaultUnreachable()
    assert (await reader("POST", "/messages", data=sent)).status_code == 303
    card = (await read(f"/orders/{order}")).text
    assert "сообщение уйдёт, когда оно вернётся" in card
    assert "передаётся" in card
    relay.away = True
    away = await read(f"/messages/new?order={order}")
    assert (away.status_code, "Хранилище не отвечает" in away.text) == (503, True)
    assert (await read(f"/orders/{order}")).status_code == 200  # the card needs no vault


async def test_nothing_to_choose_from(take: Take, read: Reader, relay: FakeRelay) -> None:
    order = (await take()).order
    relay.offers = []
    assert "Утверждённых шаблонов нет" in (await read(f"/messages/new?order={order}")).text
    assert (await read("/messages/new?order=ord_none")).status_code == 404
    assert (await read("/messages/new")).status_code == 404


async def test_a_template_that_is_not_offered_is_not_sent(
    take: Take, read: Reader, reader: Reader, relay: FakeRelay
) -> None:
    order = (await take()).order
    sent = fields((await read(f"/messages/new?order={order}")).text)
    for changes in ({"template": "order-sent.2"}, {"template": "other.1"}, {"key": "x"}, {"to": "cnt_none"}):
        assert (await reader("POST", "/messages", data=sent | changes)).status_code in (404, 422)
    relay.offers = [template(purpose="marketing")]
    assert (await reader("POST", "/messages", data=sent)).status_code == 404
    assert relay.sent == {}


async def test_personal_data_in_a_field_do_not_get_in(
    take: Take, read: Reader, reader: Reader, relay: FakeRelay
) -> None:
    order = (await take()).order
    sent = fields((await read(f"/messages/new?order={order}")).text)
    refused = await reader("POST", "/messages", data=sent | {"given_number": "+7 916 123-45-67"})
    assert refused.status_code == 422
    assert "123-45-67" not in refused.text
    for words in ("Анне Петровой", "Тверь, ул. Лесная, д. 7", "Anna", "Ян"):
        refused = await reader("POST", "/messages", data=sent | {"given_number": words})
        assert refused.status_code == 422
        assert "не то, что утверждено" in refused.text
        assert 'aria-invalid="true"' in refused.text
        assert f'"{words}"' not in refused.text
    assert relay.sent == {}
    assert "Сообщений ещё не было" in (await read(f"/orders/{order}")).text  # nor is any of it kept


@pytest.mark.parametrize("role", ["warehouse"])
async def test_who_may_not_send_sees_no_way_to(take: Take, reader: Reader, role: str) -> None:
    order = (await take()).order
    assert "/messages/new" not in (await reader("GET", f"/orders/{order}", role=role)).text
    assert (await reader("GET", f"/messages/new?order={order}", role=role)).status_code == 403


async def test_another_site_has_nothing_sent(take: Take, read: Reader, reader: Reader, relay: FakeRelay) -> None:
    order = (await take()).order
    sent = fields((await read(f"/messages/new?order={order}")).text)
    elsewhere = {"accept": "text/html", "sec-fetch-site": "same-site", "sec-fetch-mode": "navigate"}
    assert (await reader("POST", "/messages", data=sent, headers=elsewhere)).status_code == 403
    assert relay.sent == {}


KINDS = {
    "number": OfferedParameter("order_number"),
    "day": OfferedParameter("date"),
    "at": OfferedParameter("time"),
    "price": OfferedParameter("money"),
    "how": OfferedParameter("choice", words=["почтой", "<b>курьером"]),
    "track": OfferedParameter("link", starts=["https://www.post.example/t/", "https://shop.example/track?id="]),
    "site": OfferedParameter("link", starts=["https://shop.example/"]),
}
TYPED = {
    "given_day": "2026-11-29", "given_at": "18:00", "given_price": "1 250,50", "given_how": "почтой",
    "given_track": "RA123456785RU", "start_track": "https://www.post.example/t/", "given_site": "1001",
}  # fmt: skip


async def test_each_kind_has_its_field(take: Take, read: Reader, reader: Reader, relay: FakeRelay) -> None:
    order = (await take()).order
    relay.offers = [template(parameters=sorted(KINDS), kinds=KINDS)]
    page = (await read(f"/messages/new?order={order}")).text
    for part in (
        'name="given_number" value="1001"', 'name="given_day" value="" type="date"', 'value="" type="time"',
        '<select name="given_how"', "<option>почтой</option>", "&lt;b&gt;курьером", 'inputmode="decimal"',
        '<select class="form-select" name="start_track"', 'name="start_site" value="https://shop.example/"',
        "Дата · day", "Сумма · price",
    ):  # fmt: skip
        assert part in page, part
    done = await reader("POST", "/messages", data=fields(page) | TYPED)
    assert done.status_code == 303, done.text
    [(_, request)] = relay.sent.values()
    assert request.parameters == {
        "number": "1001", "day": "29.11.2026", "at": "18:00", "price": "1 250,50", "how": "почтой",
        "track": "https://www.post.example/t/RA123456785RU", "site": "https://shop.example/1001",
    }  # fmt: skip


@pytest.mark.parametrize(
    "wrong",
    [
        {"given_day": "1985-03-12"}, {"given_at": "вечером"}, {"given_how": "Анне"}, {"given_track": "Anna"},
        {"start_track": "https://evil.example/"}, {"given_site": "anna-petrova"}, {"given_price": "Яна"},
    ],
)  # fmt: skip
async def test_one_field_that_does_not_fit_is_marked_and_the_others_are_kept(
    take: Take, read: Reader, reader: Reader, relay: FakeRelay, wrong: dict[str, str]
) -> None:
    order = (await take()).order
    relay.offers = [template(parameters=sorted(KINDS), kinds=KINDS)]
    sent = fields((await read(f"/messages/new?order={order}")).text) | TYPED
    refused = await reader("POST", "/messages", data=sent | wrong)
    assert refused.status_code == 422
    assert refused.text.count('aria-invalid="true"') == 1
    for name in {"given_day", "given_at", "given_price"} - set(wrong):
        assert f'name="{name}" value="{TYPED[name]}"' in refused.text
    assert not [value for value in wrong.values() if f'"{value}"' in refused.text or f">{value}<" in refused.text]
    assert relay.sent == {}
    assert "Сообщений ещё не было" in (await read(f"/orders/{order}")).text
