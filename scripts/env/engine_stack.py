"""The Automation API's stack without the engine's starts that nobody needs, and its errors in our words."""

from datetime import UTC, datetime

from pulumi import automation

from scripts.env.engine_command import failure
from scripts.env.errors import Locked


class Known(automation.Stack):
    """A stack whose state is there: asking the engine to select it would cost a start of its program.

    `brief` spares three more of them after each run, for a summary that nobody reads.
    """

    def __init__(self, name: str, workspace: automation.Workspace) -> None:
        self.name = name
        self.workspace = workspace
        self.brief = False

    def outputs(self) -> automation.OutputMap:
        return {} if self.brief else super().outputs()

    def info(self, show_secrets: bool = False) -> automation.UpdateSummary | None:
        if not self.brief:
            return super().info(show_secrets)
        now = datetime.now(UTC)
        return automation.UpdateSummary("update", now, "", {}, {}, "succeeded", end_time=now)


class explained:  # noqa: N801  reads as a clause: with explained()
    """Turns the engine's errors into ours, with what it said of them."""

    def __init__(self, said: list[str] | None = None) -> None:
        self._said = said if said is not None else []

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, automation.ConcurrentUpdateError):
            raise Locked from error
        if isinstance(error, automation.CommandError):
            raise failure(str(error), self._said) from None
