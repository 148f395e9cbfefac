"""What the guard takes for personal data: the vault's own detectors (no recogniser), over every reading of a text."""

from collections.abc import Iterable

from pii_vault.client import personal_classes as classes_in


def personal_classes(texts: Iterable[str]) -> frozenset[str]:
    """Field classes of which a value stands in these texts as they are; empty when there is none."""
    return classes_in(texts)


def personal_classes_decoded(texts: Iterable[str]) -> frozenset[str]:
    """The same for strangers' texts: also behind percent-encoding, JSON escapes and HTML entities."""
    return classes_in(texts, decoded=True)
