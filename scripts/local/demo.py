"""The demo shop of a local instance: a tenant, its staff, its connection to a WooCommerce shop."""

import json
import secrets
from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy.orm import Session

from pii_vault.gateway.connections import connect, find
from pii_vault.gateway.dictionary import Entry, import_entries
from pii_vault.gateway.registry import get_connector
from pii_vault.identity.models import Role
from pii_vault.identity.seed import seed_staff
from pii_vault.identity.staff import set_title
from pii_vault.identity.totp import new_secret
from pii_vault.operations.registry import create_tenant, register_service_client
from scripts.files import write_whole
from scripts.local.instance import Instance
from scripts.local.keys import CRM, PROGRAM
from scripts.local.shop import GOODS, Shop
from scripts.vault.issuer import IssuerDesk, run

TENANT: Final = "demo"
TITLE: Final = "Лавка «Ларец»"
CONNECTOR: Final = "woocommerce"
STAFF: Final[dict[Role, str]] = {
    "owner": "Владелец",
    "sales": "Продавец 1",
    "marketer": "Маркетолог 1",
    "warehouse": "Склад 1",
    "officer": "Ответственный за данные",
}
PROGRAM_PURPOSES: Final = ("order_processing", "delivery", "support", "marketing", "accounting", "subject_request")
METHODS: Final = (Entry("delivery", "flat_rate", "Курьер до двери"), Entry("payment", "cod", "Оплата при получении"))


def seed(instance: Instance) -> dict[str, Any]:
    """Make the demo shop once; later calls give what the first one made.

    Returns:
        tenant, woocommerce_path, woocommerce_secret, staff: role → login, password, totp, id. Kept in a 0600 file.
    """
    if instance.demo:
        return instance.demo
    made = run(_make, of=instance)
    _write(instance, made)
    return made


def note_first_order(
    instance: Instance, demo: dict[str, Any], *, card: str, milliseconds: float, seen: Mapping[str, str]
) -> dict[str, Any]:
    """Keep what became of the first order, for the report of later starts."""
    noted = demo | {"first_order": {"card": card, "milliseconds": milliseconds, "seen": dict(seen)}}
    _write(instance, noted)
    return noted


def _write(instance: Instance, content: dict[str, Any]) -> None:
    write_whole(instance.demo_file, json.dumps(content, ensure_ascii=False, indent=2), mode=0o600)


async def _make(desk: IssuerDesk) -> dict[str, Any]:
    owner_url = desk.place.vault_database_url
    await create_tenant(owner_url, desk.keys, TENANT)
    with desk.sessions.begin() as db:
        set_title(db, TENANT, TITLE)
        staff = {role: _person(desk, db, role, alias) for role, alias in STAFF.items()}
    await register_service_client(
        owner_url, trust_domain="public", cn=CRM, tenants=[TENANT], roles=["public_service"], purposes=[]
    )
    await register_service_client(
        owner_url,
        trust_domain="private",
        cn=PROGRAM,
        tenants=[TENANT],
        roles=["program"],
        purposes=list(PROGRAM_PURPOSES),
    )
    connection = await connect(owner_url, desk.keys, get_connector(CONNECTOR), tenant=TENANT)
    key = await find(desk.vault.pool, tenant=TENANT, connection=connection.id)
    await import_entries(desk.vault.pool, connection_key=key, entries=_dictionary())
    return {
        "tenant": TENANT,
        "woocommerce_path": connection.path,
        "woocommerce_secret": connection.secret,
        "staff": staff,
    }


def _person(desk: IssuerDesk, db: Session, role: Role, alias: str) -> dict[str, str]:
    made = {"login": f"demo-{role}", "password": secrets.token_urlsafe(12), "totp": new_secret()}
    issuer = desk.issuer
    staff_id = seed_staff(
        db,
        keys=issuer.keys,
        passwords=issuer.passwords,
        now=issuer.now(),
        tenant=TENANT,
        alias=alias,
        login=made["login"],
        role=role,
        password=made["password"],
        totp_secret=made["totp"],
    )
    return made | {"id": staff_id}


def _dictionary() -> list[Entry]:
    """The demo shop's goods, by id and by SKU, and its own words for delivery and payment."""
    by_id = [Entry("goods", str(number), title) for number, _, title, _ in GOODS]
    by_sku = [Entry("sku", sku, title) for _, sku, title, _ in GOODS]
    return [*by_id, *by_sku, *METHODS]


def shop_of(instance: Instance, demo: dict[str, Any]) -> Shop:
    """The demo shop as a sender of webhooks, to the gateway's loopback address."""
    return Shop(
        url=f"http://127.0.0.1:{instance.ports.vault}{demo['woocommerce_path']}",
        secret=demo["woocommerce_secret"],
        host=instance.hooks_origin.partition("://")[2],
    )
