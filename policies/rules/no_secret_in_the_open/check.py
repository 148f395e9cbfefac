"""No value that is, or is named like, a secret outside an object of kind Secret."""

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, Final

from policies.rules.model import UNKNOWN, Breach, Facts, Resource, Unknown, containers, each, get, holds_unknown, must

NAME: Final = re.compile(r"(?i)(password|passwd|passphrase|secret|token|credential|private_?key|api_?key)")
# A word that ends like one of them, and what it is set to: neither a file's path nor a reference.
SET: Final = re.compile(rf"{NAME.pattern}s?[\"']?\s*[=:]\s*[\"']?(?![\"'/$\s])")
VALUE: Final = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY|://[^/\s:@]*:[^/\s@]+@|\bhvs\.|\beyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{2,}"
)


def check(resources: Sequence[Resource], facts: Facts) -> Iterator[Breach]:
    del facts
    for resource in resources:
        if resource.kind == "Secret":
            continue
        yield from must(resource, None, not resource.sealed, f"a secret stands in {', '.join(sorted(resource.sealed))}")
        yield from _anywhere(resource)
        for name, container, _ in containers(resource):
            yield from _in_container(resource, name, container)
        if resource.kind == "ConfigMap":
            texts = get(resource.object, "data")
            for key, text in (texts if isinstance(texts, dict) else {"?": texts}).items():
                good = not (text and (_named(key, str(text)) or SET.search(str(text))))
                yield from must(resource, text, good, f"key {key} holds a secret")


def _anywhere(resource: Resource) -> Iterator[Breach]:
    """Arguments, annotations and whatever else: what looks like a secret is one."""
    for path, value in _leaves(resource.object):
        yield from must(resource, None, not VALUE.search(str(value)), f"{path} holds a secret")
    seen = UNKNOWN if holds_unknown(resource.object) else None
    yield from must(resource, seen, ok=True, reason="what is not known yet may hold a secret")


def _in_container(resource: Resource, name: str, container: Any) -> Iterator[Breach]:
    for entry in each(get(container, "env")):
        value, called = get(entry, "value"), get(entry, "name")
        good = not (value and _named(str(called), str(value)))
        seen = value if isinstance(value, Unknown) else [called, value]
        yield from must(resource, seen, good, f"container {name}: {called} holds a secret")
        mounted = get(entry, "valueFrom", "secretKeyRef")
        reason = f"container {name}: {called} is a secret in the environment; mount it as a file"
        yield from must(resource, mounted, mounted is None, reason)
    for source in each(get(container, "envFrom")):
        taken = get(source, "secretRef")
        reason = f"container {name}: a Secret is its environment; mount it as files"
        yield from must(resource, taken, taken is None, reason)
    words = [one for part in ("command", "args") for one in each(get(container, part))]
    for word, following in pairwise([*words, ""]):
        option = str(word).startswith("-") and "=" not in str(word) and NAME.search(str(word)) is not None
        given = option and following and not str(following).startswith(("-", "/"))
        good = isinstance(following, Unknown) or not (SET.search(str(word)) or given)
        seen = [word, following] if option else word
        yield from must(resource, seen, good, f"container {name}: an argument is a secret")


def _named(name: str, value: str) -> bool:
    """A path to a secret's file is no secret."""
    return NAME.search(name) is not None and not value.startswith("/") and value not in {"accepted", "refused"}


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every scalar with the names that lead to it."""
    if isinstance(value, Mapping):
        for name, item in value.items():
            yield from _leaves(item, f"{path}.{name}" if path else str(name))
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _leaves(item, path)
    elif not isinstance(value, Unknown):
        yield path, value
