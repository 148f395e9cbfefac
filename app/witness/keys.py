"""The witness's own key file, and the log it watches."""

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from pii_vault.client import NoteError, Signature, VerifierKey, cosign, parse_vkey, witness_key

_SEED_BYTES: Final = 32
_PREFIX: Final = "LARETS-WITNESS-KEY"


class WitnessKeyProblem(ValueError):
    """A key of the witness cannot be read; the message says which and what to do."""


@dataclass(frozen=True, slots=True)
class WitnessKeys:
    """The key that cosigns, and the public key of the one log that is cosigned."""

    log: VerifierKey
    name: str
    seed: bytes = field(repr=False)

    @property
    def public(self) -> VerifierKey:
        private = Ed25519PrivateKey.from_private_bytes(self.seed)
        return witness_key(self.name, private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw))

    def cosign(self, text: str, *, timestamp: int) -> Signature:
        return cosign(text, seed=self.seed, name=self.name, timestamp=timestamp)


def create_witness_key(path: Path, *, name: str) -> str:
    """Make a key file (0600) unless there is one; give its public key as a vkey."""
    if not path.exists():
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(f"{_PREFIX} {name} {os.urandom(_SEED_BYTES).hex()}\n")
    return str(read_public_key(path))


def read_public_key(path: Path) -> VerifierKey:
    """The public half of a key file. Raises WitnessKeyProblem."""
    own, seed = _read_own(path)
    return WitnessKeys(VerifierKey("none", 1, bytes(_SEED_BYTES)), own, seed).public


def load_witness_keys(path: Path, log_key: str) -> WitnessKeys:
    """`log_key` is the vkey of the vault's log, or the path of a file that holds it.

    Raises:
        WitnessKeyProblem: a file is missing or malformed.
    """
    try:
        log = parse_vkey(log_key if "+" in log_key else Path(log_key).read_text("utf-8"))
    except (OSError, NoteError) as error:
        raise WitnessKeyProblem("the vault's log key cannot be read: give its vkey or a file of it") from error
    name, seed = _read_own(path)
    return WitnessKeys(log, name, seed)


def _read_own(path: Path) -> tuple[str, bytes]:
    try:
        prefix, name, seed = path.read_text("utf-8").split()
        raw = bytes.fromhex(seed)
    except (OSError, ValueError) as error:
        raise WitnessKeyProblem(f"the witness key file {path.name} cannot be read") from error
    if prefix != _PREFIX or len(raw) != _SEED_BYTES:
        raise WitnessKeyProblem(f"the witness key file {path.name} is not one")
    return name, raw
