"""/v1/shapes: shaped tokens for what outside systems insist on: issued, told, opened, taken back. For private programs.

A shape is another name of a token, in a range that nobody can be issued (docs/classes.md). A token gets one and loses
it while it goes on as it is.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, Literal, TypeVar

import msgspec
from fastapi import APIRouter, Request, Response

from pii_vault.access.principal import Principal
from pii_vault.api.auth import Authenticator, admitted
from pii_vault.api.body import read_body
from pii_vault.api.schemas import decode
from pii_vault.errors import (
    BodyTooLarge,
    Forbidden,
    InvalidRequest,
    MalformedToken,
    NotFound,
    UnknownClass,
    VaultError,
)
from pii_vault.operations.shape import issue_shape, resolve_shapes, tell_shapes, withdraw_shape
from pii_vault.vault import Vault, new_request_id

MAX_SHAPES: Final = 100
AT_ONCE: Final = 8  # each is an act of its own; those that wait share a commit
T = TypeVar("T", bound=msgspec.Struct)
Class = Literal["phone", "email", "inn", "card"]


class TokensIn(msgspec.Struct, forbid_unknown_fields=True):
    """Tokens of stored values."""

    items: list[str]


class ShapesIn(msgspec.Struct, forbid_unknown_fields=True, rename={"class_id": "class"}):
    """Shapes of one class, in any spelling that an outside system gives them."""

    class_id: Class
    items: list[str]


class ResolveIn(msgspec.Struct, forbid_unknown_fields=True, rename={"class_id": "class"}):
    purpose: str
    class_id: Class
    items: list[str]


class ShapeOut(msgspec.Struct, omit_defaults=True):
    """`shape`, or the code of what is wrong with this token."""

    shape: str | None = None
    error: str | None = None


class WithdrawnOut(msgspec.Struct, omit_defaults=True):
    """Whether there was a shape to take back, or the code of what is wrong with this token."""

    withdrawn: bool | None = None
    error: str | None = None


class TokenOut(msgspec.Struct, omit_defaults=True):
    """The token behind a live shape of this shop and class, or `unknown_token`."""

    token: str | None = None
    error: str | None = None


# What may be wrong with one token of many, and is no reason to refuse the others.
_OF_AN_ITEM: Final[dict[type[VaultError], str]] = {
    MalformedToken: "malformed_token",
    NotFound: "unknown_token",
    UnknownClass: "unknown_class",
    Forbidden: "denied",
    InvalidRequest: "no_shape",
}
_tokens: Final = msgspec.json.Decoder(TokensIn)
_shapes: Final = msgspec.json.Decoder(ShapesIn)
_resolve: Final = msgspec.json.Decoder(ResolveIn)


def build_shapes(vault: Vault, authenticator: Authenticator) -> APIRouter:
    """Four acts, each recorded; nobody of the public contour gets further."""
    router = APIRouter(prefix="/v1/shapes", tags=["shapes"])
    _add_changes(router, vault, authenticator)
    _add_questions(router, vault, authenticator)
    return router


def _add_changes(router: APIRouter, vault: Vault, authenticator: Authenticator) -> None:
    @router.post("/issue", response_class=Response, openapi_extra=_takes(TokensIn))
    async def issue(request: Request) -> Response:
        """A shape for each token: the one it has, or a new one. Up to 100."""
        who = (await admitted(vault, authenticator, request.scope, verb="tokenise")).principal
        asked = await _read(_tokens, request)
        return _answer(await _each(vault, who, asked.items, _issue))

    @router.post("/withdraw", response_class=Response, openapi_extra=_takes(TokensIn))
    async def withdraw(request: Request) -> Response:
        """Takes the shapes of these tokens back for good; the tokens go on. Up to 100."""
        who = (await admitted(vault, authenticator, request.scope, verb="tokenise")).principal
        asked = await _read(_tokens, request)
        return _answer(await _each(vault, who, asked.items, _withdraw))


def _add_questions(router: APIRouter, vault: Vault, authenticator: Authenticator) -> None:
    @router.post("/tokens", response_class=Response, openapi_extra=_takes(ShapesIn))
    async def tokens(request: Request) -> Response:
        """The token behind each shape, for what an outside system sends back. No value is released. Up to 100."""
        who = (await admitted(vault, authenticator, request.scope, verb="tokenise")).principal
        asked = await _read(_shapes, request)
        found = await tell_shapes(vault, who, class_id=asked.class_id, shapes=asked.items, request_id=new_request_id())
        return _answer([TokenOut(token) if token else TokenOut(error="unknown_token") for token in found])

    @router.post("/resolve", response_class=Response, openapi_extra=_takes(ResolveIn))
    async def resolve(request: Request) -> Response:
        """The value or mask behind each shape, by the rules, budgets and record of a reveal. Up to 100."""
        await admitted(vault, authenticator, request.scope, verb="reveal")  # before a word about the body
        asked = await _read(_resolve, request)
        who = (await admitted(vault, authenticator, request.scope, verb="reveal", purpose=asked.purpose)).principal
        found = await resolve_shapes(
            vault, who, purpose=asked.purpose, class_id=asked.class_id, shapes=asked.items, request_id=new_request_id()
        )
        return _answer(found)


async def _issue(vault: Vault, who: Principal, token: str) -> ShapeOut:
    return ShapeOut(await issue_shape(vault, who, token=token, request_id=new_request_id()))


async def _withdraw(vault: Vault, who: Principal, token: str) -> WithdrawnOut:
    return WithdrawnOut(await withdraw_shape(vault, who, token=token, request_id=new_request_id()))


Act = Callable[[Vault, Principal, str], Awaitable[ShapeOut | WithdrawnOut]]


async def _each(vault: Vault, who: Principal, tokens: Sequence[str], act: Act) -> list[Any]:
    """One result a token, in order. Trouble of the vault itself refuses the request: what was done stays done, and
    asking again gives the same.
    """
    room = asyncio.Semaphore(AT_ONCE)

    async def one(token: str) -> ShapeOut | WithdrawnOut:
        async with room:
            try:
                return await act(vault, who, token)
            except tuple(_OF_AN_ITEM) as error:
                return ShapeOut(error=next(code for kind, code in _OF_AN_ITEM.items() if isinstance(error, kind)))

    return list(await asyncio.gather(*map(one, tokens)))


async def _read(decoder: "msgspec.json.Decoder[T]", request: Request) -> T:
    return _checked(decode(decoder, await read_body(request.scope, request.receive)))


def _checked(asked: T) -> T:
    if len(asked.items) > MAX_SHAPES:  # type: ignore[attr-defined]
        raise BodyTooLarge(f"items: at most {MAX_SHAPES}")
    return asked


def _answer(items: Sequence[Any]) -> Response:
    return Response(msgspec.json.encode({"items": items}), media_type="application/json")


def _takes(shape: type) -> dict[str, Any]:
    schema = msgspec.json.schema_components([shape])[1][shape.__name__]
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}
