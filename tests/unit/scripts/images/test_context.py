"""What goes into an image: files of git, what the client stands on, packages without those of `make up`."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.commands import INSIDE, Contour
from scripts.images.context import IMAGES, LOCAL_ONLY, REQUIREMENTS, closure, imported, prepare, tracked, without
from scripts.images.errors import ImageProblem
from scripts.local.instance import ROOT


def test_the_public_image_holds_the_client_and_nothing_of_the_vaults_own_work() -> None:
    found = closure(ROOT, IMAGES["app"].importers)
    assert {"pii_vault/__init__.py", "pii_vault/client.py", "pii_vault/core/tokens.py"} <= found
    own = ("pii_vault/main.py", "pii_vault/worker.py", "pii_vault/store.py", "pii_vault/assemble.py")
    assert not found.intersection(own)
    assert not [name for name in found if name.startswith(("pii_vault/keys/", "pii_vault/migrations/"))]


def imports_all(image: str, folder: Path, *, without: str = "") -> subprocess.CompletedProcess[str]:
    """Import every command of an image from nothing but its own files."""
    for name in sorted(tracked(ROOT, IMAGES[image].code) | closure(ROOT, IMAGES[image].importers)):
        if name.endswith((".py", ".txt", ".html", ".sql")) and name != without:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes((ROOT / name).read_bytes())
    script = "from scripts.inside.command import here, load\nfor name in here(): load(name)\nprint(*sorted(here()))"
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(folder)}
    return subprocess.run(  # noqa: S603  a fixed command
        [sys.executable, "-P", "-c", script], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(("image", "contour"), [("vault", "private"), ("app", "public")])
def test_an_image_holds_all_that_its_commands_import(image: str, contour: Contour, tmp_path: Path) -> None:
    done = imports_all(image, tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == sorted(INSIDE[contour])
    assert not (tmp_path / "scripts" / "local").exists()


def test_a_module_that_an_image_lacks_would_be_seen(tmp_path: Path) -> None:
    done = imports_all("vault", tmp_path, without="scripts/vault/officer.py")
    assert done.returncode == 1
    assert "scripts.vault.officer" in done.stderr


def test_imports_are_found_at_any_place_and_of_the_vault_alone() -> None:
    source = "import os\nimport pii_vault.a\nfrom app import b\ndef f():\n    from pii_vault.c import d\n"
    assert sorted(imported(source)) == ["pii_vault.a", "pii_vault.c.d"]


def test_git_decides_what_is_a_source(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", tmp_path], check=True)  # noqa: S603, S607  a fixed command
    for name in ("code/kept.py", "code/secret.key", "elsewhere.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x", "utf-8")
    (tmp_path / ".gitignore").write_text("*.key\n", "utf-8")
    assert tracked(tmp_path, ["code"]) == {"code/kept.py"}


def test_without_git_there_is_no_guess(tmp_path: Path) -> None:
    with pytest.raises(ImageProblem, match="git cannot list"):
        tracked(tmp_path, ["code"])


def test_a_distribution_leaves_the_lock_file_with_its_hashes() -> None:
    text = "one==1 \\\n    --hash=sha256:aa\n    # via x\ntwo[extra]==2 \\\n    --hash=sha256:bb\n"
    assert without(text, frozenset({"one"})) == "two[extra]==2 \\\n    --hash=sha256:bb\n"
    assert without(text, frozenset({"two"})) == "one==1 \\\n    --hash=sha256:aa\n    # via x\n"
    assert without(text, frozenset({"on"})) == text


def test_each_package_that_is_left_out_is_in_the_lock_file() -> None:
    text = (ROOT / REQUIREMENTS).read_text("utf-8")
    assert {name for name in LOCAL_ONLY if without(text, frozenset({name})) == text} == set()


def test_the_digest_follows_content_and_permission(tmp_path: Path) -> None:
    database = IMAGES["database"]
    first = prepare(database, tmp_path / "one")
    assert prepare(database, tmp_path / "two") == first
    script = tmp_path / "one" / "docker-entrypoint.sh"
    assert os.access(script, os.X_OK)
    assert prepare(IMAGES["edge"], tmp_path / "three") != first
