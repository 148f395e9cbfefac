"""`larets keys`: the life of the key-encryption and index keys: rotate → rewrap → trim.

Works on the local instance, or with the settings of the vault's own environment where LARETS_VAULT_DATABASE_URL is set.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any, TypeVar

import typer

from pii_vault.errors import KeyStepRefused, UnknownTenantKey, VaultError
from pii_vault.keys.choose import root_seal, transit_options
from pii_vault.keys.contexts import IDENTITY_TENANT
from pii_vault.keys.local import LocalKeyring, create_local_keyring
from pii_vault.keys.transit import create_transit_keys
from pii_vault.keys.versions import Kind
from pii_vault.operations import rotate as rotating
from pii_vault.operations.key_status import TenantStatus, key_status, tenant_ids
from pii_vault.operations.rewrap import LOAD, Rewrapped
from pii_vault.operations.rewrap import rewrap as rewrap_keys
from pii_vault.vault import Vault
from scripts.vault.opened import opened
from scripts.vault.target import here
from scripts.voice import emit, fail, result, say

cli = typer.Typer(no_args_is_help=True, help="Key versions: status, rotate, rewrap, trim; init of a key service.")

T = TypeVar("T")
Tenant = Annotated[str | None, typer.Option(help="one shop; without it all of them, and the identity part")]
KindOption = Annotated[Kind, typer.Option(help="kek wraps the subjects' keys, index finds equal values")]
Json = Annotated[bool, typer.Option("--json", help="print the result as JSON")]
PROGRESS_ROWS = 20_000


@cli.command()
def status(tenant: Tenant = None, as_json: Json = False) -> None:
    """Versions held, rows under each, and the next step. Exit code 1 when rows name a version that is not held."""

    async def act(vault: Vault) -> tuple[list[TenantStatus], int | None]:
        serial = vault.keys.serial if isinstance(vault.keys, LocalKeyring) else None
        return await key_status(vault, tenant), serial

    told, serial = _run(act, restored_too=True)
    if as_json:
        emit({"keyring_serial": serial, "tenants": [_as_dict(each) for each in told]})
    else:
        if serial is not None:
            result(f"keyring serial {serial}")
        for each in told:
            _print(each)
    raise typer.Exit(0 if all(each.ok for each in told) else 1)


@cli.command()
def rotate(tenant: Tenant = None, kind: KindOption = "kek", as_json: Json = False) -> None:
    """Make the next version. It is used from now on; nothing that the older ones wrapped is touched."""

    async def act(vault: Vault, name: str) -> dict[str, Any]:
        version = await rotating.rotate(vault, name, kind, say=say)
        return {"tenant": name, "kind": kind, "version": version}

    _each(act, tenant, kind, as_json, "{tenant}: {kind} version {version}")


@cli.command()
def rewrap(
    tenant: Tenant = None,
    load: Annotated[float, typer.Option(help="share of the time to work, 0 … 1; the rest is left to others")] = LOAD,
    as_json: Json = False,
) -> None:
    """Wrap all keys under the newest version while the vault works. An interrupted run goes on where it stopped."""

    async def act(vault: Vault, name: str) -> dict[str, Any]:
        done = await rewrap_keys(vault, name, load=load, progress=_Progress(name))
        return asdict(done) | {"rows_per_second": done.rows_per_second}

    line = "{tenant}: {rows:,} keys under version {target}, {rows_per_second:,}/s, damaged {damaged}"
    if any(row.get("damaged") for row in _each(act, tenant, "kek", as_json, line)):
        raise typer.Exit(1)


@cli.command()
def trim(tenant: Tenant = None, kind: KindOption = "kek", as_json: Json = False) -> None:
    """Destroy all older versions. No database backup from before opens after it; refused while a row needs one."""

    async def act(vault: Vault, name: str) -> dict[str, Any]:
        before = await vault.keys.versions(name, kind)
        if tenant is None and before.oldest == before.current:
            return {"tenant": name, "kind": kind, "oldest": before.oldest, "destroyed": 0}
        done = await rotating.trim(vault, name, kind, say=say)
        destroyed = done.after.oldest - done.before.oldest
        return {"tenant": name, "kind": kind, "oldest": done.after.oldest, "destroyed": destroyed}

    _each(act, tenant, kind, as_json, "{tenant}: {destroyed} older {kind} versions destroyed, oldest is {oldest}")
    say("next: keep a fresh copy of the keys, and destroy every older copy: it still opens older database backups")


@cli.command()
def init(as_json: Json = False) -> None:
    """Make the keys that belong to no shop, in an empty transit engine or as a new keyring file. Never over others."""
    settings = here().vault_settings()
    try:
        if settings.key_service == "transit":
            create_transit_keys(transit_options(settings))
        else:
            create_local_keyring(settings.keyring_path, root_seal(settings))
    except VaultError as error:
        fail(error.detail)
    if as_json:
        emit({"key_service": settings.key_service})
    else:
        result(f"{settings.key_service}: ready for its first shop")


# --- common ------------------------------------------------------------------------------------------


def _run(act: Callable[[Vault], Awaitable[T]], *, restored_too: bool = False) -> T:
    settings = here().vault_settings()

    async def main() -> T:
        async with opened(settings, restored_too=restored_too) as found:
            return await act(found.vault)

    try:
        return asyncio.run(main())
    except VaultError as error:
        fail(error.detail, hint="docs/guide-keys.md has the steps in order; one that was cut off ends by repeating it")


def _each(
    act: Callable[[Vault, str], Awaitable[dict[str, Any]]], tenant: str | None, kind: Kind, as_json: bool, line: str
) -> list[dict[str, Any]]:
    """One tenant, or all: a refusal of one does not stop the others, but the exit code says it."""

    async def all_of_them(vault: Vault) -> list[dict[str, Any]]:
        if tenant is not None:
            return [await act(vault, tenant)]
        names = [name for name in await tenant_ids(vault) if kind == "kek" or name != IDENTITY_TENANT]
        return [await _attempt(act, vault, name) for name in names]

    rows = [row for row in _run(all_of_them) if row]
    if as_json:
        emit(rows)
    for row in rows:
        if "refused" in row:
            say(f"larets: error: {row['refused']}")
        elif not as_json:
            result(line.format(**row))
    if any("refused" in row for row in rows):
        raise typer.Exit(1)
    return rows


async def _attempt(act: Callable[[Vault, str], Awaitable[dict[str, Any]]], vault: Vault, tenant: str) -> dict[str, Any]:
    try:
        return await act(vault, tenant)
    except KeyStepRefused as refusal:
        return {"tenant": tenant, "refused": refusal.detail}
    except UnknownTenantKey:
        if tenant != IDENTITY_TENANT:  # the identity part makes its key on its first start
            raise
        return {}


class _Progress:
    """A line now and then."""

    def __init__(self, tenant: str) -> None:
        self._tenant = tenant
        self._said = 0

    def __call__(self, state: Rewrapped) -> None:
        if state.rows - self._said >= PROGRESS_ROWS:
            self._said = state.rows
            before = f" (and {state.before:,} before)" if state.before else ""
            say(f"{self._tenant}: {state.rows:,} keys re-wrapped{before}, {state.rows_per_second:,}/s")


def _as_dict(status: TenantStatus) -> dict[str, Any]:
    kinds: dict[str, Any] = {
        kind.kind: {
            **kind.versions._asdict(),
            "rows": kind.rows,
            "older": kind.older,
            "lost": kind.lost,
            "rotated": kind.rotated,
            "trimmed": kind.trimmed,
            "next": kind.next,
        }
        for kind in status.kinds
    }
    return {"tenant": status.tenant, "ok": status.ok, **kinds, "rewrapping": status.rewrapping}


def _print(status: TenantStatus) -> None:
    for kind in status.kinds:
        held = kind.versions
        line = (
            f"{status.tenant:<20} {kind.kind:<6} current {held.current}, minimum {held.minimum}, oldest {held.oldest}"
        )
        line += f"; rows under older: {kind.older:,}; trimmed {_day(kind.trimmed)}"
        result(line + (f"; next: {kind.next}" if kind.next else ""))
    if status.rewrapping is not None:
        target, done = status.rewrapping["target"], status.rewrapping["done"]
        result(f"{'':<20} a re-wrap to version {target} has done {done:,} keys and not finished")


def _day(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d}" if moment else "never"
