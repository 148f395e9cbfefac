"""A resource's full inputs as a plan holds them: what is secret enters as HMAC, what is unknown is named as unknown.

Two such values are the same when the engine would be asked for the same thing. An unknown of the plan may become
anything at apply: the API server gives it, nobody chooses it.
"""

import hashlib
import hmac
import json
from collections.abc import Iterator
from typing import Any, Final

# How the engine's wire protocol marks what is not plain.
MARK: Final = "4dabf18193072939515e22adb298388d"
SECRET: Final = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105  the mark, known to all
OUTPUT: Final = "d0e6a833031e9bbcd3f4e8bde6ca49a4"
UNKNOWN: Final = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"

SECRET_KEY: Final = "secret hmac-sha256"  # noqa: S105  a name
UNKNOWN_KEY: Final = "unknown until applied"
# A Secret's content is secret whatever it was registered as.
CONTENT: Final = frozenset({"data", "stringData"})


def canonical(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def sealed(value: Any, key: bytes) -> dict[str, str]:
    """What stands in a plan for a secret: equal for equal values of one contour, and nothing else can be told."""
    return {SECRET_KEY: hmac.new(key, canonical(value), hashlib.sha256).hexdigest()}


def closed(value: Any, key: bytes) -> Any:
    """The inputs as the plan holds them, from the inputs as the engine is sent them."""
    if isinstance(value, dict):
        if MARK in value:
            return _marked(value, key)
        hidden = CONTENT if value.get("kind") == "Secret" else frozenset[str]()
        return {
            name: sealed(opened(item), key) if name in hidden and not _lacks(item) else closed(item, key)
            for name, item in value.items()
        }
    if isinstance(value, list):
        return [closed(item, key) for item in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return unknown() if value == UNKNOWN else value


def _marked(value: dict[str, Any], key: bytes) -> Any:
    inside = value.get("value", UNKNOWN)
    if inside == UNKNOWN:
        return unknown()
    return sealed(opened(inside), key) if value[MARK] == SECRET or value.get("secret") else closed(inside, key)


def opened(value: Any) -> Any:
    """Without marks: what the API server would be sent. Never print it."""
    if isinstance(value, dict):
        if value.get(MARK) in {SECRET, OUTPUT}:
            return opened(value.get("value", UNKNOWN))
        return {name: opened(item) for name, item in value.items()}
    if isinstance(value, list):
        return [opened(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def secret_paths(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Where secrets stand; a list that holds one is secret as a whole, for the server may order it anew."""
    if isinstance(value, dict):
        if value.get(MARK) == SECRET or (value.get(MARK) == OUTPUT and value.get("secret")):
            yield path
            return
        for name, item in value.items():
            yield from secret_paths(item, (*path, name))
    elif isinstance(value, list) and any(True for item in value for _ in secret_paths(item)):
        yield path


def unknown() -> dict[str, bool]:
    return {UNKNOWN_KEY: True}


def unknown_paths(value: Any, path: str = "") -> Iterator[str]:
    """Of inputs as the plan holds them."""
    if value == unknown():
        yield path
    elif isinstance(value, dict):
        for name, item in sorted(value.items()):
            yield from unknown_paths(item, f"{path}.{name}" if path else name)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from unknown_paths(item, f"{path}[{index}]")


def agrees(planned: Any, now: Any) -> bool:
    """Is `now` what was planned? Only where the plan said unknown may it be anything."""
    if planned == unknown():
        return True
    if isinstance(planned, dict) and isinstance(now, dict):
        return planned.keys() == now.keys() and all(agrees(item, now[name]) for name, item in planned.items())
    if isinstance(planned, list) and isinstance(now, list):
        return len(planned) == len(now) and all(agrees(*pair) for pair in zip(planned, now, strict=True))
    return bool(planned == now)


def _lacks(value: Any) -> bool:
    return any(True for _ in unknown_paths(closed(value, b"")))
