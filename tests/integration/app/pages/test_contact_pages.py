import re
from collections.abc import Awaitable, Callable
from typing import Any

from tests.integration.app.pages.conftest import PART, Reader
from tests.integration.app.support import subject, token

Take = Callable[..., Awaitable[Any]]


async def contact(take: Take, read: Reader, **changes: Any) -> str:
    found = (await take(**changes)).order
    card = await read(f"/orders/{found}")
    address = re.search(r'href="(/contacts/cnt_[^"]+)"', card.text)
    assert address
    return address[1]


async def test_the_list(take: Take, read: Reader) -> None:
    path = await contact(take, read)
    page = await read("/contacts")
    assert f'href="{path}"' in page.text
    for class_id in ("name", "phone", "email"):
        assert f'data-token="{token(class_id, 1)}"' in page.text
    assert 'href="/contacts/new"' in page.text


async def test_an_empty_list(read: Reader) -> None:
    assert "Контактов пока нет" in (await read("/contacts")).text


async def test_the_card_has_tokens_orders_and_the_history(take: Take, read: Reader) -> None:
    page = await read(await contact(take, read))
    for text in ("№ 1001", "1 заказ", "Заказ получен"):
        assert text in page.text
    for class_id in ("name", "phone", "email", "address"):
        assert f'data-token="{token(class_id, 1)}"' in page.text
    assert f'data-subject="{subject(1)}"' in page.text


async def test_a_new_contact_comes_from_the_collect_frame(read: Reader, reader: Reader) -> None:
    form = await read("/contacts/new")
    assert 'data-collect data-action="/contacts"' in form.text
    fields = {"subject": subject(4), "token": [token("name", 4), token("phone", 4)]}
    made = await reader("POST", "/contacts", data=fields, headers=PART)
    path = made.headers["hx-redirect"]
    assert path.startswith("/contacts/cnt_")
    card = await read(path)
    assert "Контакт создан" in card.text
    assert f'data-token="{token("phone", 4)}"' in card.text
    again = await reader("POST", "/contacts", data=fields, headers=PART)
    assert again.headers["hx-redirect"] == path
    assert "Этот человек уже есть в контактах" in (await read(path)).text


async def test_what_is_no_token_is_refused(reader: Reader) -> None:
    for fields in (
        {"subject": subject(4), "token": ["Анна"]},
        {"subject": "Анна", "token": [token("name", 4)]},
        {"subject": subject(4)},
    ):
        refused = await reader("POST", "/contacts", data=fields)
        assert refused.status_code == 422
        assert "Анна" not in refused.text


async def test_notes_and_corrections(take: Take, read: Reader, reader: Reader) -> None:
    path = await contact(take, read)
    noted = await reader("POST", f"{path}/notes", data={"subject": subject(1), "token": token("text", 7)}, headers=PART)
    assert noted.headers["hx-redirect"] == path
    fields = {"token": [token("email", 6)], "old": [token("email", 1)]}
    assert (await reader("POST", f"{path}/corrections", data=fields)).status_code == 303
    card = await read(path)
    for text in (token("text", 7), token("email", 6), "Исправлено:", "Почта"):
        assert text in card.text
    assert f'data-token="{token("email", 1)}"' not in card.text


async def test_who_may_only_read_cannot_add(read: Reader, reader: Reader) -> None:
    for role in ("marketer", "warehouse", "officer"):
        assert 'href="/contacts/new"' not in (await read("/contacts", role=role)).text
        assert (await read("/contacts/new", role=role)).status_code == 403
        fields = {"subject": subject(4), "token": [token("name", 4)]}
        assert (await reader("POST", "/contacts", role=role, data=fields)).status_code == 403


async def test_unknown_contacts(read: Reader) -> None:
    assert (await read("/contacts/cnt_nobody")).status_code == 404
