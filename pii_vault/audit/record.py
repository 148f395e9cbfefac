"""What one audit record says, and its bytes.

A record is small whatever the size of the act: who, verb, purpose, counts per outcome and class, decision, time, and
the digest of its detail row, which holds the keyed hashes of the subjects. Both are plain enough for an auditor to
recompute with any SHA-256.
"""

import re
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Final, Literal

import msgspec

from pii_vault.core import primitives

VERSION: Final = 1
MAX_RECORD: Final = 4096
DETAIL_LABEL: Final = b"larets audit detail 1\n"
_HASH_BYTES: Final = 8
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
# Ids only: a name, a phone or an address cannot be spelled in these alphabets, so none can enter by mistake.
_NAMES: Final = re.compile(
    r"[a-z][a-z0-9-]{2,39}\n[A-Za-z][A-Za-z0-9_.:-]{0,127}\n(staff|service)\n[a-z_]{1,40}\n[a-z_]{0,40}\n[a-z_]{1,40}"
    r"\n[0-9a-f]{0,64}\n[A-Za-z0-9_-]{0,64}",
    re.ASCII,
)
_GROUP: Final = r'"[a-z_]{1,40}":\{("[a-z_]{1,40}":[0-9]{1,9}(,(?=")|(?=\})))*\}'
_COUNTS: Final = re.compile(rf'\{{({_GROUP}(,(?=")|(?=\}})))*\}}', re.ASCII)


@dataclass(slots=True, kw_only=True)
class AuditEntry:
    """One act for the log. Never a value: ids, class and purpose names, counts.

    `apply` may complete the entry (subjects, counts, decision): the record is encoded after it returned.
    `index` is set once the record is committed.
    """

    tenant: str
    principal_id: str
    principal_kind: Literal["staff", "service"]
    verb: str
    purpose: str
    decision: str
    counts: Mapping[str, Mapping[str, int]]  # outcome → class → how many: {"value": {"phone": 3}}
    matrix_version: str
    request_id: str
    subjects: Sequence[bytes] = field(default=())  # ids of 16 bytes; hashed under a key before they are written
    index: int | None = None


class Record(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The JSON of a record, in this order of fields."""

    v: int
    at: datetime
    tenant: str
    who: str
    kind: str
    verb: str
    purpose: str
    decision: str
    counts: dict[str, dict[str, int]]
    matrix: str
    request: str
    detail: str  # hex SHA-256 of the detail


@dataclass(frozen=True, slots=True)
class Detail:
    """A row of audit_detail."""

    tenant: str
    verb: str
    kind: str
    principal: str
    purpose: str
    decision: str
    at: datetime
    counts: str  # canonical JSON
    subjects: list[int]

    def digest(self) -> bytes:
        micros = (self.at - _EPOCH) // _MICROSECOND
        names = (self.tenant, self.verb, self.kind, self.principal, self.purpose, self.decision)
        head = "\n".join([*names, str(micros), self.counts]).encode()
        return sha256(DETAIL_LABEL + head + b"\n" + _pack(self.subjects)).digest()


@dataclass(frozen=True, slots=True)
class Encoded:
    record: bytes
    detail: Detail


def _pack(subjects: list[int]) -> bytes:
    return struct.pack(f">{len(subjects)}q", *subjects)


def canonical_counts(counts: Mapping[str, Mapping[str, int]]) -> str:
    """JSON with sorted keys and no spaces."""
    return msgspec.json.encode(counts, order="deterministic").decode()


def parse_record(record: bytes) -> Record:
    """Raises msgspec.ValidationError or msgspec.DecodeError."""
    return msgspec.json.decode(record, type=Record)


class SubjectHasher:
    """Keyed hashes of subjects: equal within one vault, meaningless without the audit key."""

    def __init__(self, key: bytes) -> None:
        if len(key) != primitives.KEY_BYTES:
            raise ValueError(f"the audit key has {primitives.KEY_BYTES} bytes")
        self._state = primitives.keyed_hash_state(key)

    def digest(self, subject: bytes) -> int:
        state = self._state.copy()
        state.update(subject)
        return int.from_bytes(state.finalize()[:_HASH_BYTES], "big", signed=True)

    def digests(self, subjects: Iterable[bytes]) -> list[int]:
        """Sorted, without repeats: the order of a request's items is not recorded."""
        return sorted({self.digest(subject) for subject in subjects})


class RecordEncoder:
    """Makes records of entries, and refuses what could be a value."""

    def __init__(self, hasher: SubjectHasher) -> None:
        self._hasher = hasher
        self._encode = msgspec.json.Encoder(order="deterministic").encode

    def encode(self, entry: AuditEntry) -> Encoded:
        """Raises ValueError, without the offending text, when a field is not an id: the caller has a defect."""
        names = (
            entry.tenant, entry.principal_id, entry.principal_kind, entry.verb, entry.purpose, entry.decision,
            entry.matrix_version, entry.request_id,
        )  # fmt: skip
        counts = self._encode(entry.counts).decode()
        if not _NAMES.fullmatch("\n".join(names)) or not _COUNTS.fullmatch(counts):
            raise ValueError("internal error: an audit entry holds something that is not an id")
        now = datetime.now(UTC)
        detail = Detail(
            entry.tenant, entry.verb, entry.principal_kind, entry.principal_id, entry.purpose, entry.decision,
            now, counts, self._hasher.digests(entry.subjects),
        )  # fmt: skip
        record = self._encode(
            Record(
                VERSION, now, entry.tenant, entry.principal_id, entry.principal_kind, entry.verb, entry.purpose,
                entry.decision, entry.counts, entry.matrix_version, entry.request_id, detail.digest().hex(),  # type: ignore[arg-type]  # any mapping encodes alike
            )
        )  # fmt: skip
        if len(record) > MAX_RECORD:
            raise ValueError("internal error: an audit record is too large")
        return Encoded(record, detail)
