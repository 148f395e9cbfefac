"""Network policies name who, by namespace and labels or by address, and at which port; and open no other path.

Which paths are meant is a fact of the settings. Where it is not known, the shape alone is judged.
"""

import ipaddress
from collections.abc import Iterator, Sequence
from typing import Any, Final

from policies.rules.model import UNKNOWN, Breach, Facts, Resource, Unknown, each, get, holds_unknown, must

NAME: Final = "kubernetes.io/metadata.name"
WIDEST: Final = 8  # bits of a network; whatever has fewer is the internet
EDGE: Final = "edge"  # the one namespace that the internet may call


def check(resources: Sequence[Resource], facts: Facts) -> Iterator[Breach]:
    for resource in resources:
        if resource.kind != "NetworkPolicy":
            continue
        space, spec = get(resource.object, "metadata", "namespace"), get(resource.object, "spec")
        own = _pods(space, get(spec, "podSelector"))
        for part, word in (("ingress", "from"), ("egress", "to")):
            callable_by_all = part == "ingress" and space in (EDGE, UNKNOWN)
            for rule in each(get(spec, part)):
                ends, ports = list(each(get(rule, word))) or [None], list(each(get(rule, "ports"))) or [None]
                for end, port in ((end, port) for end in ends for port in ports):
                    told = (own, word, _end(end), _port(port))
                    reason = _against(told, facts, internet=_is_internet(end) and not callable_by_all)
                    yield from must(resource, told, not reason, reason or "whom it lets through")


def _against(told: tuple[Any, ...], facts: Facts, *, internet: bool) -> str:
    own, word, end, port = told
    if end is None:
        return "a rule names nobody: pods are named by namespace and labels, others by address"
    if port is None:
        return "a rule names no single port"
    if internet:
        return "a rule opens the whole internet"
    if own is None:
        return "it chooses pods otherwise than by labels"
    if holds_unknown(told) or facts.ways is None:
        return ""
    way = f"{own} {word} {end}: {port}"
    return "" if way in facts.ways else f"{way} is no intended path"


def _end(end: Any) -> str | Unknown | None:
    block, space = get(end, "ipBlock"), get(end, "namespaceSelector")
    if block is None:
        labels = get(space, "matchLabels")
        alone = holds_unknown(space) or space == {"matchLabels": {NAME: get(labels, NAME)}}
        return _pods(get(labels, NAME), get(end, "podSelector")) if alone else None
    if holds_unknown(block):
        return UNKNOWN
    excepted = ", ".join(each(get(block, "except")))
    return f"{get(block, 'cidr')} except {excepted}" if excepted else str(get(block, "cidr"))


def _pods(space: Any, selector: Any) -> str | Unknown | None:
    """`namespace/label=value`, or `namespace/*` for all its pods."""
    if holds_unknown((space, selector)):
        return UNKNOWN
    labels = get(selector, "matchLabels") or {}
    if not space or set(selector or {}) - {"matchLabels"}:
        return None
    return f"{space}/{','.join(f'{key}={value}' for key, value in sorted(labels.items())) or '*'}"


def _port(port: Any) -> str | Unknown | None:
    number, last = get(port, "port"), get(port, "endPort")
    if isinstance(number, Unknown) or isinstance(last, Unknown):
        return UNKNOWN
    if not isinstance(number, int) or last is not None:
        return None
    spoken = get(port, "protocol")
    return UNKNOWN if isinstance(spoken, Unknown) else f"{spoken or 'TCP'} {number}"


def _is_internet(end: Any) -> bool:
    network = get(end, "ipBlock", "cidr")
    return isinstance(network, str) and ipaddress.ip_network(network).prefixlen < WIDEST
