"""The negative twin: leaks on purpose through each channel. A check that misses one of them proves nothing."""

import base64
import gzip
import hashlib
import json
import os
import quopri
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.header import Header
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import brotli
import psutil
from psycopg.types.json import Jsonb

from scripts.leakcheck import origin
from scripts.leakcheck.canaries import Canaries, digits, word
from scripts.leakcheck.crew import Found
from scripts.leakcheck.rig import Rig
from scripts.leakcheck.sources import STATIC
from scripts.leakcheck.twin_wire import leak_over_wire

PREFIX: Final = "twin"
_HOLD: Final = "import sys, time; held = sys.stdin.read(); print(len(held), flush=True); time.sleep(600)"

_LETTERS: Final = "абвгдезиклмнопрстуфыэшчхюя"
_SOUNDS: Final = (*"abvgdeziklmnoprstufye", "sh", "ch", "kh", "yu", "ya")
_LATIN: Final = {ord(letter): sound for letter, sound in zip(_LETTERS, _SOUNDS, strict=True)}

# What other software would write, made by other code than the one that makes the patterns.
FORMS: Final[dict[str, Callable[[str], bytes]]] = {
    "plain": lambda name: name.encode(),
    "url-encoded": lambda name: quote(name).encode(),
    "JSON escapes": lambda name: json.dumps({"name": name}).encode(),
    "HTML entities": lambda name: name.encode("ascii", "xmlcharrefreplace"),
    "quoted-printable": lambda name: quopri.encodestring(f"{name}".encode(), quotetabs=True),
    "RFC 2047": lambda name: Header(name, "utf-8", maxlinelen=400).encode().encode(),
    "base64, first alignment": lambda name: base64.b64encode(f"to:{name}!".encode()),
    "base64, second alignment": lambda name: base64.b64encode(f"who:{name}!".encode()),
    "base64, third alignment": lambda name: base64.b64encode(f"about:{name}".encode()[1:]),
    "hex": lambda name: name.encode().hex().encode(),
    "cp1251": lambda name: name.encode("cp1251"),
    "upper case": lambda name: name.upper().encode(),
    "lower case": lambda name: name.lower().encode(),
    "transliteration": lambda name: name.lower().translate(_LATIN).encode(),
    "MD5": lambda name: hashlib.md5(name.encode(), usedforsecurity=False).hexdigest().encode(),
    "SHA-1": lambda name: hashlib.sha1(name.encode(), usedforsecurity=False).hexdigest().encode(),
    "SHA-256": lambda name: hashlib.sha256(name.encode()).digest(),
}
PHONE_FORMS: Final[dict[str, Callable[[str], bytes]]] = {
    "digits only": lambda number: number[1:].encode(),
    "last ten digits": lambda number: number[-10:].encode(),
    "digits in groups": lambda n: f"8 ({n[2:5]}) {n[5:8]}-{n[8:10]}-{n[10:]}".encode(),
    "MD5 of ten digits": lambda n: hashlib.md5(n[-10:].encode(), usedforsecurity=False).hexdigest().encode(),
}
CODINGS: Final[dict[str, Callable[[bytes], bytes]]] = {
    "identity": bytes,
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "br": brotli.compress,
}


@dataclass
class Twin:
    """Values that are leaked, and the channel in which each must be caught."""

    canaries: Canaries
    expected: dict[str, str] = field(default_factory=dict)

    def name(self, channel: str, *, leak: str = "") -> str:
        return self.note(channel, leak, word(7).title())

    def phone(self, channel: str, *, leak: str) -> str:
        return self.note(channel, leak, f"+7916{digits(7)}")

    def note(self, channel: str, leak: str, value: str) -> str:
        label = f"{PREFIX}, {leak or channel}"
        self.expected[label] = channel
        return self.canaries.value(label, value)

    def verdicts(self, found: Found) -> dict[str, str]:
        """By leak: whether it was found in its own channel. Elsewhere does not count."""
        caught = {(hit.canary, hit.channel) for hit in found.hits}
        closed = any(entry.startswith("memory: twin") for entry in found.unread)
        verdicts = {}
        for label, channel in self.expected.items():
            missed = "not permitted" if closed and channel == "memory" else "missed"
            verdicts[label.removeprefix(f"{PREFIX}, ")] = "caught" if (label, channel) in caught else missed
        return verdicts


