"""The connector port: what an outside system must be taught to send us its events.

verify → parse → take out → forward. A connector holds no state and does no I/O: the gateway hands it bytes,
the connection's secret and the shop's own dictionary, and gets back typed facts. What does not stand in a
`Draft`'s `plain` never leaves the private contour; the rest becomes tokens or is dropped.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, Literal, Protocol

from pii_vault.core.classes import ClassRegistry

Action = Literal["upsert", "restore", "delete"]
DictionaryKind = Literal["goods", "sku", "payment", "delivery", "status"]
DictionaryKey = tuple[DictionaryKind, str]
Dictionary = Mapping[DictionaryKey, str]


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event about one object of the shop, signature proven, not yet taken apart.

    `modified_at` orders the events of an object; None where the system does not say (a deletion).
    """

    object: str
    external_id: str
    action: Action
    modified_at: datetime | None
    payload: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Goods:
    """What a product event teaches the shop's dictionary."""

    external_id: str
    sku: str | None
    title: str
    modified_at: datetime | None


@dataclass(frozen=True, slots=True)
class Ignored:
    """A topic that this connector does not use; accepted so that the sender does not repeat it."""

    topic: str


Parsed = Delivery | Goods | Ignored


@dataclass(frozen=True, slots=True)
class PersonDraft:
    """A person as the payload names them: class → values, in clear. Never logged, never forwarded."""

    values: Mapping[str, Sequence[str]] = field(repr=False)

    def first(self, class_id: str) -> str | None:
        return next(iter(self.values.get(class_id, ())), None)


@dataclass(frozen=True, slots=True)
class Draft:
    """An object taken apart: `plain` may leave as it is, the other parts only as tokens."""

    plain: Mapping[str, Any]
    contact: PersonDraft | None = field(default=None, repr=False)
    recipient: PersonDraft | None = field(default=None, repr=False)
    note: str | None = field(default=None, repr=False)
    rest: str | None = field(default=None, repr=False)


class Connector(Protocol):
    """One outside system. Every implementation passes tests/unit/pii_vault/gateway/test_connectors.py."""

    id: ClassVar[str]
    seed: ClassVar[Dictionary]  # codes every shop of this system has; written into a new connection's dictionary

    def is_ping(self, headers: Mapping[str, str], body: bytes) -> bool:
        """Whether this is the system's unsigned check of the address, which carries nothing."""

    def verify(self, *, secret: bytes, headers: Mapping[str, str], body: bytes) -> bool:
        """Whether the sender holds the secret; in constant time, over the body as it came."""

    def parse(self, *, headers: Mapping[str, str], body: bytes) -> Parsed:
        """What the delivery says. Raises BrokenPayload when it is not what the topic promises."""

    def codes(self, delivery: Delivery) -> set[DictionaryKey]:
        """The dictionary entries that `take_out` will ask for."""

    def take_out(self, delivery: Delivery, *, dictionary: Dictionary, classes: ClassRegistry) -> Draft:
        """Separates what may pass from what may not. Pure."""
