"""natasha's recogniser of persons: two milliseconds for a short text, and 190 megabytes that are loaded once."""

import os
from collections.abc import Callable
from typing import Any

People = list[tuple[int, int]]


class Recogniser:
    """Finds persons as a model trained on news sees them. Slow to make, so make one per process."""

    def __init__(self) -> None:
        # Before numpy is imported: for products this small its threads only wait for one another, five times as long.
        for library in ("OPENBLAS", "OMP", "MKL"):
            os.environ[f"{library}_NUM_THREADS"] = "1"
        from natasha import Doc, NewsEmbedding, NewsNERTagger, Segmenter  # noqa: PLC0415  heavy: only on use

        self._doc: Callable[[str], Any] = Doc
        self._segmenter = Segmenter()
        self._tagger = NewsNERTagger(NewsEmbedding())

    def people(self, text: str) -> People:
        """Places of persons; none for a text without letters."""
        if not any(char.isalpha() for char in text):
            return []
        doc = self._doc(text)
        doc.segment(self._segmenter)
        doc.tag_ner(self._tagger)
        return [(span.start, span.stop) for span in doc.spans if span.type == "PER"]
