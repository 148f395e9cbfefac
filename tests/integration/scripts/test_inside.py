"""Commands inside a contour on a real vault: its settings as files and environment, the owner's address in a file."""

import asyncio
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from pii_vault.audit.note import log_key
from pii_vault.keys.local import LocalKeyring, create_local_keyring
from scripts.env.environment import Environment
from scripts.env.inside import Inside
from scripts.inside.wire import Answer, Request
from tests.support.postgres import Database
from tests.support.pretended_cluster import PretendedCluster, run_here
from tests.support.stacks import settings
from tests.support.vault import POLICIES, prepare, rows

PASSPHRASE = "correct horse battery staple"
LOGIN = "anna@shop.example.ru"


class Contour:
    """A private half whose pods are processes of this machine, beside a real database and keyring."""

    def __init__(self, database: Database, folder: Path) -> None:
        for name, content in (("passphrase", PASSPHRASE), ("owner_url", database.owner_url)):
            (folder / name).touch(mode=0o600)
            (folder / name).write_text(content)
        create_local_keyring(folder / "keyring.json", PASSPHRASE, work_factor=10)
        self.keys = LocalKeyring(folder / "keyring.json", PASSPHRASE)
        asyncio.run(prepare(database, self.keys, tenants=()))
        (folder / "secrets").mkdir()
        (folder / "secrets" / "larets_vault_database_url").write_text(database.runtime_url)
        self.cluster = PretendedCluster(run_here(folder, self._surroundings(folder)))

    def _surroundings(self, folder: Path) -> dict[str, str]:
        values: dict[str, Any] = {
            "keyring_path": folder / "keyring.json",
            "keyring_passphrase_file": folder / "passphrase",
            **{f"{name}_origin": f"https://{name}.example.ru" for name in ("vault", "console", "hooks", "crm")},
            **dict.fromkeys(("service_cert", "service_key", "private_ca", "public_ca"), folder),
            **dict.fromkeys(("outbound_cert", "outbound_key"), folder),
            "app_intake_url": "https://127.0.0.1:1",
        }
        return {
            "LARETS_ENV": "test",
            "LARETS_SECRETS_DIR": str(folder / "secrets"),
            "LARETS_OWNER_URL_FILE": str(folder / "owner_url"),
            **{f"LARETS_VAULT_{name.upper()}": str(value) for name, value in values.items()},
        }

    def larets(self, *words: str, given: bytes = b"", **files: bytes) -> Answer:
        half = SimpleNamespace(
            contour=SimpleNamespace(side="private"),
            settings=settings("private", stage="rehearsal"),
            cluster=lambda: self.cluster,
        )
        return Inside(cast("Environment", half), print).run(Request(words, given, files))

    def json(self, *words: str, given: bytes = b"", **files: bytes) -> Any:
        answer = self.larets(*words, "--json", given=given, **files)
        assert answer.code == 0, answer.errors
        return json.loads(answer.output)


@pytest.fixture
def contour(vault_database: Database, tmp_path: Path) -> Contour:
    assert POLICIES.is_dir()  # the runner finds them where it was started
    return Contour(vault_database, tmp_path)


def test_a_shop_is_made_and_staffed_from_outside(contour: Contour, vault_database: Database) -> None:
    assert contour.json("tenant", "create", "flowers", "--title", "Цветы")["created"] is True
    words = ("staff", "invite", LOGIN, "-t", "flowers", "--role", "sales", "--alias", "Seller 1")
    link = contour.json(*words)["link"]
    assert link.startswith("https://vault.example.ru/identity/invitation/")
    logs = json.dumps(list(contour.cluster.logs.values()))
    assert link.rpartition("/")[2] not in logs
    assert LOGIN not in logs
    connected = contour.json("shop", "connect", "woocommerce", "-t", "flowers")
    assert connected["url"].startswith("https://hooks.example.ru/in/woocommerce/flowers/con_")
    registered = "SELECT trust_domain, cn, tenants, roles FROM service_client WHERE cn = 'crm'"
    assert rows(vault_database, registered) == [("public", "crm", ["flowers"], ["public_service"])]


def test_the_crm_serves_every_shop_that_is_made(contour: Contour, vault_database: Database) -> None:
    for shop in ("flowers", "tulips", "flowers"):
        contour.json("tenant", "create", shop, "--title", "x")
    assert rows(vault_database, "SELECT tenants FROM service_client WHERE cn = 'crm'") == [(["flowers", "tulips"],)]


def test_keys_and_the_logs_key_are_told(contour: Contour) -> None:
    contour.json("tenant", "create", "flowers", "--title", "x")
    status = contour.json("keys", "status")
    assert {one["tenant"] for one in status["tenants"]} >= {"flowers"}
    told = contour.json("audit", "key")["audit"]
    assert told == str(log_key("vault.example.ru/audit", contour.keys.checkpoint_public_key()))


def test_a_value_goes_in_by_standard_input_and_files_come_back(contour: Contour) -> None:
    contour.json("tenant", "create", "flowers", "--title", "x")
    nobody = contour.larets("subject", "find", "--class", "email", "-t", "flowers", given=LOGIN.encode() + b"\n")
    assert (nobody.code, nobody.errors) == (1, ["nobody was found"])
    text = {"text.txt": "Согласен на рассылку".encode()}
    made = contour.json("consent", "text", "text.txt", "-t", "flowers", **text)
    assert made["version"] == 1
    period = ("--from", "2026-01-01", "--to", "2100-01-01", "--out", "bundle.json")
    exported = contour.larets("audit", "export", *period)
    assert exported.code == 1  # nothing was witnessed yet, and no half-written bundle comes back
    assert exported.files == {}
