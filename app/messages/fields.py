"""A template's parameters as fields of a form: which input each kind gets, and what a browser sends of it.

A date comes from a browser as 2026-11-29 and goes into a person's message as 29.11.2026; a partner's API gets it as it
came. Of a link only the code is typed: its beginning was approved with the template.
"""

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Final

from pii_vault.client import OfferedParameter, OfferedTemplate, fits

_ISO: Final = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})")
_SHOWN: Final = re.compile(r"([0-9]{2})\.([0-9]{2})\.([0-9]{4})")
_WHOLE: Final = "https://"


@dataclass(frozen=True, slots=True)
class Field:
    """`value` stands in the input; `start` is the beginning of a link that is chosen. `wrong`: typed, and refused."""

    name: str
    kind: str
    value: str
    words: Collection[str]
    starts: Collection[str]
    start: str
    wrong: bool


def read_given(template: OfferedTemplate, read: Callable[[str], str]) -> dict[str, str]:
    """Parameters as they are sent. `read`: a field of the form by its name."""
    return {name: _sent(name, template, read) for name in template.parameters}


def fields_of(template: OfferedTemplate, *, number: str, given: Mapping[str, str]) -> list[Field]:
    """`given`: what was typed before. What does not fit is marked and not shown again: it may be a person's.

    `number`: of the order on whose card the message is written.
    """
    return [_field(name, template.kinds[name], number, given.get(name)) for name in template.parameters]


def _sent(name: str, template: OfferedTemplate, read: Callable[[str], str]) -> str:
    typed = read(f"given_{name}").strip()
    match template.kinds[name].kind:
        case "date" if template.channel != "api" and (found := _ISO.fullmatch(typed)):
            return f"{found[3]}.{found[2]}.{found[1]}"
        case "link" if not typed.startswith(_WHOLE):
            return read(f"start_{name}") + typed
        case _:
            return typed


def _field(name: str, declared: OfferedParameter, number: str, given: str | None) -> Field:
    wrong = given is not None and not fits(given, declared)
    value = given if given is not None and not wrong else ""
    start = ""
    if declared.kind == "order_number" and given is None:
        value = number
    if declared.kind == "date" and (found := _SHOWN.fullmatch(value)):
        value = f"{found[3]}-{found[2]}-{found[1]}"
    if declared.kind == "link":
        start = max((each for each in declared.starts if value.startswith(each)), key=len, default="")
        value = value.removeprefix(start)
    return Field(name, declared.kind, value, declared.words, declared.starts, start, wrong)
