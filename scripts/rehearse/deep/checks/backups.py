"""What every check that goes back to a backup does: staff, orders, the restore's steps, and how long each took."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import httpx

from scripts.env.environment import open_environment
from scripts.env.place import Side
from scripts.local.instance import InstanceProblem
from scripts.rehearse.deep.checks import bringing
from scripts.rehearse.deep.checks.load import Load, ask_database, under_load
from scripts.rehearse.deep.checks.serving import TENANT
from scripts.rehearse.deep.stage import DeepStage
from scripts.rehearse.stage import NAME, CheckFailed
from scripts.smoke.doors import Doors
from scripts.smoke.halves import doors_of
from scripts.smoke.visitor import Visitor

ENOUGH: Final = 3
PATIENCE: Final = 120.0  # for pods that come back, and for the witness to have seen the log again
OFFICERS: Final = {"first.officer": "officer", "second.officer": "officer"}
REASON: Final = "rehearsal: back to a backup"
NOT_ERASED: Final = frozenset({"active", "unknown"})
_SUBJECT: Final = f"""
SELECT c.subject FROM orders o JOIN contact c ON c.id = o.contact_id
WHERE o.tenant_id = '{TENANT}' AND o.external_id = '%s'
"""  # noqa: S608  a name of ours


@contextmanager
def timed(seconds: dict[str, float], what: str) -> Iterator[None]:
    began = time.monotonic()
    yield
    seconds[what] = round(time.monotonic() - began, 1)


@contextmanager
def at_the_doors(stage: DeepStage) -> Iterator[Doors]:
    """The pages of both edges, as staff see them. Raises CheckFailed: one does not answer as it does."""
    stage.doors = stage.doors or doors_of(open_environment(NAME, "private"), {})
    try:
        yield stage.doors
    except (InstanceProblem, httpx.HTTPError) as problem:
        raise CheckFailed(f"a page did not do as usual: {type(problem).__name__}: {problem}") from problem
    finally:
        stage.doors.close()


def staff(stage: DeepStage, roles: Mapping[str, str]) -> dict[str, Visitor]:
    """By login: members of the shop, each of whom opened an invitation once. Raises CheckFailed."""
    with at_the_doors(stage) as doors:
        for login, role in roles.items():
            if login not in stage.staff:
                words = (login, "--tenant", TENANT, "--role", role, "--alias", login.title(), "--json")
                invited = stage.must_exec("private", "staff", "invite", *words).json
                person = Visitor(doors, login=login)
                person.enrol(invited["link"])
                stage.staff[login] = person
    return {login: stage.staff[login] for login in roles}


def orders(stage: DeepStage) -> Load:
    """Some come, and arrive."""
    with under_load(stage) as load:
        load.wait_for(ENOUGH)
    return load


def subjects(stage: DeepStage, number: int) -> list[str]:
    """Whom the public half knows as the buyer of an order; none where it does not know the order."""
    return [row[0] for row in ask_database(stage.nodes["public"], "public", _SUBJECT % number)]


def restored(stage: DeepStage, side: Side, path: Path, *more: str) -> dict[str, Any]:
    told: dict[str, Any] = stage.must("restore", side, str(path), "--confirm", f"{NAME}/{side}", *more)
    return told


def founded(stage: DeepStage, officers: dict[str, Visitor]) -> None:
    """As where `restore` was told no approvers: both prove themselves on standard input. Raises CheckFailed."""
    named = [part for login in officers for part in ("--approver", login)]
    typed = "".join(f"{proof}\n" for officer in officers.values() for proof in officer.proofs())
    words = ("--stdin", "--", "audit", "new-origin", *named, "--reason", REASON, "--json")
    said = stage.run("exec", "private", *words, answer=typed)
    if said.code:
        raise CheckFailed(f"audit new-origin ended with {said.code}: {said.error}")


def serves(stage: DeepStage, seconds: dict[str, float], side: Side) -> None:
    """Pods ready, orders accepted and arrived, the log whole and witnessed. Raises CheckFailed: not in time."""
    with timed(seconds, f"{side} serves again"):
        bringing.patiently(lambda: bringing.pods_ready(stage, side), PATIENCE)
        orders(stage)
    bringing.patiently(lambda: stage.must_exec("private", "audit", "verify", "--witness", "--json"), PATIENCE)


def states(stage: DeepStage, people: Sequence[str]) -> list[str]:
    """Of persons in the vault: active, erased and so on; `unknown` where it knows nobody of that name."""
    return [_state(stage, one) for one in people]


def _state(stage: DeepStage, subject: str) -> str:
    said = stage.exec("private", "subject", "find", subject, "--json")
    return str(said.json[0]["state"]) if said.code == 0 else "unknown"
