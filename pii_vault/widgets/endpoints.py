"""The frames: documents that the CRM embeds, and the API that only their own scripts may call."""

from typing import Annotated, Any, Literal, TypeVar

import msgspec
from fastapi import APIRouter, Depends, Header, Request, Response

from pii_vault.access.principal import Principal
from pii_vault.api.body import read_body
from pii_vault.api.schemas import decode
from pii_vault.errors import CrossSite, InvalidRequest, Unauthenticated
from pii_vault.operations.reveal import reveal
from pii_vault.operations.search import search
from pii_vault.services import Services
from pii_vault.vault import new_request_id
from pii_vault.web import content_policy, load_pages
from pii_vault.widgets.schemas import MaskRequest, RevealRequest, SearchRequest, TokeniseRequest, WaysRequest
from pii_vault.widgets.service import collect, masks, purposes_to_reveal, ways_to_search

FrameKind = Literal["reveal", "search", "collect"]
T = TypeVar("T", bound=msgspec.Struct)


def build_frames(services: Services) -> APIRouter:
    """`/frames/*` of the vault's browser host."""
    router = APIRouter(include_in_schema=False)
    _add_documents(router, services)
    _add_reading(router, services)
    _add_writing(router, services)
    return router


def _add_documents(router: APIRouter, services: Services) -> None:
    crm_origin = services.settings.crm_origin.rstrip("/")
    policy = content_policy(frame_ancestors=(crm_origin,), form_action=("'none'",))
    classes = {item.id: item.title for item in services.vault.classes}

    @router.get("/frames/{kind}")
    def document(request: Request, kind: FrameKind) -> Response:
        """The same for everybody, signed in or not: whom it serves is found out by its first request."""
        return load_pages().render(
            request, f"frames/{kind}.html", policy=policy, page_origin=crm_origin, classes=classes
        )


def _add_reading(router: APIRouter, services: Services) -> None:
    Staff = Annotated[Principal, Depends(_staff(services))]  # noqa: N806  an annotation
    vault = services.vault

    @router.post("/frames/api/mask")
    async def draw(request: Request, principal: Staff) -> Response:
        asked = await read_json(request, MaskRequest)
        tokens = [item.token for item in asked.items]
        items = await masks(vault, principal, purpose=asked.purpose, tokens=tokens)
        return answer({"items": items, "purposes": purposes_to_reveal(vault, principal, tokens=tokens)})

    @router.post("/frames/api/reveal")
    async def show(request: Request, principal: Staff) -> Response:
        asked = await read_json(request, RevealRequest)
        tokens = [item.token for item in asked.items]
        items = await reveal(vault, principal, purpose=asked.purpose, tokens=tokens, request_id=new_request_id())
        return answer({"items": items})

    @router.post("/frames/api/search")
    async def find(request: Request, principal: Staff) -> Response:
        asked = await read_json(request, SearchRequest)
        subjects = await search(
            vault,
            principal,
            purpose=asked.purpose,
            class_id=asked.class_id,
            value=asked.value,
            request_id=new_request_id(),
            match=asked.match,
        )
        return answer({"subjects": subjects})

    @router.post("/frames/api/ways")
    async def ways(request: Request, principal: Staff) -> Response:
        asked = await read_json(request, WaysRequest)
        return answer({"ways": await ways_to_search(vault, principal, purpose=asked.purpose)})


def _add_writing(router: APIRouter, services: Services) -> None:
    Staff = Annotated[Principal, Depends(_staff(services))]  # noqa: N806  an annotation

    @router.post("/frames/api/tokenise")
    async def store(
        request: Request,
        principal: Staff,
        idempotency_key: Annotated[str, Header(min_length=8, max_length=100)],
    ) -> Response:
        asked = await read_json(request, TokeniseRequest)
        made = await collect(
            services.vault,
            principal,
            values=asked.items,
            subject=asked.subject,
            idempotency_key=idempotency_key,
            classifier=services.classifier,
        )
        return answer({"subject": made.subject, "tokens": made.tokens} | ({"mixed": made.mixed} if made.mixed else {}))


def _staff(services: Services) -> Any:
    async def staff(request: Request) -> Principal:
        # BrowserGuard refuses these too; here the rule holds even where the router is mounted without it.
        if request.headers.get("sec-fetch-site") != "same-origin":
            raise CrossSite
        principal = await services.staff_sessions.principal_from_cookie(request, audience="vault")
        if principal is None:
            raise Unauthenticated
        return principal

    return staff


async def read_json(request: Request, shape: type[T]) -> T:
    """The body as this shape. The message of a failure names the field, never what stood in it."""
    if request.headers.get("content-type", "").split(";")[0].strip() != "application/json":
        raise InvalidRequest("send application/json")
    return decode(msgspec.json.Decoder(shape), await read_body(request.scope, request.receive))


def answer(content: object) -> Response:
    return Response(msgspec.json.encode(content), media_type="application/json")
