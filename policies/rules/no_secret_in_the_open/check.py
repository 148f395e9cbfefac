"""No value that is, or is named like, a secret outside an object of kind Secret."""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from policies.rules.model import Breach, Facts, Resource, Unknown, containers, each, get, must

NAME: Final = re.compile(r"(?i)(password|passwd|passphrase|secret|token|credential|private_?key|api_?key)")
VALUE: Final = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY|://[^/\s:@]+:[^/\s@]+@|\bhvs\.")


def check(resources: Sequence[Resource], facts: Facts) -> Iterator[Breach]:
    del facts
    for resource in resources:
        if resource.kind == "Secret":
            continue
        yield from must(resource, None, not resource.sealed, f"a secret stands in {', '.join(sorted(resource.sealed))}")
        for name, container, _ in containers(resource):
            for entry in each(get(container, "env")):
                value, called = get(entry, "value"), get(entry, "name")
                good = not (value and (_named(str(called), str(value)) or VALUE.search(str(value))))
                seen = value if isinstance(value, Unknown) else [called, value]
                yield from must(resource, seen, good, f"container {name}: {called} holds a secret")
                mounted = get(entry, "valueFrom", "secretKeyRef")
                reason = f"container {name}: {called} is a secret in the environment; mount it as a file"
                yield from must(resource, mounted, mounted is None, reason)
        if resource.kind == "ConfigMap":
            texts = get(resource.object, "data")
            known = texts if isinstance(texts, dict) else {"?": texts}
            for key, text in known.items():
                yield from must(resource, text, not VALUE.search(str(text)), f"key {key} holds a secret")


def _named(name: str, value: str) -> bool:
    """A path to a secret's file is no secret."""
    return NAME.search(name) is not None and not value.startswith("/") and value not in {"accepted", "refused"}
