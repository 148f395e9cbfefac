"""Where a stack's values stand in its cluster: the Secrets that its program asks for, read as they are written.

Nothing is listed twice: the program itself is run with each value's name in place of the value.
"""

from base64 import b64decode
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from infra.lib.names import Stack
from infra.lib.settings import StackSettings
from infra.material import needed
from infra.render import registrations
from infra.values import GivenValues


@dataclass(frozen=True, slots=True)
class Holder:
    """A Secret. `texts`: key → what it is written from, `{names}` of values in it."""

    manifest: dict[str, Any]
    texts: dict[str, str]


def holders(stack: Stack, settings: StackSettings) -> Iterator[Holder]:
    """Also those that another hand fills from a store: they hold the same."""
    created = settings.secrets.model_copy(update={"kind": "created"})
    names = GivenValues({key: f"{{{key}}}" for one in needed(stack, settings) for key in one.keys})
    for one in registrations(stack, settings.model_copy(update={"secrets": created}), names):
        if one.manifest and one.manifest["kind"] == "Secret":
            data = one.manifest["data"]
            yield Holder(one.manifest, {key: b64decode(text).decode() for key, text in data.items()})
