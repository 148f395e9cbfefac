"""Conventions of the repository that no linter knows. Each check has a twin that shows it catches the breach."""

import ast
import re
import subprocess
from collections.abc import Iterable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MAX_LINES = 400
# Spelled in parts, so that this file does not hold what it forbids.
REGISTRIES = re.compile(
    r"https?://[a-z0-9.-]*(" + "|".join(("py" + "pi", "python" + "hosted", "registry\\.n" + "pmjs", "crates\\." + "io"))
    + ")",
    re.IGNORECASE,
)  # fmt: skip
MACHINE_PATHS = re.compile(r"(?<![\w.])/(?:" + "|".join(("wo" + "rk", "ro" + "ot", "ho" + "me")) + r")/\w")
ENVIRONMENT_READERS = {"config.py", "conftest.py"}


def tracked(*suffixes: str) -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],  # noqa: S607
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    paths = [ROOT / line for line in listed.stdout.splitlines()]
    return [path for path in paths if path.is_file() and (not suffixes or path.suffix in suffixes)]


def breaches(pattern: re.Pattern[str], paths: Iterable[Path]) -> list[str]:
    found = []
    for path in paths:
        try:
            text = path.read_text()
        except UnicodeDecodeError:
            continue
        found += [
            f"{path.relative_to(ROOT)}:{n}" for n, line in enumerate(text.splitlines(), 1) if pattern.search(line)
        ]
    return found


def _is_environment(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Attribute)
        and node.attr in {"environ", "getenv"}
        and isinstance(node.value, ast.Name)
        and node.value.id == "os"
    )


def reads_environment(source: str) -> bool:
    """Writing a variable for a library that reads no other setting is not reading."""
    tree = ast.parse(source)
    written = {
        id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store)
    }
    return any(_is_environment(node) and id(node) not in written for node in ast.walk(tree))


def test_no_address_of_a_package_registry() -> None:
    assert breaches(REGISTRIES, tracked()) == []


def test_a_registry_address_would_be_found() -> None:
    assert REGISTRIES.search("see https://" + "py" + "pi.org/simple")


def test_no_path_of_a_machine() -> None:
    assert breaches(MACHINE_PATHS, tracked()) == []


def test_a_machine_path_would_be_found() -> None:
    assert MACHINE_PATHS.search("see /" + "home/somebody")


def test_no_module_is_longer_than_the_limit() -> None:
    long = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in tracked(".py", ".js")}
    assert {name: lines for name, lines in long.items() if lines > MAX_LINES} == {}


def test_no_binary_is_tracked() -> None:
    assert [path.name for path in tracked() if b"\0" in path.read_bytes()[:8192]] == []


def test_only_settings_read_the_environment() -> None:
    readers = [
        str(path.relative_to(ROOT))
        for path in tracked(".py")
        if path.relative_to(ROOT).parts[0] in {"app", "pii_vault", "infra", "policies"}
        and path.name not in ENVIRONMENT_READERS
        and reads_environment(path.read_text())
    ]
    assert readers == []


@pytest.mark.parametrize("source", ["import os\nos.environ['A']", "import os\nos.getenv('A')"])
def test_a_reader_of_the_environment_would_be_found(source: str) -> None:
    assert reads_environment(source)


def test_writing_a_variable_is_not_reading() -> None:
    assert not reads_environment("import os\nos.environ['A'] = 'b'")
