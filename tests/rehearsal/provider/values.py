"""Values as the engine sends them: secrets and unknowns are wrapped, and must go back the way they came."""

from typing import Any, Final

from google.protobuf import json_format, struct_pb2

MARK: Final = "4dabf18193072939515e22adb298388d"
SECRET: Final = "1b47061264138c4ac30d75fd1eb44270"
UNKNOWN: Final = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"


def from_struct(struct: struct_pb2.Struct) -> dict[str, Any]:
    found: dict[str, Any] = _whole(json_format.MessageToDict(struct))
    return found


def to_struct(value: dict[str, Any]) -> struct_pb2.Struct:
    made = struct_pb2.Struct()
    made.update(value)
    return made


def _whole(value: Any) -> Any:
    """Numbers come as floats: ports and replicas are whole ones."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, dict):
        return {key: _whole(item) for key, item in value.items()}
    return [_whole(item) for item in value] if isinstance(value, list) else value


def is_secret(value: Any) -> bool:
    return isinstance(value, dict) and value.get(MARK) == SECRET


def wrap(value: Any) -> Any:
    return value if is_secret(value) else {MARK: SECRET, "value": value}


def plain(value: Any) -> Any:
    """Without the wrapping of secrets: what the API server is sent."""
    if is_secret(value):
        return plain(value["value"])
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, list) else value


def has_unknown(value: Any) -> bool:
    if isinstance(value, dict):
        return any(has_unknown(item) for item in value.values())
    return any(has_unknown(item) for item in value) if isinstance(value, list) else value == UNKNOWN


def keep_secret(value: Any, pattern: Any) -> Any:
    """`value` with secrets where `pattern` has them. A list with a secret in it is secret as a whole: items move."""
    if is_secret(pattern):
        return wrap(value)
    if isinstance(pattern, dict) and isinstance(value, dict):
        return {key: keep_secret(item, pattern.get(key)) for key, item in value.items()}
    return wrap(value) if isinstance(pattern, list) and _holds_secret(pattern) else value


def _holds_secret(value: Any) -> bool:
    if isinstance(value, dict):
        return is_secret(value) or any(_holds_secret(item) for item in value.values())
    return isinstance(value, list) and any(_holds_secret(item) for item in value)
