"""What the routers are built from: `build_x(services: Services) -> fastapi.APIRouter`."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol

from fastapi import Request

from pii_vault.access.principal import Principal
from pii_vault.classify.process import Classifier, NoClassifier
from pii_vault.config import VaultSettings
from pii_vault.vault import Vault

if TYPE_CHECKING:
    from sqlalchemy.orm import Session, sessionmaker


class StaffSessions(Protocol):
    """Who a member of staff is; implemented by `pii_vault.identity.sessions`."""

    async def principal_from_cookie(
        self, request: Request, *, audience: Literal["vault", "console"]
    ) -> Principal | None:
        """The signed-in member of staff, or None. The cookie of one audience opens nothing of the other."""

    async def principal_from_bearer(self, token: str) -> Principal:
        """The holder of an access token. Raises Unauthenticated unless its only audience is `vault`."""


@dataclass(slots=True)
class Services:
    """`sessions` is the synchronous ORM side (identity, console); the hot path uses `vault.pool`.

    Without a classifier every text stays one token.
    """

    settings: VaultSettings
    vault: Vault
    sessions: "sessionmaker[Session]"
    staff_sessions: StaffSessions
    classifier: Classifier = field(default_factory=NoClassifier)
