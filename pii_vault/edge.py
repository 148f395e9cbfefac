"""Who the peer is when an edge (a load balancer, an ingress) stands before the browser listener.

Behind an edge every connection comes from the edge, so a pause meant for one block of addresses would stop everybody.
The address in `X-Forwarded-For` is anybody's to write; only the hop that a trusted edge itself has appended, the last
one, is believed. By default nobody is trusted and the header is not read. An address is used, never kept.
"""

import ipaddress
from collections.abc import Sequence

from starlette.types import ASGIApp, Receive, Scope, Send

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class BehindEdge:
    """ASGI: puts the believed address in the place of the peer's, for everything behind it."""

    def __init__(self, app: ASGIApp, *, trusted: Sequence[Network]) -> None:
        self._app = app
        self._trusted = tuple(trusted)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        client = scope.get("client")
        if self._trusted and client is not None and scope["type"] == "http":
            forwarded = [value.decode("latin-1") for name, value in scope["headers"] if name == b"x-forwarded-for"]
            scope = dict(scope)
            scope["client"] = (believed(client[0], forwarded, trusted=self._trusted), client[1])
        await self._app(scope, receive, send)


def believed(peer: str, forwarded: Sequence[str], *, trusted: Sequence[Network]) -> str:
    """From the connection backwards: as long as the address at hand is a trusted edge's, the hop it appended."""
    hops = [hop.strip() for line in forwarded for hop in line.split(",")]
    address = peer
    while hops and _is_in(address, trusted):
        hop = hops.pop()
        if _parsed(hop) is None:
            break
        address = hop
    return address


def _is_in(address: str, networks: Sequence[Network]) -> bool:
    parsed = _parsed(address)
    if parsed is None:
        return False
    mapped = getattr(parsed, "ipv4_mapped", None) or parsed
    return any(mapped in network for network in networks)


def _parsed(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(address)
    except ValueError:
        return None
