"""Signed notes, checkpoints and cosignatures after C2SP signed-note, tlog-checkpoint, tlog-cosignature (Ed25519).

Parsing is strict: one text has one spelling, so nothing about a note can be changed without breaking a signature or
being refused. Pure: bytes in, bytes out.
"""

import re
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from pii_vault.core import primitives

ED25519: Final = 1
COSIGNATURE_V1: Final = 4
MAX_SIGNATURES: Final = 16
MAX_NOTE: Final = 16_384
_ID_BYTES: Final = 4
_TIME_BYTES: Final = 8
_SIZE: Final = re.compile(r"0|[1-9][0-9]{0,17}", re.ASCII)
_CONTROL: Final = re.compile(r"[\x00-\x09\x0b-\x1f\x7f]")


class NoteError(ValueError):
    """A note, checkpoint or key is malformed, or no trusted signature stands under it."""


def encode_base64(data: bytes) -> str:
    return b64encode(data).decode("ascii")


def decode_base64(text: str) -> bytes:
    """Standard base64 in its one canonical spelling."""
    try:
        data = b64decode(text, validate=True)
    except (Base64Error, ValueError):
        raise NoteError("broken base64") from None
    if encode_base64(data) != text:
        raise NoteError("base64 is not in its canonical form")
    return data


def parse_size(text: str) -> int:
    if not _SIZE.fullmatch(text):
        raise NoteError("a size is a decimal number without leading zeros")
    return int(text)


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """A named public key; its text form (`vkey`) is what settings and contracts carry."""

    name: str
    algorithm: int
    public_key: bytes

    def __post_init__(self) -> None:
        if not self.name or "+" in self.name or self.name.split() != [self.name] or _CONTROL.search(self.name):
            raise NoteError("a key name is not empty and has neither spaces nor plus signs")
        if self.algorithm not in (ED25519, COSIGNATURE_V1) or len(self.public_key) != primitives.KEY_BYTES:
            raise NoteError("only Ed25519 signatures and cosignatures are supported")

    @property
    def key_id(self) -> bytes:
        material = bytes([self.algorithm]) + self.public_key
        return sha256(self.name.encode() + b"\n" + material).digest()[:_ID_BYTES]

    def __str__(self) -> str:
        material = bytes([self.algorithm]) + self.public_key
        return f"{self.name}+{self.key_id.hex()}+{encode_base64(material)}"


def parse_vkey(text: str) -> VerifierKey:
    name, separator, rest = text.strip().partition("+")
    key_id, plus, material = rest.partition("+")
    if not (separator and plus):
        raise NoteError("a verifier key is name+id+key")
    raw = decode_base64(material)
    key = VerifierKey(name, raw[0] if raw else 0, raw[1:])
    if key.key_id.hex() != key_id:
        raise NoteError("the id of a verifier key does not belong to it")
    return key


@dataclass(frozen=True, slots=True)
class Signature:
    name: str
    key_id: bytes
    value: bytes

    def __str__(self) -> str:
        return f"— {self.name} {encode_base64(self.key_id + self.value)}\n"


@dataclass(frozen=True, slots=True)
class Note:
    """Text (with its final newline) and the signatures under it."""

    text: str
    signatures: tuple[Signature, ...]

    def __str__(self) -> str:
        return self.text + "\n" + "".join(map(str, self.signatures))

    def by(self, key: VerifierKey) -> Signature:
        """The signature that claims to be by `key`. Raises NoteError if there is not exactly one."""
        found = [each for each in self.signatures if (each.name, each.key_id) == (key.name, key.key_id)]
        if len(found) != 1:
            raise NoteError("no signature of the expected key stands under the note")
        return found[0]


def parse_note(text: str) -> Note:
    if len(text) > MAX_NOTE or _CONTROL.search(text):
        raise NoteError("a note is short and has no control characters")
    body, separator, tail = text.rpartition("\n\n")
    if not separator or not tail.endswith("\n"):
        raise NoteError("a note is a text, an empty line and signature lines")
    return Note(body + "\n", parse_signatures(tail))


