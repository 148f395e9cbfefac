"""`larets shop`: a shop's connections to its systems, its dictionary, and what it delivered."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from pii_vault import store
from pii_vault.access.principal import Principal
from pii_vault.errors import VaultError
from pii_vault.gateway.connections import connect, find
from pii_vault.gateway.dictionary import import_entries, parse_dictionary
from pii_vault.gateway.outbox import list_deliveries, revive
from pii_vault.gateway.registry import CONNECTORS, get_connector
from pii_vault.identity.record import OPERATOR
from pii_vault.operations.access import new_entry
from pii_vault.vault import Vault, new_request_id
from scripts.vault.opened import opened
from scripts.vault.target import Place, here
from scripts.voice import emit, fail, result, say

cli = typer.Typer(no_args_is_help=True, help="A shop's connections, dictionary and deliveries.")
dictionary = typer.Typer(no_args_is_help=True, help="Words of the shop that may leave the private contour.")
cli.add_typer(dictionary, name="dictionary")

T = TypeVar("T")
TenantOption = Annotated[str, typer.Option("--tenant", "-t", help="the shop")]
ConnectionOption = Annotated[str | None, typer.Option("--connection", help="con_…; needed if there are several")]
Json = Annotated[bool, typer.Option("--json", help="print the result as JSON")]


def _run(act: Callable[[Place], Awaitable[T]]) -> T:
    """Runs an act against a vault; what the vault says is wrong ends the command."""

    async def within() -> T:
        return await act(here())

    try:
        return asyncio.run(within())
    except VaultError as error:
        fail(error.detail)


def _with_pool(act: Callable[[Any], Awaitable[T]]) -> T:
    async def within(place: Place) -> T:
        pool = await store.create_pool(place.vault_settings().database_url, size=1)
        try:
            return await act(pool)
        finally:
            await pool.close()

    return _run(within)


async def _record(vault: Vault, tenant: str, verb: str, decision: str, *, request_id: str) -> None:
    operator = Principal(kind="service", id=OPERATOR, tenant=tenant, roles=(), contour="private")
    entry = new_entry(vault, operator, verb=verb, purpose="", request_id=request_id, decision=decision)
    await vault.audit.commit(entry)


@cli.command("connect")
def connect_(
    system: Annotated[str, typer.Argument(help=" | ".join(CONNECTORS))],
    tenant: TenantOption,
    as_json: Json = False,
) -> None:
    """A new inbound address for the shop's system. Its secret is shown this once."""

    async def act(place: Place) -> dict[str, str]:
        settings = place.vault_settings()
        connector = get_connector(system)
        async with opened(settings) as found:
            # The key service has a part in it, so there are two records: without the first nothing is done.
            act = new_request_id()
            await _record(found.vault, tenant, "shop_connect", "intent", request_id=act)
            made = await connect(place.vault_database_url, found.keys, connector, tenant=tenant)
            await _record(found.vault, tenant, "shop_connect", "allow", request_id=act)
        return {"connection": made.id, "url": settings.hooks_origin + made.path, "secret": made.secret}

    made = _run(act)
    if as_json:
        emit(made)
        return
    result(f"address: {made['url']}\nsecret:  {made['secret']}")
    say("Enter both in the shop's webhook settings now: the secret cannot be shown again.")
    say("Topics: order created, updated, deleted, restored; product created, updated, restored.")


@dictionary.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="CSV in UTF-8 with the columns kind,code,title", exists=True)],
    tenant: TenantOption,
    connection: ConnectionOption = None,
) -> None:
    """Goods by id or SKU, payment and delivery methods, statuses. All rows or none."""

    async def act(pool: Any) -> int:
        entries = parse_dictionary(file.read_text("utf-8"))
        key = await find(pool, tenant=tenant, connection=connection)
        await import_entries(pool, connection_key=key, entries=entries)
        return len(entries)

    try:
        count = _with_pool(act)
    except UnicodeDecodeError:
        fail(f"{file.name} is not UTF-8", hint="save it as CSV in UTF-8 and try again")
    result(f"{count} entries imported")


@cli.command()
def deliveries(
    tenant: TenantOption,
    dead: Annotated[bool, typer.Option("--dead", help="only those the CRM refused for good")] = False,
    limit: Annotated[int, typer.Option(min=1, max=10_000)] = 50,
    as_json: Json = False,
) -> None:
    """The newest deliveries and what became of their events."""
    rows = _with_pool(lambda pool: list_deliveries(pool, tenant=tenant, dead_only=dead, limit=limit))
    if as_json:
        emit(rows)
        return
    for row in rows:
        failure = f"  {row['failure']} after {row['attempts']} tries" if row["failure"] else ""
        name = f"{row['object']} {row['external_id']} {row['action']}"
        result(f"{row['received']:%Y-%m-%d %H:%M:%S}  {name:<32} {row['state']:<10} {row['event']}{failure}")
    if not rows:
        say("No deliveries." if not dead else "No dead letters.")


@cli.command()
def retry(
    tenant: TenantOption,
    event: Annotated[str | None, typer.Argument(help="evt_…; without it all dead letters of the shop")] = None,
    as_json: Json = False,
) -> None:
    """Send dead letters again, when what the CRM refused them for is gone. `deliveries --dead` lists them."""
    revived = _with_pool(lambda pool: revive(pool, tenant=tenant, event=event))
    if event is not None and not revived:
        fail(f"{event} is no dead letter of this shop", hint="`larets shop deliveries --dead` lists them")
    if as_json:
        emit({"revived": revived})
    else:
        result(f"{len(revived)} events will be sent again")
