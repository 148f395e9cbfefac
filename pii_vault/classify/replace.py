"""A text with something else in place of what was found."""

from collections.abc import Callable, Sequence

from pii_vault.classify.spans import Span


def replaced(text: str, spans: Sequence[Span], stand_in: Callable[[Span], str]) -> str:
    """The text with `stand_in(span)` for each span. The spans are in order and do not meet."""
    parts: list[str] = []
    at = 0
    for span in spans:
        parts += (text[at : span.start], stand_in(span))
        at = span.end
    return "".join((*parts, text[at:]))