def parse_signatures(tail: str) -> tuple[Signature, ...]:
    """One to sixteen signature lines."""
    lines = tail.removesuffix("\n").split("\n")
    if not tail.endswith("\n") or len(lines) > MAX_SIGNATURES:
        raise NoteError("between one and sixteen signature lines are expected")
    return tuple(map(_parse_signature, lines))


def _parse_signature(line: str) -> Signature:
    parts = line.split(" ")
    if len(parts) != 3 or parts[0] != "—" or not parts[1]:  # noqa: PLR2004  dash, name, signature
        raise NoteError("a signature line is a dash, a name and base64")
    raw = decode_base64(parts[2])
    if len(raw) <= _ID_BYTES:
        raise NoteError("a signature is too short")
    return Signature(parts[1], raw[:_ID_BYTES], raw[_ID_BYTES:])


# --- checkpoints -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Checkpoint:
    origin: str
    size: int
    root: bytes

    @property
    def text(self) -> str:
        return f"{self.origin}\n{self.size}\n{encode_base64(self.root)}\n"


def parse_checkpoint(text: str) -> Checkpoint:
    """A note's text as a checkpoint: three lines, and no extension lines, which nobody could audit."""
    lines = text.split("\n")
    if len(lines) != 4 or lines[3] or not lines[0]:  # noqa: PLR2004  origin, size, root, end
        raise NoteError("a checkpoint is origin, size and root")
    root = decode_base64(lines[2])
    if len(root) != sha256().digest_size:
        raise NoteError("a root has 32 bytes")
    return Checkpoint(lines[0], parse_size(lines[1]), root)


def sign_with(key: VerifierKey, signature: bytes) -> Signature:
    """The signature line of a plain Ed25519 signature over a note's text."""
    return Signature(key.name, key.key_id, signature)


def open_checkpoint(note: Note, log_key: VerifierKey) -> Checkpoint:
    """The checkpoint of a note that the log itself signed. Raises NoteError."""
    if log_key.algorithm != ED25519:
        raise NoteError("a log signs with a plain Ed25519 key")
    signature = note.by(log_key)
    if not primitives.signature_holds(log_key.public_key, note.text.encode(), signature.value):
        raise NoteError("the log's signature does not hold")
    checkpoint = parse_checkpoint(note.text)
    if checkpoint.origin != log_key.name:
        raise NoteError("the checkpoint is of another log")
    return checkpoint


# --- cosignatures ------------------------------------------------------------------------------------


def cosignature_message(text: str, *, timestamp: int) -> bytes:
    """What a witness signs: cosignature/v1 over a checkpoint's text."""
    return f"cosignature/v1\ntime {timestamp}\n{text}".encode()


def cosign(text: str, *, seed: bytes, name: str, timestamp: int) -> Signature:
    key = witness_key(name, primitives.public_key(seed))
    signature = primitives.sign(seed, cosignature_message(text, timestamp=timestamp))
    return Signature(name, key.key_id, timestamp.to_bytes(_TIME_BYTES, "big") + signature)


def witness_key(name: str, public_key: bytes) -> VerifierKey:
    return VerifierKey(name, COSIGNATURE_V1, public_key)


def log_key(origin: str, public_key: bytes) -> VerifierKey:
    return VerifierKey(origin, ED25519, public_key)


def verify_cosignature(note: Note, key: VerifierKey) -> int:
    """The time at which the witness of this key cosigned the note. Raises NoteError."""
    if key.algorithm != COSIGNATURE_V1:
        raise NoteError("a witness signs with a cosignature key")
    value = note.by(key).value
    timestamp = int.from_bytes(value[:_TIME_BYTES], "big")
    message = cosignature_message(note.text, timestamp=timestamp)
    if not primitives.signature_holds(key.public_key, message, value[_TIME_BYTES:]):
        raise NoteError("the witness's cosignature does not hold")
    return timestamp
