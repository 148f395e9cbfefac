"""`larets shop` against a migrated database and a local keyring."""

import asyncio
import json
from dataclasses import dataclass
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from pii_vault.config import VaultSettings
from pii_vault.keys.local import LocalKeyring, create_local_keyring
from pii_vault.operations.registry import create_tenant
from scripts import shop
from tests.integration.pii_vault.identity.conftest import settings_for
from tests.support.postgres import Database
from tests.support.vault import POLICIES, rows, unwritable_log

PASSPHRASE = "test-only-passphrase"


@dataclass
class StubInstance:
    """As much of an instance as the commands use."""

    database: Database
    folder: Path

    @property
    def vault_database_url(self) -> str:
        return self.database.owner_url

    def vault_settings(self) -> VaultSettings:
        return settings_for(self.database).model_copy(
            update={
                "keyring_path": self.folder / "keyring.json",
                "keyring_passphrase_file": self.folder / "passphrase",
                "policies_dir": POLICIES,
            }
        )


@pytest.fixture
def instance(vault_database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StubInstance:
    (tmp_path / "passphrase").write_text(PASSPHRASE)
    (tmp_path / "passphrase").chmod(0o600)
    create_local_keyring(tmp_path / "keyring.json", PASSPHRASE, work_factor=10)
    keys = LocalKeyring(tmp_path / "keyring.json", PASSPHRASE)
    asyncio.run(create_tenant(vault_database.owner_url, keys, "demo"))
    stub = StubInstance(vault_database, tmp_path)
    monkeypatch.setattr(shop, "here", lambda: stub)
    return stub


def larets(*arguments: str) -> Result:
    return CliRunner().invoke(shop.cli, list(arguments))


def test_connect_shows_address_and_secret_once_and_is_recorded(instance: StubInstance) -> None:
    made = json.loads(larets("connect", "woocommerce", "--tenant", "demo", "--json").stdout)
    assert made["url"].startswith(f"{instance.vault_settings().hooks_origin}/in/woocommerce/demo/con_")
    assert len(made["secret"]) >= 32
    assert made["secret"] not in str(rows(instance.database, "SELECT * FROM gateway_connection"))
    records = rows(instance.database, "SELECT verb, decision, principal FROM audit_detail ORDER BY idx")
    assert records == [("shop_connect", "intent", "operator"), ("shop_connect", "allow", "operator")]


def test_nothing_is_connected_that_cannot_be_recorded(instance: StubInstance) -> None:
    with unwritable_log(instance.database):
        assert larets("connect", "woocommerce", "--tenant", "demo").exit_code == 1
    assert rows(instance.database, "SELECT count(*) FROM gateway_connection") == [(0,)]


def test_connecting_needs_a_known_system_and_shop(instance: StubInstance) -> None:
    for arguments in (("nosuch", "--tenant", "demo"), ("woocommerce", "--tenant", "nobody")):
        answer = larets("connect", *arguments)
        assert answer.exit_code == 1
        assert "larets: error:" in answer.stderr
    assert rows(instance.database, "SELECT count(*) FROM gateway_connection") == [(0,)]


def test_the_dictionary_is_imported_whole_or_not_at_all(instance: StubInstance) -> None:
    larets("connect", "woocommerce", "--tenant", "demo")
    count = "SELECT count(*) FROM gateway_dictionary WHERE kind = 'goods'"
    file = instance.folder / "words.csv"
    file.write_text("kind,code,title\ngoods,1,Чай\ngoods,2,Позвоните +7 916 745-31-86\n")
    refused = larets("dictionary", "import", str(file), "--tenant", "demo")
    assert refused.exit_code == 1
    assert "row 3" in refused.stderr
    assert rows(instance.database, count) == [(0,)]
    file.write_text("kind,code,title\ngoods,1,Чай\ngoods,2,Мёд\n")
    assert larets("dictionary", "import", str(file), "--tenant", "demo").stdout == "2 entries imported\n"
    assert rows(instance.database, count) == [(2,)]
    file.write_bytes("kind,code,title\ngoods,1,Чай\n".encode("cp1251"))
    assert larets("dictionary", "import", str(file), "--tenant", "demo").exit_code == 1


def test_dead_letters_are_listed_and_retried(instance: StubInstance) -> None:
    larets("connect", "woocommerce", "--tenant", "demo")
    rows(
        instance.database,
        "WITH o AS (INSERT INTO gateway_outbox "
        "(id, connection_key, object, external_id, sequence, body, dead, failure) "
        "SELECT 'evt_1', key, 'order', '7', 1, '', now(), 'status 422' FROM gateway_connection RETURNING *) "
        "INSERT INTO gateway_delivery (connection_key, digest, object, external_id, action, event) "
        "SELECT connection_key, '', object, external_id, 'upsert', id FROM o",
    )
    assert "order 7 upsert" in larets("deliveries", "--tenant", "demo", "--dead").stdout
    [listed] = json.loads(larets("deliveries", "--tenant", "demo", "--json").stdout)
    assert (listed["state"], listed["failure"]) == ("dead", "status 422")
    assert json.loads(larets("retry", "--tenant", "demo", "--json").stdout) == {"revived": ["evt_1"]}
    assert larets("retry", "--tenant", "demo").stdout == "0 events will be sent again\n"
    named = larets("retry", "evt_1", "--tenant", "demo")
    assert named.exit_code == 1
    assert "no dead letter" in named.stderr
    assert larets("deliveries", "--tenant", "demo", "--dead").stdout == ""