@dataclass(frozen=True)
class Leaks:
    """All that will be leaked, known before the patterns are built."""

    channels: dict[str, str]
    lines: list[bytes]
    statement: dict[str, str]  # of a new origin of the audit log: who approved, and why
    wire: dict[tuple[str, str, str], tuple[str, bytes]]


def prepare(twin: Twin, *, secret: str) -> Leaks:
    """`secret`: one that the CRM's own process holds; finding it shows that its memory was really read."""
    twin.note("memory", "memory of the CRM itself", secret)
    channels = {
        name: twin.name(name)
        for name in ("database", "wal", "queue", "files", "log", "temporary", "static", "environment", "memory")
    }
    lines = [make(twin.name("log", leak=f"form {form}")) for form, make in FORMS.items()]
    lines += [make(twin.phone("log", leak=f"form {form}")) for form, make in PHONE_FORMS.items()]
    statement = {
        "approver": twin.name("database", leak="approver of a new origin"),
        "reason": twin.name("wire intake received", leak="reason of a new origin"),
    }
    wire = {}
    for route in ("crm", "intake", "service", "postgres"):
        for way in ("received", "sent"):
            for coding in CODINGS if route != "postgres" else ("identity",):
                channel = f"wire {route} {way}"
                value = twin.name(channel, leak=channel if coding == "identity" else f"{channel} ({coding})")
                wire[(route, way, coding)] = (
                    coding,
                    CODINGS[coding](json.dumps({"who": value}, ensure_ascii=False).encode()),
                )
    return Leaks(channels, lines, statement, wire)


@contextmanager
def processes(leaks: Leaks) -> Iterator[dict[str, psutil.Process]]:
    """Two children that stand for public processes: one has a person in its environment, one in its memory."""
    command = [sys.executable, "-c", _HOLD]
    environment = {"PATH": os.environ.get("PATH", ""), "CUSTOMER": leaks.channels["environment"]}
    started = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env)
        for env in (environment, {"PATH": environment["PATH"]})
    ]
    try:
        for child, held in zip(started, ("nothing", leaks.channels["memory"]), strict=True):
            if child.stdin is not None and child.stdout is not None:
                child.stdin.write(held)
                child.stdin.close()
                child.stdout.readline()
        yield {f"twin {child.pid}": psutil.Process(child.pid) for child in started}
    finally:
        for child in started:
            child.kill()
            child.wait()
            if child.stdout is not None:
                child.stdout.close()


@contextmanager
def leaked(rig: Rig, leaks: Leaks) -> Iterator[None]:
    """Every other channel; what was put into the project's own tree is taken out again."""
    values = leaks.channels
    instance = rig.instance
    planted = STATIC / "vendor" / f"leakcheck-{os.getpid()}.txt"
    _leak_into_database(rig, values)
    with (instance.logs("public") / "app.log").open("ab") as log:
        log.write(b"\n".join([values["log"].encode(), *leaks.lines]) + b"\n")
    _write(instance.temporary("public") / "upload", values["temporary"])
    _write(instance.run("public") / "notes", values["files"])
    origin.leak(instance, **leaks.statement)
    leak_over_wire(rig, leaks.wire)
    try:
        _write(planted, values["static"])
        yield
    finally:
        planted.unlink(missing_ok=True)


def _write(path: Path, value: str) -> None:
    path.write_text(value, encoding="utf-8")


def _leak_into_database(rig: Rig, values: dict[str, str]) -> None:
    job: Any = Jsonb({"customer": values["queue"]})
    with rig.public_database() as connection:
        connection.execute("CREATE TABLE leakcheck_twin (who text)")
        connection.execute("INSERT INTO leakcheck_twin VALUES (%s)", (values["database"],))
        connection.execute("SELECT pg_logical_emit_message(false, 'leakcheck', %s::text)", (values["wal"],))
        connection.execute(
            "INSERT INTO procrastinate_jobs (queue_name, task_name, args, scheduled_at) "
            "VALUES ('leakcheck', 'leakcheck', %s, now() + interval '1 day')",
            (job,),
        )
