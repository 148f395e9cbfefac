"""“Verify the log” from the page: the verifier in a thread, one at a time and for a bounded time, with progress."""

import asyncio
import logging
import threading
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final, Literal

import msgspec
import psycopg

from pii_vault.audit.note import NoteError, log_key
from pii_vault.audit.verify import Report, verify_log
from pii_vault.config import VaultSettings
from pii_vault.errors import VaultError
from pii_vault.keys.service import KeyService
from pii_vault.web import Language, translator
from pii_vault.worker import audit_origin, witness_vkey

logger = logging.getLogger(__name__)

LONGEST_SECONDS: Final = 120.0
_BEAT_SECONDS: Final = 0.5
_one_at_a_time = threading.Lock()


class VerificationRuns(VaultError):
    """A verification is already under way here. Wait for it to end."""

    status_code = 429
    code = "verification_runs"


class _TooLong(Exception):
    """The log is too long for a page; it says so and names the command instead."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the page says at the end."""

    kind: Literal["good", "bad", "unknown"]
    text: str


def is_busy() -> bool:
    """Whether a verification runs here. Asked before an answer begins, while a status can still say so."""
    return _one_at_a_time.locked()


class Progress:
    """Records done, as the verifying thread tells it; stops that thread when its time is up."""

    def __init__(self) -> None:
        self.done = 0
        self.expected = 0
        self._deadline = time.monotonic() + LONGEST_SECONDS
        self.abandoned = False

    def __call__(self, done: int, expected: int) -> None:
        self.done, self.expected = done, expected
        if self.abandoned or time.monotonic() > self._deadline:
            raise _TooLong


async def verify_with_progress(settings: VaultSettings, keys: KeyService, *, lang: Language) -> AsyncIterator[bytes]:
    """Lines of JSON: `{done, expected}` twice a second, at last `{kind, text}`.

    The reader who leaves stops the work at its next step.
    """
    progress = Progress()
    work = asyncio.create_task(verify(settings, keys, progress=progress, lang=lang))
    try:
        while not (await asyncio.wait({work}, timeout=_BEAT_SECONDS))[0]:
            yield _line({"done": progress.done, "expected": progress.expected})
        verdict = work.result()
        yield _line({"kind": verdict.kind, "text": verdict.text})
    finally:
        progress.abandoned = True


async def verify(
    settings: VaultSettings, keys: KeyService, *, lang: Language, progress: Progress | None = None
) -> Verdict:
    """The verdict on the whole log. Raises VerificationRuns."""
    if not _one_at_a_time.acquire(blocking=False):
        raise VerificationRuns
    try:
        own = str(log_key(audit_origin(settings), keys.checkpoint_public_key()))
        return await asyncio.to_thread(_verify, settings, own, progress or Progress(), lang)
    finally:
        _one_at_a_time.release()


def _verify(settings: VaultSettings, own: str, progress: Progress, lang: Language) -> Verdict:
    t = translator(lang)
    try:
        report = verify_log(settings.database_url, own, witness_vkey(settings), progress=progress)
    except _TooLong:
        return Verdict(
            "unknown",
            t(
                f"Журнал длинный: за две минуты проверено записей: {progress.done}. Целиком: larets audit verify.",
                f"The log is long: {progress.done} records were checked in two minutes. In full: larets audit verify.",
            ),
        )
    except (NoteError, OSError):
        logger.warning("console: the witness's key is missing or malformed")
        return Verdict("unknown", t("Ключ свидетеля не задан.", "The witness's key is not configured."))
    except psycopg.Error as error:
        logger.warning("console: verification could not read the database: %s", type(error).__name__)
        return Verdict("unknown", t("База хранилища не отвечает.", "The vault's database does not answer."))
    return _conclude(report, lang)


def _conclude(report: Report, lang: Language) -> Verdict:
    t = translator(lang)
    if not report.ok:
        first = "; ".join(
            f"{problem.kind}{'' if problem.at is None else f' № {problem.at}'}" for problem in report.problems[:5]
        )
        found = len(report.problems) + report.suppressed
        return Verdict("bad", t(f"Журнал нарушен, находок: {found}. {first}", f"The log is broken, {found}: {first}"))
    return Verdict(
        "good",
        t(
            f"Журнал цел. Записей: {report.records}, заверено свидетелем: {report.witnessed}, "
            f"ещё не заверено: {report.unwitnessed}.",
            f"The log is intact. Records: {report.records}, witnessed: {report.witnessed}, "
            f"not yet witnessed: {report.unwitnessed}.",
        ),
    )


def _line(content: object) -> bytes:
    return msgspec.json.encode(content) + b"\n"
