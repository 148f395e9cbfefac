"""The API description: FastAPI's own, with the hot endpoints added from their msgspec types."""

from typing import Any

import msgspec
from fastapi import FastAPI

from pii_vault.api.schemas import (
    RevealAnswer,
    RevealRequest,
    SearchAnswer,
    SearchRequest,
    TokeniseAnswer,
    TokeniseRequest,
)

_HOT: dict[str, tuple[str, type, type]] = {
    "/v1/tokenise": (
        "Values to tokens, up to 1,000. `Idempotency-Key` repeats the answer for 24 hours. Tells a `Larets-Position`",
        TokeniseRequest,
        TokeniseAnswer,
    ),
    "/v1/reveal": ("Tokens to values or masks, for a purpose, up to 1,000.", RevealRequest, RevealAnswer),
    "/v1/search": (
        "Subjects that have exactly this value, with all their tokens; `Larets-After`: up to this `Larets-Position`.",
        SearchRequest,
        SearchAnswer,
    ),
}
_PROBLEMS = {
    "400": "not JSON",
    "401": "nobody is signed in",
    "403": "no policy lets this principal do this for this purpose, or not for this tenant",
    "413": "over 1,000 items or 1 MiB",
    "422": "an unknown field, class or purpose",
    "429": "the hourly budget is used up",
    "503": "the database, the key service or the audit log does not answer; nothing was released",
}
_PROBLEM = {
    "type": "object",
    "description": "RFC 9457",
    "required": ["type", "title", "status", "detail", "code"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string"},
        "errors": {"type": "array", "items": {"type": "object"}},
    },
}


def describe(app: FastAPI) -> None:
    """Makes `app.openapi()` list the hot endpoints, though FastAPI does not serve them."""
    plain = app.openapi

    def openapi() -> dict[str, Any]:
        schema = plain()
        types = [kind for _, request, answer in _HOT.values() for kind in (request, answer)]
        references, components = msgspec.json.schema_components(types, ref_template="#/components/schemas/{name}")
        known = schema.setdefault("components", {}).setdefault("schemas", {})
        known.update(components)
        known["Problem"] = _PROBLEM
        by_type = dict(zip(types, references, strict=True))
        for path, (summary, request, answer) in _HOT.items():
            schema["paths"][path] = {"post": _operation(path, summary, by_type[request], by_type[answer])}
        return schema

    app.openapi = openapi  # type: ignore[method-assign]


def _operation(path: str, summary: str, request: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
    problem = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    answers: dict[str, Any] = {
        "200": {"description": "a result per item", "content": {"application/json": {"schema": answer}}}
    }
    answers |= {code: {"description": text, "content": problem} for code, text in _PROBLEMS.items()}
    return {
        "summary": summary,
        "operationId": path.rsplit("/", 1)[-1],
        "tags": ["values"],
        "requestBody": {"required": True, "content": {"application/json": {"schema": request}}},
        "responses": answers,
    }
