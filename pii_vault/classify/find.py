"""Finds personal data in a text for people: a note, a chat, the transcript of a call.

First what has a form and check digits, then what only words around it give away: each finder sees the text without
what earlier ones took, so spans never meet. Misses and limits: docs/classes.md.
"""

from collections.abc import Callable

from pii_vault.classify.addresses import find_addresses
from pii_vault.classify.dates import find_beside, find_birth_dates
from pii_vault.classify.latin import find_latin_addresses, find_latin_names
from pii_vault.classify.morph import is_town
from pii_vault.classify.names import find_names
from pii_vault.classify.numbers import find_numbers
from pii_vault.classify.spans import MASKED, MAX_CHARACTERS, Canvas, Span, squeezed
from pii_vault.classify.written import find_emails, find_handles

__all__ = ["MAX_CHARACTERS", "Witness", "find", "no_witness"]

Witness = Callable[[str], list[tuple[int, int]]]


def no_witness(_text: str) -> list[tuple[int, int]]:
    """The rules alone."""
    return []


def find(text: str, witness: Witness = no_witness) -> list[Span]:
    """All spans, in order; they never meet. `witness` adds where a recogniser saw persons."""
    plain, places = squeezed(text)
    if places is None:
        return _find(plain, witness)
    return [Span(places[span.start], places[span.end - 1] + 1, span.class_id) for span in _find(plain, witness)]


def _find(text: str, witness: Witness) -> list[Span]:
    canvas = Canvas(text)
    canvas.take(find_emails(canvas.text))
    canvas.take(find_handles(canvas.text))
    for span in find_numbers(canvas.text):  # the surest first, so one by one
        canvas.take([span])
    canvas.take(find_birth_dates(canvas.text))
    canvas.take(find_addresses(canvas.text, is_town))
    canvas.take(find_latin_addresses(canvas.text))
    canvas.take(find_latin_names(canvas.text))
    # What a witness saw partly in a number or a box says nothing of the words beside it: `Госномер Р900УО`.
    people = [(start, end) for start, end in witness(text) if MASKED not in canvas.text[start:end]]
    canvas.take(find_names(canvas.text, people))
    canvas.take(find_beside(canvas.text, canvas.found))
    return sorted(canvas.found)
