"""`larets program`: programs of the private contour that may call the vault with a certificate."""

from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from pii_vault.identity.models import ServiceClient
from pii_vault.identity.programs import list_programs, register_program, revoke_program
from scripts.vault.issuer import IssuerDesk, run
from scripts.vault.target import Place, described
from scripts.voice import emit, fail, result, say

if TYPE_CHECKING:
    from scripts.local.instance import Instance

cli = typer.Typer(no_args_is_help=True, help="Programs that call the vault with a certificate.")

Name = Annotated[str, typer.Argument(help="common name of the certificate: lower-case letters, digits, hyphens")]
Tenants = Annotated[list[str], typer.Option("--tenant", "-t", help="a shop it acts for; may be repeated")]
Purposes = Annotated[list[str], typer.Option("--purpose", "-p", help="a purpose it may name; may be repeated")]
Json = Annotated[bool, typer.Option("--json", help="print the result as JSON")]


@cli.command()
def register(
    name: Name,
    tenants: Tenants,
    purposes: Purposes,
    own_certificate: Annotated[
        bool, typer.Option("--own-certificate", help="issue none: your authority signs one of this name")
    ] = False,
    as_json: Json = False,
) -> None:
    """Let a program in, for these shops and purposes alone; repeating it replaces them."""
    if described() and not own_certificate:
        fail("this contour's certificates are not signed here", hint="--own-certificate, and `larets env issue`")

    async def act(desk: IssuerDesk) -> dict[str, Any]:
        with desk.sessions.begin() as db:
            is_new = register_program(db, name, tenants=tenants, purposes=purposes, known=desk.vault.purposes)
            for tenant in sorted(set(tenants)):
                desk.record(db, name, tenant, "program_register")
        row = {"program": name, "tenants": sorted(set(tenants)), "purposes": sorted(set(purposes)), "new": is_new}
        if own_certificate:
            return row
        certificate, key = _issue(desk.place, name)
        return row | {"certificate": str(certificate), "key": str(key)}

    row = run(act)
    if as_json:
        emit(row)
        return
    result(_line(row))
    if "certificate" in row:
        result(f"certificate  {row['certificate']}\nkey          {row['key']}")
        say("The key opens what the program may: keep it where only the program can read it.")


@cli.command("list")
def list_(
    tenant: Annotated[str | None, typer.Option("--tenant", "-t", help="only those of this shop")] = None,
    as_json: Json = False,
) -> None:
    """Which programs may call, for whom and what for."""

    async def act(desk: IssuerDesk) -> list[dict[str, Any]]:
        with desk.sessions() as db:
            return [_row(program) for program in list_programs(db, tenant=tenant)]

    rows = run(act)
    if as_json:
        emit(rows)
        return
    for row in rows:
        result(_line(row))


@cli.command()
def revoke(name: Name, as_json: Json = False) -> None:
    """Shut a program out, within five seconds. Its certificate opens nothing from then on."""

    async def act(desk: IssuerDesk) -> list[str]:
        with desk.sessions.begin() as db:
            tenants = revoke_program(db, name)
            for tenant in tenants:
                desk.record(db, name, tenant, "program_revoke")
        return tenants

    tenants = run(act)
    if as_json:
        emit({"program": name, "tenants": tenants, "revoked": True})
    else:
        result(f"{name}: revoked for {', '.join(tenants)}")


def _issue(place: Place, name: str) -> tuple[Any, Any]:
    from scripts.local.keys import private_authority  # noqa: PLC0415  an image holds no local instance

    return private_authority(cast("Instance", place)).issue(name)


def _row(program: ServiceClient) -> dict[str, Any]:
    return {"program": program.cn, "tenants": list(program.tenants), "purposes": list(program.purposes)}


def _line(row: dict[str, Any]) -> str:
    return f"{row['program']:<24} {', '.join(row['tenants']):<20} {', '.join(row['purposes'])}"
