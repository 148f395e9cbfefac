"""Callers of a vault whose key service fails, and what they hold its answers against."""

import time
from collections.abc import Callable, Sequence

import httpx

LONGEST_ANSWER = 10.0  # the bound of a call of the key service, and of the work around it
RECOVERED_SECONDS = 60.0


def item(number: int) -> dict[str, str]:
    return {"class": "phone", "value": f"+7901{number:07}"}


def tokenise(client: httpx.Client, numbers: range, key: str) -> httpx.Response:
    body = {"items": [item(number) for number in numbers]}
    return client.post("/v1/tokenise", json=body, headers={"idempotency-key": key})


def reveal(client: httpx.Client, tokens: Sequence[str]) -> httpx.Response:
    return client.post("/v1/reveal", json={"purpose": "support", "items": [{"token": token} for token in tokens]})


def tokens_of(answer: httpx.Response) -> list[str]:
    return [each["token"] for each in answer.json()["items"]]


def refused_well(answer: httpx.Response, seconds: float) -> bool:
    """Whether it was refused: in time, as a reason to retry, without a value. What else is wrong ends the test."""
    assert seconds < LONGEST_ANSWER
    if answer.status_code == httpx.codes.OK:
        return False
    assert answer.status_code == httpx.codes.SERVICE_UNAVAILABLE, answer.text
    assert answer.json()["code"] == "key_service_unavailable"
    assert int(answer.headers.get("retry-after", "0")) > 0
    assert "+7901" not in answer.text
    return True


def recovered(again: Callable[[], httpx.Response]) -> httpx.Response:
    """The same request until it is answered."""
    deadline = time.monotonic() + RECOVERED_SECONDS
    while True:
        answer = again()
        if answer.status_code == httpx.codes.OK:
            return answer
        assert time.monotonic() < deadline, answer.text
        time.sleep(0.2)


def wrong(answer: httpx.Response, numbers: range) -> list[str]:
    """What a reveal gives that was never stored there. Twins hold it against a wrong one."""
    pairs = zip(answer.json()["items"], numbers, strict=True)
    return [str(given) for given, number in pairs if given != {"value": item(number)["value"]}]
