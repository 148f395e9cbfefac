"""The erasure journal: what is written stays, what was touched is found."""

import multiprocessing
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from pii_vault.core.tokens import new_id, new_subject_text
from pii_vault.rights.errors import JournalBroken, JournalUnavailable
from pii_vault.rights.journal import ErasureJournal, Line, Order

KEY = bytes(range(32))


def order() -> Order:
    subject = new_subject_text(os.urandom(16), tenant="demo")
    return Order("demo", subject, (0,), "subject_request", new_id("ers"))


@pytest.fixture
def journal(tmp_path: Path) -> ErasureJournal:
    return ErasureJournal(tmp_path / "erasures.journal", KEY)


def test_lines_come_back_in_order_and_numbered(journal: ErasureJournal) -> None:
    orders = [order() for _ in range(3)]
    written = [journal.append(each) for each in orders]
    assert journal.lines() == tuple(written)
    assert [line.n for line in written] == [1, 2, 3]
    assert [line.subject for line in written] == [each.subject for each in orders]


def test_an_erasure_has_one_line_however_often_it_is_resumed(journal: ErasureJournal) -> None:
    once = order()
    assert journal.append(once) == journal.append(once)
    assert len(journal.lines()) == 1


def test_the_journal_is_read_by_nobody_else(journal: ErasureJournal, tmp_path: Path) -> None:
    journal.append(order())
    assert (tmp_path / "erasures.journal").stat().st_mode & 0o777 == 0o600


def test_no_file_is_an_empty_journal(journal: ErasureJournal) -> None:
    assert journal.lines() == ()


@pytest.mark.parametrize("touch", ["change", "remove", "swap", "key", "noise"])
def test_a_touched_journal_is_found(journal: ErasureJournal, tmp_path: Path, touch: str) -> None:
    for _ in range(3):
        journal.append(order())
    path = tmp_path / "erasures.journal"
    lines = path.read_bytes().splitlines(keepends=True)
    key = KEY
    match touch:
        case "change":
            lines[1] = lines[1].replace(b'"groups":[0]', b'"groups":[1]')
        case "remove":
            del lines[1]
        case "swap":
            lines[0], lines[1] = lines[1], lines[0]
        case "key":
            key = bytes(32)
        case "noise":
            lines[1] = b"\n"
    path.write_bytes(b"".join(lines))
    with pytest.raises(JournalBroken):
        ErasureJournal(path, key).lines()
    with pytest.raises(JournalBroken):
        ErasureJournal(path, key).append(order())


def macs(journal: ErasureJournal, monkeypatch: pytest.MonkeyPatch, act: Callable[[], object]) -> int:
    """How many lines are reckoned while it acts."""
    reckoned = 0
    real = journal._mac

    def count(before: bytes, line: Line) -> bytes:
        nonlocal reckoned
        reckoned += 1
        return real(before, line)

    with monkeypatch.context() as counting:
        counting.setattr(journal, "_mac", count)
        act()
    return reckoned


