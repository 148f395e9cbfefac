"""Tools are made once, made again when what they are made from changes, and never half."""

from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from scripts.tools import build, tool
from scripts.tools.tool import Tool, ToolProblem, run_slowly


@dataclass(frozen=True)
class Write:
    """A step that leaves a file and remembers how often it ran."""

    output: str
    content: str = "made"

    def run(self, name: str) -> None:
        path = tool.PLACE / self.output
        path.parent.mkdir(parents=True, exist_ok=True)
        runs = tool.PLACE / f"{name}.runs"
        runs.write_text(f"{runs.read_text() if runs.exists() else ''}x")
        path.write_text(self.content)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tool, "PLACE", tmp_path / ".tools")
    monkeypatch.setattr(build, "ROOT", tmp_path)
    (tmp_path / "go.mod").write_text("module one")
    return tmp_path


HAMMER = Tool("hammer", version="1", leaves=("bin/hammer",), steps=(Write("bin/hammer"),), sources=("go.mod",))


def _know(monkeypatch: pytest.MonkeyPatch, *tools: Tool) -> None:
    monkeypatch.setattr(build, "known_tools", lambda: {each.name: each for each in tools})


def test_a_tool_is_made_once(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _know(monkeypatch, HAMMER)
    assert build.make(["hammer"])[0].seconds > 0
    assert build.make(["hammer"])[0].seconds == 0
    assert (place / ".tools/hammer.runs").read_text() == "x"


@pytest.mark.parametrize(
    "changed",
    [replace(HAMMER, version="2"), replace(HAMMER, steps=(Write("bin/hammer", "better"),))],
)
def test_another_version_or_other_steps_make_it_again(
    place: Path, monkeypatch: pytest.MonkeyPatch, changed: Tool
) -> None:
    _know(monkeypatch, HAMMER)
    build.make(["hammer"])
    _know(monkeypatch, changed)
    build.make(["hammer"])
    assert (place / ".tools/hammer.runs").read_text() == "xx"


@pytest.mark.parametrize("lost", ["bin/hammer", ".done-hammer"])
def test_a_lost_file_or_stamp_makes_it_again(place: Path, monkeypatch: pytest.MonkeyPatch, lost: str) -> None:
    _know(monkeypatch, HAMMER)
    build.make(["hammer"])
    (place / ".tools" / lost).unlink()
    build.make(["hammer"])
    assert (place / ".tools/hammer.runs").read_text() == "xx"


def test_a_changed_source_makes_it_again(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _know(monkeypatch, HAMMER)
    build.make(["hammer"])
    (place / "go.mod").write_text("module two")
    build.make(["hammer"])
    assert (place / ".tools/hammer.runs").read_text() == "xx"


def test_what_a_tool_needs_is_made_before_it(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nail = replace(HAMMER, name="nail", leaves=("bin/nail",), steps=(Write("bin/nail"),), needs=("hammer",))
    _know(monkeypatch, HAMMER, nail)
    assert [each.name for each in build.make(["nail"])] == ["hammer", "nail"]
    assert (place / ".tools/bin/hammer").exists()


def test_steps_that_leave_nothing_are_no_success(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _know(monkeypatch, replace(HAMMER, steps=(Write("elsewhere"),)))
    with pytest.raises(ToolProblem, match="left no bin/hammer"):
        build.make(["hammer"])
    assert not (place / ".tools/.done-hammer").exists()


def test_an_unknown_tool_is_said_with_the_known_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    _know(monkeypatch, HAMMER)
    with pytest.raises(ToolProblem, match="no tool saw") as caught:
        build.make(["saw"])
    assert "hammer" in caught.value.hint


def test_a_step_that_fails_shows_its_last_lines_and_not_the_compiled_packages(tmp_path: Path) -> None:
    command = ["sh", "-c", "echo github.com/some/package; echo 'it broke: no space'; exit 3"]
    with pytest.raises(ToolProblem, match="ended with 3") as caught:
        run_slowly(command, cwd=tmp_path, env={}, name="hammer", unit="lines", hint="free some space")
    assert "it broke" in str(caught.value)
    assert "github.com" not in str(caught.value)
    assert caught.value.hint == "free some space"


def test_every_declared_tool_names_sources_that_exist() -> None:
    tools = build.known_tools()
    assert {"vault", "softhsm2"} <= tools.keys()
    for each in tools.values():
        assert each.leaves
        assert len(build.digest(each)) == 64
        assert set(each.needs) <= tools.keys()
