"""The bytes of records and details, frozen: a changed digest would make every older log fail its verification."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from pii_vault.audit.record import (
    MAX_RECORD,
    AuditEntry,
    Detail,
    RecordEncoder,
    SubjectHasher,
    canonical_counts,
    parse_record,
)

KEY = bytes(range(32))
DETAIL = Detail(
    tenant="demo",
    verb="reveal",
    kind="staff",
    principal="stf_a",
    purpose="support",
    decision="allow",
    at=datetime(2026, 11, 22, 12, 30, 45, 123456, tzinfo=UTC),
    counts='{"mask":{"email":1},"value":{"phone":2}}',
    subjects=[-5, 7],
)
DIGEST = "46df81747f2cf79752c87be9e830527ea7634fece64d4095d1bd6f499347a7aa"
SUBJECT = -30942249676368786


def entry(**changes: object) -> AuditEntry:
    fields: dict[str, object] = {
        "tenant": "demo",
        "principal_id": "stf_a",
        "principal_kind": "staff",
        "verb": "reveal",
        "purpose": "support",
        "decision": "allow",
        "counts": {"value": {"phone": 2, "email": 1}},
        "matrix_version": "00ff",
        "request_id": "r1",
    }
    return AuditEntry(**(fields | changes))  # type: ignore[arg-type]


def test_the_digest_of_a_detail_is_frozen() -> None:
    assert DETAIL.digest().hex() == DIGEST


@pytest.mark.parametrize(
    "change",
    [
        {"tenant": "demo2"},
        {"subjects": [7]},
        {"subjects": [7, -5]},
        {"counts": "{}"},
        {"purpose": "delivery"},
        {"at": DETAIL.at.replace(microsecond=123457)},
    ],
)
def test_every_column_counts_in_the_digest(change: dict[str, object]) -> None:
    assert replace(DETAIL, **change).digest() != DETAIL.digest()  # type: ignore[arg-type]


def test_subject_hashes_are_frozen_keyed_and_do_not_repeat() -> None:
    hasher = SubjectHasher(KEY)
    assert hasher.digest(bytes(16)) == SUBJECT
    assert SubjectHasher(bytes(32)).digest(bytes(16)) != SUBJECT
    assert hasher.digests([bytes(16), bytes(16)]) == [SUBJECT]


def test_a_short_key_is_refused() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        SubjectHasher(b"short")


def test_a_record_names_its_detail() -> None:
    encoded = RecordEncoder(SubjectHasher(KEY)).encode(entry(subjects=[bytes(16)]))
    record = parse_record(encoded.record)
    assert record.detail == encoded.detail.digest().hex()
    assert encoded.detail.subjects == [SUBJECT]
    assert record.at == encoded.detail.at
    assert (record.v, record.who, record.matrix, record.request) == (1, "stf_a", "00ff", "r1")


def test_counts_have_one_spelling() -> None:
    assert canonical_counts({"value": {"phone": 2, "email": 1}}) == '{"value":{"email":1,"phone":2}}'


def test_the_largest_honest_record_fits() -> None:
    counts = {
        f"outcome_{'x' * 20}_{'abcdefgh'[i]}": {f"class_{'abcdefghijkl'[j]}": 999 for j in range(12)} for i in range(8)
    }
    encoded = RecordEncoder(SubjectHasher(KEY)).encode(entry(counts=counts, subjects=[bytes(16)] * 1000))
    assert len(encoded.record) < MAX_RECORD


@pytest.mark.parametrize("spelling", ["{'value':1}", "phone"])
def test_counts_that_are_no_counts_are_refused(spelling: str) -> None:
    with pytest.raises(ValueError, match="not an id"):
        RecordEncoder(SubjectHasher(KEY)).encode(entry(counts=spelling))
