"""The lists of words that decide (words.txt), as sets and as patterns."""

import re
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Final

_FILE: Final = Path(__file__).with_name("words.txt")
_HEADING = re.compile(r"\[([a-z_]+)\]")


@cache
def _sections() -> dict[str, list[str]]:
    return sections_of(_FILE.read_text("utf-8"))


def sections_of(content: str) -> dict[str, list[str]]:
    """The words of each list. Raises ValueError where a list has one twice: who takes one out leaves the other."""
    sections: dict[str, list[str]] = {}
    current: list[str] = []
    for line in content.splitlines():
        heading = _HEADING.match(line)
        if heading is not None:
            current = sections.setdefault(heading[1], [])
        elif not line.startswith("#"):
            current.extend(word.strip() for word in line.split(",") if word.strip())
    for name, words in sections.items():
        twice = [word for word, count in Counter(map(str.lower, words)).items() if count > 1]
        if twice:
            message = f"words.txt: [{name}] has twice: {', '.join(twice)}"
            raise ValueError(message)
    return sections


def word_set(name: str) -> frozenset[str]:
    """The words of a list."""
    return frozenset(_sections()[name])


def word_pattern(name: str) -> re.Pattern[str]:
    """A pattern of words that begin as the list says; `=` at the end of a stem means the whole word."""
    stems = [re.escape(stem.removesuffix("=")) + (r"(?!\w)" if stem[-1] == "=" else "") for stem in _sections()[name]]
    return re.compile(rf"(?<!\w)(?:{'|'.join(stems)})", re.IGNORECASE)
