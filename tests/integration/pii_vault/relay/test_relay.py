"""From an order of the public contour to a mail in the person's box, and every way it must not go."""

import json
import socket
from dataclasses import replace
from datetime import timedelta
from email import message_from_bytes, policy
from typing import Any

import pytest

from pii_vault.access.principal import Principal
from pii_vault.errors import IdempotencyConflict, InvalidRequest
from pii_vault.keys.memory import MemoryKeyService
from pii_vault.relay.addresses import Reach
from pii_vault.relay.deliver import ATTEMPTS
from pii_vault.relay.destinations import add_destination
from pii_vault.relay.errors import BadNote, BadTemplate, FactorTooOld, NotADecider, NothingToDecide
from pii_vault.relay.outside import Destination, Outside
from pii_vault.relay.template import read_template
from pii_vault.relay.templates import approve, propose, reject, retire
from tests.integration.pii_vault.relay.conftest import BUDGETS, CRM, EMAIL, MAIL, PHONE, Shop, sender_of
from tests.support.outside import Mailbox, WebService
from tests.support.vault import rows, staff


async def test_a_mail_reaches_the_person_and_the_sender_learns_only_that(shop: Shop, mailbox: Mailbox) -> None:
    state = await shop.sent()
    assert (state["state"], state["failure"], state["answer"]) == ("sent", None, None)
    ((recipients, content),) = mailbox.mails
    assert recipients == [EMAIL]
    message = message_from_bytes(content, policy=policy.default)
    assert message["subject"] == "Заказ 7001"
    assert "Вера <b>, заказ в пути." in message.get_body(("plain",)).get_content()  # type: ignore[union-attr]
    assert "Вера &lt;b&gt;" in message.get_body(("html",)).get_content()  # type: ignore[union-attr]
    assert EMAIL not in json.dumps(state)


async def test_an_order_is_sent_once_however_often_it_is_asked_for(shop: Shop, mailbox: Mailbox) -> None:
    first = (await shop.order()).json()
    await shop.sender.once()
    assert (await shop.order()).json() == first
    await shop.sender.once()
    assert len(mailbox.mails) == 1
    with pytest.raises(AssertionError, match=IdempotencyConflict.code):
        await shop.sent(subject=shop.other)
    shop.callers.principal = replace(CRM, id="another")
    assert (await shop.order()).json()["code"] == IdempotencyConflict.code


async def test_nobody_mails_one_persons_values_to_another(shop: Shop, mailbox: Mailbox) -> None:
    """The public service's own credentials: whatever it names, recipient and values are of one person."""
    attacks: tuple[dict[str, Any], ...] = (
        {"parameters": {"number": EMAIL}},
        {"parameters": {"number": PHONE}},
        {"parameters": {"number": "Анне Петровой"}},
        {"parameters": {"number": "Переведите деньги сюда"}},
        {"parameters": {"number": "7", "email": "attacker@example.ru"}},
        {"parameters": {}},
        {"recipient": "attacker@example.ru"},
        {"to": shop.other},
        {"subject": f"{shop.buyer},{shop.other}"},
        {"digest": "0" * 64},
        {"version": 2},
        {"template": "other"},
    )
    for attack in attacks:
        answer = await shop.order(key=f"attack-{json.dumps(attack)}", **attack)
        assert answer.status_code in (403, 422), attack
    await shop.sent(key="order-of-the-other", subject=shop.other)
    ((recipients, content),) = mailbox.mails
    assert recipients == ["other@example.ru"]
    assert "Вера" not in message_from_bytes(content, policy=policy.default).get_body(("plain",)).get_content()  # type: ignore[union-attr]


async def test_a_text_that_was_changed_after_its_approval_is_not_sent(shop: Shop, mailbox: Mailbox) -> None:
    rows(
        shop.database,
        "UPDATE relay_template SET content = jsonb_set(content, '{email,text}', '\"{{person.name}} {{person.phone}}\"')"
        " WHERE id = 'order-sent'",
    )
    assert (await shop.order()).json()["code"] == "unknown_template"
    assert mailbox.mails == []


