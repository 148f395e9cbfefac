"""The relay's client without a vault: whose shop, which key, and what its errors tell."""

import ssl

import httpx
import msgspec
import pytest

from pii_vault.answers import VaultRefused, VaultUnreachable
from pii_vault.relay.client import RelayClient
from pii_vault.relay.schemas import RelayRequest
from tests.unit.pii_vault.test_client import Script

REQUEST = RelayRequest("order-sent", 1, "d", "sub_x", {"number": "7001"})
OFFER = {
    "id": "a", "version": 1, "digest": "d", "title": "А", "purpose": "delivery", "channel": "sms",
    "parameters": [], "consent_needed": False, "later": "a newer vault says more",
}  # fmt: skip


def client(script: Script) -> RelayClient:
    return RelayClient("https://vault", host="vault.example.ru", tls=ssl.create_default_context(), transport=script)


async def test_a_lost_answer_is_asked_for_again_under_the_same_key() -> None:
    accepted = httpx.Response(202, content=b'{"dispatch":"dsp_1"}')
    script = Script(httpx.ReadError("gone"), httpx.Response(503), accepted)
    assert await client(script).send("demo", REQUEST, key="msg_1") == "dsp_1"
    assert [request.headers["idempotency-key"] for request in script.requests] == ["msg_1"] * 3
    assert {request.headers["larets-tenant"] for request in script.requests} == {"demo"}
    assert {request.headers["host"] for request in script.requests} == {"vault.example.ru"}


async def test_each_call_names_its_shop() -> None:
    script = Script(*[httpx.Response(200, content=msgspec.json.encode({"templates": [OFFER]})) for _ in range(2)])
    relay = client(script)
    for tenant in ("demo", "other"):
        assert [each.id for each in await relay.templates(tenant)] == ["a"]
    assert [request.headers["larets-tenant"] for request in script.requests] == ["demo", "other"]


async def test_a_refusal_has_its_code_and_silence_is_silence() -> None:
    problem = msgspec.json.encode({"code": "consent_missing", "detail": "No consent."})
    with pytest.raises(VaultRefused) as refused:
        await client(Script(httpx.Response(403, content=problem))).send("demo", REQUEST, key="msg_1")
    assert (refused.value.status, refused.value.problem) == (403, "consent_missing")
    with pytest.raises(VaultUnreachable):
        await client(Script(*[httpx.Response(503)] * 3)).templates("demo")
