"""Errors as RFC 9457 problems: the one place where an error becomes an HTTP answer. No problem holds a value."""

import logging
import traceback
from http import HTTPStatus
from typing import Any

import msgspec
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pii_vault.errors import InvalidFields, Unauthenticated, VaultError, default_detail

logger = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
_CODES = {404: "not_found", 405: "method_not_allowed", 400: "broken_request"}


def problem_bytes(error: VaultError) -> bytes:
    """The body of the answer. The title is the error's first sentence, the detail says what to do."""
    body: dict[str, Any] = {
        "type": f"urn:larets:problem:{error.code}",
        "title": default_detail(type(error)).split(". ")[0].rstrip("."),
        "status": error.status_code,
        "detail": error.detail,
        "code": error.code,
    }
    fields = getattr(error, "fields", None)
    if fields:
        body["errors"] = [{"pointer": pointer, "detail": detail} for pointer, detail in fields]
    return msgspec.json.encode(body)


def problem_headers(error: VaultError) -> dict[str, str]:
    """What a client needs besides the body: how to authenticate, when to come again."""
    if isinstance(error, Unauthenticated):
        return {"www-authenticate": 'Bearer realm="larets"'}
    if error.status_code == HTTPStatus.TOO_MANY_REQUESTS:
        return {"retry-after": str(getattr(error, "wait_seconds", 600))}
    if error.status_code in (HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.BAD_REQUEST):
        return {"connection": "close"}  # what is left of the body would be read as the next request
    return {"retry-after": "1"} if error.status_code == HTTPStatus.SERVICE_UNAVAILABLE else {}


def problem(error: VaultError) -> Response:
    return Response(
        problem_bytes(error),
        status_code=error.status_code,
        media_type=MEDIA_TYPE,
        headers=problem_headers(error),
    )


def install(app: FastAPI) -> None:
    """Lets every error of an application leave as a problem."""

    async def vault_error(_request: Request, error: Exception) -> Response:
        return problem(error) if isinstance(error, VaultError) else problem(VaultError())

    async def invalid(_request: Request, error: Exception) -> Response:
        # The error repeats the input and may name unknown keys: only the place of known shape is told.
        found = error.errors() if isinstance(error, RequestValidationError) else []
        fields = [("/" + "/".join(str(part) for part in item["loc"][:1]), item["type"]) for item in found]
        return problem(InvalidFields(fields))

    async def http_error(_request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 500
        phrase = HTTPStatus(status).phrase
        code = _CODES.get(status, "http_error")
        body = {
            "type": f"urn:larets:problem:{code}",
            "title": phrase,
            "status": status,
            "detail": f"{phrase}. Check the address and the method against the API description.",
            "code": code,
        }
        headers = dict(error.headers or {}) if isinstance(error, HTTPException) else {}
        return Response(msgspec.json.encode(body), status, headers=headers, media_type=MEDIA_TYPE)

    app.add_exception_handler(VaultError, vault_error)
    app.add_exception_handler(Exception, vault_error)  # raised on after the answer, so that SafeErrors notes it
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(HTTPException, http_error)


def log_unexpected(error: BaseException, *, request_id: str = "") -> None:
    """Where it happened and its type. Never its message: drivers and codecs quote values in theirs."""
    places = " < ".join(
        f"{frame.filename.rsplit('/', 1)[-1]}:{frame.lineno}"
        for frame in reversed(traceback.extract_tb(error.__traceback__)[-6:])
    )
    logger.error("unexpected %s at %s %s", type(error).__name__, places, request_id)


class SafeErrors:
    """Outermost: what nobody expected becomes a plain 500, and its message reaches no log."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = False

        async def watched(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except Exception as error:  # noqa: BLE001  the last line: the server would log the message
            log_unexpected(error)
            if not started:
                await problem(VaultError())(scope, receive, send)
