"""Finds personal data in a text for people: a note, a chat, the transcript of a call.

First what has a form and check digits, then what only words around it give away: each finder sees the text without
what earlier ones took, so spans never meet. Misses and limits: docs/classes.md.
"""

from collections.abc import Callable
from typing import Final

from pii_vault.classify.addresses import find_addresses
from pii_vault.classify.dates import find_beside, find_birth_dates
from pii_vault.classify.morph import is_town
from pii_vault.classify.names import find_names
from pii_vault.classify.numbers import find_numbers
from pii_vault.classify.spans import Canvas, Span
from pii_vault.classify.written import find_emails, find_handles

MAX_CHARACTERS: Final = 20_000  # as long as a value of class text may be

Witness = Callable[[str], list[tuple[int, int]]]


def no_witness(_text: str) -> list[tuple[int, int]]:
    """The rules alone."""
    return []


def find(text: str, witness: Witness = no_witness) -> list[Span]:
    """All spans, in order; they never meet. `witness` adds where a recogniser saw persons."""
    canvas = Canvas(text)
    canvas.take(find_emails(canvas.text))
    canvas.take(find_handles(canvas.text))
    for span in find_numbers(canvas.text):  # the surest first, so one by one
        canvas.take([span])
    canvas.take(find_birth_dates(canvas.text))
    canvas.take(find_addresses(canvas.text, is_town))
    canvas.take(find_names(canvas.text, witness(text)))
    canvas.take(find_beside(canvas.text, canvas.found))
    return sorted(canvas.found)
