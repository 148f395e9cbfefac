"""Classifiers of the tests: the rules alone in this process, one that is away, one that sees names only."""

from pii_vault.classify.find import find
from pii_vault.classify.process import ClassifierUnavailable
from pii_vault.classify.spans import Span


class Rules:
    """The rules alone, in this process. Counts the texts."""

    def __init__(self) -> None:
        self.asked = 0
        self.away = False

    async def find(self, text: str) -> list[Span]:
        self.asked += 1
        if self.away:
            raise ClassifierUnavailable
        return find(text)


class Away:
    async def find(self, text: str) -> list[Span]:
        del text
        raise ClassifierUnavailable


class Blind:
    """Finds names only, as a classifier may."""

    async def find(self, text: str) -> list[Span]:
        return [span for span in find(text) if span.class_id == "name"]
