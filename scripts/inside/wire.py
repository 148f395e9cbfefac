"""How a request reaches a pod and how the answer leaves it: sealed, since the log of a pod is read by many.

A request is one file. Whatever the command prints goes out as lines, each an HPKE message (RFC 9180) to the key that
came with the request and lives in the asking process alone. Each line is bound to its place: none can be left out,
doubled or moved without being noticed.
"""

import base64
import json
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

SUITE: Final = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
MARK: Final = "larets-sealed "
PIECE: Final = 4096  # a line stays below what container runtimes cut
MOST: Final = 6 * 1024 * 1024  # of sealed bytes: a node keeps about ten before it begins a new log
MOST_FILE: Final = 256 * 1024 * 1024  # unpacked: whoever holds the pod must not fill the asking machine's memory
MOST_REQUEST: Final = 700_000  # a Secret holds one mebibyte, and base64 takes a third

Kind = Literal["error", "output", "file", "content", "end"]
_KINDS: Final[tuple[Kind, ...]] = ("error", "output", "file", "content", "end")


class WireProblem(Exception):
    """What came is not what was sent; the message says how, and holds nothing of it."""


@dataclass(frozen=True, slots=True)
class Request:
    """A command to run. `input` is its standard input, `files` lie in its working folder by name."""

    arguments: tuple[str, ...]
    input: bytes = field(default=b"", repr=False)
    files: Mapping[str, bytes] = field(default_factory=dict, repr=False)

    def to_bytes(self, *, name: str, key: X25519PublicKey) -> bytes:
        """Raises WireProblem: it is too large for one Secret."""
        content = {
            "name": name,
            "key": base64.b64encode(key.public_bytes(Encoding.Raw, PublicFormat.Raw)).decode(),
            "arguments": self.arguments,
            "input": base64.b64encode(self.input).decode(),
            "files": {file: base64.b64encode(data).decode() for file, data in self.files.items()},
        }
        made = json.dumps(content).encode()
        if len(made) > MOST_REQUEST:
            raise WireProblem(f"input and files are too large: at most {MOST_REQUEST // 1000} kB go with a command")
        return made


def read_request(content: bytes) -> tuple[Request, "Sealing"]:
    """Raises WireProblem."""
    try:
        told = json.loads(content)
        files = {str(name): base64.b64decode(data) for name, data in told["files"].items()}
        request = Request(tuple(map(str, told["arguments"])), base64.b64decode(told["input"]), files)
        key = X25519PublicKey.from_public_bytes(base64.b64decode(told["key"]))
        return request, Sealing(key, str(told["name"]))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise WireProblem(f"the request cannot be read ({type(error).__name__})") from None


def is_plain(name: str) -> bool:
    """Whether a file's name leads nowhere but into the folder it is put in."""
    return 0 < len(name) <= 100 and not name.startswith(".") and not set(name) & set("/\\\0")  # noqa: PLR2004


@dataclass(slots=True)
class Sealing:
    """Seals the lines of one answer, in order."""

    key: X25519PublicKey
    name: str
    lines: int = 0
    size: int = 0

    def line(self, kind: Kind, content: bytes) -> str:
        """Raises WireProblem: the answer grew too large; only its end may still be told."""
        self.size += len(content)
        if self.size > MOST and kind != "end":
            raise WireProblem(f"the answer is over {MOST // 1024**2} MiB: ask for less at once")
        plain = bytes([_KINDS.index(kind)]) + content
        sealed = SUITE.encrypt(plain, self.key, _place(self.name, self.lines))
        self.lines += 1
        return MARK + base64.b64encode(sealed).decode()

    def file(self, name: str, content: bytes) -> Iterator[str]:
        yield self.line("file", name.encode())
        packed = zlib.compress(content)
        for start in range(0, len(packed), PIECE):
            yield self.line("content", packed[start : start + PIECE])


@dataclass(slots=True)
class Answer:
    """What a command has said. `code` is None as long as it has not ended."""

    code: int | None = None
    output: bytes = field(default=b"", repr=False)
    errors: list[str] = field(default_factory=list, repr=False)
    files: dict[str, bytes] = field(default_factory=dict, repr=False)


@dataclass(slots=True)
class Opening:
    """Opens the lines of one answer. `told` is called with each line of standard error as it comes."""

    key: X25519PrivateKey
    name: str
    told: Callable[[str], None]
    answer: Answer = field(default_factory=Answer)
    lines: int = 0
    _packed: dict[str, bytes] = field(default_factory=dict, repr=False)
    _file: str = ""

    @classmethod
    def new(cls, name: str, told: Callable[[str], None]) -> "Opening":
        return cls(X25519PrivateKey.generate(), name, told)

    def feed(self, log: Iterable[str]) -> None:
        """All lines of the log so far, those that were fed before included. Raises WireProblem."""
        sealed = [line.strip() for line in log if line.startswith(MARK)]
        if len(sealed) < self.lines:
            raise WireProblem("a part of the answer is missing: the node began a new log; ask for less at once")
        for line in sealed[self.lines :]:
            self._open(line.removeprefix(MARK))
            self.lines += 1

    def _open(self, text: str) -> None:
        try:
            plain = SUITE.decrypt(base64.b64decode(text, validate=True), self.key, _place(self.name, self.lines))
            kind, content = _KINDS[plain[0]], plain[1:]
        except (ValueError, InvalidTag, IndexError):
            raise WireProblem("the answer was changed on its way, or a part of it is missing") from None
        match kind:
            case "error":
                line = content.decode("utf-8", "replace")
                self.answer.errors.append(line)
                self.told(line)
            case "output":
                self.answer.output += content
            case "file":
                self._file = content.decode("utf-8", "replace")
                if not is_plain(self._file):
                    raise WireProblem("a file of the answer has a name that leads elsewhere; nothing was written")
                self._packed[self._file] = b""
            case "content" if self._file:
                self._packed[self._file] += content
            case "end" if content.removeprefix(b"-").isdigit():
                self.answer.files = {name: _unpacked(packed) for name, packed in self._packed.items()}
                self.answer.code = int(content)
            case _:
                raise WireProblem("the answer is not in the form of one; nothing was written")


def _unpacked(packed: bytes) -> bytes:
    opener = zlib.decompressobj()
    try:
        content = opener.decompress(packed, MOST_FILE)
    except zlib.error:
        raise WireProblem("a file of the answer cannot be unpacked; nothing was written") from None
    if not opener.eof:
        raise WireProblem(f"a file of the answer is cut off, or over {MOST_FILE // 1024**2} MiB; nothing was written")
    return content


def _place(name: str, number: int) -> bytes:
    return f"larets command {name} line {number}".encode()
