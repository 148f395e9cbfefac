"""Which address is believed behind an edge."""

import ipaddress
from typing import Any

import pytest

from pii_vault.config import SettingsProblem
from pii_vault.edge import BehindEdge, believed
from tests.unit.pii_vault.test_config import load

EDGE = (ipaddress.ip_network("10.1.0.0/16"), ipaddress.ip_network("fd00::/8"))


@pytest.mark.parametrize(
    ("peer", "forwarded", "expected"),
    [
        ("10.1.2.3", ["198.51.100.7"], "198.51.100.7"),
        ("10.1.2.3", ["203.0.113.9, 198.51.100.7"], "198.51.100.7"),  # what the client wrote itself stands first
        ("10.1.2.3", ["203.0.113.9", "198.51.100.7"], "198.51.100.7"),  # the same, in two lines
        ("10.1.2.3", ["198.51.100.7, 10.1.9.9"], "198.51.100.7"),  # two edges in a row
        ("::ffff:10.1.2.3", ["2001:db8::1"], "2001:db8::1"),
        ("198.51.100.1", ["203.0.113.9"], "198.51.100.1"),  # not an edge: the header is its own
        ("10.1.2.3", [], "10.1.2.3"),
        ("10.1.2.3", ["198.51.100.7, unknown"], "10.1.2.3"),
        ("10.1.2.3", [""], "10.1.2.3"),
    ],
)
def test_only_the_hop_of_a_trusted_edge_is_believed(peer: str, forwarded: list[str], expected: str) -> None:
    assert believed(peer, forwarded, trusted=EDGE) == expected


@pytest.mark.parametrize(("trusted", "expected"), [(EDGE, "198.51.100.7"), ((), "10.1.2.3")])
async def test_header_is_ignored_unless_an_edge_is_named(trusted: Any, expected: str) -> None:
    seen: list[str] = []

    async def app(scope: Any, *_: Any) -> None:
        seen.append(scope["client"][0])

    scope = {"type": "http", "client": ("10.1.2.3", 5), "headers": [(b"x-forwarded-for", b"198.51.100.7")]}
    await BehindEdge(app, trusted=trusted)(scope, None, None)  # type: ignore[arg-type]
    assert seen == [expected]


def test_setting_takes_networks_by_commas_and_trusts_nobody_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load(monkeypatch, "production").trusted_edge == ()
    assert load(monkeypatch, "production", trusted_edge="10.1.0.0/16, fd00::/8").trusted_edge == EDGE


@pytest.mark.parametrize("value", ["0.0.0.0/0", "::/0", "10.1.2.3/16", "anybody"])
def test_setting_that_would_believe_anybody_is_refused(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    with pytest.raises(SettingsProblem, match="trusted_edge"):
        load(monkeypatch, "production", trusted_edge=value)
