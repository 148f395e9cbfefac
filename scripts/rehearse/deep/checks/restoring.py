"""Both halves set back to a backup inside their clusters, one after the other, as the administrator's guide tells it.

What came after the backup is lost, as was told; who was erased after it is erased again before the vault serves
anybody; the log goes on under a new origin; then orders come as before.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import httpx

from scripts.env.environment import open_environment
from scripts.env.place import SIDES, Side
from scripts.local.instance import InstanceProblem
from scripts.rehearse.deep.checks import bringing
from scripts.rehearse.deep.checks.load import Load, ask_database, under_load
from scripts.rehearse.deep.checks.serving import TENANT
from scripts.rehearse.deep.stage import DeepStage
from scripts.rehearse.stage import NAME, CheckFailed
from scripts.smoke.halves import doors_of
from scripts.smoke.visitor import Visitor

ENOUGH: Final = 3
PATIENCE: Final = 120.0  # for pods that come back, and for the witness to have seen the log again
OFFICERS: Final = ("first.officer", "second.officer")
REASON: Final = "rehearsal: back to a backup"
_SUBJECT: Final = f"""
SELECT c.subject FROM orders o JOIN contact c ON c.id = o.contact_id
WHERE o.tenant_id = '{TENANT}' AND o.external_id = '%s'
"""  # noqa: S608  a name of ours


def set_back(stage: DeepStage) -> dict[str, Any]:
    """How long each step took, in seconds."""
    seconds: dict[str, float] = {}
    officers = _officers(stage)
    before = _orders(stage)
    backups = {side: stage.folder / f"{side}.backup" for side in SIDES}
    for side, path in backups.items():
        with _timed(seconds, f"backup {side}"):
            stage.must("backup", side, "--out", str(path))
    since = _orders(stage)
    erased, lost = (_subject(stage, load.accepted[0]) for load in (before, since))
    stage.must_exec("private", "subject", "erase", erased, "--yes", "--json")

    with _timed(seconds, "restore private"):
        told = _restored(stage, "private", backups["private"])
    if told["replayed"]["replayed"] != 1:
        raise CheckFailed(f"one person was erased after the backup; erased again: {told['replayed']['replayed']}")
    with _timed(seconds, "new origin"):
        _founded(stage, officers)
    _serves(stage, seconds, "private")
    [found] = stage.must_exec("private", "subject", "find", erased, "--json").json
    if found["state"] == "active":
        raise CheckFailed("a person who was erased after the backup is back")
    if stage.exec("private", "subject", "find", lost, "--json").code == 0:
        raise CheckFailed("a person who came after the backup is there: it is not the backup that was restored")

    with _timed(seconds, "restore public"):
        _restored(stage, "public", backups["public"])
    _serves(stage, seconds, "public")
    if ask_database(stage.nodes["public"], "public", _SUBJECT % since.accepted[0]):
        raise CheckFailed("an order that came after the backup is there: it is not the backup that was restored")
    for side in SIDES:
        stage.must("restore", side, "--drop-kept", "--confirm", f"{NAME}/{side}")
    return seconds


@contextmanager
def _timed(seconds: dict[str, float], what: str) -> Iterator[None]:
    began = time.monotonic()
    yield
    seconds[what] = round(time.monotonic() - began, 1)


def _officers(stage: DeepStage) -> dict[str, Visitor]:
    """By login: two of the shop, who opened their invitations. Raises CheckFailed."""
    doors = doors_of(open_environment(NAME, "private"), {})
    officers = {}
    try:
        for number, login in enumerate(OFFICERS, start=1):
            words = (login, "--tenant", TENANT, "--role", "officer", "--alias", f"Контролёр {number}", "--json")
            invited = stage.must_exec("private", "staff", "invite", *words).json
            officers[login] = Visitor(doors, login=login)
            officers[login].enrol(invited["link"])
    except (InstanceProblem, httpx.HTTPError) as problem:
        raise CheckFailed(f"an officer's invitation did not do as usual: {problem}") from problem
    finally:
        doors.close()
    return officers


def _orders(stage: DeepStage) -> Load:
    """Some come, and arrive."""
    with under_load(stage) as load:
        load.wait_for(ENOUGH)
    return load


def _subject(stage: DeepStage, number: int) -> str:
    [[subject]] = ask_database(stage.nodes["public"], "public", _SUBJECT % number)
    return subject


def _restored(stage: DeepStage, side: Side, path: Path) -> dict[str, Any]:
    told: dict[str, Any] = stage.must("restore", side, str(path), "--confirm", f"{NAME}/{side}")
    return told


def _founded(stage: DeepStage, officers: dict[str, Visitor]) -> None:
    """As where `restore` was told no approvers: both prove themselves on standard input. Raises CheckFailed."""
    named = [part for login in officers for part in ("--approver", login)]
    typed = "".join(f"{proof}\n" for officer in officers.values() for proof in officer.proofs())
    words = ("--stdin", "--", "audit", "new-origin", *named, "--reason", REASON, "--json")
    said = stage.run("exec", "private", *words, answer=typed)
    if said.code:
        raise CheckFailed(f"audit new-origin ended with {said.code}: {said.error}")


def _serves(stage: DeepStage, seconds: dict[str, float], side: Side) -> None:
    """Pods ready, orders accepted and arrived, the log whole and witnessed. Raises CheckFailed: not in time."""
    with _timed(seconds, f"{side} serves again"):
        bringing.patiently(lambda: bringing.pods_ready(stage, side), PATIENCE)
        _orders(stage)
    bringing.patiently(lambda: stage.must_exec("private", "audit", "verify", "--witness", "--json"), PATIENCE)
