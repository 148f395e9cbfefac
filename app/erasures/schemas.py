"""The private contour's order to drop an erased person's tokens. As strict as the intake's events."""

from typing import Annotated, Literal

from msgspec import Meta

from app.intake.schemas import Moment, Strict, Tenant, TokenOfText

Tokens = Annotated[list[TokenOfText], Meta(max_length=10_000)]


class Erased(Strict, frozen=True):
    """`tokens` are gone in the vault; `kept` are those the law makes the shop keep, and they stay here too."""

    subject: Annotated[str, Meta(max_length=40)]
    kept: Tokens
    tokens: Tokens


class ErasureOrder(Strict, frozen=True):
    id: Annotated[str, Meta(pattern="^ers_[0-9a-hjkmnp-tv-z]{26}$")]
    tenant: Tenant
    type: Literal["subject.erased"]
    occurred_at: Moment
    data: Erased


class Dropped(Strict, frozen=True):
    """The acknowledgement: how many places held a token of the person until now. A repeated order finds none."""

    status: Literal["dropped"]
    places: int
