"""The texts inside a request body, decoded as far as the application itself would decode them."""

import json
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import parse_qsl

from app.errors import BrokenRequest, UnsupportedBody

FORM: Final = "application/x-www-form-urlencoded"
JSON: Final = "application/json"
_MAX_FIELDS: Final = 1000


def texts_of(body: bytes, *, content_type: str, content_encoding: str) -> list[str]:
    """Every text of the body: names and values, and numbers as they are written.

    Raises:
        UnsupportedBody: a kind of body that is not looked through, so it is not let through.
        BrokenRequest: it cannot be read.
    """
    if content_encoding not in {"", "identity"}:
        raise UnsupportedBody
    media, _, parameters = (part.strip().lower() for part in content_type.partition(";"))
    if parameters and parameters.replace(" ", "") not in {"charset=utf-8", 'charset="utf-8"'}:
        raise UnsupportedBody
    try:
        text = body.decode("utf-8")
        if media == JSON:
            # Pairs, not dictionaries: a name given twice must not hide the first value.
            return list(_leaves(json.loads(text, object_pairs_hook=_Pairs, parse_int=str, parse_float=str)))
        if media == FORM:
            pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=_MAX_FIELDS, errors="strict")
            return [part for pair in pairs for part in pair]
    except (ValueError, RecursionError) as error:
        raise BrokenRequest from error
    raise UnsupportedBody


class _Pairs(list[tuple[str, Any]]):
    """An object of JSON as its pairs, told apart from an array."""


def _leaves(document: Any) -> Iterator[str]:
    waiting = [document]
    while waiting:
        node = waiting.pop()
        if isinstance(node, str):
            yield node
        elif isinstance(node, _Pairs):
            for name, value in node:
                yield name
                waiting.append(value)
        elif isinstance(node, list):
            waiting.extend(node)
