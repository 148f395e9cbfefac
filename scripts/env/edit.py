"""Changes parts of a settings file and leaves its other lines, comments too, as the administrator wrote them."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from infra.lib.settings import load_settings
from scripts.files import write_whole


def set_lines(path: Path, parts: Mapping[str, Any]) -> None:
    """Put whole top-level parts in place of what stands there.

    Raises:
        SettingsInvalid: the result would not be settings; the file is as it was.
    """
    before = path.read_text("utf-8")
    lines = before.splitlines()
    for name, value in parts.items():
        lines = _without(lines, name)
        lines += yaml.safe_dump({name: value}, sort_keys=False, allow_unicode=True).splitlines()
    write_whole(path, "\n".join(lines) + "\n", mode=0o600)
    try:
        load_settings(path)
    except Exception:
        write_whole(path, before, mode=0o600)
        raise


@contextmanager
def changed_settings(path: Path, changes: Mapping[str, Mapping[str, Any]]) -> Iterator[None]:
    """Single keys of parts changed for good, unless what is done with them fails: then the file is as it was."""
    before = path.read_text("utf-8")
    set_lines(path, merged(path, changes))
    try:
        yield
    except BaseException:
        write_whole(path, before, mode=0o600)
        raise


def merged(path: Path, changes: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The parts with single keys changed, for `set_lines`."""
    content = yaml.safe_load(path.read_text("utf-8"))
    return {name: (content.get(name) or {}) | dict(change) for name, change in changes.items()}


def _without(lines: list[str], name: str) -> list[str]:
    kept, inside = [], False
    for line in lines:
        if line.startswith(f"{name}:"):
            inside = True
            continue
        if inside and (not line.strip() or line[0] in " \t-"):
            continue
        inside = False
        kept.append(line)
    return kept
