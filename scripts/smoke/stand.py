"""Where the main job is tried: an instance of this machine, or an environment on its clusters. One port, two stands."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, Protocol

import httpx

from scripts.local.instance import InstanceProblem

Seen = Literal["value", "mask", "denied"]
ROLES: Final = ("sales", "marketer", "warehouse")
PURPOSE: Final = "order_processing"


class StandProblem(InstanceProblem):
    """A step of the main job did not do what it should; the message says which and what was seen, never a value."""

    def __init__(self, told: str, *, hint: str = "") -> None:
        super().__init__(told)
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Audited:
    """What the vault's audit log says of itself. `witnessed`: records that the other contour has cosigned."""

    ok: bool
    records: int
    witnessed: int


class Stand(Protocol):
    """A shop, its staff and its vault, as they are reached where they stand. Raises StandProblem, httpx.HTTPError."""

    def send(self, payload: Mapping[str, Any]) -> httpx.Response:
        """An `order.created` webhook, signed, to the gateway."""

    def card(self, number: int) -> dict[str, Any] | None:
        """What the CRM's API shows a seller of this order; None while there is nothing."""

    def reveal(self, role: str, token: str) -> Mapping[str, Any] | None:
        """What the vault answers this role for one token; None when it may not even ask."""

    def audit(self) -> Audited:
        """Verifies the whole log."""
