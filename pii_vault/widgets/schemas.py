"""What the frames' own API takes and gives. The protocol stands in docs/frames.md."""

from typing import Annotated

import msgspec

from pii_vault.core.search_keys import KeyKind

MAX_DRAWN = 1000  # cells of one show: a long list is one request
MAX_REVEALED = 20  # values of one click: a frame reveals a cell, or the fields of one form

Id = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


class TokenItem(msgspec.Struct, forbid_unknown_fields=True):
    token: Id


class MaskRequest(msgspec.Struct, forbid_unknown_fields=True):
    purpose: Id
    items: Annotated[list[TokenItem], msgspec.Meta(min_length=1, max_length=MAX_DRAWN)]


class RevealRequest(msgspec.Struct, forbid_unknown_fields=True):
    purpose: Id
    items: Annotated[list[TokenItem], msgspec.Meta(min_length=1, max_length=MAX_REVEALED)]


class SearchRequest(msgspec.Struct, forbid_unknown_fields=True, rename={"class_id": "class"}):
    purpose: Id
    class_id: Id
    value: Annotated[str, msgspec.Meta(min_length=1, max_length=1000)]
    match: KeyKind = "exact"

    def __repr__(self) -> str:
        return f"SearchRequest(class={self.class_id!r}, match={self.match!r})"


class WaysRequest(msgspec.Struct, forbid_unknown_fields=True):
    purpose: Id


class Way(msgspec.Struct, rename={"class_id": "class"}):
    """A way to search that the policies leave open; `on` is false where the shop has no index for it."""

    class_id: str
    match: KeyKind
    on: bool


class CollectedValue(msgspec.Struct, forbid_unknown_fields=True, rename={"class_id": "class"}):
    class_id: Id
    value: Annotated[str, msgspec.Meta(min_length=1, max_length=65536)]

    def __repr__(self) -> str:
        return f"CollectedValue(class={self.class_id!r})"


class TokeniseRequest(msgspec.Struct, forbid_unknown_fields=True):
    items: Annotated[list[CollectedValue], msgspec.Meta(min_length=1, max_length=20)]
    subject: Id | None = None


class Purpose(msgspec.Struct):
    """A purpose for which the reader's roles may see full values, and of which classes."""

    id: str
    title: dict[str, str]
    classes: list[str]