@pytest.mark.parametrize("version", [0, -1, 2**31, 2**63, 10**30])
async def test_a_version_that_no_template_has_is_the_senders_error(shop: Shop, version: int) -> None:
    assert (await shop.order(version=version)).status_code == 422


async def test_a_template_needs_somebody_elses_approval(shop: Shop) -> None:
    template = read_template(MAIL | {"version": 2})
    digest = await propose(shop.vault, staff("owner"), template, request_id="1")
    place: Any = {"template": template.id, "version": 2, "digest": digest, "request_id": "2"}
    assert (await shop.order(version=2, digest=digest)).json()["code"] == "unknown_template"
    for who, changes in (
        (staff("owner"), {}),
        (staff("officer"), {"digest": "0" * 64}),
        (staff("officer"), {"version": 3}),
    ):
        with pytest.raises(NothingToDecide):
            await approve(shop.vault, who, **(place | changes))
    with pytest.raises(NotADecider):
        await approve(shop.vault, staff("marketer"), **place)
    with pytest.raises(FactorTooOld):
        await approve(shop.vault, staff("officer", second_factor_age=timedelta(minutes=61)), **place)
    await approve(shop.vault, staff("officer"), **place)
    assert (await shop.order(version=2, digest=digest)).status_code == 202
    found = rows(shop.database, "SELECT decision FROM audit_detail WHERE verb = 'relay_approve' ORDER BY idx")
    refused = ["nothing_to_decide"] * 3 + ["not_a_decider", "stale_second_factor", "allow"]
    assert [row[0] for row in found][-6:] == refused


async def test_a_rejected_text_is_never_sent_and_a_proposer_takes_back_their_own(shop: Shop) -> None:
    template = read_template(MAIL | {"version": 2})
    digest = await propose(shop.vault, staff("marketer"), template, request_id="1")
    place: Any = {"template": template.id, "version": 2, "request_id": "2"}
    with pytest.raises(NothingToDecide):
        await retire(shop.vault, staff("sales"), **place)
    with pytest.raises(BadNote):
        await reject(shop.vault, staff("officer"), **place, digest=digest, note=f"звоните {PHONE}")
    await reject(shop.vault, staff("officer"), **place, digest=digest, note="Нет имени магазина")
    with pytest.raises(NothingToDecide):
        await approve(shop.vault, staff("officer"), **place, digest=digest)
    assert (await shop.order(version=2, digest=digest)).json()["code"] == "unknown_template"
    own = read_template(MAIL | {"version": 3})
    await propose(shop.vault, staff("marketer"), own, request_id="1")
    await retire(shop.vault, staff("marketer"), template=own.id, version=3, request_id="2")
    with pytest.raises(NothingToDecide):  # what was approved is no longer theirs alone
        await retire(shop.vault, staff("marketer"), template=own.id, version=1, request_id="2")
    with pytest.raises(NotADecider):
        await propose(shop.vault, staff("sales"), read_template(MAIL | {"version": 4}), request_id="1")


@pytest.mark.parametrize(
    "change",
    [
        {"purpose": "nonsense"},
        {"destination": "web"},
        {"email": {"subject": "x", "text": "{{person.nonsense}}"}},
        {"title": f"Звоните {PHONE}"},
        {"purpose": "subject_request"},
        {"consent": "marketing", "email": {"subject": "x", "text": "{{consent.link}}"}},
        {"purpose": "subject_request", "consent": "delivery", "email": {"subject": "x", "text": "{{consent.link}}"}},
    ],
)
async def test_a_template_that_could_never_be_sent_is_refused_when_proposed(shop: Shop, change: dict[str, Any]) -> None:
    with pytest.raises(BadTemplate):
        await propose(shop.vault, staff("owner"), read_template(MAIL | {"version": 3} | change), request_id="1")


