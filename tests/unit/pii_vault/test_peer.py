"""A peer is known by whose key signed its certificate, also while one authority succeeds another."""

from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from infra import pki
from pii_vault.peer import _identifier
from pii_vault.protocol import Peer

NOW = datetime.now(UTC)


def _shown(authority: pki.Pair) -> bytes:
    """What a client signed by it shows, in DER."""
    issued = pki.issue(authority, "outbox", now=NOW)
    return x509.load_pem_x509_certificate(issued.certificate.encode()).public_bytes(Encoding.DER)


def test_both_authorities_of_a_domain_vouch_and_a_third_of_their_name_does_not(tmp_path: Path) -> None:
    old, new, foreign = (pki.make_authority("Larets private contour of shop", now=NOW) for _ in range(3))
    both = tmp_path / "ca.crt"
    both.write_text(new.certificate + old.certificate)
    identify = _identifier({"private": both})
    assert identify(_shown(new)) == identify(_shown(old)) == Peer("private", "outbox")
    assert identify(_shown(foreign)) is None
    # The twin: alone, the new one does not know what the old one signed.
    both.write_text(new.certificate)
    assert _identifier({"private": both})(_shown(old)) is None
