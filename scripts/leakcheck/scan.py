"""Look for many byte patterns at once, in files, streams and memory of any size."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ahocorasick_rs import BytesAhoCorasick

CHUNK: Final = 8 * 1024**2


@dataclass(frozen=True, slots=True)
class Hit:
    """Where a form of a planted value was found. `canary` is the value's label, never the value."""

    canary: str
    form: str
    channel: str
    place: str
    offset: int


class Scanner:
    """All forms of all canaries in one automaton: the cost does not grow with their number."""

    def __init__(self, canaries: Mapping[str, Mapping[bytes, str]]) -> None:
        """`canaries`: label → (bytes → form's name), as `forms_of` gives them."""
        self._meanings: list[tuple[str, str]] = []
        patterns: list[bytes] = []
        known: set[bytes] = set()
        for label, forms in canaries.items():
            for raw, form in forms.items():
                if raw not in known:
                    known.add(raw)
                    patterns.append(raw)
                    self._meanings.append((label, form))
        self._automaton = BytesAhoCorasick(patterns)
        self._overlap = max((len(raw) for raw in patterns), default=1) - 1
        self.patterns = len(patterns)

    def chunks(self, chunks: Iterable[bytes], *, channel: str, place: str) -> tuple[list[Hit], int]:
        """Scan a stream in pieces; a pattern that lies across two of them is found.

        Returns:
            The hits, each place once, and the number of bytes read.
        """
        found: dict[tuple[str, str, int], Hit] = {}
        carried, read = b"", 0
        for chunk in chunks:
            window = carried + chunk
            base = read - len(carried)
            for index, start, _ in self._automaton.find_matches_as_indexes(window, overlapping=True):
                canary, form = self._meanings[index]
                found.setdefault((canary, form, base + start), Hit(canary, form, channel, place, base + start))
            read += len(chunk)
            carried = window[-self._overlap :] if self._overlap else b""
        return list(found.values()), read

    def bytes(self, content: bytes, *, channel: str, place: str) -> list[Hit]:
        return self.chunks([content], channel=channel, place=place)[0]

    def file(self, path: Path, *, channel: str, place: str) -> tuple[list[Hit], int]:
        return self.chunks(read_chunks(path), channel=channel, place=place)


def read_chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as stream:
        while chunk := stream.read(CHUNK):
            yield chunk
