"""The tokens inside an order's note, as the gateway remembers them: places and tokens, never a word of the note.

The shop sends the whole order at each change. As long as its note is the same, so are the tokens in it, and no
classifier is asked: the note with tokens in place is put together anew from the shop's own text.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from pii_vault.classify.spans import Span
from pii_vault.classify.text import crossing_of
from pii_vault.core.tokens import parse_token_shape
from pii_vault.gateway.parties import Text


@dataclass(frozen=True, slots=True)
class Inner:
    """`places`: (start, end, token) in characters of the note that `note_token` stands for."""

    note_token: str
    places: Sequence[tuple[int, int, str]]

    @classmethod
    def of(cls, stored: Sequence[str] | None, note_token: str) -> Self | None:
        """What `stored()` gave for this very note; None for any other: an older version of the vault left it there."""
        if not stored or stored[0] != note_token:
            return None
        places = []
        for line in stored[1:]:
            start, end, token = line.split(" ")
            places.append((int(start), int(end), token))
        return cls(note_token, places)

    def stored(self) -> list[str]:
        return [self.note_token, *(f"{start} {end} {token}" for start, end, token in self.places)]

    def mixed(self, note: Text) -> str | None:
        """The note with tokens in place, where the officer lets it cross."""
        if not note.crosses:
            return None
        spans = [Span(start, end, _class_of(token)) for start, end, token in self.places]
        return crossing_of(note.value.text, spans, [token for _, _, token in self.places])


def _class_of(token: str) -> str:
    shape = parse_token_shape(token)
    return "" if shape is None else shape.class_id
