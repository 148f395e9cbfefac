"""What the vault tells of a dispatch, as strict as the intake's events; and messages over the API."""

from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta
from pydantic import Field

from app.intake.schemas import Moment, Strict, Tenant
from app.kit.schemas import Answer, Body

State = Literal["queued", "sending", "sent", "delivered", "refused", "bounced", "dead", "unknown"]
_ID = "[0-9a-hjkmnp-tv-z]{26}$"


class Change(Strict, frozen=True):
    """`key` is the CRM's own: the message's id. `change` numbers the changes of one dispatch."""

    dispatch: Annotated[str, Meta(pattern=f"^dsp_{_ID}")]
    key: Annotated[str, Meta(max_length=200)]
    state: State
    failure: Annotated[str, Meta(pattern="^[a-z0-9_]{1,60}$")] | None
    change: Annotated[int, Meta(ge=0, le=2**31 - 1)]


class DispatchChanged(Strict, frozen=True):
    id: Annotated[str, Meta(pattern=f"^rly_{_ID}")]
    tenant: Tenant
    type: Literal["dispatch.changed"]
    occurred_at: Moment
    data: Change


class Noted(Strict, frozen=True):
    """`unknown`: no message of this key is here, and asking again will not change that."""

    status: Literal["noted", "stale", "unknown"]


class ParameterOut(Answer):
    """What a parameter takes. `words`: what a `choice` may be. `starts`: what a `link` begins with, before a code."""

    kind: str
    words: list[str]
    starts: list[str]


class TemplateOut(Answer):
    """An approved template by what it needs. `consent_needed`: it goes to those alone who agreed. `kinds`: what each
    of `parameters` takes: number, money, date, time, order_number, tracking_code, link or choice.
    """

    id: str
    version: int
    title: str
    purpose: str
    channel: Literal["email", "sms", "api"]
    parameters: list[str]
    kinds: dict[str, ParameterOut]
    consent_needed: bool


class TemplatesOut(Answer):
    data: list[TemplateOut]


class MessageNew(Body):
    """A template as it is offered, and one person. `parameters`: those that it names, each of its kind."""

    template: Annotated[str, Field(max_length=61)]
    version: int
    contact_id: Annotated[str, Field(max_length=64)]
    order_id: Annotated[str, Field(max_length=64)] | None = None
    parameters: dict[str, Annotated[str, Field(max_length=200)]] = Field(default_factory=dict, max_length=50)


class MessageOut(Answer):
    """`state`: `new` until the vault has it, then as the vault tells it; `failure` is a code."""

    id: str
    contact_id: str
    order_id: str | None
    template: str
    version: int
    title: str
    purpose: str
    channel: str
    parameters: dict[str, str]
    actor_id: str
    state: str
    failure: str | None
    created_at: datetime
    updated_at: datetime


class MessagesOut(Answer):
    data: list[MessageOut]
