"""`larets search`: the indexes by parts of values, and the rebuilding of all indexes.

Works on the local instance, or with the settings of the vault's own environment where LARETS_VAULT_DATABASE_URL is set.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Annotated, TypeVar, cast, get_args

import typer

from pii_vault.core.search_keys import KeyKind
from pii_vault.errors import VaultError
from pii_vault.keys.contexts import IDENTITY_TENANT
from pii_vault.operations import plan as planning
from pii_vault.operations.key_status import tenant_ids
from pii_vault.operations.reindex import LOAD, Reindexed
from pii_vault.operations.reindex import reindex as rebuild
from pii_vault.vault import Vault
from scripts.vault.opened import opened
from scripts.vault.target import here
from scripts.voice import emit, fail, result, say

cli = typer.Typer(no_args_is_help=True, help="Indexes by parts of values: plan, switch on and off; re-index.")

T = TypeVar("T")
Tenant = Annotated[str, typer.Option("--tenant", "-t", help="the shop")]
Json = Annotated[bool, typer.Option("--json", help="print the result as JSON")]
PARTS = "CLASS:KIND, such as phone:last4, email:domain, name:prefix"
PROGRESS_ROWS = 20_000


@cli.callback()
def group() -> None:
    """Indexes by parts of values."""


@cli.command()
def plan(
    tenant: Tenant,
    on: Annotated[list[str] | None, typer.Option("--on", help=f"index this part, or plan it anew: {PARTS}")] = None,
    off: Annotated[list[str] | None, typer.Option("--off", help=f"stop indexing this part: {PARTS}")] = None,
    as_json: Json = False,
) -> None:
    """What is indexed by parts, with how many bits, and how many coincidences a search has to expect.

    After --on or --off run `larets search reindex`; until then new values alone are found so.
    """
    switches = [(*_part(text), True) for text in on or ()] + [(*_part(text), False) for text in off or ()]

    async def act(vault: Vault) -> list[planning.Planned]:
        for class_id, kind, wanted in switches:
            await planning.switch(vault, tenant, class_id, kind, on=wanted)
        return await planning.plan(vault, tenant)

    planned = _run(act)
    if as_json:
        emit([asdict(each) | {"due": each.is_due} for each in planned])
        return
    for each in planned:
        state = f"{each.bits} bits" if each.bits is not None else "off"
        best = "" if each.bits == each.best_bits else f", best now {each.best_bits} bits"
        result(
            f"{each.class_id + ':' + each.kind:<18} {state:<8} {each.rows:>11,} rows, "
            f"{each.coincidences:.1f} coincidences expected, good up to {each.room:,} rows{best}"
        )
        if each.is_due:
            say(f"larets: {each.class_id}:{each.kind} has outgrown its plan: --on {each.class_id}:{each.kind}, reindex")


@cli.command()
def reindex(
    tenant: Annotated[str | None, typer.Option("--tenant", "-t", help="one shop; without it all of them")] = None,
    busy: Annotated[float, typer.Option("--load", help="share of the time to work, more than 0, at most 1")] = LOAD,
    as_json: Json = False,
) -> None:
    """Put all digests under the newest index key and all parts into their places, while the vault works.

    A run that was stopped goes on where it stopped. After a rotation: `larets keys trim --kind index`.
    """

    async def act(vault: Vault) -> list[Reindexed]:
        names = (
            [tenant] if tenant is not None else [name for name in await tenant_ids(vault) if name != IDENTITY_TENANT]
        )
        return [await rebuild(vault, name, load=busy, progress=_Progress()) for name in names]

    done = _run(act)
    if as_json:
        emit([asdict(each) for each in done])
    for each in done:
        if not as_json:
            result(f"{each.tenant}: {each.rows:,} values under index version {each.version} in {each.seconds:.1f} s")
        if each.damaged:
            say(f"larets: error: {each.tenant}: {each.damaged:,} values do not open and are found by nothing")
            say("larets: hint: run `larets audit verify`, restore")
    raise typer.Exit(1 if any(each.damaged for each in done) else 0)


class _Progress:
    """A line now and then."""

    def __init__(self) -> None:
        self._told = 0

    def __call__(self, state: Reindexed) -> None:
        if state.rows - self._told >= PROGRESS_ROWS:
            self._told = state.rows
            say(f"{state.tenant}: {state.rows:,} values, {state.rows / max(state.seconds, 0.001):,.0f} a second")


def _part(text: str) -> tuple[str, KeyKind]:
    class_id, _, kind = text.partition(":")
    if kind == "exact" or kind not in get_args(KeyKind):
        fail(f"{text} is no part", hint=PARTS)
    return class_id, cast("KeyKind", kind)


def _run(act: Callable[[Vault], Awaitable[T]]) -> T:
    settings = here().vault_settings()

    async def main() -> T:
        async with opened(settings) as found:
            return await act(found.vault)

    try:
        return asyncio.run(main())
    except VaultError as error:
        fail(error.detail, hint="docs/guide-audit.md has the steps; repeating goes on where it stopped")
