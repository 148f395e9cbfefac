"""The negative twin's book-keeping, and that each leak on purpose is one the scanner knows."""

from scripts.leakcheck.canaries import Canaries
from scripts.leakcheck.classified import CHANNEL, ENTRY, MISSED, Classified, is_residual
from scripts.leakcheck.crew import Found
from scripts.leakcheck.decode import messages
from scripts.leakcheck.edge import EdgeResult
from scripts.leakcheck.report import Report
from scripts.leakcheck.scan import Hit, Scanner
from scripts.leakcheck.twin import Twin, prepare
from scripts.leakcheck.twin_wire import message


def prepared() -> tuple[Twin, Scanner, list[bytes], list[bytes]]:
    twin = Twin(Canaries())
    leaks = prepare(twin, secret="a-secret-of-the-process")
    wire = [message(part, head=b"HTTP/1.1 200 OK") for part in leaks.wire.values()]
    return twin, Scanner(twin.canaries.forms), leaks.lines, wire


def test_every_form_is_found_in_a_log() -> None:
    twin, scanner, lines, _ = prepared()
    hits = scanner.bytes(b"\n".join(lines), channel="log", place="app.log")
    forms = {leak: verdict for leak, verdict in twin.verdicts(Found(hits)).items() if leak.startswith("form ")}
    assert len(forms) == len(lines)
    assert set(forms.values()) == {"caught"}


def test_every_coding_of_a_body_is_undone() -> None:
    _, scanner, _, wire = prepared()
    for recording in wire:
        bodies = b"\n".join(messages(recording))
        assert scanner.bytes(bodies, channel="wire", place="recording")


def test_a_hit_in_another_channel_does_not_count() -> None:
    twin = Twin(Canaries())
    twin.name("queue")
    elsewhere = Hit("twin, queue", "plain", "database", "table", 0)
    there = Hit("twin, queue", "plain", "queue", "table", 0)
    assert twin.verdicts(Found([elsewhere])) == {"queue": "missed"}
    assert twin.verdicts(Found([elsewhere, there])) == {"queue": "caught"}


def test_memory_that_may_not_be_read_is_said_and_not_called_seen() -> None:
    twin = Twin(Canaries())
    twin.name("memory")
    assert twin.verdicts(Found(unread=["memory: twin 5 (Operation not permitted)"])) == {"memory": "not permitted"}


def report(*, hits: int = 0, refused: int = 3, verdict: str = "caught") -> Report:
    hit = Hit("webhook, order: phone", "plain", "log", "app.log", 0)
    edge = EdgeResult(3, refused, {}, [])
    return Report(1, {"log": 1}, [hit] * hits, edge, {"log": verdict}, [], [], Classified(0), 1.0)


def test_the_check_holds_only_when_nothing_leaks_all_is_refused_and_nothing_is_missed() -> None:
    assert report().ok
    assert not report(hits=1).ok
    assert not report(refused=2).ok
    assert not report(verdict="missed").ok
    assert not Report(1, {}, [], EdgeResult(0, 0, {}, []), {}, [], [], Classified(0), 1.0).ok


def seen(label: str, channel: str = CHANNEL) -> Hit:
    return Hit(label, "plain", channel, "table orders", 0)


def test_a_miss_of_the_classifier_is_a_risk_that_is_told_and_a_form_that_left_is_a_leak() -> None:
    name, number = seen(f"{ENTRY}, note of staff, letter: surname"), seen(f"{ENTRY}, note of staff, letter: phone")
    assert is_residual(name)
    assert not is_residual(number)
    assert not is_residual(seen("webhook, customer note: surname"))
    assert not is_residual(seen("buyer whose note is a classified text: surname"))
    told = Classified.of(9, Found([name, seen(name.canary, "wal"), seen(MISSED)]))
    assert told.risks == [
        f"{ENTRY}, note of staff, letter: surname stands in clear: {CHANNEL}, wal",
        f"{MISSED} stands in clear: {CHANNEL}",
    ]


def test_who_does_not_see_the_miss_on_purpose_is_blind() -> None:
    assert Classified.of(9, Found([seen(MISSED)])).verdict == "caught"
    assert Classified.of(9, Found([seen(MISSED, "wal")])).verdict == "missed"
    assert Classified.of(9, Found()).verdict == "missed"
