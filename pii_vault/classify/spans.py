"""Places in a text, and how those that meet are told apart."""

from collections.abc import Iterable
from typing import Final, NamedTuple

# What the classifier can find; where two meet, the earlier in this list stays.
CLASSES: Final = (
    "email", "handle", "card", "snils", "passport", "inn", "car_plate", "phone", "birth_date", "address", "name",
)  # fmt: skip
MAX_CHARACTERS: Final = 20_000  # as long as a value of class text may be
MASKED: Final = "\ufffc"  # stands for a character that is taken: no letter, digit or blank


_PLAIN: Final = str.maketrans(dict.fromkeys("\u00a0\u2007\u2009\u202f", " ") | dict.fromkeys("\u2010\u2011", "-"))


def squeezed(text: str) -> tuple[str, list[int] | None]:
    """The text with one plain blank for any run of blanks, and where each of its characters stands in the first one.

    No places where nothing moved.
    """
    plain = text.translate(_PLAIN)
    if "  " not in plain:
        return plain, None
    places = [at for at, char in enumerate(plain) if char != " " or plain[at - 1 : at] != " "]
    return "".join(plain[at] for at in places), places


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
