"""`larets relay`: where a shop may send to, what it may send, and what became of it."""

import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml

from pii_vault import store
from pii_vault.relay import store as sql
from pii_vault.relay import templates
from pii_vault.relay.destinations import add_destination, check_url
from pii_vault.relay.outside import Destination
from pii_vault.relay.revive import revive
from pii_vault.relay.schemas import State
from pii_vault.relay.template import read_stored, read_template
from pii_vault.vault import new_request_id
from scripts.vault.officer import DEFAULT_OFFICER, OfficerDesk, at_desk
from scripts.voice import emit, fail, result, say

cli = typer.Typer(no_args_is_help=True, help="Destinations, approved templates and dispatches.")
destination = typer.Typer(no_args_is_help=True, help="Hosts outside that a shop may send to.")
template = typer.Typer(no_args_is_help=True, help="Texts and requests: proposed by one, approved by another.")
cli.add_typer(destination, name="destination")
cli.add_typer(template, name="template")

TenantOption = Annotated[str | None, typer.Option("--tenant", "-t", help="the shop; needed if there are several")]
By = Annotated[str, typer.Option("--by", help="staff id of who does it, for the record")]
Json = Annotated[bool, typer.Option("--json", help="print the result as JSON")]
SECRET = "LARETS_RELAY_SECRET"  # noqa: S105  the name of a variable


@destination.command()
def add(
    name: str,
    url: Annotated[str, typer.Argument(help="smtps://host, smtp://host (STARTTLS) or https://host/prefix")],
    *,
    sender: Annotated[str, typer.Option(help="From of mails, or the name SMS come from")] = "",
    login: Annotated[
        str, typer.Option(help="SMTP AUTH, or basic authorization; without it the secret is a bearer's")
    ] = "",
    tenant: TenantOption = None,
    as_json: Json = False,
) -> None:
    """List a host. Its secret is typed at a prompt, sent on standard input, or stands in LARETS_RELAY_SECRET."""

    async def act(desk: OfficerDesk) -> dict[str, str]:
        settings = desk.place.vault_settings()
        shop = await desk.tenant(tenant)
        kind: Any = check_url(url, local=settings.is_local)
        made = Destination(name, kind, url, sender, login, _secret())
        end = await add_destination(
            desk.place.vault_database_url, desk.vault.keys, made, tenant=shop, local=settings.is_local
        )
        return {"destination": name, "kind": kind, "reports": f"{settings.hooks_origin}/relay/{shop}/{name}/{end}"}

    made = at_desk(act)
    if as_json:
        emit(made)
        return
    result(f"{made['destination']} ({made['kind']})\nreports: {made['reports']}")
    say("Give the address of reports to the provider now: its end cannot be shown again.")


@destination.command("list")
def list_destinations(tenant: TenantOption = None, as_json: Json = False) -> None:
    """The shop's destinations, without their secrets."""
    _show(
        sql.DESTINATIONS, tenant, as_json=as_json, empty="No destinations: add one with `larets relay destination add`."
    )


