"""The signed contract: the public facts by which one contour is known to the other. It has no place for a secret.

A file of JSON: `facts`, the Ed25519 key that signed them and its signature over their canonical form. The fingerprint
covers facts and key. A person compares it over another channel and accepts it; until then the link is closed, and a
contract with another fingerprint than the accepted one is refused rather than taken for a closed link.
"""

import hashlib
import json
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Literal

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from pydantic import Field, ValidationError

from infra import pki
from infra.errors import ContractChanged, ContractInvalid
from infra.lib import parts
from infra.lib.names import LINK_PORT, Contour
from infra.lib.settings import StackSettings

_DOMAIN: Final = b"larets contract v1\n"
_MOST_BYTES: Final = 64 * 1024
_ASK: Final = "beside the vault the log's key is told by `larets env exec --contour private -- audit key`"
_KEYS: Final[dict[Contour, Literal["audit", "witness"]]] = {"private": "audit", "public": "witness"}


class Facts(parts.Part):
    """What a contour says of itself."""

    version: Literal[1] = 1
    environment: str
    contour: Contour
    hosts: parts.Hosts
    link_host: parts.Host
    link_port: parts.Port = LINK_PORT
    link_addresses: tuple[parts.Address, ...] = Field(min_length=1)
    egress: tuple[parts.Network, ...] = Field(min_length=1)
    authority: str
    public_keys: dict[Literal["audit", "witness"], str]
    policy_digest: str = Field("", pattern=r"^([0-9a-f]{64})?$")  # of all that an officer reviews; the vault's alone


class Contract(parts.Part):
    """Facts and who signed them; only `read` and `sign` make one."""

    facts: Facts
    key: bytes
    signature: bytes

    @property
    def fingerprint(self) -> str:
        return "sha256:" + hashlib.sha256(self.key + _canonical(self.facts)).hexdigest()

    def to_bytes(self) -> bytes:
        content = {
            "facts": self.facts.model_dump(mode="json"),
            "key": b64encode(self.key).decode(),
            "signature": b64encode(self.signature).decode(),
        }
        return (json.dumps(content, ensure_ascii=False, indent=2, sort_keys=True) + "\n").encode()


def facts_of(settings: StackSettings, *, authority: str, public_key: str = "", policy_digest: str = "") -> Facts:
    """What this contour may tell. `public_key`: of its log or witness, where the settings leave it out.
    `policy_digest`: of the policies that its vault enforces, as its console shows them.

    Raises:
        ContractInvalid: something the other side needs is not in the settings yet, or they name another key.
    """
    kind = _KEYS[settings.contour]
    named = settings.public_keys.get(kind, "")
    if named and public_key and named != public_key:
        raise ContractInvalid(
            f"public_keys.{kind} is not the key that this contour has", hint=f"take public_keys.{kind} out of them"
        )
    key = named or public_key
    missing = [
        name
        for name, value in {
            "edge.addresses": settings.edge.addresses,
            "cluster.egress_addresses": settings.cluster.egress_addresses,
            f"public_keys.{kind}": key,
        }.items()
        if not value
    ]
    if missing:
        raise ContractInvalid(
            f"the other contour needs to know {', '.join(missing)}: put it into the settings first",
            hint=_ASK if not key else "",
        )
    return Facts(
        environment=settings.environment,
        contour=settings.contour,
        hosts=settings.hosts,
        link_host=settings.hosts.service if settings.contour == "private" else settings.hosts.intake,
        link_addresses=settings.edge.addresses,
        egress=settings.cluster.egress_addresses,
        authority=authority,
        public_keys={kind: key},
        policy_digest=policy_digest,
    )


def sign(facts: Facts, key: Ed25519PrivateKey) -> Contract:
    public = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return Contract(facts=facts, key=public, signature=key.sign(_DOMAIN + _canonical(facts)))


def read(content: bytes) -> Contract:
    """Parse and verify. Raises ContractInvalid."""
    if len(content) > _MOST_BYTES:
        raise ContractInvalid("this is no contract: it is too long")
    try:
        parsed: dict[str, Any] = json.loads(content)
        key, signature = (b64decode(parsed.pop(name), validate=True) for name in ("key", "signature"))
        contract = Contract(facts=parsed.pop("facts"), key=key, signature=signature)
        Ed25519PublicKey.from_public_bytes(key).verify(signature, _DOMAIN + _canonical(contract.facts))
    except InvalidSignature:
        raise ContractInvalid("the contract's signature is wrong: it was changed after it was signed") from None
    except (ValidationError, KeyError, TypeError, ValueError, AttributeError, Base64Error) as error:
        raise ContractInvalid(f"this is no contract of Larets ({type(error).__name__})") from None
    if parsed:
        raise ContractInvalid("the contract holds more than a contract may")
    return contract


def check_facts(facts: Facts, settings: StackSettings, *, now: datetime) -> None:
    """Raises ContractInvalid, CertificateExpired: it is of another environment, or its authority is over."""
    if facts.contour == settings.contour:
        raise ContractInvalid(f"this is the contract of the {facts.contour} contour itself: give the other one's")
    if facts.environment != settings.environment:
        raise ContractInvalid("the contract is of another environment")
    if facts.hosts != settings.hosts:
        raise ContractInvalid("the contract names other hosts than `hosts` in these settings: they must agree")
    pki.check(facts.authority, "the other contour's authority", now=now)


def accepted(settings: StackSettings, *, now: datetime) -> Facts | None:
    """The other contour's facts when its contract was accepted; None: the link stays closed.

    Raises:
        ContractChanged: it is not the contract whose fingerprint was accepted.
        ContractInvalid, CertificateExpired.
    """
    if not (settings.peer.contract and settings.peer.fingerprint):
        return None
    path = Path(settings.folder, settings.peer.contract)
    try:
        contract = read(path.read_bytes())
    except OSError as error:
        raise ContractInvalid(f"the contract {path.name} cannot be read ({type(error).__name__})") from None
    if contract.fingerprint != settings.peer.fingerprint:
        raise ContractChanged
    check_facts(contract.facts, settings, now=now)
    return contract.facts


def _canonical(facts: Facts) -> bytes:
    """One spelling for one content: sorted keys, no spaces, UTF-8."""
    return json.dumps(facts.model_dump(mode="json"), ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
