"""What is read of processes and recordings."""

import os
from pathlib import Path

from scripts.leakcheck.canaries import word
from scripts.leakcheck.crew import Crew, Found
from scripts.leakcheck.decode import unfolded
from scripts.leakcheck.forms import forms_of
from scripts.leakcheck.scan import Scanner
from scripts.leakcheck.sources import Source, decoded_bodies, memory_chunks


def test_a_value_is_found_in_the_memory_of_a_living_process() -> None:
    held = word(8)
    scanner = Scanner({"held": {held.encode(): "plain"}})
    hits, size = scanner.chunks(memory_chunks(os.getpid(), shared_too=False), channel="memory", place="self")
    assert hits
    assert size > 1024**2


def test_a_crew_scans_files_bytes_and_bodies_and_says_what_it_could_not_read(tmp_path: Path) -> None:
    value = word(8)
    file, recording = tmp_path / "file", tmp_path / "crm-1.received"
    file.write_text(value)
    body = value.encode()
    recording.write_bytes(b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n4\r\n" + body[:4] + b"\r\n")
    found = Found()
    sources = [
        Source("files", "file", "file", file),
        Source("files", "gone", "file", tmp_path / "gone"),
        Source("queue", "jobs", "bytes", content=b"nothing"),
        Source("wire", "recording", "decoded", recording),
        Source("files", "folder", "file", tmp_path),
    ]
    with Crew({"value": forms_of(value)}) as crew:
        crew.scan(sources, found)
    assert {(hit.canary, hit.place) for hit in found.hits} == {("value", "file")}
    assert found.scanned["queue"] == len(b"nothing")
    assert decoded_bodies(recording) == body[:4]
    assert [entry.partition(" (")[0] for entry in found.unread] == ["files: folder"]


def test_lines_of_mail_are_joined_and_other_text_is_left_alone() -> None:
    assert unfolded(b"=D0=9F=\r\n=D0=B5") == b"=D0=9F=D0=B5"
    assert unfolded(b"A" * 76 + b"\n" + b"B" * 8) == b"A" * 76 + b"B" * 8
    assert unfolded(b"=?utf-8?q?=D0?=\n =?utf-8?q?=9F?=") == b"=?utf-8?q?=D0=9F?="
    assert unfolded(b"a = b\nc\n") is None
    assert unfolded(b"=D0=\n" + b"\0" * 100) is None
