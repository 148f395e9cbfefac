"""The import check covers every domain, and catches what it forbids: one run over a copy with breaches in it."""

import configparser
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CONFIG = configparser.ConfigParser()
CONFIG.read(ROOT / ".importlinter")
PACKAGES = CONFIG["importlinter"]["root_packages"].split()
# Contract → a module and an import that the contract forbids it.
BREACHES = {
    "public-imports-client-only": ("app/orders/service.py", "import pii_vault.store"),
    "vault-stands-alone": ("pii_vault/store.py", "import app.main"),
    "nothing-imports-scripts": ("app/witness/service.py", "import scripts.voice"),
    "core-is-pure": ("pii_vault/core/checksums.py", "import asyncpg"),
    "client-is-light": ("pii_vault/client.py", "import psycopg"),
    "tests-are-imported-by-none": ("scripts/files.py", "import tests.support.server"),
    "app-layers": ("app/tenants/repository.py", "import app.tenants.service"),
}


@pytest.fixture(scope="module")
def verdict(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Contract's name → KEPT or BROKEN, of a copy that holds all the breaches."""
    copy = tmp_path_factory.mktemp("scratch")
    for package in PACKAGES:
        shutil.copytree(ROOT / package, copy / package, ignore=shutil.ignore_patterns("__pycache__", "static", "*.md"))
    shutil.copy(ROOT / ".importlinter", copy)
    for path, line in BREACHES.values():
        with (copy / path).open("a") as file:
            file.write(f"\n{line}\n")
    done = subprocess.run(  # noqa: S603  the environment's own program
        [Path(sys.executable).with_name("lint-imports"), "--no-logo", "--no-cache"],
        cwd=copy,
        env={"COLUMNS": "200"},  # a name in one line
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    return dict(re.findall(r"^(.+?) ?(KEPT|BROKEN)", done.stdout, re.MULTILINE))


@pytest.mark.parametrize("contract", list(BREACHES))
def test_a_forbidden_import_breaks_its_contract(verdict: dict[str, str], contract: str) -> None:
    assert verdict[CONFIG[f"importlinter:contract:{contract}"]["name"]] == "BROKEN"


def test_every_domain_of_the_app_is_layered() -> None:
    domains = {f"app.{path.parent.name}" for path in (ROOT / "app").glob("*/service.py")}
    assert domains <= set(CONFIG["importlinter:contract:app-layers"]["containers"].split())


def test_every_contract_has_a_breach_that_shows_it() -> None:
    """A contract without one may be satisfied by anything."""
    stated = {name.rpartition(":")[2] for name in CONFIG.sections() if name.startswith("importlinter:contract:")}
    assert set(BREACHES) <= stated
