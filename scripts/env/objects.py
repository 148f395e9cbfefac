"""Objects of a cluster compared field by field: what would change, told in Kubernetes' own terms.

`wanted` is what a server-side dry run of our manifest gives, so defaults and what others own are equal on both sides:
what differs is what applying would change. Items of lists are told by their name or port, not by their place.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from scripts.env.inputs import CONTENT, sealed

Path = tuple[str, ...]

KEYS: Final = ("name", "containerPort", "port", "ip", "mountPath", "key", "type", "topologyKey")
# Kept by the server, not asked for by anybody.
KEPT: Final[frozenset[Path]] = frozenset(
    {
        ("status",),
        ("metadata", "managedFields"),
        ("metadata", "resourceVersion"),
        ("metadata", "generation"),
        ("metadata", "creationTimestamp"),
        ("metadata", "uid"),
        ("metadata", "selfLink"),
        ("metadata", "deletionTimestamp"),
        ("metadata", "deletionGracePeriodSeconds"),
    }
)
ABSENT: Final = "(absent)"


@dataclass(frozen=True, slots=True)
class Change:
    """One field: how it stands, how it would stand. A secret's sides are HMACs."""

    path: str
    before: Any
    after: Any


def changes(live: Mapping[str, Any], wanted: Mapping[str, Any], *, secret: Iterable[Path], key: bytes) -> list[Change]:
    hidden = set(secret)
    if wanted.get("kind") == "Secret":
        hidden |= {(name,) for name in CONTENT}
    return [_told(path, before, after, hidden, key) for path, before, after in _differences(live, wanted, ())]


def named(manifest: Mapping[str, Any]) -> str:
    """`Deployment vault/vault-web`, as people say it."""
    meta = manifest["metadata"]
    place = f"{meta['namespace']}/" if meta.get("namespace") else ""
    return f"{manifest['kind']} {place}{meta['name']}"


def _told(path: Path, before: Any, after: Any, hidden: set[Path], key: bytes) -> Change:
    closed = any(path[: len(prefix)] == prefix for prefix in hidden)
    sides = [value if value == ABSENT or not closed else sealed(value, key) for value in (before, after)]
    return Change(_spelt(path), *sides)


def _spelt(path: Path) -> str:
    text = ""
    for part in path:
        text += part if part.startswith("[") else f".{part}" if text else part
    return text


def _differences(before: Any, after: Any, path: Path) -> Iterator[tuple[Path, Any, Any]]:
    if path in KEPT:
        return
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for name in sorted(before.keys() | after.keys()):
            yield from _differences(before.get(name, ABSENT), after.get(name, ABSENT), (*path, name))
    elif isinstance(before, list) and isinstance(after, list):
        yield from _list_differences(before, after, path)
    elif before != after:
        yield path, before, after


def _list_differences(before: list[Any], after: list[Any], path: Path) -> Iterator[tuple[Path, Any, Any]]:
    name = _key_of(before, after)
    if name is None:
        if before != after:
            yield path, before, after
        return
    left, right = ({item[name]: item for item in side} for side in (before, after))
    for item in sorted(left.keys() | right.keys(), key=str):
        yield from _differences(left.get(item, ABSENT), right.get(item, ABSENT), (*path, f"[{item}]"))


def _key_of(before: list[Any], after: list[Any]) -> str | None:
    """A field that tells all items of both lists apart, if there is one."""
    items = [*before, *after]
    if not items or not all(isinstance(item, Mapping) for item in items):
        return None
    for name in KEYS:
        sides = [[item.get(name) for item in side] for side in (before, after)]
        if all(None not in side and len(set(map(str, side))) == len(side) for side in sides):
            return name
    return None
