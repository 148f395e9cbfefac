"""Certificates of a contour: its own authority, what it signs, and the authority of a link that is closed.

Each contour signs its own; the other one is told the certificate, never the key.
"""

import hashlib
import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from infra.errors import CertificateExpired

AUTHORITY_LIFE: Final = timedelta(days=3650)
LEAF_LIFE: Final = timedelta(days=397)
RENEW_BEFORE: Final = timedelta(days=30)
_SKEW: Final = timedelta(minutes=5)
_CLOSED_NAME: Final = "Larets link closed"


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate and its key, both PEM."""

    certificate: str
    key: str = field(repr=False)


def make_authority(name: str, *, now: datetime) -> Pair:
    """A new certificate authority that may sign leaves only."""
    key = ec.generate_private_key(ec.SECP256R1())
    builder = _builder(name, _name(name), key.public_key(), now=now, life=AUTHORITY_LIFE)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    builder = builder.add_extension(_authority_usage(), critical=True)
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    return _pair(builder.add_extension(identifier, critical=False).sign(key, hashes.SHA256()), key)


def issue(authority: Pair, name: str, *, hosts: Iterable[str] = (), now: datetime) -> Pair:
    """A server certificate for `hosts`, or a client certificate where there are none."""
    signer = serialization.load_pem_private_key(authority.key.encode(), None)
    if not isinstance(signer, ec.EllipticCurvePrivateKey):
        raise CertificateExpired("the authority's key is not the one `larets env` made: give an EC key")
    issuer = x509.load_pem_x509_certificate(authority.certificate.encode())
    key = ec.generate_private_key(ec.SECP256R1())
    names = [_general_name(host) for host in hosts]
    usage = ExtendedKeyUsageOID.SERVER_AUTH if names else ExtendedKeyUsageOID.CLIENT_AUTH
    builder = _builder(name, issuer.subject, key.public_key(), now=now, life=LEAF_LIFE)
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
    identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key())
    builder = builder.add_extension(identifier, critical=False)
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return _pair(builder.sign(signer, hashes.SHA256()), key)


def in_use(authorities: str, certificates: Iterable[str]) -> str:
    """The first of the authorities, which signs, and those before it that have signed one of the certificates."""
    newest, *before = x509.load_pem_x509_certificates(authorities.encode())
    signed = [x509.load_pem_x509_certificate(one.encode()) for one in certificates]
    kept = [newest, *(one for one in before if any(_signed_by(one, leaf) for leaf in signed))]
    return "".join(one.public_bytes(serialization.Encoding.PEM).decode() for one in kept)


def _signed_by(authority: x509.Certificate, leaf: x509.Certificate) -> bool:
    try:
        leaf.verify_directly_issued_by(authority)
    except (InvalidSignature, ValueError, TypeError):
        return False
    return True


def check(certificate: str, name: str, *, now: datetime, before: timedelta = timedelta(0)) -> None:
    """Raises CertificateExpired: it is not one, not yet valid, over, or will be within `before`."""
    try:
        loaded = x509.load_pem_x509_certificate(certificate.encode())
    except (ValueError, UnsupportedAlgorithm):
        raise CertificateExpired(f"{name}: is not a certificate (PEM)") from None
    if loaded.not_valid_before_utc > now:
        raise CertificateExpired(f"{name}: is valid from {loaded.not_valid_before_utc:%Y-%m-%d}; check this clock")
    if loaded.not_valid_after_utc - before <= now:
        raise CertificateExpired(
            f"{name}: ends on {loaded.not_valid_after_utc:%Y-%m-%d}", hint="`larets env rotate` issues a new one"
        )


def closed_authority() -> str:
    """The authority trusted while the link is closed: nobody can hold its key, so it lets nobody in.

    Its public key is the hash of a sentence: if that is a point of the curve at all, nobody knows its logarithm.
    Everybody can make the same certificate again, for all that is in it is fixed.
    """
    start = datetime(2026, 1, 1, tzinfo=UTC)
    builder = _builder(_CLOSED_NAME, _name(_CLOSED_NAME), nobodys_key(), now=start, life=AUTHORITY_LIFE, serial=1)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    # An anchor's own signature is not checked by anybody; this one is made with a key that is known to all.
    signed = builder.sign(Ed25519PrivateKey.from_private_bytes(bytes(32)), None)
    return signed.public_bytes(serialization.Encoding.PEM).decode()


def nobodys_key() -> Ed25519PublicKey:
    """An Ed25519 public key without a private half."""
    return Ed25519PublicKey.from_public_bytes(hashlib.sha256(b"larets: nobody holds this key").digest())


def _builder(
    name: str,
    issuer: x509.Name,
    key: ec.EllipticCurvePublicKey | Ed25519PublicKey,
    *,
    now: datetime,
    life: timedelta,
    serial: int = 0,
) -> x509.CertificateBuilder:
    builder = x509.CertificateBuilder().subject_name(_name(name)).public_key(key)
    builder = builder.not_valid_before(now - _SKEW).not_valid_after(now + life)
    builder = builder.serial_number(serial or x509.random_serial_number())
    return builder.issuer_name(issuer)


def _authority_usage() -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=False, content_commitment=False, key_encipherment=False, data_encipherment=False,
        key_agreement=False, key_cert_sign=True, crl_sign=True, encipher_only=False, decipher_only=False,
    )  # fmt: skip


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _pair(certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> Pair:
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return Pair(certificate.public_bytes(serialization.Encoding.PEM).decode(), secret.decode())
