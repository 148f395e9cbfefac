"""Look for many byte patterns at once, in files, streams and memory of any size."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ahocorasick_rs import BytesAhoCorasick

from scripts.leakcheck.decode import unfolded

_Bytes = bytes  # inside the class the name is a method
CHUNK: Final = 8 * 1024**2
# The automaton knows the beginnings only, which keeps it small and fast; a beginning found is compared to its end.
BEGINNING: Final = 8


@dataclass(frozen=True, slots=True)
class Hit:
    """Where a form of a planted value was found. `canary` is the value's label, never the value."""

    canary: str
    form: str
    channel: str
    place: str
    offset: int


class Scanner:
    """All forms of all canaries in one automaton: the cost hardly grows with their number."""

    def __init__(self, canaries: Mapping[str, Mapping[bytes, str]]) -> None:
        """`canaries`: label → (bytes → form's name), as `forms_of` gives them."""
        self._meanings: dict[bytes, tuple[str, str]] = {}
        for label, forms in canaries.items():
            for raw, form in forms.items():
                self._meanings.setdefault(raw, (label, form))
        ends: dict[bytes, list[bytes]] = {}
        for raw in self._meanings:
            ends.setdefault(raw[:BEGINNING], []).append(raw)
        self._wholes = list(ends.values())
        self._automaton = BytesAhoCorasick(list(ends))
        self._overlap = max((len(raw) for raw in self._meanings), default=1) - 1
        self.patterns = len(self._meanings)

    def chunks(self, chunks: Iterable[bytes], *, channel: str, place: str) -> tuple[list[Hit], int]:
        """Scan a stream in pieces; a pattern that lies across two of them is found, or across lines of a mail.

        Returns:
            The hits, each place once, and the number of bytes read.
        """
        found: dict[tuple[str, str, int], Hit] = {}
        carried, read = b"", 0
        for chunk in chunks:
            window = carried + chunk
            base = read - len(carried)
            joined = unfolded(window)
            for content in (window, joined) if joined is not None else (window,):
                for canary, form, start in self._matches(content):
                    found.setdefault((canary, form, base + start), Hit(canary, form, channel, place, base + start))
            read += len(chunk)
            carried = window[-self._overlap :] if self._overlap else b""
        return list(found.values()), read

    def bytes(self, content: bytes, *, channel: str, place: str) -> list[Hit]:
        return self.chunks([content], channel=channel, place=place)[0]

    def file(self, path: Path, *, channel: str, place: str) -> tuple[list[Hit], int]:
        return self.chunks(read_chunks(path), channel=channel, place=place)

    def _matches(self, window: _Bytes) -> Iterator[tuple[str, str, int]]:
        for index, start, _ in self._automaton.find_matches_as_indexes(window, overlapping=True):
            for whole in self._wholes[index]:
                if window.startswith(whole, start):
                    yield *self._meanings[whole], start


def read_chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as stream:
        while chunk := stream.read(CHUNK):
            yield chunk
