"""Who asks: a member of staff or a program, in one tenant, seen from one contour."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal


@dataclass(frozen=True, slots=True)
class Principal:
    """An authenticated caller. Identity builds it; everything behind it may trust each field.

    `second_factor_at` is aware UTC and None for services and for staff who have not confirmed one.
    `label` is for logs and the console: an opaque id or a program's name, never a person's name.
    """

    kind: Literal["staff", "service"]
    id: str
    tenant: str
    roles: tuple[str, ...]
    contour: Literal["private", "public"]
    second_factor_at: datetime | None = None
    label: str = ""