@template.command("propose")
def propose_(
    file: Annotated[Path, typer.Argument(help="YAML or JSON; docs/guide-relay.md shows one", exists=True)],
    by: By,
    tenant: TenantOption = None,
    as_json: Json = False,
) -> None:
    """Keep a version for approval; prints the digest that the approver compares."""
    try:
        content = yaml.safe_load(file.read_text("utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError):
        fail(f"{file.name} is neither YAML nor JSON in UTF-8")
    if not isinstance(content, dict):
        fail(f"{file.name} is no template", hint="see docs/guide-relay.md")

    async def act(desk: OfficerDesk) -> dict[str, Any]:
        who = desk.officer(await desk.tenant(tenant), by)
        read = read_template(content)
        digest = await templates.propose(desk.vault, who, read, request_id=new_request_id())
        return {"template": read.id, "version": read.version, "digest": digest}

    made = at_desk(act)
    emit(made) if as_json else result(f"{made['template']} {made['version']}  {made['digest']}")


@template.command("approve")
def approve_(
    name: str,
    version: int,
    *,
    digest: Annotated[str, typer.Option(help="as proposed: you approve this content and no other")],
    by: By,
    tenant: TenantOption = None,
) -> None:
    """Approve somebody else's proposal. From now on the public contour may have it sent."""

    async def act(desk: OfficerDesk) -> None:
        who = desk.officer(await desk.tenant(tenant), by)
        await templates.approve(
            desk.vault, who, template=name, version=version, digest=digest, request_id=new_request_id()
        )

    at_desk(act)
    result(f"{name} {version} is approved")


@template.command("reject")
def reject_(
    name: str,
    version: int,
    *,
    digest: Annotated[str, typer.Option(help="as proposed: you reject this content and no other")],
    note: Annotated[str, typer.Option(help="why, without personal data; its proposer reads it")],
    by: By,
    tenant: TenantOption = None,
) -> None:
    """Decide against somebody else's proposal. A better text is another version."""

    async def act(desk: OfficerDesk) -> None:
        who = desk.officer(await desk.tenant(tenant), by)
        await templates.reject(
            desk.vault, who, template=name, version=version, digest=digest, note=note, request_id=new_request_id()
        )

    at_desk(act)
    result(f"{name} {version} is rejected")


@template.command("retire")
def retire_(
    name: str,
    version: int,
    by: By,
    note: Annotated[str, typer.Option(help="why, without personal data")] = "",
    tenant: TenantOption = None,
) -> None:
    """Send nothing by it any more, what waits included."""

    async def act(desk: OfficerDesk) -> None:
        who = desk.officer(await desk.tenant(tenant), by)
        await templates.retire(desk.vault, who, template=name, version=version, note=note, request_id=new_request_id())

    at_desk(act)
    result(f"{name} {version} is retired")


@template.command("list")
def list_templates(tenant: TenantOption = None, as_json: Json = False) -> None:
    """All versions, who proposed and who approved them. `kinds=missing`: propose the next version."""
    empty = "No templates: propose one with `larets relay template propose`."
    _show(sql.TEMPLATES, tenant, as_json=as_json, empty=empty, also=kinds_of)


def kinds_of(row: Mapping[str, Any]) -> dict[str, str]:
    """What the list says of a version that was approved before parameters had kinds."""
    found = read_stored(row["content"], digest=row["digest"])
    return {} if found is None or found.is_typed else {"kinds": "missing"}


@cli.command()
def dispatches(
    *,
    state: Annotated[State | None, typer.Option(help="only those in this state")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000)] = 50,
    tenant: TenantOption = None,
    as_json: Json = False,
) -> None:
    """The newest dispatches and what became of them; no address, no text."""

    async def act(desk: OfficerDesk) -> list[dict[str, Any]]:
        shop = await desk.tenant(tenant)
        return [dict(row) for row in await store.fetch(desk.vault.pool, sql.LIST, shop, state or "", limit)]

    rows = at_desk(act)
    if as_json:
        emit(rows)
        return
    for row in rows:
        failure = f"  {row['failure']} after {row['attempts']} tries" if row["failure"] else ""
        name = f"{row['template']} {row['version']}"
        result(f"{row['created']:%Y-%m-%d %H:%M:%S}  {row['id']}  {name:<24} {row['state']}{failure}")
    if not rows:
        say("No dispatches.")


@cli.command()
def retry(
    dispatch: Annotated[str | None, typer.Argument(help="dsp_…; without it all dead ones of the shop")] = None,
    by: Annotated[str, typer.Option("--by", help="staff id of who does it, for the record")] = DEFAULT_OFFICER,
    tenant: TenantOption = None,
    as_json: Json = False,
) -> None:
    """Send again what was given up. One whose outcome is unknown may arrive twice: name it."""

    async def act(desk: OfficerDesk) -> int:
        who = desk.officer(await desk.tenant(tenant), by)
        return await revive(desk.vault, who, dispatch=dispatch, request_id=new_request_id())

    again = at_desk(act)
    if dispatch is not None and not again:
        fail(f"{dispatch} is none that was given up", hint="`larets relay dispatches` tells what became of it")
    emit({"again": again}) if as_json else result(f"{again} dispatches will be sent again")


def _secret() -> str:
    if given := os.environ.get(SECRET):
        return given
    if sys.stdin.isatty():
        return str(typer.prompt("secret", hide_input=True, default="", show_default=False, err=True))
    return sys.stdin.readline().strip()


def _show(
    statement: str,
    tenant: str | None,
    *,
    as_json: bool,
    empty: str,
    also: Callable[[Mapping[str, Any]], dict[str, str]] = lambda _: {},
) -> None:
    async def act(desk: OfficerDesk) -> list[dict[str, Any]]:
        tenant_key = await desk.vault.tenants.key(await desk.tenant(tenant))
        return [dict(row) | also(row) for row in await store.fetch(desk.vault.pool, statement, tenant_key)]

    rows = at_desk(act)
    if as_json:
        emit(rows)
        return
    for row in rows:
        row.pop("content", None)
        result("  ".join(f"{name}={value}" for name, value in row.items() if value is not None))
    if not rows:
        say(empty)
