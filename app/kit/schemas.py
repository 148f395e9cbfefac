"""Parts of the API's schemas that more than one domain uses."""

from decimal import Decimal
from typing import Annotated, Generic, TypeVar

from fastapi import Query
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PlainSerializer, WithJsonSchema

from app.kit.cursor import MAX_LIMIT
from pii_vault.client import MAX_MIXED, is_mixed, parse_token_shape

T = TypeVar("T")

Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT)]
Cursor = Annotated[str | None, Query(max_length=200)]


class Body(BaseModel):
    """A request's body: unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Answer(BaseModel):
    """An answer, read from a row's attributes."""

    model_config = ConfigDict(from_attributes=True, frozen=True)


class PageOut(BaseModel, Generic[T]):
    """`next_cursor` goes into `cursor` of the next request; null on the last page."""

    data: list[T]
    next_cursor: str | None


def _token_form(value: str) -> str:
    if parse_token_shape(value) is None:
        message = "a token (tok_…) is expected here"
        raise ValueError(message)
    return value


def _mixed_form(value: str) -> str:
    if not is_mixed(value):
        message = "a text with tokens in place, and no personal data beside them, is expected here"
        raise ValueError(message)
    return value


TokenIn = Annotated[str, AfterValidator(_token_form), WithJsonSchema({"type": "string", "pattern": "^tok_"})]
MixedIn = Annotated[str, Field(max_length=MAX_MIXED), AfterValidator(_mixed_form), WithJsonSchema({"type": "string"})]
SubjectIn = Annotated[str, WithJsonSchema({"type": "string", "pattern": "^sub_"})]
Money = Annotated[
    Decimal,
    PlainSerializer(lambda amount: format(amount, "f"), return_type=str),
    WithJsonSchema({"type": "string", "description": "decimal", "examples": ["1990.00"]}),
]
