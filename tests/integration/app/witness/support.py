"""A log in memory."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from app.witness.keys import WitnessKeys
from pii_vault.audit import note as notes
from pii_vault.audit import proof
from pii_vault.audit.origin import Succession
from pii_vault.audit.witness import submission
from pii_vault.core import primitives

NOW: Final = 1_800_000_000
LOG_SEED: Final = bytes(range(1, 33))
WITNESS_SEED: Final = bytes(range(33, 65))
LOG_KEY: Final = notes.log_key("vault.test/audit", primitives.public_key(LOG_SEED))
WITNESS_KEY: Final = notes.witness_key("crm.test/witness", primitives.public_key(WITNESS_SEED))


def keys() -> WitnessKeys:
    return WitnessKeys(LOG_KEY, WITNESS_KEY.name, WITNESS_SEED)


class Log:
    """Leaves by number; another `history` has other leaves."""

    def __init__(self, history: str = "true") -> None:
        self.history = history

    def _leaves(self, size: int) -> list[bytes]:
        return [proof.leaf_hash(f"{self.history} {number}".encode()) for number in range(size)]

    def note(self, size: int, *, seed: bytes = LOG_SEED, origin: str = LOG_KEY.name) -> notes.Note:
        tiles = proof.extend_tiles(0, {}, self._leaves(size))
        text = notes.Checkpoint(origin, size, proof.range_root((0, size), tiles)).text
        key = notes.log_key(origin, primitives.public_key(LOG_SEED))
        return notes.Note(text, (notes.sign_with(key, primitives.sign(seed, text.encode())),))

    def proof(self, old: int, new: int) -> list[bytes]:
        return proof.build_proof(proof.consistency_ranges(old, new), proof.extend_tiles(0, {}, self._leaves(new)))

    def body(self, old: int, new: int, *, digests: Sequence[bytes] | None = None) -> bytes:
        return submission(self.note(new), old=old, proof=self.proof(old, new) if digests is None else digests)


def statement(witnessed: notes.Checkpoint, *, seed: bytes = LOG_SEED, **changes: object) -> str:
    """That the log goes on as its second origin, after `witnessed`."""
    fields = {"origin": f"{LOG_KEY.name}/2", "kept": 3, "common": 3, "witnessed": witnessed, "approvers": ("a", "b")}
    said = Succession(**(fields | {"at": datetime.now(UTC), "reason": "a test"} | changes))  # type: ignore[arg-type]
    return str(notes.Note(said.text, (notes.sign_with(LOG_KEY, primitives.sign(seed, said.text.encode())),)))


def cosigned(note: notes.Note, *, seed: bytes = WITNESS_SEED, name: str = WITNESS_KEY.name) -> notes.Note:
    return notes.Note(note.text, (*note.signatures, notes.cosign(note.text, seed=seed, name=name, timestamp=NOW)))
