"""Each block of addresses that holds the metadata address excepts it."""

import ipaddress
from collections.abc import Iterator, Sequence
from typing import Final

from policies.rules.model import UNKNOWN, Breach, Facts, Outcome, Resource, each, get

METADATA: Final = ("169.254.169.254", "fd00:ec2::254")


def check(resources: Sequence[Resource], facts: Facts) -> Iterator[Breach]:
    del facts
    for resource in resources:
        if resource.kind != "NetworkPolicy":
            continue
        for part, end in (("egress", "to"), ("ingress", "from")):
            for rule in each(get(resource.object, "spec", part)):
                if part == "egress" and rule is not UNKNOWN and not get(rule, "to"):
                    yield Breach(str(resource), Outcome.FAIL, "a rule leads everywhere, the metadata address included")
                for peer in each(get(rule, end)):
                    block = get(peer, "ipBlock")
                    if block is UNKNOWN:
                        yield Breach(str(resource), Outcome.UNKNOWN, "addresses are not known yet")
                    elif block is not None and any(_lets_through(block, address) for address in METADATA):
                        yield Breach(str(resource), Outcome.FAIL, "a block of addresses holds the metadata address")


def _lets_through(block: dict[str, object], address: str) -> bool:
    where = ipaddress.ip_address(address)
    excepted = [ipaddress.ip_network(str(network)) for network in each(block.get("except"))]
    return where in ipaddress.ip_network(str(block["cidr"])) and not any(where in network for network in excepted)
