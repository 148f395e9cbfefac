"""What providers say later: taken from whom it was agreed with, and only about what went through them."""

from typing import Any

import pytest
from fastapi import FastAPI

from pii_vault.relay.reports import MOST_BYTES, build_reports
from tests.integration.pii_vault.relay.conftest import PHONE, Shop
from tests.support.vault import rows


async def test_an_sms_report_comes_back_without_a_value(shop: Shop) -> None:
    state = await shop.sent("sms-sent")
    report = {"id": "out-1", "status": "undelivered", "phone": PHONE, "text": "some words"}
    assert (await shop.api.post(f"/relay/demo/web/{shop.report}", json=report)).status_code == 200
    assert (await shop.state(state["id"]))["state"] == "bounced"
    assert shop.told() == [("sent", None), ("bounced", None)]
    (kept,) = rows(shop.database, "SELECT row_to_json(d)::text FROM relay_dispatch d")
    (told,) = rows(shop.database, "SELECT string_agg(convert_from(body, 'UTF8'), '') FROM gateway_outbox")
    for found in (kept, told):
        assert PHONE not in str(found)
        assert "some words" not in str(found)


async def test_a_destination_speaks_of_nothing_that_went_through_another(shop: Shop) -> None:
    state = await shop.sent()  # by mail; the secret is the other destination's
    answer = await shop.api.post(f"/relay/demo/web/{shop.report}", json={"id": state["id"], "status": "failed"})
    assert answer.status_code == 200
    assert (await shop.state(state["id"]))["state"] == "sent"
    rows(shop.database, "UPDATE relay_destination SET report_key = (SELECT report_key FROM relay_destination"
         " WHERE id = 'web') WHERE id = 'mail'")  # fmt: skip
    await shop.api.post(f"/relay/demo/mail/{shop.report}", json={"id": state["id"], "status": "failed"})
    assert (await shop.state(state["id"]))["state"] == "bounced"


async def test_a_report_with_a_wrong_secret_changes_nothing_and_is_told_nothing(shop: Shop) -> None:
    state = await shop.sent("sms-sent")
    for url in ("/relay/demo/web/wrong", f"/relay/other/web/{shop.report}", f"/relay/demo/mail/{shop.report}"):
        answer = await shop.api.post(url, json={"id": "out-1", "status": "failed"})
        assert (answer.status_code, answer.content) == (200, b"")
    assert (await shop.state(state["id"]))["state"] == "sent"


async def test_of_a_stranger_not_a_byte_is_read(shop: Shop) -> None:
    app = FastAPI()
    app.include_router(build_reports(shop.vault))
    sent: list[Any] = []

    async def receive() -> Any:
        message = "the body was read"
        raise AssertionError(message)

    async def send(message: Any) -> None:
        sent.append(message)

    path = "/relay/demo/web/wrong"
    scope = {"type": "http", "method": "POST", "path": path, "headers": [], "query_string": b"", "root_path": ""}
    await app(scope, receive, send)
    assert sent[0]["status"] == 200


async def test_a_report_is_read_to_its_limit(shop: Shop) -> None:
    state = await shop.sent("sms-sent")
    url, head = f"/relay/demo/web/{shop.report}", b'{"id": "out-1", "status": "failed", "x": "'
    await shop.api.post(url, content=head + b"x" * MOST_BYTES + b'"}')
    assert (await shop.state(state["id"]))["state"] == "sent"
    await shop.api.post(url, content=head + b"x" * (MOST_BYTES - len(head) - 2) + b'"}')
    assert (await shop.state(state["id"]))["state"] == "bounced"


ODD_CHARSET = (
    b"Content-Type: multipart/report; boundary=x\n\n--x\n"
    b"Content-Type: text/rfc822-headers; charset=no-such\n\nMessage-ID: <a@b>\n--x--"
)
NESTED = b"".join(b"Content-Type: multipart/mixed; boundary=%d\n\n--%d\n" % (n, n) for n in range(1500))


@pytest.mark.parametrize(
    ("media_type", "body"),
    [
        ("application/json", b"{" * 60_000),
        ("application/json", b"[" * 60_000),
        ("application/json", b'{"id": {"a": 1}, "status": ["failed"]}'),
        ("application/json", b"\xff\xfe\x00"),
        ("multipart/report", ODD_CHARSET),
        ("multipart/report", b"Content-Type: multipart/report; boundary=\n\n\xff\x00--\n"),
        ("message/delivery-status", b"Action: failed\nContent-Type: message/delivery-status\n\n" + b"\x00" * 100),
        ("multipart/x", NESTED),
    ],
)  # fmt: skip
async def test_what_breaks_a_parser_is_taken_quietly(shop: Shop, media_type: str, body: bytes) -> None:
    url = f"/relay/demo/web/{shop.report}"
    answer = await shop.api.post(url, content=body, headers={"content-type": media_type})
    assert (answer.status_code, answer.content) == (200, b"")
