"""POST /v1/classify: a text of a program of the private contour, taken in and looked through."""

from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Depends, Header, Request, Response

from pii_vault.access.principal import Principal
from pii_vault.api.auth import Authenticator, admitted
from pii_vault.api.body import read_body
from pii_vault.api.schemas import ClassifyRequest, decode
from pii_vault.classify.process import Classifier
from pii_vault.classify.text import classify_text
from pii_vault.vault import Vault, new_request_id

_request: "msgspec.json.Decoder[ClassifyRequest]" = msgspec.json.Decoder(ClassifyRequest)
Key = Annotated[str | None, Header(min_length=1, max_length=200)]


def build_texts(vault: Vault, authenticator: Authenticator, classifier: Classifier) -> APIRouter:
    """For programs with a certificate, and people by token; nobody of the public contour gets further."""
    router = APIRouter(tags=["values"])

    async def who(request: Request) -> Principal:
        return (await admitted(vault, authenticator, request.scope, verb="tokenise")).principal

    Admitted = Annotated[Principal, Depends(who)]  # noqa: N806  an annotation

    @router.post("/v1/classify", openapi_extra=_described(), response_class=Response)
    async def classify(request: Request, principal: Admitted, idempotency_key: Key = None) -> Response:
        """A text to one token; `crossing` is the text with tokens in place, where the officer lets it cross."""
        asked = decode(_request, await read_body(request.scope, request.receive))
        taken = await classify_text(
            vault,
            principal,
            asked.text,
            classifier=classifier,
            request_id=new_request_id(),
            subject=asked.subject,
            class_id=asked.class_id,
            idempotency_key=idempotency_key,
        )
        return Response(msgspec.json.encode(taken), media_type="application/json")

    return router


def _described() -> dict[str, Any]:
    schema = msgspec.json.schema_components([ClassifyRequest])[1]["ClassifyRequest"]
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}
