"""Reports of what became of a message: only whose and whether is read out of them."""

import json
from email.message import EmailMessage

import pytest

from pii_vault.relay.reports import read_report

NOTICE = """From: MAILER-DAEMON@mx.example
To: shop@example.ru
Subject: Undelivered Mail Returned to Sender
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="b"

--b
Content-Type: text/plain; charset=utf-8

I could not deliver to somebody@example.ru

--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example

Final-Recipient: rfc822; somebody@example.ru
Action: {action}
Status: 5.1.1

--b
Content-Type: {kind}

Message-ID: <dsp_123@shop.example.ru>
To: somebody@example.ru
Subject: x

--b--
"""


@pytest.mark.parametrize("kind", ["text/rfc822-headers", "message/rfc822"])
@pytest.mark.parametrize(("action", "state"), [("failed", "bounced"), ("delivered", "delivered")])
def test_a_notification_names_our_mail_and_its_fate(kind: str, action: str, state: str) -> None:
    body = NOTICE.format(kind=kind, action=action).encode()
    assert read_report(body, "message/rfc822") == ("dsp_123", state)


@pytest.mark.parametrize("status", ["delivered", "DELIVRD", "failed", "undeliv"])
def test_a_report_of_a_provider_is_read(status: str) -> None:
    body = json.dumps({"message_id": "abc", "status": status, "phone": "+79001112233"}).encode()
    found = read_report(body, "application/json")
    assert found is not None
    assert found[0] == "abc"
    assert found[1] in ("delivered", "bounced")


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{", b"1", b'{"id": "a"}', b'{"status": "delivered"}', b"\xff", b"[" * 9000]
)
def test_what_says_nothing_is_nothing(body: bytes) -> None:
    assert read_report(body, "application/json") is None


def test_an_ordinary_mail_is_no_report() -> None:
    message = EmailMessage()
    message["Message-ID"] = "<dsp_1@example.ru>"
    message.set_content("delivered")
    assert read_report(message.as_bytes(), "message/rfc822") is None
    assert read_report(NOTICE.format(kind="text/rfc822-headers", action="delayed").encode(), "message/rfc822") is None
