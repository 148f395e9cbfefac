"""`larets env unlock`: ends what killed commands left. A lock whose holder may be at work goes by --force alone."""

from collections.abc import Iterator, Sequence
from typing import Annotated, Final

import typer

from scripts.env.command import AsJson, Confirm, Name, Which, named, told
from scripts.env.engine import Engine
from scripts.env.environment import Environment, open_environment
from scripts.env.errors import Locked
from scripts.env.journal import Journal
from scripts.env.locks import Lock, locks_of
from scripts.env.place import chosen
from scripts.env.quiet import call_back, mark_of
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
    """Remove stale locks and call back what a killed restore left at rest. Then plan and apply again."""
    environment = open_environment(chosen(env), contour)
    engines = environment.engines
    locks, unseen = locks_of(engines), [engine for engine in engines if not engine.in_files]
    if force:
        _show(locks, unseen)
        named(environment.contour, confirm, "remove what locks it; two engines at work on one state spoil it")
        for mark in (Journal(environment.contour).mark, mark_of(environment.contour)):
            mark.disown()
    else:
        _refuse_unsure(environment, locks, unseen)
    for lock in locks:
        lock.path.unlink(missing_ok=True)
    freed = unseen if force else []
    for engine in freed:
        engine.cancel()
    cancelled = [engine.program.stack for engine in freed]
    for engine in engines:
        if engine.program.stack in {lock.stack for lock in locks} | set(cancelled):
            engine.forget_pending()
    called = call_back(environment, unmarked=force)
    if as_json:
        removed = [{"stack": lock.stack, "holder": lock.holder, "since": lock.since} for lock in locks]
        emit({"removed": removed, "cancelled": cancelled, "called_back": called})
    else:
        result("\n".join(_lines(len(locks), cancelled, called)) or "nothing was locked")


def _lines(locks: int, cancelled: Sequence[str], called: Sequence[str]) -> Iterator[str]:
    if locks:
        yield f"{locks} locks removed"
    if cancelled:
        yield f"nothing locks {', '.join(cancelled)} any more"
    if called:
        yield f"called back to work: {', '.join(called)}"


def _show(locks: Sequence[Lock], unseen: Sequence[Engine]) -> None:
    for lock in locks:
        say(f"  {lock.stack} is locked since {lock.since} by {lock.holder}{', which runs no more' * lock.stale}")
    if unseen:
        say("  the state is not in files: whoever locks it, the engine takes that away")


def _refuse_unsure(environment: Environment, locks: Sequence[Lock], unseen: Sequence[Engine]) -> None:
    """Raises Locked: from here nobody can tell whether the holder still runs."""
    if unseen and not mark_of(environment.contour).left():
        raise Locked("the state is not in files: who locks it is seen by the engine alone", hint=FORCE)
    for lock in locks:
        if not lock.stale:
            raise Locked(f"{lock.holder} holds the stack {lock.stack} and may be at work", hint=FORCE)
