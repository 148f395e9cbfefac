"""Who calls the API: a program by its client certificate, or a holder of a token of audience `vault`."""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Never, cast

from starlette.types import Scope

from pii_vault import store
from pii_vault.access.principal import Principal
from pii_vault.audit.log import AuditEntry
from pii_vault.audit.origin import LOG_TENANT
from pii_vault.errors import Forbidden, TenantRefused, Unauthenticated, VaultError
from pii_vault.operations.access import refuse
from pii_vault.protocol import PEER, Peer
from pii_vault.services import StaffSessions
from pii_vault.vault import Vault, new_request_id

CLIENT_SECONDS = 5.0
_ID = re.compile(r"[A-Za-z][A-Za-z0-9_.:-]{0,127}", re.ASCII)
_NOT_REGISTERED = "This certificate is not registered. Ask the operator of the vault."
_NO_TENANT = "Name one of your tenants in the Larets-Tenant header."
_NOT_FOR_THIS = "This program is not registered for this purpose. Ask the compliance officer."
_TENANT_FROM_SESSION = "A person's tenant comes from the session: send no Larets-Tenant header."


@dataclass(frozen=True, slots=True)
class Caller:
    """`purposes` are those a program was registered for; None for people, whom the policies alone bound."""

    principal: Principal
    purposes: frozenset[str] | None


@dataclass(frozen=True, slots=True)
class _Client:
    tenants: frozenset[str]
    roles: tuple[str, ...]
    purposes: frozenset[str]


class Authenticator:
    def __init__(
        self, vault: Vault, sessions: StaffSessions, *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._vault = vault
        self._sessions = sessions
        self._monotonic = monotonic
        self._clients: dict[Peer, tuple[float, _Client]] = {}
        self._callers: dict[tuple[Peer, str], Caller] = {}

    async def caller(self, scope: Scope) -> Caller:
        """The authenticated caller of this request.

        Raises:
            Unauthenticated, TenantRefused, StoreUnavailable, RestorePending, JournalBroken.
        """
        if self._vault.shut is not None:
            raise self._vault.shut.with_traceback(None)
        authorization = tenant = None
        for name, value in scope["headers"]:
            if name == b"authorization":
                authorization = value
            elif name == b"larets-tenant":
                tenant = value.decode("latin-1")
        peer: Peer | None = scope.get(PEER)
        if peer is not None:
            return await self._program(peer, tenant)
        if authorization is None or not authorization[:7].lower() == b"bearer ":
            raise Unauthenticated if tenant is None else TenantRefused(_TENANT_FROM_SESSION)
        try:
            principal = await self._sessions.principal_from_bearer(authorization[7:].decode("latin-1").strip())
        except Unauthenticated:
            if tenant is not None:
                raise TenantRefused(_TENANT_FROM_SESSION) from None
            raise
        if tenant is not None:
            await self._refuse("staff", principal.id, TenantRefused(_TENANT_FROM_SESSION), tenant=principal.tenant)
        return Caller(principal, None)

    async def _program(self, peer: Peer, tenant: str | None) -> Caller:
        now = self._monotonic()
        known = self._clients.get(peer)
        if known is None or known[0] < now:
            rows = await store.fetch(self._vault.pool, store.FETCH_SERVICE_CLIENT, *peer)
            for key in [key for key in self._callers if key[0] == peer]:
                del self._callers[key]
            if not rows:
                self._clients.pop(peer, None)
                await self._refuse("service", peer.name, Unauthenticated(_NOT_REGISTERED))
            row = rows[0]
            client = _Client(frozenset(row[0]), tuple(row[1]), frozenset(row[2]))
            known = self._clients[peer] = (now + CLIENT_SECONDS, client)
        client = known[1]
        if tenant is None or tenant not in client.tenants:
            await self._refuse("service", peer.name, TenantRefused(_NO_TENANT))
        caller = self._callers.get((peer, tenant))
        if caller is None:
            contour = cast('Literal["private", "public"]', peer.trust_domain)
            principal = Principal(
                kind="service",
                id=peer.name,
                tenant=tenant,
                roles=client.roles,
                contour=contour,
                label=peer.name,
            )
            caller = self._callers[peer, tenant] = Caller(principal, client.purposes)
        return caller

    async def _refuse(
        self, kind: Literal["staff", "service"], who: str, error: VaultError, *, tenant: str = LOG_TENANT
    ) -> Never:
        """Records who was turned away, then raises the error. Strangers without any identity leave no record."""
        entry = AuditEntry(
            tenant=tenant,
            principal_id=who if _ID.fullmatch(who) else "unspellable",
            principal_kind=kind,
            verb="admission",
            purpose="",
            decision=error.code,
            counts={},
            matrix_version=self._vault.matrix.version,
            request_id=new_request_id(),
        )
        await self._vault.audit.commit(entry)
        raise error


async def admitted(vault: Vault, authenticator: Authenticator, scope: Scope, *, verb: str, purpose: str = "") -> Caller:
    """The caller, if of the private contour, and (a program) registered for this purpose. An unknown purpose is told
    apart later.

    Raises:
        Forbidden, recorded; what `Authenticator.caller` raises.
    """
    caller = await authenticator.caller(scope)
    registered = caller.purposes is None or purpose in caller.purposes or purpose not in vault.purposes
    if caller.principal.contour != "private" or not registered:
        error = Forbidden() if registered else Forbidden(_NOT_FOR_THIS)
        await refuse(vault, caller.principal, error, verb=verb, purpose=purpose, request_id=new_request_id())
    return caller
