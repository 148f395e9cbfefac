"""What the officer's commands work with: a vault, its erasure journal, and whose rights they act with."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from typer import prompt

from pii_vault import store
from pii_vault.access.principal import Principal
from pii_vault.core.tokens import parse_subject_shape
from pii_vault.errors import VaultError
from pii_vault.identity.record import OPERATOR
from pii_vault.rights.errors import UnknownSubject
from pii_vault.rights.journal import ErasureJournal
from pii_vault.vault import Vault, utc_now
from scripts.files import write_whole
from scripts.vault.opened import opened
from scripts.vault.target import Place, here
from scripts.voice import fail

T = TypeVar("T")
TENANTS = "SELECT id FROM tenant ORDER BY id"
TENANT_OF = "SELECT t.id FROM subject s JOIN tenant t ON t.key = s.tenant_key WHERE s.id = $1"


@dataclass(frozen=True, slots=True)
class OfficerDesk:
    place: Place
    vault: Vault
    journal: ErasureJournal

    async def tenant(self, given: str | None) -> str:
        """The shop named, or the only one there is."""
        if given:
            return given
        tenants = [row[0] for row in await store.fetch(self.vault.pool, TENANTS)]
        if len(tenants) != 1:
            fail("there are several shops", hint=f"name one with --tenant: {', '.join(tenants[:20])}")
        return str(tenants[0])

    async def person(self, text: str) -> tuple[str, bytes]:
        """The tenant and the id of a subject. Raises UnknownSubject."""
        bits = parse_subject_shape(text)
        rows = await store.fetch(self.vault.pool, TENANT_OF, bits) if bits is not None else []
        if not rows or bits is None:
            raise UnknownSubject
        return str(rows[0][0]), bits

    def officer(self, tenant: str, by: str) -> Principal:
        """Whoever may run commands on the vault's machine acts as the officer; `by` goes into records and documents."""
        return Principal(
            kind="staff",
            id=by,
            tenant=tenant,
            roles=("officer",),
            contour="private",
            second_factor_at=utc_now(),
            label=by,
        )


def at_desk(act: Callable[[OfficerDesk], Awaitable[T]], *, restored_too: bool = False, of: Place | None = None) -> T:
    """Run an act; what the vault says is wrong ends the command; so does a restored database."""

    async def within() -> T:
        place = of or here()
        async with opened(place.vault_settings(), restored_too=restored_too) as found:
            return await act(OfficerDesk(place, found.vault, found.journal))

    try:
        return asyncio.run(within())
    except VaultError as error:
        fail(error.detail)


def read_value(what: str) -> str:
    """From a prompt that does not show it, or the first line of standard input: a command line is seen by others."""
    text = prompt(what, hide_input=True, err=True) if sys.stdin.isatty() else sys.stdin.readline()
    if not (value := str(text).strip()):
        fail("no value was given", hint="type it when asked, or send it on standard input")
    return value


def save(path: Path, text: str) -> None:
    """Where nobody else may read it."""
    write_whole(path, text, mode=0o600)


DEFAULT_OFFICER = OPERATOR
