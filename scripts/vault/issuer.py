"""The issuer of a vault, opened by a command: with the owner's rights, and with the audit log."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import NoReturn, TypeVar

from sqlalchemy.orm import Session, sessionmaker

from pii_vault.errors import VaultError
from pii_vault.identity.context import OpenIdentity, new_identity, open_sessions
from pii_vault.identity.record import OPERATOR, Person
from pii_vault.keys.service import KeyService
from pii_vault.vault import Vault
from scripts.vault.opened import opened
from scripts.vault.target import Place, here
from scripts.voice import fail

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class IssuerDesk:
    """What a command works with. `sessions` has the owner's rights: the runtime role may not create tenants."""

    place: Place
    issuer: OpenIdentity
    vault: Vault
    keys: KeyService

    @property
    def sessions(self) -> sessionmaker[Session]:
        return self.issuer.sessions

    def record(self, db: Session, staff_id: str, tenant: str, verb: str) -> None:
        """In the transaction of the act, as its last statement: without the record nothing is done."""
        self.issuer.record(db, Person(staff_id, tenant), verb, by=OPERATOR)

    def link(self, code: str) -> str:
        return f"{self.issuer.issuer}/identity/invitation/{code}"


@asynccontextmanager
async def open_issuer(place: Place | None = None) -> AsyncIterator[IssuerDesk]:
    place = place or here()
    settings = place.vault_settings()
    sessions = open_sessions(place.vault_database_url, size=2)
    try:
        async with opened(settings) as found:
            identity = new_identity(settings, key_service=found.keys, sessions=sessions, clock=found.vault.clock)
            yield IssuerDesk(place, await identity.open(), found.vault, found.keys)
    finally:
        sessions.kw["bind"].dispose()


def run(act: Callable[[IssuerDesk], Awaitable[T]], *, of: Place | None = None) -> T:
    """Run one act on an issuer; an error ends the command with its message."""

    async def main() -> T:
        async with open_issuer(of) as desk:
            return await act(desk)

    try:
        return asyncio.run(main())
    except VaultError as error:
        ended(error)


def ended(error: VaultError) -> NoReturn:
    """End the command with the vault's own words. Whether it runs matters only where the request was not at fault."""
    away = error.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR
    fail(error.detail, hint="`larets status`, or `larets env status`, tells whether the vault runs" if away else "")
