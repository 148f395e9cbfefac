"""Errors as RFC 9457 problems: the one place where an error becomes an HTTP answer."""

import logging
from typing import Any, Final

import msgspec
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from app.errors import AppError, FieldProblem, InvalidRequest, MethodNotAllowed, NotFound
from app.models.columns import NotAToken

logger = logging.getLogger(__name__)

MEDIA: Final = "application/problem+json"
_TITLES: Final = {
    400: "Bad request", 401: "Not signed in", 403: "Not allowed", 404: "Not found", 405: "Method not allowed",
    409: "Conflict", 412: "Changed meanwhile", 413: "Too large", 415: "Unsupported body", 421: "Wrong host",
    422: "Not acceptable", 428: "Version required", 503: "Not available",
}  # fmt: skip
_BY_STATUS: Final[dict[int, type[AppError]]] = {404: NotFound, 405: MethodNotAllowed}


def problem(error: AppError) -> Response:
    document: dict[str, Any] = {
        "type": f"urn:larets:problem:{error.code}",
        "title": _TITLES.get(error.status_code, "Error"),
        "status": error.status_code,
        "detail": error.detail,
        "code": error.code,
    }
    if error.errors:
        document["errors"] = [{"pointer": found.pointer, "detail": found.detail} for found in error.errors]
    headers = {"cache-control": "no-store"}
    if error.retry_after is not None:
        headers["retry-after"] = str(error.retry_after)
    if error.status_code == 401:  # noqa: PLR2004
        headers["www-authenticate"] = 'Bearer realm="crm"'
    return Response(msgspec.json.encode(document), error.status_code, headers=headers, media_type=MEDIA)


def install_problems(app: FastAPI) -> None:
    """Map every error of an application. What nobody foresaw is logged without its message and answered 500."""
    app.add_exception_handler(AppError, _known)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _of_framework)
    app.add_exception_handler(NotAToken, _not_a_token)
    app.add_exception_handler(Exception, _unforeseen)


async def _known(_: Request, error: Exception) -> Response:
    return problem(error if isinstance(error, AppError) else AppError())


async def _invalid(_: Request, error: Exception) -> Response:
    """Says where and what kind; pydantic's own message and input may repeat the value."""
    found: list[FieldProblem] = []
    for entry in error.errors() if isinstance(error, RequestValidationError) else []:
        kind = str(entry["type"])
        place = [str(part) for part in entry["loc"][1:]]
        if kind == "extra_forbidden":  # the field's name is the sender's text
            place = [*place[:-1], "?"]
        found.append(FieldProblem("/" + "/".join(place), kind.replace("_", " ")))
    return problem(InvalidRequest(errors=found))


async def _of_framework(_: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    return problem(_BY_STATUS.get(status, InvalidRequest if status < 500 else AppError)())  # noqa: PLR2004


async def _unforeseen(_: Request, __: Exception) -> Response:
    """The answer alone: the framework raises the error again, and the last resort around it writes the log."""
    return problem(AppError())


async def _not_a_token(_: Request, __: Exception) -> Response:
    return problem(InvalidRequest("Only tokens (tok_…) can be stored here. Enter the value in a collect frame."))
