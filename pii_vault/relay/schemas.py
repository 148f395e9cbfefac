"""What the public contour and the relay say to each other: ids, codes, names of fields. No value, address or text."""

from datetime import datetime
from typing import Annotated, Literal

import msgspec

from pii_vault.relay.template import MAX_VERSION

State = Literal["queued", "sending", "sent", "delivered", "refused", "bounced", "dead", "unknown"]


class RelayRequest(msgspec.Struct, forbid_unknown_fields=True):
    """`digest` is that of the approved version: whoever changes a text cannot have it sent under the old name."""

    template: str
    version: Annotated[int, msgspec.Meta(ge=1, le=MAX_VERSION)]
    digest: str
    subject: str
    parameters: dict[str, str] = {}


class RelayAccepted(msgspec.Struct):
    dispatch: str


class OfferedParameter(msgspec.Struct):
    """A parameter as it was approved. `kind`: of pii_vault/core/kinds.py. `words`: of a choice. `starts`: of a link."""

    kind: str
    words: list[str] = []
    starts: list[str] = []


class OfferedTemplate(msgspec.Struct):
    """An approved template by what it is called and needs: its text stays where it was approved.

    `kinds` says of each of `parameters` what it takes. A vault of the version before this one does not say it.
    `consent_needed`: it goes to those alone who agreed to `purpose` through `channel`. `asks_for`: the purpose of the
    consent that the message asks to confirm.
    """

    id: str
    version: int
    digest: str
    title: str
    purpose: str
    channel: Literal["email", "sms", "api"]
    parameters: list[str]
    consent_needed: bool
    asks_for: str | None = None
    kinds: dict[str, OfferedParameter] = {}


class OfferedTemplates(msgspec.Struct):
    templates: list[OfferedTemplate]


class DispatchState(msgspec.Struct):
    """`failure` is a code of the vault's own; `answer` holds tokens and the plain fields that the template keeps."""

    id: str
    state: State
    failure: str | None
    attempts: int
    created: datetime
    finished: datetime | None
    answer: dict[str, object] | None


class ConsentStatus(msgspec.Struct):
    allowed: bool
