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
from functools import lru_cache
from hashlib import sha256
from typing import Final, Literal

import msgspec

from pii_vault.core import primitives

_JOINED, _SIZED = 1, 2  # how the texts of a detail row enter its digest
VERSION: Final = _SIZED  # of new records
MAX_RECORD: Final = 4096
DETAIL_LABEL: Final = b"larets audit detail 1\n"
REMEMBERED: Final = 50_000  # hashes of subjects, about 10 MB
_HASH_BYTES: Final = 8
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
# Ids only: a name, a phone or an address cannot be spelled in these alphabets, so none can enter by mistake.
_NAMES: Final = re.compile(
    r"[a-z][a-z0-9-]{2,39}\n[A-Za-z][A-Za-z0-9_.:-]{0,127}\n(staff|service)\n[a-z_]{1,40}\n[a-z_]{0,40}\n[a-z_]{1,40}"
    r"\n[0-9a-f]{0,64}",
    re.ASCII,
)
_REQUEST: Final = re.compile(r"[A-Za-z0-9_-]{0,64}", re.ASCII)
_GROUP: Final = r'"[a-z_]{1,40}":\{("[a-z_]{1,40}":[0-9]{1,9}(,(?=")|(?=\})))*\}'
_COUNTS: Final = re.compile(rf'\{{({_GROUP}(,(?=")|(?=\}})))*\}}', re.ASCII)


_NO_ID: Final = "internal error: an audit entry holds something that is not an id"


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

    def digest(self, version: int = VERSION) -> bytes:
        """SHA-256 of the row, as records of this version have it.

        Version 2 puts its length before each text, so that no text can be moved into the next column. Version 1 put a
        line feed between them, so a row whose texts hold one is none of its rows.

        Raises:
            ValueError: there is no such version, or no such row in it.
        """
        micros = (self.at - _EPOCH) // _MICROSECOND
        texts = (self.tenant, self.verb, self.kind, self.principal, self.purpose, self.decision)
        if version == _SIZED:
            head = b"".join(_sized(text) for text in (*texts, self.counts))
            return sha256(b"larets audit detail 2\n" + head + struct.pack(">q", micros) + _pack(self.subjects)).digest()
        if version != _JOINED or any("\n" in text for text in (*texts, self.counts)):
            raise ValueError("a detail row that no record of this version can have")
        joined = "\n".join([*texts, str(micros), self.counts]).encode()
        return sha256(DETAIL_LABEL + joined + b"\n" + _pack(self.subjects)).digest()


@dataclass(frozen=True, slots=True)
class Encoded:
    record: bytes
    detail: Detail


def _sized(text: str) -> bytes:
    content = text.encode()
    return len(content).to_bytes(4, "big") + content


def _pack(subjects: list[int]) -> bytes:
    return struct.pack(f">{len(subjects)}q", *subjects)


def canonical_counts(counts: Mapping[str, Mapping[str, int]]) -> str:
    """JSON with sorted keys and no spaces."""
    return msgspec.json.encode(counts, order="deterministic").decode()


def parse_record(record: bytes) -> Record:
    """Raises msgspec.ValidationError or msgspec.DecodeError."""
    return msgspec.json.decode(record, type=Record)


class SubjectHasher:
    """Keyed hashes of subjects: equal within one vault, meaningless without the audit key.

    The last ones are remembered: whoever is looked at is mostly looked at again.
    """

    def __init__(self, key: bytes) -> None:
        if len(key) != primitives.KEY_BYTES:
            raise ValueError(f"the audit key has {primitives.KEY_BYTES} bytes")
        self._state = primitives.keyed_hash_state(key)
        self._known: dict[bytes, int] = {}

    def digest(self, subject: bytes) -> int:
        state = self._state.copy()
        state.update(subject)
        return int.from_bytes(state.finalize()[:_HASH_BYTES], "big", signed=True)

    def digests(self, subjects: Iterable[bytes]) -> list[int]:
        """Sorted, without repeats: the order of a request's items is not recorded."""
        wanted, known = set(subjects), self._known
        fresh = wanted.difference(known)
        if len(known) + len(fresh) > REMEMBERED:
            known.clear()
            fresh = wanted
        for subject in fresh:
            known[subject] = self.digest(subject)
        return sorted({known[subject] for subject in wanted})


@lru_cache(maxsize=1024)
def _require(spelling: re.Pattern[str], text: str) -> None:
    """Raises ValueError for what is not spelled so. Only what is, ids and counts, is remembered."""
    if not spelling.fullmatch(text):
        raise ValueError(_NO_ID)


class RecordEncoder:
    """Makes records of entries, and refuses what could be a value."""

    def __init__(self, hasher: SubjectHasher) -> None:
        self._hasher = hasher
        self._encode = msgspec.json.Encoder(order="deterministic").encode

    def encode(self, entry: AuditEntry) -> Encoded:
        """Raises ValueError, without the offending text, when a field is not an id: the caller has a defect."""
        names = (
            entry.tenant, entry.principal_id, entry.principal_kind, entry.verb, entry.purpose, entry.decision,
            entry.matrix_version,
        )  # fmt: skip
        counts = self._encode(entry.counts).decode()
        _require(_NAMES, "\n".join(names))
        _require(_COUNTS, counts)
        if not _REQUEST.fullmatch(entry.request_id):
            raise ValueError(_NO_ID)
        now = datetime.now(UTC)
        detail = Detail(
            entry.tenant, entry.verb, entry.principal_kind, entry.principal_id, entry.purpose, entry.decision,
            now, counts, self._hasher.digests(entry.subjects),
        )  # fmt: skip
        record = self._encode(
            Record(
                VERSION, now, entry.tenant, entry.principal_id, entry.principal_kind, entry.verb, entry.purpose,
                entry.decision, entry.counts, entry.matrix_version, entry.request_id, detail.digest(VERSION).hex(),  # type: ignore[arg-type]  # any mapping encodes alike
            )
        )  # fmt: skip
        if len(record) > MAX_RECORD:
            raise ValueError("internal error: an audit record is too large")
        return Encoded(record, detail)
