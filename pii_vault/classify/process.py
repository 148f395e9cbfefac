"""The classifier in a process of its own: its models are 250 MB and its work is seconds of a processor's time.

Who waits for a text waits for a bounded time; then the text stays a token as a whole. Nothing else of the vault waits.
"""

import asyncio
import multiprocessing
import os
import threading
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from functools import cache
from multiprocessing import parent_process
from typing import TYPE_CHECKING, Final, Protocol

from pii_vault.classify.spans import MAX_CHARACTERS, Span
from pii_vault.errors import VaultError

if TYPE_CHECKING:
    from pii_vault.classify.find import Witness

SECONDS: Final = 30.0  # of one text, the loading of the models included; then the process is taken for stuck
PATIENCE: Final = 2.0  # of whoever asks
MOST_WAITING: Final = 64  # texts; more would only come too late


class ClassifierUnavailable(VaultError):
    """Texts cannot be classified now, so they stay tokens as a whole. Look for the process in the vault's log."""

    status_code = 503
    code = "classifier_unavailable"


class Classifier(Protocol):
    """Finds personal data in a text, off the event loop."""

    async def find(self, text: str) -> list[Span]:
        """Raises ClassifierUnavailable."""


class NoClassifier:
    """Where none was set up: every text stays a token as a whole."""

    async def find(self, text: str) -> list[Span]:  # noqa: ARG002
        raise ClassifierUnavailable


class ClassifierProcess:
    """One process, begun with the first text and again after it died or got stuck. Texts wait for one another."""

    def __init__(
        self, *, recogniser: bool = True, patience: float = PATIENCE, seconds: float = SECONDS, most: int = MOST_WAITING
    ) -> None:
        """Without the recogniser the rules work alone: fewer names are found."""
        self._recogniser = recogniser
        self._patience, self._seconds, self._most = patience, seconds, most
        self._executor: ProcessPoolExecutor | None = None
        self._at_work: set[asyncio.Task[list[Span]]] = set()

    async def find(self, text: str) -> list[Span]:
        """Raises ClassifierUnavailable: too long, too many wait already, no answer in time, or the process is away."""
        if len(text) > MAX_CHARACTERS or len(self._at_work) >= self._most:
            raise ClassifierUnavailable
        task = asyncio.create_task(self._work(text))
        self._at_work.add(task)
        task.add_done_callback(self._settle)
        try:
            async with asyncio.timeout(self._patience):
                return await asyncio.shield(task)  # it goes on: the models that it loads serve the next text
        except TimeoutError:
            raise ClassifierUnavailable from None

    async def _work(self, text: str) -> list[Span]:
        if self._executor is None:
            # Spawned, not forked: a forked child would share the parent's connections and keys.
            self._executor = ProcessPoolExecutor(
                1, mp_context=multiprocessing.get_context("spawn"), initializer=_leave_with_parent
            )
        mine = self._executor
        try:
            async with asyncio.timeout(self._seconds):
                return await asyncio.get_running_loop().run_in_executor(mine, _find, text, self._recogniser)
        except (BrokenProcessPool, TimeoutError, OSError):
            if self._executor is mine:
                self.close()
            raise ClassifierUnavailable from None
        except asyncio.CancelledError:
            if (task := asyncio.current_task()) is not None and task.cancelling():
                raise
            raise ClassifierUnavailable from None  # it waited behind a text whose process was ended

    def _settle(self, task: asyncio.Task[list[Span]]) -> None:
        self._at_work.discard(task)
        if not task.cancelled():
            task.exception()  # nobody may be waiting for it any more

    def close(self) -> None:
        """Ends the process, also one that is stuck; the next text begins another."""
        executor, self._executor = self._executor, None
        if executor is not None:
            processes = list((executor._processes or {}).values())  # noqa: SLF001  it has no way of its own to end one
            executor.shutdown(wait=False, cancel_futures=True)
            for process in processes:
                with suppress(ValueError, OSError):  # ended already
                    process.kill()


def _leave_with_parent() -> None:
    """A killed vault leaves no process behind: this one would wait for texts for ever."""
    parent = parent_process()

    def watch() -> None:
        if parent is not None:
            parent.join()
            os._exit(0)

    threading.Thread(target=watch, daemon=True).start()


def _find(text: str, recogniser: bool) -> list[Span]:  # noqa: FBT001  runs in the other process
    from pii_vault.classify.find import find  # noqa: PLC0415  its patterns and lists are of use only there

    return find(text, _witness()) if recogniser else find(text)


@cache
def _witness() -> "Witness":
    from pii_vault.classify.recogniser import Recogniser  # noqa: PLC0415  heavy, and only in this process

    return Recogniser().people
