"""Whether the policies let a template be sent now, by whoever ordered it. Asked at the order and at the sending."""

from typing import Final, Literal

from pii_vault import store
from pii_vault.access.principal import Principal
from pii_vault.errors import Forbidden
from pii_vault.operations.access import refuse, rule
from pii_vault.relay.template import Template
from pii_vault.vault import Vault

Answer = Literal["allow", "outside_hours", "forbidden"]
OWN: Final = "relay"  # the vault itself, which asks persons to confirm their consents and takes in partners' answers
OWN_ROLES: Final = ("gateway",)


def permitted(vault: Vault, principal: Principal, template: Template) -> Answer:
    """`outside_hours` where nothing but the hour stands against it: the same order is allowed at another time.

    Of the person no consent is asked here: `consent.status.allowed` does it, by channel.
    """
    answers: set[Answer] = set()
    for class_id in template.classes:
        ruling = rule(vault, principal, purpose=template.purpose, class_id=class_id, action="relay", consent=True)
        if ruling.outcome == "allow":
            continue
        only_hours = ruling.missing and all(condition.kind == "hour" for condition in ruling.missing)
        answers.add("outside_hours" if only_hours else "forbidden")
    return "forbidden" if "forbidden" in answers else "outside_hours" if answers else "allow"


async def require_relay(vault: Vault, principal: Principal, *, verb: str, request_id: str) -> None:
    """Raises Forbidden, recorded under this verb, where no purpose lets this principal have anything sent."""
    if not vault.matrix.purposes_for(principal.roles, "relay"):
        await refuse(vault, principal, Forbidden(), verb=verb, purpose="", request_id=request_id)


async def sender_now(vault: Vault, *, account: str, contour: Literal["private", "public"], tenant: str) -> Principal:
    """Who ordered a dispatch, with the roles they have today; with none where they may act for this shop no more.

    Raises StoreUnavailable.
    """
    kind, _, name = account.partition(":")
    if kind == "service" and name == OWN and contour == "private":
        return own_principal(tenant)
    rows = await store.fetch(vault.pool, store.FETCH_SERVICE_CLIENT, contour, name) if kind == "service" else []
    roles = tuple(rows[0]["roles"]) if rows and tenant in rows[0]["tenants"] else ()
    return Principal(
        kind="service" if kind == "service" else "staff", id=name, tenant=tenant, roles=roles, contour=contour
    )


def own_principal(tenant: str) -> Principal:
    return Principal(kind="service", id=OWN, tenant=tenant, roles=OWN_ROLES, contour="private", label=OWN)
