import re
from collections.abc import Awaitable, Callable
from html import escape
from typing import Any

import httpx
import pytest

from tests.integration.app.pages.conftest import FORM, PART, Reader
from tests.integration.app.support import OTHER, party, subject, token

Take = Callable[..., Awaitable[Any]]
SCRIPT = "<script>alert(1)</script>\"'{{7*7}}"


async def order(take: Take, seed: int = 1, **changes: Any) -> str:
    return str((await take(seed=seed, **changes)).order)


def numbers(page: httpx.Response) -> list[str]:
    return re.findall(r'class="row-link" href="/orders/[^"]+">№ (\d+)<', page.text)


async def test_the_list_shows_what_an_order_is_and_leaves_the_person_to_the_vault(take: Take, read: Reader) -> None:
    found = await order(take)
    page = await read("/orders")
    assert page.status_code == 200
    for text in ("№ 1001", "В работе", "Тверь", "СДЭК, до пункта выдачи", "yandex", "3\xa0980\xa0₽"):
        assert text in page.text
    assert f'href="/orders/{found}"' in page.text
    assert f'data-token="{token("name", 1)}"' in page.text
    assert f'data-token="{token("phone", 1)}"' in page.text
    assert 'aria-label="Телефон клиента, в защищённом окне"' in page.text
    assert page.text.count("data-reveal ") == 1
    assert page.headers["vary"] == "Cookie, Accept-Language, HX-Request"


async def test_an_empty_list_says_what_to_expect(read: Reader) -> None:
    assert "Заказов пока нет" in (await read("/orders")).text
    assert "Ничего не нашлось" in (await read("/orders?status=failed")).text


async def test_filters_by_address_alone(take: Take, read: Reader) -> None:
    await order(take, 1, status="completed")
    await order(take, 2, status="pending", created_at="2020-01-01T00:00:00Z")
    assert numbers(await read("/orders?status=completed&source=&period=&q=")) == ["1001"]
    assert numbers(await read("/orders?q=%E2%84%96+1002")) == ["1002"]
    assert numbers(await read("/orders?period=dates&from=2020-01-01&to=2020-01-01")) == ["1002"]
    assert numbers(await read("/orders?period=month")) == ["1001"]
    assert numbers(await read("/orders?q=%25")) == []  # a sign of LIKE is a sign like any other


@pytest.mark.parametrize("query", ["period=year", "from=x", "unknown=1", "q=%00", "contact=%00", "cursor=zzz"])
async def test_an_address_that_makes_no_sense_is_said_so(read: Reader, query: str) -> None:
    page = await read(f"/orders?{query}")
    assert page.status_code == 422
    assert 'href="/orders"' in page.text


async def test_the_next_page_comes_alone_for_htmx_and_whole_without(take: Take, read: Reader) -> None:
    for seed in range(1, 53):
        await order(take, seed)
    first = await read("/orders")
    address = re.search(r'class="btn" href="(/orders\?cursor=[^"]+)"', first.text)
    assert address
    assert len(numbers(first)) == 50
    rows = await read(address[1], headers=PART)
    assert rows.text.lstrip().startswith("<tbody")
    assert len(numbers(rows)) == 2
    assert not set(numbers(rows)) & set(numbers(first))
    assert "<html" in (await read(address[1])).text


async def test_a_changed_filter_brings_the_list_alone(take: Take, read: Reader) -> None:
    await order(take)
    part = await read("/orders?status=processing", headers=PART)
    assert "<html" not in part.text
    assert 'id="list"' in part.text


async def test_the_card(take: Take, read: Reader) -> None:
    found = await order(take, recipient=party(2), rest_token=token("text", 5), discount_total="100.00")
    page = await read(f"/orders/{found}")
    for text in ("Заказ № 1001", "Чай травяной, 100 г", "Артикул TEA-100", "СБП", "autumn", "−100\xa0₽", "1 позиция"):
        assert text in page.text
    for class_id in ("name", "phone", "email", "address"):
        for seed in (1, 2):
            assert f'data-token="{token(class_id, seed)}"' in page.text
    assert f'data-token="{token("text", 1)}"' in page.text
    assert f'data-token="{token("text", 5)}"' in page.text
    assert "Заказ получен" in page.text


async def test_markup_in_what_a_shop_sent_stays_text(take: Take, read: Reader) -> None:
    item = {
        "external_id": "1",
        "product_id": None,
        "sku": SCRIPT,
        "title": SCRIPT,
        "quantity": "1",
        "price": "1",
        "total": "1",
    }
    method = {"code": "x", "title": SCRIPT}
    changes: dict[str, Any] = {"city": SCRIPT, "source": {"utm_source": SCRIPT}, "items": [item]}
    found = await order(take, payment_method=method, delivery_method=method, **changes)
    for path in ("/orders", f"/orders/{found}"):
        page = await read(path)
        assert page.status_code == 200
        assert "<script>alert" not in page.text
        assert "{{7*7}}" in page.text
        assert escape(SCRIPT, quote=False).replace('"', "&#34;").replace("'", "&#39;") in page.text


