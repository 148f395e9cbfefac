"""Who reads the console, and the record each reading leaves."""

from dataclasses import dataclass
from typing import Final

from fastapi import Request

from pii_vault.access.principal import Principal
from pii_vault.errors import Forbidden, Unauthenticated
from pii_vault.operations.access import new_entry, refuse, rule
from pii_vault.relay.templates import PROPOSERS
from pii_vault.services import Services
from pii_vault.vault import Vault, new_request_id
from pii_vault.web import Language

READERS: Final = frozenset({"officer", "owner"})
PURPOSE: Final = "audit"


class NotAReader(Forbidden):
    """The console is for the compliance officer and the owner. Ask one of them, or sign in as one."""

    code = "not_a_reader"


class LogClosed(Forbidden):
    """The policies do not open the audit log to you now. See the access matrix, action “audit”."""

    code = "log_closed"


@dataclass(frozen=True, slots=True)
class ReaderView:
    """What the page's head says of its reader."""

    alias: str
    role: str
    tenant: str
    reads: bool = True
    proposes: bool = True


def describe_reader(vault: Vault, principal: Principal, *, lang: Language) -> ReaderView:
    known = (vault.matrix.roles.get(role) for role in principal.roles)
    role = ", ".join(role.title[lang] for role in known if role is not None)
    reads = not READERS.isdisjoint(principal.roles)
    proposes = not PROPOSERS.isdisjoint(principal.roles)
    return ReaderView(principal.label or principal.id, role, principal.tenant, reads, proposes)


async def require_staff(services: Services, request: Request) -> Principal:
    """Whoever of the staff has a console session; break-glass is open to all of them. Raises Unauthenticated."""
    principal = await services.staff_sessions.principal_from_cookie(request, audience="console")
    if principal is None:
        raise Unauthenticated
    return principal


async def require_reader(services: Services, request: Request) -> Principal:
    """The officer or owner whose console session this is.

    Raises:
        Unauthenticated, NotAReader.
    """
    principal = await require_staff(services, request)
    if READERS.isdisjoint(principal.roles):
        raise NotAReader
    return principal


async def record_reading(vault: Vault, principal: Principal, *, subject: bytes | None = None) -> None:
    """Lets the reading of the log happen only where the matrix allows it, and only once it is on record.

    Raises:
        LogClosed (recorded too), AuditUnavailable.
    """
    request_id = new_request_id()
    if not may_read_log(vault, principal):
        await refuse(vault, principal, LogClosed(), verb="audit", purpose=PURPOSE, request_id=request_id)
    entry = new_entry(
        vault,
        principal,
        verb="audit",
        purpose=PURPOSE,
        request_id=request_id,
        decision="allow",
        subjects=[] if subject is None else [subject],
    )
    await vault.audit.commit(entry)


def may_read_log(vault: Vault, principal: Principal) -> bool:
    """The log speaks of every class at once, so it is closed where the policies close any class of it."""
    return all(
        rule(vault, principal, purpose=PURPOSE, class_id=field_class.id, action="audit").outcome == "allow"
        for field_class in vault.classes
    )
