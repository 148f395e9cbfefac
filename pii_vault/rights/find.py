"""Finding a person by whatever is in hand: a value, a token, a subject id, the number of an order in the shop."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from pii_vault import store
from pii_vault.access.principal import Principal
from pii_vault.core.tokens import new_subject_text, parse_subject, parse_token
from pii_vault.errors import InvalidRequest, MalformedToken, UnknownClass
from pii_vault.operations.access import new_entry
from pii_vault.operations.search import search
from pii_vault.rights import store as sql
from pii_vault.rights.erasure import STATES, group_name
from pii_vault.rights.officer import PURPOSE, require_right
from pii_vault.vault import Vault

VERB: Final = "find"


@dataclass(frozen=True, slots=True)
class Person:
    """All that belongs to a person, without a single value: ids, classes, numbers, dates."""

    subject: str
    state: str
    created: datetime
    values: dict[str, dict[str, int]]  # group → class → how many
    orders: Sequence[dict[str, Any]]
    consents: Sequence[dict[str, str]]
    possible_duplicates: Sequence[dict[str, str]]

    def as_dict(self) -> dict[str, Any]:
        return {
            "subject": self.subject,
            "state": self.state,
            "created": self.created.isoformat(),
            "values": self.values,
            "orders": list(self.orders),
            "consents": list(self.consents),
            "possible_duplicates": list(self.possible_duplicates),
        }


async def find_by_value(
    vault: Vault, principal: Principal, *, class_id: str, value: str, request_id: str
) -> list[Person]:
    """Everybody with exactly this value. Searched for, charged and recorded as any search is.

    Raises:
        InvalidValue, UnknownClass, InvalidRequest (a class without an index), Forbidden, BudgetExceeded,
        AuditUnavailable.
    """
    found = await search(vault, principal, purpose=PURPOSE, class_id=class_id, value=value, request_id=request_id)
    return [await describe(vault, principal.tenant, _bits(each.subject, principal)) for each in found]


async def find_by_id(vault: Vault, principal: Principal, text: str, *, request_id: str) -> list[Person]:
    """The person of a token (`tok_…`) or a subject id (`sub_…`); empty when nobody is known by it.

    Raises:
        MalformedToken, InvalidRequest, Forbidden, AuditUnavailable.
    """
    tenant_key = await vault.tenants.key(principal.tenant)
    if text.startswith("sub_"):
        statement, bits = sql.SUBJECT, _bits(text, principal)
    elif text.startswith("tok_"):
        statement, bits = sql.WHOSE_VALUE, parse_token(text, tenant=principal.tenant).bits
    else:
        raise InvalidRequest("give a token (tok_…) or a subject id (sub_…); a value is searched for by its class")
    rows = await store.fetch(vault.pool, statement, bits, tenant_key)
    subjects = [bits if text.startswith("sub_") else row[0] for row in rows]
    return await _recorded(vault, principal, subjects, request_id=request_id)


async def find_by_order(vault: Vault, principal: Principal, number: str, *, request_id: str) -> list[Person]:
    """The persons of an order by its id in the shop: who ordered and who receives."""
    tenant_key = await vault.tenants.key(principal.tenant)
    rows = await store.fetch(vault.pool, sql.OWNERS_BY_ORDER, tenant_key, number)
    return await _recorded(vault, principal, [row[0] for row in rows], request_id=request_id)


async def _recorded(vault: Vault, principal: Principal, subjects: Sequence[bytes], *, request_id: str) -> list[Person]:
    await require_right(vault, principal, action="search", verb=VERB, request_id=request_id)
    entry = new_entry(
        vault,
        principal,
        verb=VERB,
        purpose=PURPOSE,
        request_id=request_id,
        decision="allow",
        counts={"found": {"subject": len(subjects)}},
        subjects=subjects,
    )
    await vault.audit.commit(entry)
    return [await describe(vault, principal.tenant, subject) for subject in subjects]


async def describe(vault: Vault, tenant: str, subject: bytes) -> Person:
    """A person who is known to be of this tenant. Opens no value."""
    tenant_key = await vault.tenants.key(tenant)
    async with store.connection(vault.pool) as acquired:
        person = await acquired.fetchrow(sql.SUBJECT, subject, tenant_key)
        counted = await acquired.fetch(sql.COUNTS, subject, tenant_key)
        orders = await acquired.fetch(sql.ORDERS, subject, tenant_key)
        duplicates = await acquired.fetch(sql.DUPLICATES, subject, tenant_key)
    values: dict[str, dict[str, int]] = {}
    for row in counted:
        values.setdefault(group_name(row["retention"]), {})[_class(vault, row["class_key"])] = row["number"]
    return Person(
        subject=new_subject_text(subject, tenant=tenant),
        state=STATES[person["state"].decode()],
        created=person["created"],
        values=values,
        orders=[
            {
                "connector": row["connector"],
                "connection": row["connection"],
                "order": row["external_id"],
                "party": row["party"],
                "modified": row["modified"].isoformat() if row["modified"] else None,
            }
            for row in orders
        ],
        consents=[
            {"purpose": purpose, "channel": channel} for purpose, channel in vault.consents.read(person["consents"])
        ],
        possible_duplicates=[
            {"subject": new_subject_text(row["person"], tenant=tenant), "class": _class(vault, row["class_key"])}
            for row in duplicates
        ],
    )


def _bits(text: str, principal: Principal) -> bytes:
    try:
        return parse_subject(text, tenant=principal.tenant)
    except MalformedToken:
        raise MalformedToken("This is not a subject id of this tenant. Copy it whole.") from None


def _class(vault: Vault, key: int) -> str:
    try:
        return vault.classes.by_key(key).id
    except UnknownClass:
        return "unknown"
