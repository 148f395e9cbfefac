"""Where the relay must not go, in every form an address can take."""

import ipaddress
from collections.abc import Sequence

import pytest

from pii_vault.relay.addresses import Reach, pinned
from pii_vault.relay.errors import ForbiddenAddress, SendingFailed

PUBLIC = ("93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946", "8.8.8.8")
INSIDE = (  # addresses to refuse, none to listen at
    "127.0.0.1", "127.8.8.8", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",  # noqa: S104
    "224.0.0.1", "255.255.255.255", "192.0.2.1", "198.18.0.1", "::1", "::", "fe80::1", "fc00::1", "ff02::1",
    "::ffff:127.0.0.1", "::ffff:169.254.169.254", "2002:7f00:1::", "64:ff9b::7f00:1", "64:ff9b::a00:1",
    "2001:db8::1", "fec0::1", "192.0.0.8", "192.0.0.170",
)  # fmt: skip


def answering(*addresses: str) -> "Lookup":
    return Lookup(addresses)


class Lookup:
    def __init__(self, addresses: Sequence[str]) -> None:
        self.addresses = addresses
        self.asked = 0

    async def __call__(self, _host: str, _port: int) -> Sequence[str]:
        self.asked += 1
        return self.addresses


@pytest.mark.parametrize("address", PUBLIC)
async def test_a_public_address_may_be_called(address: str) -> None:
    assert await pinned("mail.example", 443, Reach(), lookup=answering(address)) == address


@pytest.mark.parametrize("address", INSIDE)
async def test_an_address_inside_may_not(address: str) -> None:
    with pytest.raises(ForbiddenAddress):
        await pinned("mail.example", 443, Reach(), lookup=answering(address))


@pytest.mark.parametrize("address", INSIDE)
async def test_a_name_that_also_leads_inside_is_not_believed_at_all(address: str) -> None:
    with pytest.raises(ForbiddenAddress):
        await pinned("mail.example", 443, Reach(), lookup=answering(PUBLIC[0], address))


async def test_a_name_is_looked_up_once() -> None:
    lookup = answering(PUBLIC[0])
    await pinned("mail.example", 443, Reach(), lookup=lookup)
    assert lookup.asked == 1


async def test_a_name_without_an_address_is_tried_later() -> None:
    async def fails(_host: str, _port: int) -> Sequence[str]:
        raise OSError

    for lookup in (fails, answering()):
        with pytest.raises(SendingFailed) as caught:
            await pinned("mail.example", 443, Reach(), lookup=lookup)
        assert caught.value.again


async def test_an_inner_mail_relay_is_reached_where_its_network_is_named() -> None:
    reach = Reach(networks=(ipaddress.ip_network("10.1.0.0/16"),))
    assert await pinned("mail.inner", 25, reach, lookup=answering("10.1.2.3")) == "10.1.2.3"
    with pytest.raises(ForbiddenAddress):
        await pinned("mail.inner", 25, reach, lookup=answering("10.2.2.3"))
