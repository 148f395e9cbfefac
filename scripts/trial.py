"""`larets trial`: a shop of its own for checks of a vault in use: opened for one check, closed after it.

Its staff and its connection serve nobody else. Closed means: nobody of it can sign in, and its webhooks are refused.
"""

import asyncio
import time
from contextlib import suppress
from typing import Annotated, Any, Final

import typer
from sqlalchemy.orm import Session

from pii_vault import store
from pii_vault.errors import TenantKeyExists, VaultError
from pii_vault.gateway.connections import Connections, connect
from pii_vault.gateway.registry import get_connector
from pii_vault.identity.models import Role, Staff
from pii_vault.identity.programs import serve_crm
from pii_vault.identity.staff import (
    Invited,
    add_tenant,
    invite,
    list_staff,
    reset_second_factor,
    set_enabled,
    set_tenant_status,
)
from pii_vault.vault import Vault
from scripts.vault.issuer import IssuerDesk, run
from scripts.vault.newest import erase_newest
from scripts.vault.officer import OfficerDesk, at_desk
from scripts.voice import emit, result

cli = typer.Typer(no_args_is_help=True, help="A shop of its own for checks of a vault in use.")

TENANT: Final = "trial"
TITLE: Final = "Проверка"
CONNECTOR: Final = "woocommerce"
NOBODY: Final = "none"
ROLES: Final[tuple[Role, ...]] = ("sales", "marketer", "warehouse")
FIND: Final = """
SELECT c.id FROM gateway_connection c JOIN tenant t ON t.key = c.tenant_key
WHERE t.id = $1 AND c.connector = $2 AND c.disabled IS NULL ORDER BY c.key LIMIT 1
"""
WAITING: Final = """
SELECT count(*) FILTER (WHERE o.dead IS NULL) AS waiting, count(*) FILTER (WHERE o.dead IS NOT NULL) AS refused
FROM gateway_outbox o JOIN gateway_connection c ON c.key = o.connection_key
JOIN tenant t ON t.key = c.tenant_key WHERE t.id = $1
"""
OF_OTHERS: Final = "SELECT FROM tenant WHERE id = $1 AND title <> $2"
PAUSE: Final = 0.3
Json = Annotated[bool, typer.Option("--json", help="print the result as JSON")]


class ShopOfOthers(VaultError):
    """A real shop is called trial here, and a check would act on its people. Nothing was done; check another vault."""

    status_code = 409
    code = "shop_of_others"


@cli.command("open")
def open_(*, as_json: Json = False) -> None:
    """Make the shop, or open it again. Links and secret are for the check alone: whoever has them acts in this shop."""
    made = run(_open)
    if as_json:
        emit(made)
        return
    result(f"address: {made['url']}\nsecret:  {made['secret']}")
    for role, member in made["staff"].items():
        result(f"{role:<10} {member['login']:<16} {member['link']}")


@cli.command()
def close(*, as_json: Json = False) -> None:
    """Let nobody in any more and take no webhook. What it holds stays until the next check, or an erasure."""
    run(_close)
    if as_json:
        emit({"tenant": TENANT, "status": "suspended"})
    else:
        result(f"{TENANT}: suspended")


@cli.command()
def settle(
    *,
    seconds: Annotated[float, typer.Option(help="wait no longer")] = 60.0,
    as_json: Json = False,
) -> None:
    """Wait until the CRM has everything that the shop sent. Exit code 1 when something still waits."""

    async def act(desk: OfficerDesk) -> dict[str, int]:
        deadline = time.monotonic() + seconds
        while True:
            [row] = await store.fetch(desk.vault.pool, WAITING, TENANT)
            if row["waiting"] == 0 or time.monotonic() > deadline:
                return {"waiting": row["waiting"], "refused": row["refused"]}
            await asyncio.sleep(PAUSE)

    left = at_desk(act)
    if as_json:
        emit(left)
    else:
        result(f"{left['waiting']} events wait, {left['refused']} were refused for good")
    raise typer.Exit(1 if left["waiting"] else 0)


@cli.command()
def erase(*, as_json: Json = False) -> None:
    """Erase the shop's newest buyer, and wait until the public contour has dropped the tokens."""
    subject = at_desk(_erase)
    if as_json:
        emit({"subject": subject, "erased": True})
    else:
        result(f"{subject}: erased")


async def _require_own(vault: Vault) -> None:
    """Raises ShopOfOthers, StoreUnavailable."""
    if await store.fetch(vault.pool, OF_OTHERS, TENANT, TITLE):
        raise ShopOfOthers


async def _close(desk: IssuerDesk) -> None:
    await _require_own(desk.vault)
    with desk.sessions.begin() as db:
        set_tenant_status(db, TENANT, "suspended")
        for staff in list_staff(db, TENANT):
            set_enabled(db, staff.id, enabled=False, now=desk.issuer.now())
            desk.record(db, staff.id, TENANT, "staff_disable")
        desk.record(db, NOBODY, TENANT, "tenant_suspend")


async def _erase(desk: OfficerDesk) -> str:
    await _require_own(desk.vault)
    return await erase_newest(desk, TENANT)


async def _open(desk: IssuerDesk) -> dict[str, Any]:
    await _require_own(desk.vault)
    with suppress(TenantKeyExists):  # keys first, so that a shop with a row can always work
        await desk.keys.create_tenant(TENANT)
    with desk.sessions.begin() as db:
        add_tenant(db, TENANT, title=TITLE)
        set_tenant_status(db, TENANT, "active")
        serve_crm(db, TENANT)
        there = {staff.role: staff for staff in list_staff(db, TENANT)}
        invited = {role: _invite(desk, db, role, there.get(role)) for role in ROLES}
        desk.record(db, NOBODY, TENANT, "tenant_create")
    staff = {role: {"login": _login(role), "link": desk.link(invited[role].code)} for role in ROLES}
    address, secret = await _connection(desk)
    return {"tenant": TENANT, "url": address, "secret": secret, "staff": staff}


def _login(role: str) -> str:
    return f"{TENANT}-{role}"


def _invite(desk: IssuerDesk, db: Session, role: Role, there: Staff | None) -> Invited:
    """A link of the first time, or one that makes password and second factor anew."""
    issuer, now = desk.issuer, desk.issuer.now()
    if there is None:
        invited = invite(
            db, issuer.keys, tenant=TENANT, login=_login(role), alias=f"{TITLE} · {role}", role=role,
            policy=issuer.policy, now=now,
        )  # fmt: skip
        desk.record(db, invited.staff_id, TENANT, "staff_invite")
        return invited
    set_enabled(db, there.id, enabled=True, now=now)
    _, invited, _ = reset_second_factor(
        db, issuer.keys, there.id, policy=issuer.policy, now=now, password_too=True
    )  # fmt: skip
    desk.record(db, there.id, TENANT, "second_factor_reset")
    return invited


async def _connection(desk: IssuerDesk) -> tuple[str, str]:
    """Address and secret of its one connection, made the first time."""
    hooks = desk.place.vault_settings().hooks_origin
    found = await store.fetch(desk.vault.pool, FIND, TENANT, CONNECTOR)
    if not found:
        made = await connect(desk.place.vault_database_url, desk.keys, get_connector(CONNECTOR), tenant=TENANT)
        return hooks + made.path, made.secret
    opened = await Connections(desk.vault.pool, desk.keys).get(CONNECTOR, TENANT, str(found[0]["id"]))
    assert opened is not None, "it was found a moment ago"  # noqa: S101
    return f"{hooks}/in/{CONNECTOR}/{TENANT}/{opened.id}", opened.secret.decode()
