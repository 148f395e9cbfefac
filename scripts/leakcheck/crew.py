"""Scans sources side by side, each in a process of its own: the search holds Python's lock."""

import multiprocessing
import os
from collections.abc import Iterable, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from types import TracebackType
from typing import Final, Self

from scripts.leakcheck.scan import Hit, Scanner
from scripts.leakcheck.sources import Source, decoded_bodies, memory_chunks

MOST_PROCESSES: Final = 4
_scanner: Scanner | None = None


@dataclass
class Found:
    """What all scans together have seen."""

    hits: list[Hit] = field(default_factory=list)
    scanned: dict[str, int] = field(default_factory=dict)
    unread: list[str] = field(default_factory=list)


class Crew:
    """Worker processes that hold the automaton. The building of it goes on while the check plants."""

    def __init__(self, forms: Mapping[str, Mapping[bytes, str]]) -> None:
        count = min(MOST_PROCESSES, max(2, os.cpu_count() or 2))
        context = multiprocessing.get_context("spawn")
        self._pool = ProcessPoolExecutor(count, mp_context=context, initializer=_prepare, initargs=(dict(forms),))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown(cancel_futures=True)

    def scan(self, sources: Iterable[Source], found: Found) -> None:
        for source, (hits, size, problem) in self._pool.map(_with_source, sources):
            found.hits += hits
            found.scanned[source.channel] = found.scanned.get(source.channel, 0) + size
            if problem:
                found.unread.append(f"{source.channel}: {source.place} ({problem})")


def _prepare(forms: Mapping[str, Mapping[bytes, str]]) -> None:
    global _scanner  # noqa: PLW0603  one per worker process, made once
    _scanner = Scanner(forms)


Answer = tuple[list[Hit], int, str]


def _with_source(source: Source) -> tuple[Source, Answer]:
    """The source without its bytes, and what was found; a file that has gone meanwhile is no error."""
    named = Source(source.channel, source.place, source.kind)
    try:
        return named, _scan(source)
    except FileNotFoundError:
        return named, ([], 0, "")
    except OSError as error:
        return named, ([], 0, error.strerror or type(error).__name__)


def _scan(source: Source) -> Answer:
    if _scanner is None:
        message = "the worker has no scanner"
        raise RuntimeError(message)
    channel, place = source.channel, source.place
    if source.kind == "memory":
        return *_scanner.chunks(memory_chunks(source.pid, shared_too=source.shared), channel=channel, place=place), ""
    if source.kind == "file" and source.path is not None:
        return *_scanner.file(source.path, channel=channel, place=place), ""
    content = source.content
    if source.kind == "decoded" and source.path is not None:
        content = decoded_bodies(source.path)
    return _scanner.bytes(content, channel=channel, place=place), len(content), ""
