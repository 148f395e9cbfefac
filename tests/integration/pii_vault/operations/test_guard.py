"""The database refuses keys under a version that was given up, whoever writes them and whatever stands beside them."""

import psycopg
import pytest

from pii_vault.vault import Vault
from tests.support.postgres import Database
from tests.support.vault import rows

WRITE = """
INSERT INTO dek (subject, retention, tenant_key, kek_version, wrapped)
SELECT gen_random_uuid(), 0, tenant_key, version, '' FROM unnest(%s::int[], %s::int[]) AS given(tenant_key, version)
"""


@pytest.mark.parametrize(("written", "refused"), [((2, 3), False), ((3, 1), True), ((1,), True)])
async def test_one_such_key_stops_all_of_its_statement(
    vault: Vault, vault_database: Database, written: tuple[int, ...], *, refused: bool
) -> None:
    """Another shop's versions are its own."""
    own, other = [await vault.tenants.key(tenant) for tenant in ("demo", "other")]
    rows(vault_database, "UPDATE tenant SET kek_minimum = 2 WHERE id = 'demo'")
    shops, versions = [own] * len(written) + [other], [*written, 1]
    if refused:
        with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState):
            rows(vault_database, WRITE, shops, versions)
    else:
        rows(vault_database, WRITE, shops, versions)
    assert rows(vault_database, "SELECT count(*) FROM dek") == [(0 if refused else len(versions),)]
