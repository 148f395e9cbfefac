"""Requests that schemathesis makes up from the vault's own description, aimed at what stands in an instance.

Made up alone, hardly a request would get past its first check: so every field that names a thing may also hold one
that is there. What an answer must never be is told here as well.
"""

import copy
import json
import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Final, get_args

import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from pydantic_core import core_schema
from schemathesis import Case, GenerationMode
from schemathesis.core.result import Ok

from pii_vault.errors import VaultError, default_detail
from scripts.voice import say

ROOT: Final = Path(__file__).resolve().parents[2]
SHORTEST_ECHO: Final = 8
BODY_WEIGHT: Final = 3  # a body has more forms than an address
PROBLEM: Final = "application/problem+json"
_TEXT: Final = {"type": "string"}
# What a description leaves out: bodies that are read as they come, and headers of the hot endpoints.
_ITEMS: Final = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["class", "value"],
        "properties": {"class": _TEXT, "value": _TEXT, "subject": _TEXT, "kind": _TEXT},
    },
}
_TABLE: Final = {"type": "array", "items": {"type": "array", "items": _TEXT}}
_RELAY: Final = {
    "type": "object",
    "additionalProperties": False,
    "required": ["template", "version", "digest", "subject"],
    "properties": {
        "template": _TEXT,
        "version": {"type": "integer"},
        "digest": _TEXT,
        "subject": _TEXT,
        "parameters": {"type": "object", "additionalProperties": _TEXT},
    },
}
BODIES: Final[dict[str, dict[str, Any]]] = {
    "/v1/tokenise:stream": {"application/x-ndjson": _ITEMS, "text/csv": _TABLE},
    "/v1/reveal:stream": {"application/x-ndjson": _ITEMS, "text/csv": _TABLE},
    "/v1/files": {"application/octet-stream": {"type": "string", "format": "binary"}},
    "/v1/relay": {"application/json": _RELAY},
}
FREE: Final = ("value", "text", "version", "text_version", "until", "given")  # and whatever else fits
HEADERS: Final[dict[str, tuple[str, ...]]] = {
    "/v1/tokenise": ("idempotency-key",),
    "/v1/reveal": ("larets-consistency",),
    "/v1/search": ("larets-consistency", "larets-after"),
    "/v1/files/{token}": ("range",),
}


@schemathesis.serializer("application/x-ndjson")
def _lines(_: Any, value: Any) -> bytes:
    rows = value if isinstance(value, list) else [value]
    return "\n".join(json.dumps(row) for row in rows).encode()


@schemathesis.serializer("text/csv")
def _table(_: Any, value: Any) -> bytes:
    rows = value if isinstance(value, list) else [[value]]
    return "\r\n".join(";".join(map(str, row)) if isinstance(row, list) else str(row) for row in rows).encode(
        errors="surrogatepass"
    )


@dataclass(frozen=True, slots=True)
class Known:
    """`words`: what a field of this name may well hold. `secrets`: values that stand in the vault, and no problem."""

    words: Mapping[str, Sequence[Any]]
    secrets: Sequence[str]


@dataclass(frozen=True, slots=True)
class Caller:
    """One who is let in at a listener; `tls` is what requests calls its certificate and its authority.

    `headers` are asked for anew for each request: a token lasts five minutes only.
    """

    url: str
    headers: Callable[[], Mapping[str, str]]
    session: requests.Session
    tls: Mapping[str, Any] = field(default_factory=dict)


@dataclass
class Tally:
    sent: int = 0
    statuses: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)


def aimed(description: Mapping[str, Any], known: Known) -> dict[str, Any]:
    """The description of `/v1` alone, its fields widened by what is known, and completed."""
    made = copy.deepcopy(dict(description))
    made["paths"] = {path: found for path, found in made["paths"].items() if path.startswith("/v1/")}
    for path, operations in made["paths"].items():
        for operation in operations.values():
            if path in BODIES and "requestBody" not in operation:
                content = {media: {"schema": copy.deepcopy(shape)} for media, shape in BODIES[path].items()}
                operation["requestBody"] = {"required": True, "content": content}
            given = operation.setdefault("parameters", [])
            given += [{"name": name, "in": "header", "schema": _TEXT} for name in HEADERS.get(path, ())]
            for parameter in given:
                parameter["schema"] = _widened(parameter["name"], parameter["schema"], known)
    _widen(made, known)
    return made


def _widened(name: str, schema: Any, known: Known) -> Any:
    """What is named must be there for the request to get anywhere; the forbidden half has all the other forms."""
    words = known.words.get(name)
    if words is None:
        return schema
    return {"anyOf": [{"enum": list(words)}, schema]} if name in FREE else {"enum": list(words)}


