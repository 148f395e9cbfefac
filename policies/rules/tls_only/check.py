"""No listener, address or database connection in clear."""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from policies.rules.model import Breach, Facts, Resource, containers, each, get, must

CLEAR: Final = re.compile(r"(?i)(http|redis|amqp)://|postgres(ql)?://(?!.*sslmode=verify-full)")
OFF: Final = re.compile(r"(?i)tls_disable\W+(true|1)|sslmode=(disable|allow|prefer)|^ssl\s*=\s*off", re.MULTILINE)


def check(resources: Sequence[Resource], facts: Facts) -> Iterator[Breach]:
    del facts
    for resource in resources:
        if resource.kind in {"Gateway", "Ingress"}:
            for listener in each(get(resource.object, "spec", "listeners")):
                spoken = get(listener, "protocol")
                yield from must(resource, spoken, spoken in ("HTTPS", "TLS"), "a listener speaks without TLS")
            if resource.kind == "Ingress":
                kept = get(resource.object, "spec", "tls")
                yield from must(resource, kept, bool(kept), "the Ingress ends no TLS")
        for name, container, _ in containers(resource):
            for entry in each(get(container, "env")):
                value = get(entry, "value")
                good = not CLEAR.match(str(value))
                yield from must(resource, value, good, f"container {name}: {get(entry, 'name')} is an address in clear")
        texts = get(resource.object, "data") if resource.kind == "ConfigMap" else None
        known = texts if isinstance(texts, dict) else {"?": texts}
        for key, text in known.items():
            yield from must(resource, text, not OFF.search(str(text)), f"key {key} turns TLS off")
