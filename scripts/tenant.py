"""`larets tenant`: the shops of this vault."""

from contextlib import suppress
from typing import Annotated, Any, Literal

import typer

from pii_vault.access.principal import Principal
from pii_vault.classify.setting import switch
from pii_vault.errors import TenantKeyExists
from pii_vault.identity.programs import serve_crm
from pii_vault.identity.record import OPERATOR
from pii_vault.identity.staff import add_tenant, find_staff, list_tenants, require_tenant_id, set_tenant_status
from pii_vault.vault import new_request_id
from scripts.vault.issuer import IssuerDesk, run
from scripts.voice import emit, result, say

cli = typer.Typer(no_args_is_help=True, help="Shops: create, suspend, resume, list.")

TenantId = Annotated[str, typer.Argument(help="3 to 40 lower-case letters, digits and hyphens")]
Json = Annotated[bool, typer.Option("--json", help="print the result as JSON")]
NOBODY = "none"


@cli.command()
def create(
    tenant: TenantId,
    title: Annotated[str, typer.Option(help="the shop's name, shown to its staff")],
    as_json: Json = False,
) -> None:
    """Make a shop and its keys. Repeating it finishes what an interrupted run began."""

    async def act(desk: IssuerDesk) -> bool:
        require_tenant_id(tenant)
        with suppress(TenantKeyExists):  # keys first, so that a shop with a row can always work
            await desk.keys.create_tenant(tenant)
        with desk.sessions.begin() as db:
            is_new = add_tenant(db, tenant, title=title)
            serve_crm(db, tenant)
            desk.record(db, NOBODY, tenant, "tenant_create")
        return is_new

    is_new = run(act)
    _report({"tenant": tenant, "title": title, "status": "active", "created": is_new}, as_json=as_json)
    say("next: larets staff invite LOGIN --tenant … --role owner --alias …")


@cli.command()
def suspend(tenant: TenantId, as_json: Json = False) -> None:
    """Stop sign-in, sessions, API and gateway of a shop within five seconds. Nothing is deleted."""
    _set_status(tenant, active=False, as_json=as_json)


@cli.command()
def resume(tenant: TenantId, as_json: Json = False) -> None:
    """Let a suspended shop work again."""
    _set_status(tenant, active=True, as_json=as_json)


@cli.command("classified-text")
def classified_text(
    tenant: TenantId,
    state: Annotated[Literal["on", "off"], typer.Argument(help="whether classified texts cross")],
    officer: Annotated[str, typer.Option(help="who decides: id, alias or login of the shop's compliance officer")],
    class_id: Annotated[str, typer.Option("--class", help="the class of text")] = "text",
    as_json: Json = False,
) -> None:
    """Let texts cross to the public contour with tokens in place, or stop it. Off by default.

    On is a residual risk: the classifier finds most of the persons in a text, not all (docs/classes.md). The console
    and the leak check's report say so for as long as it is on. What has crossed is not called back by off.
    """

    async def act(desk: IssuerDesk) -> None:
        with desk.sessions() as db:
            person = find_staff(db, desk.issuer.keys, tenant=tenant, who=officer)
            principal = Principal(
                kind="staff", id=person.id, tenant=tenant, roles=(person.role,), contour="private",
                second_factor_at=desk.vault.clock(), label=person.alias,
            )  # fmt: skip
        await switch(
            desk.vault, principal, class_id=class_id, on=state == "on", request_id=new_request_id(), by=OPERATOR
        )

    run(act)
    content = {"tenant": tenant, "class": class_id, "classified_text": state, "residual_risk": state == "on"}
    if as_json:
        emit(content)
    else:
        result(
            f"{tenant}: classified texts of class {class_id} {'cross: a residual risk' if state == 'on' else 'stay'}"
        )


@cli.command("list")
def list_(as_json: Json = False) -> None:
    """All shops."""

    async def act(desk: IssuerDesk) -> list[dict[str, Any]]:
        with desk.sessions() as db:
            return [
                {"tenant": row.id, "title": row.title, "status": row.status, "staff": count}
                for row, count in list_tenants(db)
            ]

    rows = run(act)
    if as_json:
        emit(rows)
        return
    for row in rows:
        result(f"{row['tenant']:<24} {row['status']:<10} {row['staff']:>4} staff   {row['title']}")


def _set_status(tenant: str, *, active: bool, as_json: bool) -> None:
    async def act(desk: IssuerDesk) -> None:
        with desk.sessions.begin() as db:
            set_tenant_status(db, tenant, "active" if active else "suspended")
            desk.record(db, NOBODY, tenant, "tenant_resume" if active else "tenant_suspend")

    run(act)
    _report({"tenant": tenant, "status": "active" if active else "suspended"}, as_json=as_json)


def _report(content: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        emit(content)
    else:
        result(f"{content['tenant']}: {content['status']}")
