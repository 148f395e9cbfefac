"""What a process is told of the other contour: the accepted contract's facts, or that the link is closed."""

from dataclasses import dataclass

from infra import pki
from infra.contract import Facts
from infra.lib.names import Contour

CLOSED_URL = "https://link-closed.invalid"


@dataclass(frozen=True, slots=True)
class Link:
    """`aliases`: the other contour's host pinned to the address its contract names; no resolver can lead elsewhere."""

    open: bool
    url: str
    authority: str
    public_key: str
    aliases: dict[str, str]


def link_of(contour: Contour, peer: Facts | None) -> Link:
    """The link of `contour`; without an accepted peer it trusts an authority whose key nobody holds."""
    if peer is None:
        return Link(
            open=False, url=CLOSED_URL, authority=pki.closed_authority(), public_key=_closed(contour), aliases={}
        )
    key = peer.public_keys["witness" if contour == "private" else "audit"]
    return Link(
        open=True,
        url=f"https://{peer.link_host}:{peer.link_port}",
        authority=peer.authority,
        public_key=key,
        aliases={peer.link_host: peer.link_addresses[0]},
    )


def _closed(contour: Contour) -> str:
    """The vault takes an empty witness for none; the application's witness needs some log's key: nobody's."""
    if contour == "private":
        return ""
    from pii_vault.client import VerifierKey  # noqa: PLC0415  the format of keys is the vault's

    return str(VerifierKey("link-closed", 1, pki.nobodys_key().public_bytes_raw()))
