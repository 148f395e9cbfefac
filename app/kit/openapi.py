"""The API description: FastAPI's own, with what it cannot see — problems, who may ask, and the headers of a change."""

from typing import Any, Final

from fastapi import FastAPI

PROBLEM: Final[dict[str, Any]] = {
    "type": "object",
    "description": "RFC 9457. `code` is stable; `detail` says what to do and never repeats what was sent.",
    "required": ["type", "title", "status", "detail", "code"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["pointer", "detail"],
                "properties": {"pointer": {"type": "string"}, "detail": {"type": "string"}},
            },
        },
    },
}
SCHEMES: Final[dict[str, Any]] = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "an access token of audience `crm`"},
    "session": {"type": "apiKey", "in": "cookie", "name": "__Host-larets_crm", "description": "from the CRM's pages"},
}
_ALWAYS: Final = {
    "401": "nobody is signed in",
    "422": "a field is of the wrong form, a cursor is not ours, or personal data stand in clear",
    "503": "the database does not answer; nothing was changed",
}
_OF_ONE: Final = {"404": "there is none, or it is another shop's"}
_CHANGE: Final = {
    "400": "the body is not JSON",
    "403": "this role may not change it, or the request came from another site's page",
    "409": "it cannot be done in the present state, or the first request with this key is still running",
    "413": "over 1 MiB",
    "415": "not JSON",
}
_VERSIONED: Final = {"412": "somebody changed it meanwhile", "428": "If-Match is missing"}
_KEY: Final = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "schema": {"type": "string", "minLength": 1, "maxLength": 255},
    "description": "The same request again within 24 hours gets the first answer again; another request gets 422.",
}
_VERSION: Final = {
    "name": "If-Match",
    "in": "header",
    "required": True,
    "schema": {"type": "string"},
    "description": "The ETag of the version that the change was decided on.",
}


def describe(app: FastAPI) -> None:
    """Completes `app.openapi()`. Call once, before it serves."""
    plain = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            _complete(plain())
        return plain()

    app.openapi = openapi  # type: ignore[method-assign]


def _complete(document: dict[str, Any]) -> None:
    components = document.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    schemas["Problem"] = PROBLEM
    components["securitySchemes"] = SCHEMES
    document["security"] = [{name: []} for name in SCHEMES]
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            _complete_operation(operation, path=path, method=method)


def _complete_operation(operation: dict[str, Any], *, path: str, method: str) -> None:
    told = dict(_ALWAYS)
    headers: list[dict[str, Any]] = []
    if "{" in path:
        told |= _OF_ONE
    if method != "get":
        told |= _CHANGE
        headers.append(_KEY)
    if method == "patch":
        told |= _VERSIONED
        headers.append(_VERSION)
    body = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    operation["responses"] |= {status: {"description": text, "content": body} for status, text in sorted(told.items())}
    if headers:
        operation.setdefault("parameters", []).extend(headers)
