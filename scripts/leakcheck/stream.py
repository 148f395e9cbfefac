"""What the public half hands over to be searched: pieces of channels, as they come, through a pipe and no file.

A piece is a line of JSON that says what follows, and the bytes. Pieces of one place follow one another.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import IO, Any, Final

PIECE: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Piece:
    """Bytes of a place of a channel; `unread` says instead why there are none."""

    channel: str
    place: str
    content: bytes = b""
    unread: str = ""


def write(out: IO[bytes], piece: Piece) -> None:
    head = {"channel": piece.channel, "place": piece.place, "size": len(piece.content), "unread": piece.unread}
    out.write(json.dumps(head).encode() + b"\n" + piece.content)
    out.flush()


def read(source: IO[bytes]) -> Iterator[Piece]:
    """Raises EOFError: it broke off within a piece."""
    while line := source.readline():
        head: dict[str, Any] = json.loads(line)
        content = source.read(head["size"])
        if len(content) != head["size"]:
            raise EOFError
        yield Piece(head["channel"], head["place"], content, head["unread"])


def by_place(pieces: Iterator[Piece]) -> Iterator[tuple[str, str, Iterator[Piece]]]:
    key: Callable[[Piece], tuple[str, str]] = lambda piece: (piece.channel, piece.place)  # noqa: E731  used twice
    for (channel, place), found in groupby(pieces, key):
        yield channel, place, found
