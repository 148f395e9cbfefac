"""Staff of a running vault and their genuine tokens, without a sign-in: the issuer opened beside it."""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from pii_vault.assemble import open_keys
from pii_vault.config import VaultSettings
from pii_vault.identity.context import OpenIdentity, new_identity, open_sessions
from pii_vault.identity.models import Role
from pii_vault.identity.seed import seed_staff
from pii_vault.identity.totp import new_secret
from pii_vault.vault import utc_now

PREFIX = "LARETS_VAULT_"


def settings_of(environment: Mapping[str, str]) -> VaultSettings:
    """What the processes with this environment read from it."""
    fields = {name.removeprefix(PREFIX).lower(): value for name, value in environment.items() if PREFIX in name}
    return VaultSettings.model_validate({"environment": environment["LARETS_ENV"]} | fields)


@contextmanager
def issuer(settings: VaultSettings) -> Iterator[OpenIdentity]:
    sessions = open_sessions(settings.database_url, size=2)
    try:
        identity = new_identity(settings, key_service=open_keys(settings), sessions=sessions, clock=utc_now)
        yield asyncio.run(identity.open())
    finally:
        sessions.kw["bind"].dispose()


def hire(opened: OpenIdentity, *, tenant: str, role: Role) -> str:
    """A member of staff with this role. Returns the id."""
    with opened.sessions.begin() as db:
        return seed_staff(
            db, keys=opened.keys, passwords=opened.passwords, now=opened.now(), tenant=tenant, alias=f"{tenant} {role}",
            login=f"{tenant}-{role}", role=role, password="a password of tests", totp_secret=new_secret(),
        )  # fmt: skip
