"""`larets dev`: what a program needs to try the local instance. Exists in the environment `dev` alone."""

import time
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

import pyotp
import typer

from pii_vault.identity.dev import issue_vault_token
from scripts.local.instance import load
from scripts.vault.issuer import IssuerDesk, run
from scripts.voice import fail, result

cli = typer.Typer(no_args_is_help=True, help="Tokens and secrets of the local instance.")

RoleOption = Annotated[str, typer.Option("--as", help="owner | sales | marketer | warehouse | officer")]


def _member(role: str) -> dict[str, str]:
    staff: Any = load().demo.get("staff", {})
    if not staff:
        fail("there is no demo shop yet", hint="run `make up` first")
    if role not in staff:
        fail(f"there is no role “{role}”", hint=f"one of: {', '.join(staff)}")
    return dict(staff[role])


@cli.callback()
def group() -> None:
    """Tokens and secrets of the local instance."""


@cli.command()
def token(
    role: RoleOption,
    audience: Annotated[Literal["vault", "crm"], typer.Option("--for", help="which side the token is for")] = "vault",
) -> None:
    """A genuine access token of five minutes, as if this member of the demo staff had just signed in."""
    member = _member(role)

    async def act(desk: IssuerDesk) -> str:
        return issue_vault_token(desk.issuer, staff_id=member["id"], audience=audience)

    result(run(act))


@cli.command()
def totp(role: RoleOption) -> None:
    """The second factor of now. Each is good once: after a sign-in wait for the next one."""
    clock = pyotp.TOTP(_member(role)["totp"])
    if clock.interval - time.time() % clock.interval < 1:
        time.sleep(1)  # it would expire before it is typed
    result(clock.at(datetime.now(UTC)))


@cli.command()
def secret(connector: Annotated[str, typer.Argument(help="woocommerce")]) -> None:
    """The secret with which the demo shop signs its webhooks."""
    found = load().demo.get(f"{connector}_secret")
    if not found:
        fail(f"the demo shop has no connection “{connector}”", hint="run `make up` first; known: woocommerce")
    result(str(found))
