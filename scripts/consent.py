"""`larets consent`: texts, and what a person consented to."""

from pathlib import Path
from typing import Annotated, Any, Literal, cast

import typer

from pii_vault.access.principal import Principal
from pii_vault.consent.give import give as give_consent
from pii_vault.consent.history import astray, consents_of
from pii_vault.consent.texts import add_text, list_texts
from pii_vault.consent.withdraw import withdraw as withdraw_consent
from pii_vault.relay.budgets import load_relay_budgets
from pii_vault.relay.confirm import Asked, ask
from pii_vault.vault import new_request_id
from scripts.vault.officer import DEFAULT_OFFICER, OfficerDesk, at_desk
from scripts.voice import emit, fail, result, say

cli = typer.Typer(no_args_is_help=True, help="Consents: texts, give, ask, withdraw, list, check.")

HOW = ("web_form", "call", "paper")
SubjectId = Annotated[str, typer.Argument(metavar="SUBJECT", help="sub_…")]
Purpose = Annotated[str, typer.Option(help="a purpose of policies/consents.yaml")]
TenantOption = Annotated[str | None, typer.Option("--tenant", "-t", help="the shop; needed if there are several")]
By = Annotated[str, typer.Option("--by", help="staff id of who does it")]
Json = Annotated[bool, typer.Option("--json", help="print the result as JSON")]


@cli.command()
def text(
    file: Annotated[Path, typer.Argument(help="the text as the person sees it, UTF-8")],
    *,
    purpose: Purpose = "marketing",
    tenant: TenantOption = None,
    by: By = DEFAULT_OFFICER,
    as_json: Json = False,
) -> None:
    """Register the next version of a consent's text. Older versions stay, with the consents given to them."""
    try:
        content = file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        fail(f"{file.name} cannot be read: {type(error).__name__}")

    async def act(desk: OfficerDesk) -> dict[str, Any]:
        who = desk.officer(await desk.tenant(tenant), by)
        made = await add_text(desk.vault, who, purpose=purpose, text=content, request_id=new_request_id())
        return {"purpose": purpose, "version": made.version, "sha256": made.digest.hex()}

    made = at_desk(act)
    _tell(made, f"{purpose}: version {made['version']}, sha256 {made['sha256']}", as_json=as_json)


@cli.command()
def texts(*, tenant: TenantOption = None, as_json: Json = False) -> None:
    """Registered texts by purpose and version."""

    async def act(desk: OfficerDesk) -> list[dict[str, Any]]:
        return await list_texts(desk.vault, await desk.tenant(tenant))

    found = at_desk(act)
    if as_json:
        emit(found)
    for each in [] if as_json else found:
        result(f"{each['purpose']:<20} {each['version']:>4}  {each['created'][:10]}  {each['sha256']}")


@cli.command()
def give(
    subject: SubjectId,
    *,
    channel: Annotated[str, typer.Option(help="a channel of policies/consents.yaml")],
    how: Annotated[str, typer.Option(help=" | ".join(HOW))],
    purpose: Purpose = "marketing",
    by: By = DEFAULT_OFFICER,
    as_json: Json = False,
) -> None:
    """Record a consent that was given to a person of the shop: on paper, in a call, in a form."""
    if how not in HOW:
        fail("no such way", hint=", ".join(HOW))

    async def act(desk: OfficerDesk) -> str:
        tenant, bits = await desk.person(subject)
        return await give_consent(
            desk.vault,
            _taker(desk, tenant, by),
            bits,
            purpose=purpose,
            channel=channel,
            how=cast('Literal["web_form", "call", "paper"]', how),
            request_id=new_request_id(),
        )

    consent = at_desk(act)
    _tell({"consent": consent, "subject": subject}, f"{subject}: {purpose}, {channel}: in force", as_json=as_json)


@cli.command("ask")
def ask_(
    subject: SubjectId,
    *,
    channel: Annotated[str, typer.Option(help="email or sms: where the request goes")] = "email",
    purpose: Purpose = "marketing",
    by: By = DEFAULT_OFFICER,
    as_json: Json = False,
) -> None:
    """Have the relay ask the person, by the shop's approved message; in force once they confirm it."""

    async def act(desk: OfficerDesk) -> Asked:
        tenant, bits = await desk.person(subject)
        budgets = load_relay_budgets(desk.place.vault_settings().policies_dir / "relay.yaml")
        return await ask(
            desk.vault,
            _taker(desk, tenant, by),
            bits,
            purpose=purpose,
            channel=channel,
            budgets=budgets,
            request_id=new_request_id(),
        )

    asked = at_desk(act)
    content = {"consent": asked.consent, "dispatch": asked.dispatch, "subject": subject}
    _tell(content, f"{subject}: {purpose}, {channel}: asked, message {asked.dispatch}", as_json=as_json)


@cli.command()
def withdraw(
    subject: SubjectId,
    *,
    purpose: Purpose = "marketing",
    channel: Annotated[str | None, typer.Option(help="one channel; without it all of them")] = None,
    by: By = DEFAULT_OFFICER,
    as_json: Json = False,
) -> None:
    """Withdraw a person's consent: the next request obeys."""

    async def act(desk: OfficerDesk) -> list[str]:
        tenant, bits = await desk.person(subject)
        who = desk.officer(tenant, by)
        return await withdraw_consent(
            desk.vault, who, bits, purpose=purpose, channel=channel, request_id=new_request_id()
        )

    ended = at_desk(act)
    line = f"{subject}: {purpose}: withdrawn ({', '.join(ended) or 'none was in force'})"
    _tell({"subject": subject, "purpose": purpose, "withdrawn": ended}, line, as_json=as_json)


@cli.command("list")
def list_(subject: SubjectId, *, as_json: Json = False) -> None:
    """A person's consents with their evidence."""

    async def act(desk: OfficerDesk) -> list[dict[str, Any]]:
        tenant, bits = await desk.person(subject)
        return await consents_of(desk.vault, tenant, bits)

    found = at_desk(act)
    if as_json:
        emit(found)
    for each in [] if as_json else found:
        result(
            f"{each['purpose']:<16} {each['channel']:<10} {each['status']:<10} {each['given'][:19]} "
            f"{each['how']:<13} text {each['text_version']}"
        )


@cli.command()
def check(*, tenant: TenantOption = None, as_json: Json = False) -> None:
    """Whether what the hot path reads agrees with the consents themselves. Exit code 0 only when it does."""

    async def act(desk: OfficerDesk) -> list[str]:
        return await astray(desk.vault, await desk.tenant(tenant))

    found = at_desk(act)
    _tell({"ok": not found, "astray": found}, "ok" if not found else "\n".join(found), as_json=as_json)
    if found:
        say("larets: error: these persons' marks are not what their consents say")
    raise typer.Exit(1 if found else 0)


def _taker(desk: OfficerDesk, tenant: str, by: str) -> Principal:
    """Who writes down what a buyer says writes down a consent too; the officer's own role only withdraws."""
    who = desk.officer(tenant, by)
    return Principal(who.kind, who.id, tenant, ("sales",), who.contour, who.second_factor_at, who.label)


def _tell(content: dict[str, Any], line: str, *, as_json: bool) -> None:
    if as_json:
        emit(content)
    else:
        result(line)
