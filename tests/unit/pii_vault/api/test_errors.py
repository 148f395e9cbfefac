"""What nobody expected: a plain 500 to the caller, places without messages in the log."""

import json
import logging

import pytest
from starlette.types import Message, Receive, Scope, Send

from pii_vault.errors import BudgetExceeded, InvalidFields, Unauthenticated
from pii_vault.logs import SafeFormatter
from pii_vault.problems import SafeErrors, problem_bytes, problem_headers

CANARY = "Канарейка"
SCOPE: Scope = {"type": "http", "method": "GET", "path": "/", "headers": []}


async def _nothing() -> Message:
    return {"type": "http.request", "body": b"", "more_body": False}


async def test_an_unexpected_error_leaves_as_a_problem_without_its_message(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def broken(_scope: Scope, _receive: Receive, _send: Send) -> None:
        raise ValueError(CANARY)

    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    await SafeErrors(broken)(SCOPE, _nothing, send)
    assert sent[0]["status"] == 500
    assert json.loads(sent[1]["body"])["code"] == "internal_error"
    assert "unexpected ValueError at test_errors.py" in caplog.text
    assert CANARY not in caplog.text + str(sent)


async def test_an_answer_that_has_begun_is_not_answered_twice() -> None:
    async def broken(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise ValueError(CANARY)

    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    await SafeErrors(broken)(SCOPE, _nothing, send)
    assert len(sent) == 1


def test_a_logged_traceback_has_places_and_no_messages() -> None:
    record = None
    try:
        try:
            raise KeyError(CANARY)  # noqa: TRY301  it must have a cause
        except KeyError as error:
            raise ValueError(CANARY) from error
    except ValueError as error:
        info = (type(error), error, error.__traceback__)
        record = logging.LogRecord("x", logging.ERROR, __file__, 1, "failed", None, info)
    assert record is not None
    text = SafeFormatter("%(message)s").format(record)
    assert "ValueError" in text
    assert "KeyError" in text
    assert "test_errors.py" in text
    assert CANARY not in text


def test_a_problem_says_what_to_do() -> None:
    body = json.loads(problem_bytes(BudgetExceeded()))
    assert body == {
        "type": "urn:larets:problem:budget_exceeded",
        "title": "The hourly budget of this role is used up",
        "status": 429,
        "detail": "The hourly budget of this role is used up. Wait, or ask the compliance officer to raise it.",
        "code": "budget_exceeded",
    }
    assert problem_headers(BudgetExceeded())["retry-after"]
    assert problem_headers(Unauthenticated())["www-authenticate"]
    fields = json.loads(problem_bytes(InvalidFields([("/items/0", "unknown field")])))["errors"]
    assert fields == [{"pointer": "/items/0", "detail": "unknown field"}]
