"""The client without a vault: time-outs, retries and what its errors tell."""

import httpx
import msgspec
import pytest

from pii_vault.client import TokeniseItem, VaultClient, VaultRefused, VaultUnreachable

CANARY = "Канарейка"
ANSWER = b'{"items":[{"token":"tok_name_x","subject":"sub_x"}]}'


class Script(httpx.AsyncBaseTransport):
    """Answers in turn; an exception is raised. Remembers the requests."""

    def __init__(self, *answers: httpx.Response | Exception) -> None:
        self.answers = list(answers)
        self.requests: list[httpx.Request] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def client(script: Script, *, seconds: float = 5.0) -> VaultClient:
    return VaultClient("https://vault", tenant="demo", transport=script, seconds=seconds)


async def test_what_fails_on_the_way_is_repeated_under_one_idempotency_key() -> None:
    script = Script(httpx.ReadError("gone"), httpx.Response(503), httpx.Response(200, content=ANSWER))
    async with client(script) as vault:
        [result] = await vault.tokenise([TokeniseItem("name", CANARY)])
    assert result.token == "tok_name_x"
    keys = {request.headers["idempotency-key"] for request in script.requests}
    assert len(keys) == 1
    assert len(script.requests) == 3


async def test_it_gives_up_after_three_attempts_without_a_value_in_the_error() -> None:
    script = Script(*[httpx.ReadError(f"while sending {CANARY}")] * 3)
    async with client(script) as vault:
        with pytest.raises(VaultUnreachable) as caught:
            await vault.tokenise([TokeniseItem("name", CANARY)])
    assert CANARY not in f"{caught.value!r}{caught.value.__cause__!r}"
    assert len(script.requests) == 3


async def test_a_refusal_is_not_repeated() -> None:
    body = msgspec.json.encode({"code": "forbidden", "detail": "No."})
    script = Script(httpx.Response(403, content=body))
    async with client(script) as vault:
        with pytest.raises(VaultRefused, match="No") as caught:
            await vault.reveal(["tok_name_x"], purpose="support")
    assert (caught.value.status, caught.value.problem) == (403, "forbidden")
    assert len(script.requests) == 1


async def test_an_answer_that_is_no_problem_is_a_refusal_too() -> None:
    async with client(Script(httpx.Response(404, content=b"<html>"))) as vault:
        with pytest.raises(VaultRefused):
            await vault.search("x", class_id="phone", purpose="support")


async def test_the_whole_call_has_one_deadline() -> None:
    script = Script(*[httpx.ConnectError("no")] * 3)
    async with client(script, seconds=0.05) as vault:
        with pytest.raises(VaultUnreachable):
            await vault.reveal(["tok_name_x"], purpose="support")
    assert len(script.requests) < 3
