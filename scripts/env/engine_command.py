"""The engine's own program: run and fed without what the caller's environment says of backends and clusters."""

import os
import signal
import subprocess
import threading
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any, Final

from pulumi import automation
from semver import VersionInfo

from scripts.env.errors import EngineFailed, EnvProblem, OtherPassphrase
from scripts.tools.pulumi import VERSION
from scripts.tools.tool import BIN

WRONG: Final = "incorrect passphrase"  # the engine's words
# The caller's environment may name another backend, another passphrase or another cluster: none of it counts.
FOREIGN: Final = ("PULUMI_", "KUBECONFIG", "KUBERNETES_")


class Command(automation.PulumiCommand):
    """The engine's program, which can be interrupted while it runs."""

    def __init__(self) -> None:
        path = BIN / "pulumi"
        self.command = str(path) if path.exists() else "pulumi"
        self.version = VersionInfo.parse(VERSION)
        self._process: subprocess.Popen[str] | None = None

    def interrupt(self) -> None:
        """As by Ctrl-C: the steps under way end, no further one begins, the state is saved."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                self._process.send_signal(signal.SIGINT)

    def feed(self, args: list[str], cwd: str, env: Mapping[str, str], text: str) -> None:
        """A command with its value on standard input: an argument could be read by every user of the machine."""
        done = subprocess.run(
            [self.command, "--non-interactive", *args],
            input=text,
            capture_output=True,
            text=True,
            cwd=cwd,
            env=_surroundings() | dict(env),
            check=False,
        )
        if done.returncode:
            raise EngineFailed(f"the engine did not take {args[-3]}: {_last_error(done.stderr)}")

    def run(
        self,
        args: list[str],
        cwd: str,
        additional_env: Mapping[str, str],
        on_output: Callable[[str], Any] | None = None,
        on_error: Callable[[str], Any] | None = None,
    ) -> automation.CommandResult:
        with subprocess.Popen(
            [self.command, "--non-interactive", *args],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=cwd,
            env=_surroundings() | dict(additional_env) | {"PULUMI_AUTOMATION_API": "true"},
            encoding="utf-8",
        ) as process:
            self._process = process
            told: list[str] = []
            reader = threading.Thread(target=lambda: told.extend(process.stderr or ()))
            reader.start()
            said: list[str] = []
            for line in process.stdout or ():
                said.append(line.rstrip())
                if on_output:
                    on_output(line.rstrip())
            reader.join()
            code = process.wait()
            self._process = None
        for line in told if on_error else ():
            on_error(line.rstrip())  # type: ignore[misc]  # looped over only when given
        result = automation.CommandResult(stdout="\n".join(said), stderr="".join(told), code=code)
        if code:
            raise automation.errors.create_command_error(result)
        return result


def _surroundings() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}


def failure(text: str, said: Iterable[str]) -> EnvProblem:
    """What its end means, of all that it printed and of the errors that it told apart from that."""
    if WRONG in text:
        return OtherPassphrase()
    return EngineFailed(f"the engine ended with an error: {'; '.join(dict.fromkeys(said)) or _last_error(text)}")


def _last_error(text: str) -> str:
    """The last line that tells of one, of all that the engine printed."""
    lines = [line.strip() for line in text.splitlines() if "error:" in line]
    return lines[-1] if lines else "it gave no reason"
