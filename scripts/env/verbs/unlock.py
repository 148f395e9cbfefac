"""`larets env unlock`: removes the locks of commands that were killed; one whose holder runs is left alone."""

import typer

from scripts.env.command import AsJson, Name, Which, told
from scripts.env.environment import open_environment
from scripts.env.errors import Locked
from scripts.env.locks import locks_of
from scripts.env.place import chosen
from scripts.voice import emit, result

cli = typer.Typer()


@cli.command()
@told
def unlock(contour: Which, env: Name = "", as_json: AsJson = False) -> None:
    """Remove stale locks. What the killed command did stands in the state: plan and apply again."""
    environment = open_environment(chosen(env), contour)
    locks = locks_of(environment.engines)
    for lock in locks:
        if not lock.stale:
            raise Locked(f"{lock.holder} holds the stack {lock.stack} and may be at work")
    for lock in locks:
        lock.path.unlink(missing_ok=True)
    for stack in {lock.stack for lock in locks}:
        environment.engine(stack).forget_pending()
    removed = [{"stack": lock.stack, "holder": lock.holder, "since": lock.since} for lock in locks]
    if as_json:
        emit({"removed": removed})
    else:
        result(f"{len(locks)} locks removed" if locks else "nothing was locked")
