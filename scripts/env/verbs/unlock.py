"""`larets env unlock`: removes the locks of killed commands; one whose holder may be at work by --force alone."""

from collections.abc import Sequence
from typing import Annotated, Final

import typer

from scripts.env.command import AsJson, Confirm, Name, Which, named, told
from scripts.env.engine import Engine
from scripts.env.environment import open_environment
from scripts.env.errors import Locked
from scripts.env.locks import Lock, locks_of
from scripts.env.place import chosen
from scripts.voice import emit, result, say

FORCE: Final = "when it runs no more anywhere, or its machine is gone: `larets env unlock --force`, and type the name"

cli = typer.Typer()


@cli.command()
@told
def unlock(
    contour: Which,
    env: Name = "",
    force: Annotated[
        bool, typer.Option("--force", help="also where it cannot be told from here whether the holder still runs")
    ] = False,
    confirm: Confirm = "",
    as_json: AsJson = False,
) -> None:
    """Remove stale locks. What the killed command did stands in the state: plan and apply again."""
    environment = open_environment(chosen(env), contour)
    engines = environment.engines
    locks, unseen = locks_of(engines), [engine for engine in engines if not engine.in_files]
    if force:
        _show(locks, unseen)
        named(environment.contour, confirm, "remove what locks it; two engines at work on one state spoil it")
    else:
        _refuse_unsure(locks, unseen)
    for lock in locks:
        lock.path.unlink(missing_ok=True)
    for engine in unseen:
        engine.cancel()
    for stack in {lock.stack for lock in locks} | {engine.program.stack for engine in unseen}:
        environment.engine(stack).forget_pending()
    removed = [{"stack": lock.stack, "holder": lock.holder, "since": lock.since} for lock in locks]
    cancelled = [engine.program.stack for engine in unseen]
    if as_json:
        emit({"removed": removed, "cancelled": cancelled})
    elif cancelled:
        result(f"nothing locks {', '.join(cancelled)} any more")
    else:
        result(f"{len(locks)} locks removed" if locks else "nothing was locked")


def _show(locks: Sequence[Lock], unseen: Sequence[Engine]) -> None:
    for lock in locks:
        say(f"  {lock.stack} is locked since {lock.since} by {lock.holder}{', which runs no more' * lock.stale}")
    if unseen:
        say("  the state is not in files: whoever locks it, the engine takes that away")


def _refuse_unsure(locks: Sequence[Lock], unseen: Sequence[Engine]) -> None:
    """Raises Locked: from here nobody can tell whether the holder still runs."""
    if unseen:
        raise Locked("the state is not in files: who locks it is seen by the engine alone", hint=FORCE)
    for lock in locks:
        if not lock.stale:
            raise Locked(f"{lock.holder} holds the stack {lock.stack} and may be at work", hint=FORCE)
