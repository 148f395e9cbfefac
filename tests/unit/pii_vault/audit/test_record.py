"""The bytes of records and details, frozen: a changed digest would make every older log fail its verification."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from pii_vault.audit import record
from pii_vault.audit.record import (
    MAX_RECORD,
    VERSION,
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
VECTORS = json.loads(Path("tests/vectors/audit_detail.json").read_text("utf-8"))
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


@pytest.mark.parametrize("vector", VECTORS["details"], ids=lambda vector: vector["name"])
def test_digests_are_frozen_by_version(vector: dict[str, Any]) -> None:
    detail = Detail(**(vector["row"] | {"at": datetime.fromisoformat(vector["row"]["at"])}))
    if vector["digest"] is None:
        with pytest.raises(ValueError, match="no record of this version"):
            detail.digest(vector["v"])
    else:
        assert detail.digest(vector["v"]).hex() == vector["digest"]


def test_no_text_moves_into_the_next_column() -> None:
    """Version 1 could not tell these two rows apart; it has neither of such rows, and version 2 tells them."""
    one, other = replace(DETAIL, verb="reveal\nstaff", kind="x"), replace(DETAIL, verb="reveal", kind="staff\nx")
    assert f"{one.verb}\n{one.kind}" == f"{other.verb}\n{other.kind}"
    assert one.digest() != other.digest()
    for row in (one, other):
        with pytest.raises(ValueError, match="no record of this version"):
            row.digest(1)
    assert replace(DETAIL, verb="reveals", kind="taff").digest() != DETAIL.digest()


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
    assert (record.v, record.who, record.matrix, record.request) == (VERSION, "stf_a", "00ff", "r1")


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


def test_hashes_that_are_remembered_are_those_of_each_subject(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(record, "REMEMBERED", 5)
    hasher, plain = SubjectHasher(KEY), SubjectHasher(KEY)
    for first in range(0, 40, 3):  # again and again, with some of the last and some new ones
        subjects = [bytes([at]) * 16 for at in range(first, first + 4)]
        assert hasher.digests([*subjects, subjects[0]]) == sorted(plain.digest(each) for each in subjects)
    many = [bytes([at]) * 16 for at in range(9)]  # more than are remembered
    assert hasher.digests(many) == sorted(plain.digest(each) for each in many)
