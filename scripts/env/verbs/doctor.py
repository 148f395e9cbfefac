"""`larets env doctor`: a bundle for support. Names, versions, verdicts and counts; no value of a setting or object."""

import json
import platform
import tarfile
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import version
from io import BytesIO
from pathlib import Path
from typing import Annotated, Any, Final

import typer
import yaml

from scripts.env.apply import read_history
from scripts.env.checks import check_all
from scripts.env.command import AsJson, Name, Which, told
from scripts.env.environment import Environment, open_environment
from scripts.env.errors import EnvProblem
from scripts.env.place import chosen
from scripts.env.verbs.status import describe
from scripts.tools.build import is_made, known_tools
from scripts.voice import emit, result

PACKAGES: Final = ("larets", "pulumi", "pulumi-kubernetes", "kubernetes", "grpcio", "pydantic")

cli = typer.Typer()


@cli.command()
@told
def doctor(
    contour: Which,
    env: Name = "",
    out: Annotated[Path | None, typer.Option("--out", help="where the bundle is written")] = None,
    as_json: AsJson = False,
) -> None:
    """Write the bundle. Look into it before it leaves the house: it is JSON in a tar archive."""
    environment = open_environment(chosen(env), contour)
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    path = out or Path(f"larets-{environment.contour.stack}-{stamp}.tar.gz")
    parts = {
        "versions": _versions,
        "settings": _settings,
        "checks": lambda one: [{"name": check.name, "ok": check.ok} for check in check_all(one)],
        "status": _status,
        "events": _events,
        "history": lambda one: read_history(one)[-20:],
    }
    with tarfile.open(path, "w:gz") as archive:
        for name, collect in parts.items():
            _add(archive, f"{name}.json", _tried(collect, environment))
    path.chmod(0o600)
    if as_json:
        emit({"bundle": str(path), "parts": sorted(parts)})
    else:
        result(str(path))


def _tried(collect: Callable[[Environment], Any], environment: Environment) -> Any:
    """A part that cannot be had says why, and the others are there all the same."""
    try:
        return collect(environment)
    except EnvProblem as problem:
        return {"not collected": type(problem).__name__, "hint": problem.hint}


def _add(archive: tarfile.TarFile, name: str, content: Any) -> None:
    data = json.dumps(content, ensure_ascii=False, indent=1, default=str).encode()
    entry = tarfile.TarInfo(name)
    entry.size = len(data)
    archive.addfile(entry, BytesIO(data))


def _versions(environment: Environment) -> dict[str, Any]:
    del environment
    return {
        "python": platform.python_version(),
        "system": platform.platform(),
        "packages": {name: version(name) for name in PACKAGES},
        "tools": {tool.name: tool.version for tool in known_tools().values() if is_made(tool)},
    }


def _status(environment: Environment) -> dict[str, Any]:
    """Without the stack's outputs, which name hosts, and without who holds a lock."""
    whole = describe(environment)
    kept = {name: whole[name] for name in ("provider", "workloads", "last")}
    marks = {name: bool(whole[name]) for name in ("interrupted", "at_rest")}
    return kept | marks | {"locks": len(whole["locks"])}


def _settings(environment: Environment) -> Any:
    """Which settings are made, and of what kind each value is."""
    return _kinds(yaml.safe_load(environment.contour.settings.read_text("utf-8")))


def _kinds(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(name): _kinds(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_kinds(item) for item in value]
    return type(value).__name__


def _events(environment: Environment) -> list[dict[str, Any]]:
    """Reasons by kind of object, and how often: an event's message may quote a value."""
    listed = environment.cluster().request("GET", "/api/v1/events")["items"]
    counted = Counter(
        (one["type"], one["reason"], one["involvedObject"]["kind"], one["involvedObject"].get("namespace", ""))
        for one in listed
    )
    return [
        dict(zip(("type", "reason", "kind", "namespace"), at, strict=True)) | {"count": n} for at, n in counted.items()
    ]
