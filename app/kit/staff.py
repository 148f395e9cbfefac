"""Who works in the CRM, as the public contour knows them: an opaque id, a work alias, roles. No personal data."""

from dataclasses import dataclass
from typing import Final, Literal

from app.kit.zones import DEFAULT_ZONE

OWNER: Final = "owner"
SALES: Final = "sales"
MARKETER: Final = "marketer"
WAREHOUSE: Final = "warehouse"
OFFICER: Final = "officer"
ROLES: Final = (OWNER, SALES, MARKETER, WAREHOUSE, OFFICER)
WRITERS: Final = frozenset({OWNER, SALES})


@dataclass(frozen=True, slots=True)
class Staff:
    """`via` tells a browser session (with a cookie, so the cross-site rule holds) from a bearer token.

    `shop` is the title of the shop, `zone` the clock of its pages.
    """

    id: str
    alias: str
    tenant: str
    roles: tuple[str, ...]
    via: Literal["session", "bearer"] = "session"
    shop: str = ""
    zone: str = DEFAULT_ZONE

    @property
    def may_write(self) -> bool:
        """Owner and sales change orders and contacts; the other roles read."""
        return not WRITERS.isdisjoint(self.roles)
