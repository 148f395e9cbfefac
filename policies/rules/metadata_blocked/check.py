"""Each block of addresses that holds the metadata address excepts it."""

import ipaddress
from collections.abc import Iterator, Sequence
from typing import Any, Final

from policies.rules.model import UNKNOWN, Breach, Facts, Resource, Unknown, all_of, any_of, each, get, must, none_of

METADATA: Final = ("169.254.169.254", "fd00:ec2::254")


def check(resources: Sequence[Resource], facts: Facts) -> Iterator[Breach]:
    del facts
    for resource in resources:
        if resource.kind != "NetworkPolicy":
            continue
        for part, end in (("egress", "to"), ("ingress", "from")):
            for rule in each(get(resource.object, "spec", part)):
                ends = get(rule, end)
                if part == "egress":
                    yield from must(resource, None, bool(ends), "a rule leads everywhere, also to the metadata address")
                for peer in each(ends):
                    block = get(peer, "ipBlock")
                    good = block is None or all_of(_keeps_out(block, address) for address in METADATA)
                    yield from must(resource, good, good is True, "a block of addresses holds the metadata address")


def _keeps_out(block: Any, address: str) -> bool | Unknown:
    excepted = (_holds(network, address) for network in each(get(block, "except")))
    return any_of((none_of([_holds(get(block, "cidr"), address)]), *excepted))


def _holds(network: Any, address: str) -> bool | Unknown:
    return UNKNOWN if isinstance(network, Unknown) else ipaddress.ip_address(address) in ipaddress.ip_network(network)
