"""Requests and answers of the hot endpoints, decoded by msgspec: unknown fields are refused."""

import re
from typing import Any, Literal, TypeVar

import msgspec

from pii_vault.errors import BodyTooLarge, BrokenRequest, InvalidFields, InvalidRequest
from pii_vault.operations.items import FoundSubject, RevealResult, TokeniseItem, TokeniseResult

MAX_ITEMS = 1000


class TokeniseRequest(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    items: list[TokeniseItem]


class TokeniseAnswer(msgspec.Struct, gc=False):
    items: list[TokeniseResult]


class RevealItem(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    token: str


class RevealRequest(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    purpose: str
    items: list[RevealItem]


class RevealAnswer(msgspec.Struct, gc=False):
    items: list[RevealResult]


class SearchRequest(msgspec.Struct, forbid_unknown_fields=True, rename={"class_id": "class"}, gc=False):
    purpose: str
    class_id: str
    value: str
    match: Literal["exact", "last4", "domain", "prefix"] = "exact"

    def __repr__(self) -> str:
        return f"SearchRequest(class={self.class_id!r}, match={self.match!r})"


class SearchAnswer(msgspec.Struct, gc=False):
    subjects: list[FoundSubject]


class ClassifyRequest(msgspec.Struct, forbid_unknown_fields=True, rename={"class_id": "class"}, gc=False):
    """`subject` is whose text it is (`sub_…`); without it the text opens a person of its own."""

    text: str
    class_id: str = "text"
    subject: str | None = None

    def __repr__(self) -> str:
        return f"ClassifyRequest(class={self.class_id!r})"


T = TypeVar("T", bound=msgspec.Struct)
_PLACE = re.compile(r" - at `\$([^`]*)`$")
_STEP = re.compile(r"\.([a-z_]+)|\[(\d+)\]")


def decode(decoder: "msgspec.json.Decoder[T]", body: bytes) -> T:
    """The request in this body.

    Raises:
        BrokenRequest: it is not JSON.
        InvalidRequest: it is not the shape asked for.
        BodyTooLarge: it has more than MAX_ITEMS items.
    """
    try:
        request = decoder.decode(body)
    except msgspec.ValidationError as error:
        raise InvalidFields([_explain(str(error))]) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise BrokenRequest from None
    items: list[Any] | None = getattr(request, "items", None)
    if items is not None:
        if len(items) > MAX_ITEMS:
            raise BodyTooLarge
        if not items:
            raise InvalidRequest("items: send at least one")
    return request


def _explain(message: str) -> tuple[str, str]:
    """JSON pointer and reason. Names of unknown fields and wrong values are left out: they are the sender's."""
    place = _PLACE.search(message)
    steps = _STEP.findall(place.group(1)) if place else []
    pointer = "".join(f"/{name or number}" for name, number in steps)
    if message.startswith(("Expected `", "Object missing required field")):
        return pointer, _PLACE.sub("", message)
    if message.startswith("Object contains unknown field"):
        return pointer, "unknown field"
    return pointer, "not one of the values allowed here"
