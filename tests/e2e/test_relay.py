"""Approved texts: from the console to the buyer, and to nobody else whoever holds the CRM's certificate."""

import json
import re
from typing import Any

import httpx
from playwright.async_api import Page, expect

from scripts.leakcheck.messages import NAME, TEMPLATES, Partner
from tests.e2e.desk import DESKTOP, PHONE, Desk
from tests.support.instance import World, until


def subject_of(world: World, card: dict[str, Any]) -> str:
    found = world.rows("public", "SELECT subject FROM contact WHERE id = %s", card["contact_id"])
    return str(found[0][0])


async def console(desk: Desk, world: World, role: str, **options: Any) -> Page:
    """The console's page of the relay, as a member of staff who has signed in there."""
    page = await desk.new_page(**options)
    name, _, secret = world.cookie(world.member(role).id, "console").partition("=")
    place: Any = {"domain": "console.larets.localhost", "path": "/", "sameSite": "Strict"}
    await page.context.add_cookies([{"name": name, "value": secret, "secure": True, "httpOnly": True, **place}])  # type: ignore[typeddict-item]
    await page.goto(f"{world.instance.console_origin}/relay")
    return page


async def reloaded(page: Page, state: str) -> None:
    """Until the newest message on the card says so."""
    for _ in range(60):
        await page.reload()
        if await page.locator(".messages li").first.get_by_text(state, exact=True).count():
            return
        await page.wait_for_timeout(500)
    await expect(page.locator(".messages li").first).to_contain_text(state)


async def test_a_text_is_written_approved_sent_and_reported(desk: Desk, world: World, courier: Partner) -> None:
    card, buyer = world.arrive()
    writer = await console(desk, world, "marketer", viewport=DESKTOP)
    await writer.get_by_role("link", name="Предложить шаблон").click()
    await writer.get_by_role("link", name="СМС").click()
    await writer.get_by_label("Название").fill("Посылка у курьера")
    await writer.get_by_label("Имя латиницей").fill("with-courier")
    await writer.get_by_label("Для чего").select_option("Доставка")
    await writer.get_by_label("Куда").select_option(NAME)
    await writer.get_by_role("textbox", name="Текст", exact=True).fill(
        "{{person.name}}, заказ {{given.number}} рядом, {{given.how}}."
    )
    await writer.get_by_role("combobox", name="number", exact=True).select_option("номер заказа")
    await writer.get_by_role("combobox", name="how", exact=True).select_option("выбор из списка")
    await writer.get_by_role("textbox", name="Слова, по одному").fill("сегодня\nзавтра")
    await writer.get_by_role("button", name="Предложить").click()
    await expect(writer.locator("h1")).to_have_text("Посылка у курьера")

    officer = await console(desk, world, "officer", viewport=PHONE)
    await officer.get_by_role("link", name="Посылка у курьера").click()
    await expect(officer.get_by_text("{{person.name}}, заказ")).to_be_visible()
    await expect(officer.get_by_text("how — выбор из списка: сегодня, завтра")).to_be_visible()
    await officer.get_by_role("button", name="Утвердить этот текст").click()
    await expect(officer.locator(".badge").first).to_have_text("утверждён")

    page = await desk.page("sales")
    await page.goto(f"{world.instance.crm_origin}/orders/{card['id']}")
    await page.get_by_role("link", name="Написать").click()
    form = page.locator("form", has_text="Посылка у курьера")
    assert "рядом" not in await page.content()
    await form.get_by_label("Номер заказа").fill("Anna")
    await form.get_by_label("Выбор · how").select_option("завтра")
    await form.get_by_role("button", name="Отправить").click()
    await expect(page.get_by_role("alert")).to_contain_text("не то, что утверждено")
    await expect(form.get_by_label("Номер заказа")).to_have_attribute("aria-invalid", "true")
    await expect(form.get_by_label("Номер заказа")).to_have_value("")
    await expect(form.get_by_label("Выбор · how")).to_have_value("завтра")
    assert "рядом" not in await page.content()
    await form.get_by_label("Номер заказа").fill(card["number"])
    await form.get_by_role("button", name="Отправить").dblclick()
    await expect(page).to_have_url(re.compile(rf"/orders/{card['id']}$"))  # the second click ends the first one's visit
    await reloaded(page, "отправлено")
    mine = [body for body in courier.received if buyer.last_name in json.dumps(body, ensure_ascii=False)]
    [body] = mine
    assert body["to"][-10:] == buyer.phone[-10:]
    assert f"заказ {card['number']} рядом, завтра" in body["text"]
    courier.report(world.instance)
    await reloaded(page, "доставлено")
    assert not [value for value in (buyer.phone[-10:], buyer.last_name) if value in await page.content()]
    await officer.goto(f"{world.instance.console_origin}/relay/dispatches?state=delivered")
    await expect(officer.locator("tbody tr").filter(has_text="with-courier 1")).to_have_count(1)
    assert not [value for value in (buyer.phone[-10:], buyer.last_name) if value in await officer.content()]


def test_the_crms_certificate_sends_nobody_the_data_of_another(world: World, courier: Partner) -> None:
    (card, buyer), (other_card, other) = world.arrive(), world.arrive()
    subject, other_subject = subject_of(world, card), subject_of(world, other_card)
    headers = {"larets-tenant": "demo"}
    before = len(courier.received)
    with world.peer("crm", "public", headers=headers) as crm:
        offered = {each["id"]: each for each in crm.get("/v1/relay/templates").json()["templates"]}
        assert {each["id"] for each in TEMPLATES} <= set(offered)
        assert "{{" not in json.dumps(offered)  # no text
        sms = offered["leakcheck-sms"]
        asked = {name: sms[name] for name in ("version", "digest")} | {
            "template": sms["id"], "subject": other_subject, "parameters": {"number": "7001"},
        }  # fmt: skip
        attacks: tuple[dict[str, Any], ...] = (
            {"parameters": {"number": buyer.phone}},
            {"parameters": {"number": f"{buyer.first_name} {buyer.email}"}},
            {"parameters": {"number": "7001", "phone": other.phone}},
            {"parameters": {"number": "Anna"}},
            {"parameters": {"number": buyer.phone[-10:]}},
            {"parameters": {}},
            {"subject": f"{subject},{other_subject}"},
            {"subject": card["contact_tokens"]["phone"][0]},
            {"to": other.phone},
            {"recipient": other_subject},
            {"version": 2},
            {"digest": offered["leakcheck-parcel"]["digest"]},
            {"template": "leakcheck-parcel"},
        )
        for number, attack in enumerate(attacks):
            key = {"idempotency-key": f"relay-attack-{number}"}
            answer = crm.post("/v1/relay", json=asked | attack, headers=key)
            assert answer.status_code in (403, 422), attack
            assert not [value for value in (buyer.phone, buyer.email, other.phone) if value in answer.text]

        honest = crm.post("/v1/relay", json=asked, headers={"idempotency-key": "relay-honest-1"})
        assert honest.status_code == httpx.codes.ACCEPTED, honest.text
        until(lambda: courier.received[before:])
        [body] = courier.received[before:]
        assert other.last_name in body["text"]
        assert body["to"][-10:] == other.phone[-10:]
        assert not [value for value in (buyer.phone[-10:], buyer.last_name) if value in json.dumps(body)]
        state = until(
            lambda: [told for told in [crm.get(f"/v1/relay/{honest.json()['dispatch']}").json()]
                     if told["state"] == "sent"]
        )  # fmt: skip
        assert not [value for value in (other.phone[-10:], courier.courier.name) if value in json.dumps(state)]
