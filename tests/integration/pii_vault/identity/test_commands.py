"""`larets tenant` and `larets staff` on a real database and a real keyring."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from typer.testing import CliRunner

from pii_vault.config import VaultSettings
from pii_vault.keys.local import create_local_keyring
from scripts import program, staff, tenant
from scripts.vault import issuer
from tests.integration.pii_vault.identity.conftest import settings_for
from tests.support.postgres import Database
from tests.support.vault import POLICIES, rows, unwritable_log

PASSPHRASE = "test passphrase of a keyring"


class FakeInstance:
    def __init__(self, database: Database, folder: Path) -> None:
        keyring, passphrase = folder / "keyring.json", folder / "passphrase"
        create_local_keyring(keyring, PASSPHRASE, work_factor=10)
        passphrase.write_text(PASSPHRASE)
        passphrase.chmod(0o600)
        self.vault_database_url = database.owner_url
        self._folder = folder
        self._settings = settings_for(database).model_copy(
            update={"keyring_path": keyring, "keyring_passphrase_file": passphrase, "policies_dir": POLICIES}
        )

    def vault_settings(self) -> VaultSettings:
        return self._settings

    def tls(self, contour: str) -> Path:
        return self._made(f"tls-{contour}")

    def secrets(self, contour: str) -> Path:
        return self._made(f"secrets-{contour}")

    def _made(self, name: str) -> Path:
        (self._folder / name).mkdir(exist_ok=True)
        return self._folder / name


@pytest.fixture
def database(vault_database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Database:
    instance = FakeInstance(vault_database, tmp_path)
    monkeypatch.setattr(issuer, "here", lambda: instance)
    return vault_database


def larets(cli: Any, *words: str) -> Any:
    """The JSON result of a command."""
    done = CliRunner().invoke(cli, [*words, "--json"], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def refused(cli: Any, *words: str) -> str:
    done = CliRunner().invoke(cli, list(words))
    assert done.exit_code == 1
    return done.stderr


def test_a_shop_and_its_staff_from_first_to_last(database: Database) -> None:
    made = larets(tenant.cli, "create", "flowers", "--title", "Цветы")
    assert made == {"tenant": "flowers", "title": "Цветы", "status": "active", "created": True}
    assert larets(tenant.cli, "create", "flowers", "--title", "Цветы")["created"] is False

    words = ("anna@shop.example.ru", "-t", "flowers", "--role", "sales", "--alias", "Seller 1")
    invited = larets(staff.cli, "invite", *words)
    assert invited["link"].startswith("https://vault.larets.localhost/identity/invitation/")
    assert "in use" in refused(staff.cli, "invite", *words)

    [listed] = larets(staff.cli, "list", "-t", "flowers")
    assert (listed["login"], listed["state"], listed["role"]) == ("anna@shop.example.ru", "invited", "sales")
    assert larets(staff.cli, "role", "Seller 1", "warehouse", "-t", "flowers")["role"] == "warehouse"
    assert larets(staff.cli, "disable", listed["staff"], "-t", "flowers")["state"] == "disabled"
    assert larets(staff.cli, "enable", "anna@shop.example.ru", "-t", "flowers")["state"] == "invited"
    assert larets(staff.cli, "reset-second-factor", "Seller 1", "-t", "flowers")["link"] != invited["link"]
    assert larets(staff.cli, "sessions", "Seller 1", "-t", "flowers") == []

    assert larets(tenant.cli, "suspend", "flowers")["status"] == "suspended"
    assert larets(tenant.cli, "resume", "flowers")["status"] == "active"
    assert larets(tenant.cli, "list") == [{"tenant": "flowers", "title": "Цветы", "status": "active", "staff": 1}]

    verbs = [verb for (verb,) in rows(database, "SELECT verb FROM audit_detail ORDER BY idx")]
    assert verbs == [
        "tenant_create", "tenant_create", "staff_invite", "staff_role", "staff_disable", "staff_enable",
        "second_factor_reset", "tenant_suspend", "tenant_resume",
    ]  # fmt: skip
    records = str(rows(database, "SELECT convert_from(record, 'UTF8') FROM audit_log"))
    assert "anna" not in records
    assert "Seller" not in records


def test_mistakes_are_told_with_what_to_do(database: Database) -> None:
    del database
    assert "larets tenant list" in refused(
        staff.cli, "invite", "a@b.example", "-t", "no", "--role", "owner", "--alias", "A"
    )
    assert "take one of" in refused(staff.cli, "role", "x", "king", "-t", "flowers")
    assert "larets staff list" in refused(staff.cli, "disable", "nobody", "-t", "flowers")
    assert "3 to 40" in refused(tenant.cli, "create", "No", "--title", "x")
    assert "no personal data" in refused(tenant.cli, "create", "tulips", "--title", "Розы +7 916 123-45-67")
    assert larets(tenant.cli, "list") == []  # the refused title made no shop
    assert "3 to 40" in refused(tenant.cli, "create", "larets-identity", "--title", "x")
    assert refused(tenant.cli, "suspend", "nowhere")


def test_a_program_from_first_to_last(database: Database) -> None:
    for shop in ("flowers", "tulips"):
        larets(tenant.cli, "create", shop, "--title", shop)
    words = ("register", "label-printer", "-t", "flowers", "-t", "tulips", "-p", "delivery")
    made = larets(program.cli, *words)
    assert (made["new"], made["tenants"], made["purposes"]) == (True, ["flowers", "tulips"], ["delivery"])
    certificate = x509.load_pem_x509_certificate(Path(made["certificate"]).read_bytes())
    assert certificate.subject.rfc4514_string() == "CN=label-printer"
    assert Path(made["key"]).stat().st_mode & 0o077 == 0
    registered = "SELECT trust_domain, roles, purposes FROM service_client WHERE cn = 'label-printer'"
    assert rows(database, registered) == [("private", ["program"], ["delivery"])]

    again = larets(program.cli, "register", "label-printer", "-t", "tulips", "-p", "support", "--own-certificate")
    assert again == {"program": "label-printer", "tenants": ["tulips"], "purposes": ["support"], "new": False}
    assert larets(program.cli, "list", "-t", "flowers") == []
    assert [row["program"] for row in larets(program.cli, "list")] == ["label-printer"]
    assert larets(program.cli, "revoke", "label-printer")["tenants"] == ["tulips"]
    assert rows(database, registered) == []
    acts = "SELECT verb, tenant, principal FROM audit_detail WHERE verb LIKE 'program%%' ORDER BY idx"
    assert rows(database, acts.replace("%%", "%")) == [
        ("program_register", "flowers", "operator"),
        ("program_register", "tulips", "operator"),
        ("program_register", "tulips", "operator"),
        ("program_revoke", "tulips", "operator"),
    ]


def test_a_program_that_may_not_be_is_refused(database: Database) -> None:
    larets(tenant.cli, "create", "flowers", "--title", "x")
    usual = ("-t", "flowers", "-p", "delivery")
    for name in ("vault", "outbox", "Ca", "a", "with space", "../vault"):
        assert "none of the contour's own" in refused(program.cli, "register", name, *usual)
    assert "larets tenant list" in refused(program.cli, "register", "printer", "-t", "nowhere", "-p", "delivery")
    assert "--purpose" in refused(program.cli, "register", "printer", "-t", "flowers", "-p", "curiosity")
    assert "larets program list" in refused(program.cli, "revoke", "printer")
    with unwritable_log(database):
        assert "cannot be written" in refused(program.cli, "register", "printer", *usual)
    assert rows(database, "SELECT cn FROM service_client") == [("crm",)]  # which came with the shop


def test_commands_may_run_side_by_side(database: Database) -> None:
    """The issuer's key is made once, whoever comes first."""

    async def act(desk: issuer.IssuerDesk) -> bytes:
        return desk.issuer.keys.login_digest("anna")

    async def both() -> list[bytes]:
        async def one() -> bytes:
            async with issuer.open_issuer() as desk:
                return await act(desk)

        return list(await asyncio.gather(one(), one()))

    first, second = asyncio.run(both())
    assert first == second
    assert rows(database, "SELECT count(*) FROM identity_key") == [(1,)]