async def test_a_status_is_changed_with_and_without_htmx(take: Take, read: Reader, reader: Reader) -> None:
    found = await order(take)
    plain = await reader("POST", f"/orders/{found}/status", data={"status": "completed", "version": "1"})
    assert (plain.status_code, plain.headers["location"]) == (303, f"/orders/{found}")
    card = await read(f"/orders/{found}")
    assert "Статус изменён" in card.text
    assert "<b>В работе</b>" in card.text
    assert "Статус изменён" not in (await read(f"/orders/{found}")).text
    part = await reader("POST", f"/orders/{found}/status", data={"status": "refunded", "version": "2"}, headers=PART)
    assert part.status_code == 200
    assert 'hx-swap-oob="true"' in part.text
    assert "<html" not in part.text


@pytest.mark.parametrize("headers", [FORM, PART])
async def test_a_late_choice_is_kept_beside_the_present_status(
    take: Take, read: Reader, reader: Reader, headers: dict[str, str]
) -> None:
    found = await order(take)
    await reader("POST", f"/orders/{found}/status", data={"status": "completed", "version": "1"})
    late = await reader("POST", f"/orders/{found}/status", data={"status": "failed", "version": "1"}, headers=headers)
    assert late.status_code == 412
    assert "сейчас статус «Выполнен». Ваш выбор «Не оплачен» не сохранён" in late.text
    assert '<option value="failed" selected>' in late.text
    assert 'name="version" value="2"' in late.text
    assert 'status-green"' in (await read(f"/orders/{found}")).text


async def test_a_note_is_a_token(take: Take, reader: Reader) -> None:
    found = await order(take)
    part = await reader("POST", f"/orders/{found}/notes", data={"token": token("text", 9)}, headers=PART)
    assert part.text.strip().startswith('<ol class="history"')
    assert token("text", 9) in part.text
    wrong = await reader("POST", f"/orders/{found}/notes", data={"token": "Позвоните мне"}, headers=PART)
    assert wrong.status_code == 422
    assert "Позвоните" not in wrong.text


async def test_a_correction_replaces_the_token_of_its_class(take: Take, read: Reader, reader: Reader) -> None:
    found = await order(take)
    fields = {"subject": subject(1), "token": [token("phone", 8)], "old": [token("phone", 1), token("name", 1)]}
    answer = await reader("POST", f"/orders/{found}/corrections/contact", data=fields, headers=PART)
    assert (answer.status_code, answer.headers["hx-redirect"]) == (204, f"/orders/{found}")
    card = await read(f"/orders/{found}")
    assert f'data-token="{token("phone", 8)}"' in card.text
    assert f'data-token="{token("phone", 1)}"' not in card.text
    assert "Данные исправлены" in card.text
    nobody = await reader("POST", f"/orders/{found}/corrections/recipient", data=fields)
    assert nobody.status_code == 404


async def test_found_subjects_lead_to_their_orders(take: Take, read: Reader, reader: Reader) -> None:
    await order(take, 1)
    await order(take, 2)
    answer = await reader("POST", "/orders/found", data={"subject": [subject(2)]})
    assert answer.status_code == 303
    page = await read(answer.headers["location"])
    assert numbers(page) == ["1002"]
    assert "Заказы найденного человека" in page.text
    unknown = await reader("POST", "/orders/found", data={"subject": [subject(77)]})
    assert "Ничего не нашлось" in (await read(unknown.headers["location"])).text


@pytest.mark.parametrize("role", ["marketer", "warehouse", "officer"])
async def test_who_may_only_read_gets_no_controls_and_cannot_write(
    take: Take, read: Reader, reader: Reader, role: str
) -> None:
    found = await order(take)
    card = await read(f"/orders/{found}", role=role)
    assert card.status_code == 200
    for control in ("/status", 'data-dialog="note"', "data-collect", 'data-dialog="correct'):
        assert control not in card.text
    assert 'data-dialog="find"' not in (await read("/orders", role=role)).text
    for path, fields in (("status", {"status": "completed", "version": "1"}), ("notes", {"token": token("text", 9)})):
        refused = await reader("POST", f"/orders/{found}/{path}", role=role, data=fields)
        assert refused.status_code == 403
        assert "Вашей роли это недоступно" in refused.text


async def test_who_may_write_gets_the_controls(take: Take, read: Reader) -> None:
    found = await order(take)
    for role in ("owner", "sales"):
        card = await read(f"/orders/{found}", role=role)
        for control in ("/status", 'data-dialog="note"', "data-collect", 'data-dialog="correct-contact"'):
            assert control in card.text


async def test_another_shops_order_is_not_there(take: Take, read: Reader) -> None:
    theirs = str((await take(tenant=OTHER, seed=5)).order)
    page = await read(f"/orders/{theirs}")
    assert page.status_code == 404
    assert theirs not in page.text
    assert (await read("/orders/%00")).status_code in {404, 422}


async def test_a_sibling_origin_cannot_act_with_the_cookie(take: Take, reader: Reader) -> None:
    found = await order(take)
    fields = {"status": "completed", "version": "1"}
    for site in ("same-site", "cross-site", "none"):
        headers = {**FORM, "sec-fetch-site": site}
        refused = await reader("POST", f"/orders/{found}/status", data=fields, headers=headers)
        assert refused.status_code == 403