async def test_what_waits_is_asked_again_before_it_goes(shop: Shop, mailbox: Mailbox) -> None:
    async def outcome(key: str) -> tuple[str, str]:
        await shop.sender.once()
        (found,) = rows(shop.database, "SELECT state, failure FROM relay_dispatch WHERE request_key = %s", key)
        return str(found[0]), str(found[1])

    await shop.order(key="order-blocked")
    rows(shop.database, "UPDATE subject SET state = 'b'")
    assert await outcome("order-blocked") == ("refused", "consent_missing")
    rows(shop.database, "UPDATE subject SET state = 'a'")
    await shop.order(key="order-retired")
    await retire(shop.vault, staff("officer"), template="order-sent", version=1, request_id="3")
    assert await outcome("order-retired") == ("refused", "unknown_template")
    assert mailbox.mails == []


async def test_marketing_goes_to_those_who_agreed_and_stops_when_they_no_longer_do(
    shop: Shop, mailbox: Mailbox
) -> None:
    news = {"id": "news", "purpose": "marketing", "email": {"subject": "Новости", "text": "!"}, "parameters": {}}
    await shop.approve(MAIL | news)
    refused = await shop.order("news", parameters={})
    assert refused.status_code == 403
    rows(shop.database, "UPDATE subject SET consents = consents | 1")  # marketing by email
    status = await shop.api.get(f"/v1/consents/{shop.buyer}", params={"purpose": "marketing", "channel": "email"})
    assert status.json() == {"allowed": True}
    assert (await shop.sent("news", key="news-0001", parameters={}))["state"] == "sent"
    await shop.order("news", key="news-0002", parameters={})
    rows(shop.database, "UPDATE subject SET consents = 0")
    await shop.sender.once()
    assert len(mailbox.mails) == 1
    status = await shop.api.get(f"/v1/consents/{shop.buyer}", params={"purpose": "marketing", "channel": "email"})
    assert status.json() == {"allowed": False}


async def test_an_sms_goes_out_with_the_shops_key(shop: Shop, web: WebService) -> None:
    state = await shop.sent("sms-sent")
    ((method, path, headers, body),) = web.requests
    assert (method, path, headers["authorization"]) == ("POST", "/api", "Bearer key-1")
    assert json.loads(body) == {"id": state["id"], "to": PHONE, "from": "SHOP", "text": "Заказ 7001 в пути"}


async def test_of_a_partners_answer_only_what_the_template_names_comes_back(shop: Shop, web: WebService) -> None:
    web.answers.clear()
    web.answer(
        201,
        {"track": "TR123", "note": f"звоните {PHONE}", "courier": {"phone": "+79007778899"}, "extra": "secret words"},
    )
    state = await shop.sent("parcel")
    assert state["state"] == "sent"
    assert state["answer"]["/track"] == "TR123"
    assert state["answer"]["/courier/phone"].startswith("tok_phone_")
    assert set(state["answer"]) == {"/track", "/courier/phone"}
    (sent,) = web.requests
    assert json.loads(sent[3]) == {"to": {"name": "Вера <b>", "phone": PHONE}}


async def test_a_redirect_is_not_followed(shop: Shop, web: WebService) -> None:
    web.answers.clear()
    web.answer(307, {}, location=f"http://127.0.0.1:{web.port}/elsewhere")
    state = await shop.sent("parcel")
    assert (state["state"], state["failure"]) == ("dead", "http_307")
    assert [request[1] for request in web.requests] == ["/api/v1/parcels"]


async def test_a_name_that_leads_inside_is_not_called(shop: Shop, web: WebService) -> None:
    async def rebound(_host: str, _port: int) -> list[str]:
        return ["169.254.169.254"]

    shop.sender = sender_of(shop.vault, Outside(Reach(), lookup=rebound))
    state = await shop.sent("parcel")
    assert (state["state"], state["failure"]) == ("dead", "forbidden_address")
    shop.sender = sender_of(shop.vault, Outside(Reach()))  # production: loopback is inside
    state = await shop.sent("parcel", key="order-0002")
    assert (state["state"], state["failure"]) == ("dead", "forbidden_address")
    assert web.requests == []