def test_an_erasure_costs_the_same_however_many_there_were(
    journal: ErasureJournal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(50):
        journal.append(order())
    journal.lines()
    other = ErasureJournal(tmp_path / "erasures.journal", KEY)
    assert macs(other, monkeypatch, lambda: other.append(order())) == 51  # a process that has just begun checks all
    assert macs(journal, monkeypatch, lambda: journal.append(order())) == 2  # the other's line and its own
    assert macs(journal, monkeypatch, journal.lines) == 1
    assert macs(journal, monkeypatch, journal.lines) == 0
    assert macs(journal, monkeypatch, lambda: journal.lines(whole=True)) == 52
    assert journal.lines() == ErasureJournal(tmp_path / "erasures.journal", KEY).lines()


def test_a_line_that_is_changed_under_who_has_checked_it_is_found_by_a_whole_look(
    journal: ErasureJournal, tmp_path: Path
) -> None:
    for _ in range(3):
        journal.append(order())
    assert len(journal.lines(whole=True)) == 3
    path = tmp_path / "erasures.journal"
    path.write_bytes(path.read_bytes().replace(b'"groups":[0]', b'"groups":[1]', 1))
    with pytest.raises(JournalBroken):
        journal.lines(whole=True)
    with pytest.raises(JournalBroken):
        journal.append(order())


def test_another_journal_written_over_it_is_read_as_it_is(journal: ErasureJournal, tmp_path: Path) -> None:
    other = ErasureJournal(tmp_path / "other.journal", KEY)
    for each in (journal, other, other):
        each.append(order())
    assert len(journal.lines()) == 1
    (tmp_path / "erasures.journal").write_bytes((tmp_path / "other.journal").read_bytes())
    assert journal.lines() == other.lines()
    third = order()
    assert journal.append(third).n == 3
    with (tmp_path / "erasures.journal").open("ab") as file:
        file.write(b"{}\n")
    with pytest.raises(JournalBroken):
        journal.lines()


def test_a_line_cut_short_by_a_crash_is_dropped(journal: ErasureJournal, tmp_path: Path) -> None:
    kept = journal.append(order())
    journal.append(order())
    path = tmp_path / "erasures.journal"
    content = path.read_bytes()
    path.write_bytes(content[:-7])
    assert journal.lines() == (kept,)
    third = journal.append(order())
    assert journal.lines() == (kept, third)
    assert third.n == 2


def test_a_lost_journal_comes_back_from_its_copy_whole_or_in_parts(journal: ErasureJournal, tmp_path: Path) -> None:
    written = [journal.append(order()) for _ in range(3)]
    copy = journal.copied()
    parts = copy.splitlines(keepends=True)
    for number, pieces in enumerate(([copy], parts, [parts[0] + parts[1], copy])):
        fresh = ErasureJournal(tmp_path / f"{number}.journal", KEY)
        assert sum(fresh.put_back(piece) for piece in pieces) == 3
        assert fresh.lines() == tuple(written)
    assert fresh.put_back(copy) == fresh.put_back(b"") == 0
    assert fresh.append(order()).n == 4


def test_an_older_copy_takes_nothing_away(journal: ErasureJournal) -> None:
    journal.append(order())
    copy = journal.copied()
    journal.append(order())
    assert journal.put_back(copy) == 0
    assert len(journal.lines()) == 2


@pytest.mark.parametrize(
    ("touch", "told"),
    [
        ("change", "does not follow"),
        ("cut off", "cut off"),
        ("gap", "ends at line 0"),
        ("key", "does not follow"),
        ("another", "two"),
        ("noise", "no copy"),
    ],
)
def test_what_is_no_copy_of_this_journal_writes_nothing(
    journal: ErasureJournal, tmp_path: Path, touch: str, told: str
) -> None:
    for _ in range(2):
        journal.append(order())
    copy = journal.copied()
    fresh = ErasureJournal(tmp_path / "fresh.journal", bytes(32) if touch == "key" else KEY)
    match touch:
        case "change":
            copy = copy.replace(b'"groups":[0]', b'"groups":[1]')
        case "cut off":
            copy = copy[:-7]
        case "gap":
            copy = copy.splitlines(keepends=True)[1]
        case "another":
            fresh.append(order())
        case "noise":
            copy = b"a line\n"
    before = fresh.lines()
    with pytest.raises(JournalBroken, match=told):
        fresh.put_back(copy)
    assert fresh.lines() == before


def _append(path: Path, count: int) -> None:
    journal = ErasureJournal(path, KEY)
    for _ in range(count):
        journal.append(order())


def test_processes_that_write_at_once_make_one_chain(tmp_path: Path) -> None:
    path = tmp_path / "erasures.journal"
    context = multiprocessing.get_context("forkserver")
    writers = [context.Process(target=_append, args=(path, 10)) for _ in range(3)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert [line.n for line in ErasureJournal(path, KEY).lines()] == list(range(1, 31))


def test_a_full_disk_erases_nothing() -> None:
    journal = ErasureJournal(Path("/dev/full"), KEY)
    with pytest.raises(JournalUnavailable):
        journal.append(order())
