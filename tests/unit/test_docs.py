"""Links between the documents lead somewhere, and what the README names exists."""

import re
from pathlib import Path

import pytest

from scripts.commands import COMMANDS

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "policies").rglob("*.md")])
LINK = re.compile(r"\]\((?!https?:|mailto:|#)([^)#\s]+)(?:#[^)\s]*)?\)")
COMMAND = re.compile(r"`(?:\.venv/bin/)?larets ([a-z]+)")
TARGET = re.compile(r"`make ([a-z-]+)")


def dead_links(path: Path, text: str) -> list[str]:
    return [target for target in LINK.findall(text) if not (path.parent / target).exists()]


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(path: Path) -> None:
    assert dead_links(path, path.read_text()) == []


def test_a_dead_link_would_be_found() -> None:
    assert dead_links(ROOT / "README.md", "see [this](docs/nowhere.md#part)") == ["docs/nowhere.md"]


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_commands_and_targets_exist(path: Path) -> None:
    text = path.read_text()
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(COMMAND.findall(text)) <= set(COMMANDS)
    assert set(TARGET.findall(text)) <= targets


@pytest.mark.parametrize("path", sorted((ROOT / "docs" / "adr").glob("*.md")), ids=lambda path: path.stem)
def test_each_decision_names_the_check_that_enforces_it(path: Path) -> None:
    assert "**Enforced by**" in path.read_text()


def unnamed(readme: str, *, language: str = "") -> list[str]:
    """Guides that a README does not lead to; in a language that some are written in, these."""
    names = {path.name.split(".")[0] for path in (ROOT / "docs").glob("*.md")}
    own = {name for name in names if (ROOT / "docs" / f"{name}{language}.md").exists()}
    wanted = [f"docs/{name}{language if name in own else ''}.md" for name in sorted(names)]
    return [guide for guide in wanted if f"({guide})" not in readme]


@pytest.mark.parametrize(("name", "language"), [("README.md", ""), ("README.ru.md", ".ru")])
def test_the_readme_leads_to_every_guide(name: str, language: str) -> None:
    assert unnamed((ROOT / name).read_text(), language=language) == []


def test_a_guide_that_is_named_nowhere_would_be_found() -> None:
    readme = (ROOT / "README.ru.md").read_text()
    assert unnamed(readme.replace("(docs/guide-rows.ru.md)", ""), language=".ru") == ["docs/guide-rows.ru.md"]
