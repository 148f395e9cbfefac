"""A request and its sealed answer: nothing in clear, nothing left out, doubled or moved."""

import json
import zlib

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from scripts.inside import wire
from scripts.inside.wire import MARK, MOST, Opening, Request, Sealing, WireProblem, is_plain, read_request

CANARY = "canary-person"


def opening(told: list[str] | None = None) -> Opening:
    return Opening.new("command-1", (told if told is not None else []).append)


def answer(own: Opening) -> list[str]:
    sealing = Sealing(own.key.public_key(), own.name)
    return [
        sealing.line("error", b"at work"),
        sealing.line("output", CANARY.encode()),
        *sealing.file("page.html", b"<p>" * 5000),
        sealing.line("output", b" and more"),
        sealing.line("end", b"3"),
    ]


def test_an_answer_comes_whole_and_stands_nowhere_in_clear() -> None:
    told: list[str] = []
    own = opening(told)
    lines = answer(own)
    assert CANARY not in "".join(lines)
    own.feed(lines)
    assert (own.answer.code, own.answer.output) == (3, f"{CANARY} and more".encode())
    assert own.answer.files == {"page.html": b"<p>" * 5000}
    assert told == own.answer.errors == ["at work"]
    assert CANARY not in repr(own.answer)


def test_a_log_is_read_as_it_grows_and_other_lines_are_passed_over() -> None:
    own = opening()
    lines = answer(own)
    for end in range(len(lines) + 1):
        own.feed(["a warning of the interpreter", *lines[:end]])
    assert own.answer.code == 3


@pytest.mark.parametrize("damage", ["left out", "doubled", "moved", "changed", "another's"])
def test_what_is_not_whole_is_refused(damage: str) -> None:
    own = opening()
    lines = answer(own)
    match damage:
        case "left out":
            del lines[1]
        case "doubled":
            lines.insert(1, lines[1])
        case "moved":
            lines[0], lines[1] = lines[1], lines[0]
        case "changed":
            lines[1] = lines[1][:-6] + ("AAAAA=" if lines[1][-6:] != "AAAAA=" else "BBBBB=")
        case _:
            lines = answer(opening())
    with pytest.raises(WireProblem):
        own.feed(lines)


def test_a_log_that_the_node_began_anew_is_noticed() -> None:
    own = opening()
    lines = answer(own)
    own.feed(lines[:3])
    with pytest.raises(WireProblem, match="began a new log"):
        own.feed(lines[4:])


def test_a_file_that_leads_elsewhere_is_refused() -> None:
    own = opening()
    with pytest.raises(WireProblem, match="leads elsewhere"):
        own.feed(Sealing(own.key.public_key(), own.name).file("../evil", b"x"))


@pytest.mark.parametrize(
    "content",
    [b"rubbish", zlib.compress(b"x" * 100)[:-5], zlib.compress(b"x" * 100_001)],
    ids=["rubbish", "cut", "huge"],
)
def test_a_file_that_does_not_unpack_or_would_fill_the_memory_is_refused(
    content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wire, "MOST_FILE", 100_000)
    own = opening()
    sealing = Sealing(own.key.public_key(), own.name)
    lines = [sealing.line("file", b"page.html"), sealing.line("content", content), sealing.line("end", b"0")]
    with pytest.raises(WireProblem, match=r"unpacked|cut off"):
        own.feed(lines)
    assert own.answer.code is None


@pytest.mark.parametrize(("kind", "content"), [("content", b"of no file"), ("end", b"well")])
def test_what_is_no_answer_is_refused(kind: wire.Kind, content: bytes) -> None:
    own = opening()
    with pytest.raises(WireProblem, match="not in the form"):
        own.feed([Sealing(own.key.public_key(), own.name).line(kind, content)])


@pytest.mark.parametrize("name", ["", ".hidden", "a/b", "..", "a\\b", "a\0b", "x" * 101])
def test_names_that_lead_elsewhere(name: str) -> None:
    assert not is_plain(name)
    assert is_plain("page 1.html")


def test_an_answer_has_a_bound_and_its_end_is_still_told() -> None:
    sealing = Sealing(X25519PrivateKey.generate().public_key(), "command-1", size=MOST)
    with pytest.raises(WireProblem, match="ask for less"):
        sealing.line("output", b"x")
    assert sealing.line("end", b"70").startswith(MARK)


def test_a_request_is_read_as_it_was_asked() -> None:
    own = opening()
    asked = Request(("subject", "find"), CANARY.encode(), {"a.yaml": b"\0\1"})
    read, sealing = read_request(asked.to_bytes(name=own.name, key=own.key.public_key()))
    assert read == asked
    assert CANARY not in repr(read)
    own.feed([sealing.line("end", b"0")])
    assert own.answer.code == 0


def test_a_request_too_large_for_a_secret_is_refused_before_it_is_sent() -> None:
    own = opening()
    with pytest.raises(WireProblem, match="too large"):
        Request((), b"x" * 600_000).to_bytes(name=own.name, key=own.key.public_key())


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", json.dumps({"name": "x", "key": "AA=="}).encode()])
def test_what_is_no_request_is_refused(content: bytes) -> None:
    with pytest.raises(WireProblem, match="cannot be read"):
        read_request(content)
