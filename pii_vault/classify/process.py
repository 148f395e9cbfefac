"""The classifier in a process of its own: its models are 250 MB and its work is seconds of a processor's time."""

import asyncio
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import cache
from typing import Final, Protocol

from pii_vault.classify.find import MAX_CHARACTERS, Witness, find, no_witness
from pii_vault.classify.spans import Span
from pii_vault.errors import VaultError

SECONDS: Final = 30.0  # of one text; the first waits for the models to load


class ClassifierUnavailable(VaultError):
    """Texts cannot be classified now, so they stay tokens as a whole. Look for the process in the vault's log."""

    status_code = 503
    code = "classifier_unavailable"


class Classifier(Protocol):
    """Finds personal data in a text, off the event loop."""

    async def find(self, text: str) -> list[Span]:
        """Raises ClassifierUnavailable."""


class ClassifierProcess:
    """One process, begun with the first text and again after it died. Texts wait for one another."""

    def __init__(self, *, recogniser: bool = True) -> None:
        """Without the recogniser the rules work alone: fewer names are found."""
        self._recogniser = recogniser
        self._executor: ProcessPoolExecutor | None = None

    async def find(self, text: str) -> list[Span]:
        if len(text) > MAX_CHARACTERS:
            raise ClassifierUnavailable
        if self._executor is None:
            # Spawned, not forked: a forked child would share the parent's connections and keys.
            self._executor = ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"))
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(SECONDS):
                return await loop.run_in_executor(self._executor, _find, text, self._recogniser)
        except (BrokenProcessPool, TimeoutError, OSError):
            self.close()
            raise ClassifierUnavailable from None

    def close(self) -> None:
        """Ends the process; the next text begins another."""
        if self._executor is not None:
            self._executor.shutdown(wait=False, cancel_futures=True)
            self._executor = None


def _find(text: str, recogniser: bool) -> list[Span]:  # noqa: FBT001  runs in the other process
    return find(text, _witness() if recogniser else no_witness)


@cache
def _witness() -> Witness:
    from pii_vault.classify.recogniser import Recogniser  # noqa: PLC0415  heavy, and only in this process

    return Recogniser().people