def _widen(node: Any, known: Known) -> None:
    if isinstance(node, list):
        for each in node:
            _widen(each, known)
    elif isinstance(node, dict):
        if node.get("type") == "array":
            node["minItems"] = 1
            if node.get("items") == _TEXT:
                node["items"] = _widened("token", _TEXT, known)
        properties = node.get("properties")
        for each in node.values():
            _widen(each, known)
        if isinstance(properties, dict):
            node["properties"] = {name: _widened(name, schema, known) for name, schema in properties.items()}


def hunt(description: Mapping[str, Any], callers: Sequence[Caller], *, cases: int, seed_: int, known: Known) -> Tally:
    """So many requests over all operations, half of them in a form that the description forbids."""
    schema = schemathesis.openapi.from_dict(dict(description))
    operations: list[Any] = [result.ok() for result in schema.get_all_operations() if isinstance(result, Ok)]
    # Those with the fewest forms first: what they leave over goes to the others.
    operations.sort(key=lambda each: (bool(each.body), each.method != "get", each.path))
    work = [(operation, mode) for operation in operations for mode in GenerationMode]
    weights = [BODY_WEIGHT if operation.body else 1 for operation, _ in work]
    tally = Tally()
    for place, (operation, mode) in enumerate(work):
        share = (cases - tally.sent) * weights[place] // sum(weights[place:])
        _try(operation.as_strategy(mode), callers, known, tally, (share, f"{seed_}/{place}"))
        if place % 10 == 9:
            say(f"  {tally.sent:,} of {cases:,} requests, {sum(tally.faults.values())} faults")
    return tally


def _try(strategy: Any, callers: Sequence[Caller], known: Known, tally: Tally, draw: tuple[int, str]) -> None:
    """`draw`: how many cases, by which seed."""
    share, seeded = draw

    @seed(random.Random(seeded).getrandbits(64))
    @settings(
        max_examples=max(share, 1),
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=strategy, caller=st.sampled_from(callers))
    def one(case: Case[Any], caller: Caller) -> None:
        try:
            answer = case.call(caller.url, caller.session, dict(caller.headers()), timeout=30, **caller.tls)
        except (requests.exceptions.InvalidHeader, UnicodeError):
            return  # this client cannot say it
        tally.sent += 1
        status, text, kind = answer.status_code, answer.content.decode(errors="replace"), _kind(answer.headers)
        tally.statuses[f"{case.operation.path} {status}"] += 1
        told_in_head = " ".join(map(str, answer.headers.values()))  # names of headers are nobody's value
        for fault in faults_of(status, f"{told_in_head} {text}", kind, sent=_sent(case), known=known):
            told = f"{case.method} {case.operation.path}: {fault}"
            tally.faults[told] += 1
            tally.examples.setdefault(told, f"{case.query} {case.path_parameters} {case.body!r:.300} → {text[:300]}")

    with suppress(Unsatisfiable):  # an operation that takes nothing has no wrong form
        one()


def _kind(headers: Mapping[str, Any]) -> str:
    found = headers.get("content-type", "")
    return str(found[0] if isinstance(found, list) else found)


def _sent(case: Case[Any]) -> set[str]:
    return set(_leaves(case.body)) | set(_leaves(case.query)) | set(_leaves(case.path_parameters))


def _leaves(node: Any) -> Iterator[str]:
    if isinstance(node, str):
        yield node
    elif isinstance(node, Mapping):
        for each in node.values():
            yield from _leaves(each)
    elif isinstance(node, list):
        for each in node:
            yield from _leaves(each)


@cache
def _own_words() -> str:
    """What a refusal may say by itself: hypothesis also sends words that it finds in our source and in packages."""
    files = (path for folder in ("pii_vault", "scripts", "tests") for path in (ROOT / folder).rglob("*.py"))
    details = map(default_detail, _kinds(VaultError))
    return " ".join([*(path.read_text() for path in files), *get_args(core_schema.ErrorType), *details])


def _kinds(kind: type[VaultError]) -> Iterator[type[VaultError]]:
    yield kind
    for each in kind.__subclasses__():
        yield from _kinds(each)


def faults_of(status: int, text: str, kind: str, *, sent: set[str], known: Known) -> Iterator[str]:
    """What is wrong with an answer: a breakdown, a refusal that is no problem of RFC 9457, a value in a refusal."""
    if status >= 500:
        yield f"status {status}"
    if status < 400:
        return
    if not kind.startswith(PROBLEM):
        yield f"{status} is no problem but {kind!r}"
    if any(secret in text for secret in known.secrets):
        yield f"{status} holds a value"
    own = {str(word) for words in known.words.values() for word in words}
    echoes = (each for each in sent - own if len(each) >= SHORTEST_ECHO and each in text)
    if any(each not in _own_words() for each in echoes):
        yield f"{status} repeats what was sent"
