"""Places in a text, and how those that meet are told apart."""

from collections.abc import Iterable
from typing import Final, NamedTuple

# What the classifier can find; where two meet, the earlier in this list stays.
CLASSES: Final = (
    "email", "handle", "card", "snils", "passport", "inn", "car_plate", "phone", "birth_date", "address", "name",
)  # fmt: skip
MASKED: Final = "\ufffc"  # stands for a character that is taken: no letter, digit or blank


class Span(NamedTuple):
    """text[start:end], in characters, is a value of this class."""

    start: int
    end: int
    class_id: str


class Canvas:
    """A text of which parts are taken. Later finders see a mark instead of what earlier ones took."""

    __slots__ = ("found", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.found: list[Span] = []

    def take(self, spans: Iterable[Span]) -> None:
        """Those that lie on free ground; the longer of two that begin together."""
        for span in sorted(spans, key=lambda each: (each.start, -each.end)):
            start, end = self._trimmed(span)
            if start < end and MASKED not in self.text[start:end]:
                self.found.append(Span(start, end, span.class_id))
                self.text = f"{self.text[:start]}{MASKED * (end - start)}{self.text[end:]}"

    def _trimmed(self, span: Span) -> tuple[int, int]:
        start, end = span.start, span.end
        while start < end and self.text[start] in " \t\n\u00a0,;:":
            start += 1
        while start < end and self.text[end - 1] in " \t\n\u00a0,;:":
            end -= 1
        return start, end
