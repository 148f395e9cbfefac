"""Programs: who may call the service listener, for which shops and purposes.

The acts of the operator; each works in its caller's transaction, under the owner's role. Workers obey within five
seconds: a revoked program's certificate still opens the connection, and nothing behind it.
"""

import re
from collections.abc import Collection, Sequence
from typing import Final

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from pii_vault.identity.errors import InvalidProgram, NoPurposes, UnknownProgram, UnknownTenant
from pii_vault.identity.models import ServiceClient, Tenant

CRM: Final = "crm"  # common name of the application's certificate
CRM_DOMAIN: Final = "public"
CRM_ROLE: Final = "public_service"
DOMAIN: Final = "private"  # a certificate of the public authority is never a program's
ROLE: Final = "program"
_NAME: Final = re.compile(r"[a-z][a-z0-9-]{2,62}")
_RESERVED: Final = frozenset({"vault", "outbox", "metrics", "ca"})  # certificates of the contour itself


def is_program_name(name: str) -> bool:
    """Whether a certificate of this common name may be a program's."""
    return _NAME.fullmatch(name) is not None and name not in _RESERVED


def register_program(
    db: Session, name: str, *, tenants: Collection[str], purposes: Collection[str], known: Collection[str]
) -> bool:
    """Lets a program with a certificate of this name act for these shops and purposes, and no others. `known` are
    the purposes of the register.

    Returns:
        Whether the program is new; of one that is known the shops and purposes are replaced.

    Raises:
        InvalidProgram, UnknownTenant, NoPurposes.
    """
    if not is_program_name(name):
        raise InvalidProgram
    if not purposes or not set(purposes) <= set(known):
        raise NoPurposes
    found = db.scalars(select(Tenant.id).where(Tenant.id.in_(tenants))).all()
    if not tenants or set(found) != set(tenants):
        raise UnknownTenant
    before = db.get(ServiceClient, (DOMAIN, name))
    if before is not None and ROLE not in before.roles:
        raise InvalidProgram
    values = {"tenants": sorted(set(tenants)), "roles": [ROLE], "purposes": sorted(set(purposes))}
    upsert = insert(ServiceClient).values(trust_domain=DOMAIN, cn=name, **values)
    db.execute(upsert.on_conflict_do_update(index_elements=["trust_domain", "cn"], set_=values))
    return before is None


def serve_crm(db: Session, tenant: str) -> None:
    """Lets the public contour's application act for this shop too: relay, consent, witness, and sign its staff in."""
    values = {"tenants": [tenant], "roles": [CRM_ROLE], "purposes": []}
    added = func.array_append(ServiceClient.tenants, tenant)
    known = ServiceClient.tenants.contains([tenant])
    upsert = insert(ServiceClient).values(trust_domain=CRM_DOMAIN, cn=CRM, **values)
    db.execute(
        upsert.on_conflict_do_update(index_elements=["trust_domain", "cn"], set_={"tenants": added}, where=~known)
    )


def list_programs(db: Session, *, tenant: str | None = None) -> Sequence[ServiceClient]:
    query = select(ServiceClient).where(ServiceClient.trust_domain == DOMAIN, ServiceClient.roles.contains([ROLE]))
    if tenant is not None:
        query = query.where(ServiceClient.tenants.contains([tenant]))
    return db.scalars(query.order_by(ServiceClient.cn)).all()


def revoke_program(db: Session, name: str) -> list[str]:
    """The shops it acted for. Raises UnknownProgram."""
    which = (ServiceClient.trust_domain == DOMAIN, ServiceClient.cn == name, ServiceClient.roles.contains([ROLE]))
    gone = db.execute(delete(ServiceClient).where(*which).returning(ServiceClient.tenants)).scalar_one_or_none()
    if gone is None:
        raise UnknownProgram
    return list(gone)
