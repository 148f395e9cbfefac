"""Where the relay may go: a name is looked up once, every address it has must be allowed, and the one that was looked
at is the one that is called. A second answer of the name server changes nothing (DNS rebinding).
"""

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

from pii_vault.relay.errors import ForbiddenAddress, SendingFailed

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Lookup = Callable[[str, int], Awaitable[Sequence[str]]]
LOOKUP_SECONDS: Final = 5.0
# Protocol assignments (RFC 6890) and the former site-local addresses (RFC 3879): the library calls some of them global.
_INNER: Final = (ipaddress.ip_network("192.0.0.0/24"), ipaddress.ip_network("fec0::/10"))
_NAT64: Final = ipaddress.ip_network("64:ff9b::/96")


@dataclass(frozen=True, slots=True)
class Reach:
    """`local`: loopback and private networks may be called. For a developer's machine and tests alone, or where the
    administrator names the networks of an inner mail relay.
    """

    local: bool = False
    networks: tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...] = ()

    def allows(self, address: Address) -> bool:
        """Public addresses, and those of the named networks. What is wrapped in another form is unwrapped first."""
        plain = _plain(address)
        if self.local and (plain.is_loopback or plain.is_private):
            return True
        if any(plain in network for network in self.networks if network.version == plain.version):
            return True
        if plain.is_multicast or plain.is_reserved or plain.is_unspecified or any(plain in one for one in _INNER):
            return False
        return plain.is_global


def _plain(address: Address) -> Address:
    """The IPv4 address within a mapped, 6to4, Teredo or NAT64 one."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address.teredo is not None:
        return address.teredo[1]
    return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF) if address in _NAT64 else address


async def look_up(host: str, port: int) -> Sequence[str]:
    """Addresses of a name, by the system's resolver."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(each[4][0]) for each in found]


async def pinned(host: str, port: int, reach: Reach, *, lookup: Lookup = look_up) -> str:
    """The one address to call.

    Raises:
        ForbiddenAddress: one of the name's addresses is not allowed; a name that mixes them is not believed at all.
        SendingFailed: the name has no address now.
    """
    try:
        async with asyncio.timeout(LOOKUP_SECONDS):
            texts = await lookup(host, port)
    except (OSError, TimeoutError, UnicodeError):
        raise SendingFailed("no_address", again=True) from None
    addresses = [ipaddress.ip_address(text.split("%")[0]) for text in texts]
    if not addresses:
        raise SendingFailed("no_address", again=True)
    if not all(reach.allows(address) for address in addresses):
        raise ForbiddenAddress
    return str(addresses[0])