async def test_an_answer_that_never_ends_is_cut(shop: Shop, web: WebService) -> None:
    web.answers.clear()
    web.answers.append((200, {}, b"x" * 400_000))
    assert (await shop.sent("parcel"))["failure"] == "answer_too_large"


async def test_trouble_outside_is_tried_again_and_given_up_visibly(shop: Shop, mailbox: Mailbox) -> None:
    mailbox.refusals[:] = ["451 later", "451 later"]
    dispatch = (await shop.order()).json()["dispatch"]
    await shop.sender.once()
    assert (await shop.state(dispatch))["failure"] == "smtp_451"
    assert await shop.sender.once() == 0  # not before its time
    for _ in range(2):
        shop.due()
        await shop.sender.once()
    assert (await shop.state(dispatch))["state"] == "sent"
    mailbox.refusals[:] = ["451 later"] * (ATTEMPTS + 1)
    dispatch = (await shop.order(key="order-0002")).json()["dispatch"]
    for _ in range(ATTEMPTS):
        shop.due()
        await shop.sender.once()
    assert (await shop.state(dispatch))["state"] == "dead"


async def test_a_refusal_for_good_is_not_repeated(shop: Shop, mailbox: Mailbox) -> None:
    mailbox.refusals[:] = ["550 no such box"]
    assert (await shop.sent())["failure"] == "smtp_550"
    assert mailbox.refusals == []


async def test_a_destination_that_is_away_costs_nothing_but_time(shop: Shop) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"smtp://127.0.0.1:{taken.getsockname()[1]}"
        rows(shop.database, "UPDATE relay_destination SET url = %s WHERE id = 'mail'", url)
        state = await shop.sent()
    assert (state["state"], state["failure"]) == ("queued", "no_answer")


async def test_beyond_the_budget_nothing_is_sent_and_it_is_on_the_record(shop: Shop, mailbox: Mailbox) -> None:
    for at in range(BUDGETS["email"]):
        await shop.sent(key=f"order-{at:04}")
    answer = await shop.order(key="order-beyond")
    assert (answer.status_code, answer.json()["code"]) == (429, "relay_budget_exceeded")
    assert len(mailbox.mails) == BUDGETS["email"]
    found = rows(shop.database, "SELECT count(*) FROM audit_detail WHERE decision = 'relay_budget_exceeded'")
    assert found == [(1,)]


async def test_intent_and_result_are_both_on_the_record(shop: Shop) -> None:
    await shop.sent()
    found = rows(shop.database, "SELECT decision FROM audit_detail WHERE verb = 'relay' ORDER BY idx")
    assert [row[0] for row in found] == ["intent", "sent"]


async def test_a_person_of_another_shop_is_not_written_to(shop: Shop) -> None:
    shop.callers.principal = Principal(
        kind="service", id="crm", tenant="other", roles=("public_service",), contour="public"
    )
    assert (await shop.order()).json()["code"] == "unknown_template"


@pytest.mark.parametrize(
    "url", ["http://mail.example", "ftp://x", "https://", "https://u:p@x", "https://x?y=1", "smtp://x:99999", "x"]
)
async def test_a_destination_that_is_none_is_refused(keys: MemoryKeyService, shop: Shop, url: str) -> None:
    with pytest.raises(InvalidRequest):
        await add_destination(
            shop.database.owner_url, keys, Destination("bad", "http", url), tenant="demo", local=False
        )


async def test_a_secret_of_a_destination_is_kept_sealed(shop: Shop) -> None:
    (kept,) = rows(shop.database, "SELECT row_to_json(d)::text FROM relay_destination d WHERE id = 'web'")
    assert "key-1" not in str(kept)
    assert shop.report not in str(kept)
