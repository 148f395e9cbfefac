"""What the leak check holds the command against that founds a new origin of the audit log."""

from pathlib import Path

import pytest

from pii_vault.audit.origin import MAX_REASON
from scripts.audit import holds_personal_data
from scripts.leakcheck.canaries import Canaries, new_person
from scripts.leakcheck.origin import REASON, REFUSED, crossed, reasons, require_refused
from scripts.leakcheck.twin import Twin, prepare
from scripts.local.instance import InstanceProblem


def test_every_reason_that_is_tried_holds_a_person_and_is_short_enough() -> None:
    tried = list(reasons(new_person()))
    assert len(tried) == 3
    assert all(holds_personal_data(each) and len(each) <= MAX_REASON for each in tried)
    assert not holds_personal_data(REASON)


def test_a_refusal_is_one_and_repeats_nothing() -> None:
    person = new_person()
    require_refused(1, f"larets: error: the reason {REFUSED}", person)
    for code, told in ((0, REFUSED), (1, "the witness is away"), (1, f"{REFUSED}: {person.phone}")):
        with pytest.raises(InstanceProblem):
            require_refused(code, told, person)


def test_a_statement_is_seen_where_it_comes_in_and_nowhere_else(tmp_path: Path) -> None:
    recordings = {}
    for name in ("intake-1.received", "intake-1.sent", "crm-1.received"):
        recordings[name] = tmp_path / name
        recordings[name].write_bytes(b"POST /witness/new-origin HTTP/1.1\r\n\r\n")
    other = tmp_path / "intake-2.received"
    other.write_bytes(b"POST /witness/add-checkpoint HTTP/1.1\r\n\r\n")
    assert crossed([other, recordings["intake-1.received"]])
    assert not crossed([other, recordings["intake-1.sent"], recordings["crm-1.received"]])


def test_the_twin_leaks_who_approved_and_why_each_into_a_channel_that_is_read() -> None:
    twin = Twin(Canaries())
    leaks = prepare(twin, secret="a-secret-of-the-process")
    assert leaks.statement.keys() == {"approver", "reason"}
    assert twin.expected["twin, approver of a new origin"] == "database"
    assert twin.expected["twin, reason of a new origin"] == "wire intake received"
