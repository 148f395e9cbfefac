"""Each parameter of a proposed text gets its kind in the form, and whoever decides reads it beside the text."""

import httpx
import pytest

from pii_vault.relay.template import Template, read_template
from tests.integration.pii_vault.console.conftest import ConsoleStage
from tests.integration.pii_vault.console.test_relay_pages import digest_of, propose
from tests.support.postgres import Database
from tests.support.vault import rows

SMS = {
    "channel": "sms", "id": "told", "title": "Заказ ждёт", "purpose": "delivery", "destination": "web",
    "text": "{{given.number}} {{given.how}} {{given.track}}", "kind_number": "order_number", "list_number": "",
    "kind_how": "choice", "list_how": " почтой \r\n\r\nкурьером", "kind_track": "link",
    "list_track": "https://www.post.example/t/",
}  # fmt: skip


async def test_kinds_are_chosen_read_and_carried_to_the_next_version(
    client: httpx.AsyncClient, shop: ConsoleStage, vault_database: Database
) -> None:
    where = await propose(client, shop, SMS, by="marketer")
    of_file = read_template(
        {
            "id": "told", "version": 1, "title": "Заказ ждёт", "purpose": "delivery", "destination": "web",
            "sms": {"text": SMS["text"]},
            "parameters": {
                "number": "order_number", "how": {"kind": "choice", "words": ["почтой", "курьером"]},
                "track": {"kind": "link", "starts": ["https://www.post.example/t/"]},
            },
        }
    )  # fmt: skip
    assert digest_of(vault_database, "told", 1) == of_file.digest
    page = (await client.get(where)).text
    for line in ("number — номер заказа", "how — выбор из списка: почтой, курьером", "track — ссылка: https://www."):
        assert line in page
    form = (await client.get("/relay/new?of=told")).text
    assert all(f'name="kind_{name}"' in form for name in ("number", "how", "track"))
    assert '<option value="choice" selected>' in form
    assert "почтой\nкурьером" in form


async def test_without_a_script_the_form_comes_back_with_its_rows(
    client: httpx.AsyncClient, shop: ConsoleStage, vault_database: Database
) -> None:
    shop.sessions.role = "marketer"
    assert 'name="kind_number"' not in (await client.get("/relay/new?channel=sms")).text
    typed = {name: text for name, text in SMS.items() if not name.startswith(("kind_", "list_"))}
    answer = await client.post("/relay/templates", data=typed)
    assert answer.status_code == 422
    assert all(f"Параметр {name}: выберите вид." in answer.text for name in ("number", "how", "track"))
    assert all(f'name="kind_{name}"' in answer.text for name in ("number", "how", "track"))
    assert rows(vault_database, "SELECT count(*) FROM relay_template") == [(0,)]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"kind_number": "code"}, "Параметр number: проверьте вид"),
        ({"list_how": ""}, "Параметр how: впишите слова"),
        ({"list_how": "почтой\nпочтой"}, "Параметр how: слова не повторяются"),
        ({"list_how": "+7 916 123-45-67"}, "Параметр how: слова не повторяются"),
        ({"list_how": "x" * 61}, "Параметр how: слово: от 1"),
        ({"list_track": ""}, "Параметр track: впишите, с чего"),
        ({"list_track": "http://www.post.example/t/"}, "Параметр track: ссылка начинается"),
        ({"list_track": "https://www.post.example:8443/t/"}, "Параметр track: ссылка начинается"),
        ({"text": " ".join(f"{{{{given.{'a' * n}}}}}" for n in range(1, 12))}, "Параметр a: выберите вид"),
        (
            {"text": " ".join(f"{{{{given.{'a' * n}}}}}" for n in range(1, 12))}
            | {f"kind_{'a' * n}": "date" for n in range(1, 12)},
            "Параметров не больше 10",
        ),
    ],
)
async def test_what_cannot_be_declared_is_explained_by_the_parameters_name(
    client: httpx.AsyncClient, shop: ConsoleStage, vault_database: Database, changes: dict[str, str], said: str
) -> None:
    shop.sessions.role = "marketer"
    answer = await client.post("/relay/templates", data=SMS | changes)
    assert answer.status_code == 422
    assert said in answer.text
    english = await client.post("/relay/templates", data=SMS | changes, headers={"accept-language": "en"})
    assert "Parameters" in english.text
    assert rows(vault_database, "SELECT count(*) FROM relay_template") == [(0,)]


async def test_a_version_older_than_kinds_says_what_to_do_and_is_not_approved(
    client: httpx.AsyncClient, shop: ConsoleStage, vault_database: Database
) -> None:
    where = await propose(client, shop, SMS, by="marketer")
    [(content,)] = rows(vault_database, "SELECT (content - 'parameters')::text FROM relay_template")
    digest = Template.model_validate_json(str(content)).digest
    rows(vault_database, "UPDATE relay_template SET content = %s, digest = %s", content, digest)
    shop.sessions.role = "officer"
    page = (await client.get(where)).text
    assert "нужна новая версия" in page
    assert "по ней ничего не отправляется" in page
    assert "number — вид не указан" in page
    assert "/approve" not in page
    assert "/retire" in page
    pressed = await client.post(f"{where}/approve", data={"digest": digest})
    assert (pressed.status_code, "предложите новую версию" in pressed.text) == (422, True)
    assert rows(vault_database, "SELECT approved FROM relay_template") == [(None,)]
    form = (await client.get("/relay/new?of=told")).text
    assert 'name="kind_number"' in form
    assert "selected>" not in form[form.index('name="kind_number"') :]
