"""The deployment engine, driven through its Automation API with programs that this very process serves.

One `Engine` per stack of one contour: its own state folder, passphrase and engine home; nothing of it is taken
from the caller's environment.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml
from pulumi import automation

from scripts.env.engine_command import Command
from scripts.env.engine_stack import Known, explained
from scripts.env.errors import EngineFailed, ForeignStep
from scripts.env.notary import Notary
from scripts.env.passphrase import Passphrase, refuse_half_rotated
from scripts.env.place import Contour
from scripts.env.programs import Program
from scripts.env.sealing import OtherFormat, Sealer, sealer
from scripts.files import write_whole

OnEvent = Callable[[automation.EngineEvent], None]

NO_DEFAULTS: Final = {"pulumi:disable-default-providers": ["*"]}
QUIET: Final = {
    "PULUMI_SKIP_UPDATE_CHECK": "true",
    "PULUMI_AUTOMATION_API_SKIP_VERSION_CHECK": "true",
    "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
    "PULUMI_DIY_BACKEND_DISABLE_CHECKPOINT_BACKUPS": "false",
    "NO_COLOR": "1",
}
VALUES: Final = "larets:"


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the engine: what it does to which resource."""

    urn: str
    op: str
    type: str
    old: Mapping[str, Any]  # inputs before, secrets blinded
    replaced: tuple[str, ...]  # paths that need a new object


@dataclass(slots=True)
class Run:
    """What an engine's run did, or would do."""

    steps: list[Step] = field(default_factory=list)
    notary: Notary = field(default_factory=lambda: Notary(b""))
    seconds: float = 0.0


@dataclass(slots=True)
class Engine:
    """One stack of one contour."""

    contour: Contour
    passphrase: Passphrase = field(repr=False)
    backend: str  # address of the contour's state
    program: Program
    command: Command = field(default_factory=Command)

    @property
    def folder(self) -> Path:
        return self.contour.folder / "stacks" / self.program.stack

    @property
    def state(self) -> Path:
        """The engine's own file for this stack, where the state is in files."""
        return self.locks.parent / "stacks" / self.program.project / f"{self.contour.stack}.json"

    @property
    def locks(self) -> Path:
        return Path(self.backend.removeprefix("file://")) / ".pulumi" / "locks"

    @property
    def in_files(self) -> bool:
        """Is the state in files of this machine, or where the engine alone can look?"""
        return self.backend.startswith("file://")

    @property
    def known(self) -> bool:
        """Was this stack ever brought up? Only a state in files can be asked without starting the engine."""
        return self.state.exists() if self.in_files else True

    def preview(self, notary: Notary) -> Run:
        """What would be done. Nothing is changed, in the cluster or in the state."""
        return self._run("preview", notary)

    def up(self, notary: Notary, *, on_step: Callable[[Step], None] | None = None) -> Run:
        """Does it.

        Raises:
            ForeignStep: from `on_step` or the notary, after the engine was stopped.
        """
        return self._run("up", notary, on_step=on_step)

    def destroy(self, *, on_step: Callable[[Step], None] | None = None) -> Run:
        """Removes all that the stack made, and the stack."""
        run = self._run("destroy", Notary(b""), on_step=on_step)
        with explained():
            self._stack().workspace.remove_stack(self.contour.stack)
        return run

    def exported(self) -> dict[str, Any]:
        """The state with its secrets in clear: never print it. Empty for a stack that was never brought up."""
        refuse_half_rotated(self.contour)
        if not self.known:
            return {}
        with explained():
            return dict(self._stack().export_stack().deployment or {})

    def outputs(self, *, secret: bool = False) -> dict[str, Any]:
        """`secret`: those too that are shown to nobody."""
        refuse_half_rotated(self.contour)
        if not self.known:
            return {}
        with explained():
            found = self._stack().outputs()
        return {name: output.value for name, output in found.items() if secret or not output.secret}

    def configured(self) -> frozenset[str]:
        """Names of the values in the stack's configuration; needs no decrypting."""
        return frozenset(self._config())

    def plain_values(self) -> dict[str, str]:
        """Values that are no secrets, such as certificates; needs no decrypting."""
        return {name: value for name, value in self._config().items() if isinstance(value, str)}

    def values(self) -> dict[str, str]:
        """The configuration in clear: secrets of this stack. Never print it."""
        held = self._config()
        if not held:
            return {}
        try:
            opened = self._sealer()
            return {name: opened.open(one["secure"]) if isinstance(one, dict) else one for name, one in held.items()}
        except OtherFormat:
            pass
        with explained():
            every = self._stack().get_all_config()
        return {name.removeprefix(VALUES): one.value for name, one in every.items() if name.startswith(VALUES)}

    def set_values(self, values: Mapping[str, tuple[str, bool]]) -> None:
        """Pairs of value and whether it is secret; the secret ones are encrypted by the contour's passphrase."""
        refuse_half_rotated(self.contour)
        environment = self._surroundings()
        try:
            seal = self._sealer().seal
        except OtherFormat:
            for name, (value, secret) in values.items():
                kind = "--secret" if secret else "--plaintext"
                said = ["config", "set", kind, f"{VALUES}{name}", "--stack", self.contour.stack]
                self.command.feed(said, str(self.folder), environment, value)
            return
        held = {
            f"{VALUES}{name}": {"secure": seal(value)} if secret else value for name, (value, secret) in values.items()
        }
        _add_config(self.file, held)

    def change_passphrase(self, fresh: str) -> None:
        """Encrypts configuration and state anew; replacing the contour's passphrase is the caller's."""
        said = ["stack", "change-secrets-provider", "passphrase", "--stack", self.contour.stack]
        self.command.feed(said, str(self.folder), self._surroundings(), fresh + "\n")

    def unprotect(self) -> None:
        """Lets a removal that was confirmed pass protected objects; what is to be kept in the cluster stays there."""
        with explained():
            self._told(["state", "unprotect", "--all", "--yes", "--stack", self.contour.stack])

    def cancel(self) -> None:
        """Takes away every lock of this stack, whoever holds it; the engine knows where they are."""
        with explained():
            self._stack().cancel()

    def forget_pending(self) -> None:
        """Drops what a killed run had under way: every object has a fixed name, so applying again finds or makes it."""
        held = self.sealed_state()
        if (held.get("deployment") or {}).pop("pending_operations", None):
            self.bring_state(held)

    def sealed_state(self) -> dict[str, Any]:
        """The whole state with its secrets encrypted, for `bring_state`. Empty for a stack never brought up."""
        if not self.known:
            return {}
        with explained():
            found = self._told(["stack", "export", "--stack", self.contour.stack])
        return dict(json.loads(found.stdout))

    def bring_state(self, state: Mapping[str, Any]) -> None:
        """In the place of what is there, by standard input: no file of it is left anywhere."""
        said = ["stack", "import", "--stack", self.contour.stack]
        self.command.feed(said, str(self.folder), self._surroundings(), json.dumps(state))

    def _surroundings(self) -> dict[str, str]:
        workspace = self._stack().workspace
        return {**workspace.env_vars, "PULUMI_HOME": str(workspace.pulumi_home)}

    def _told(self, said: list[str]) -> automation.CommandResult:
        return self.command.run(said, str(self.folder), self._surroundings())

    @property
    def file(self) -> Path:
        """The stack's own configuration, as the engine keeps it."""
        return self.folder / f"Pulumi.{self.contour.stack}.yaml"

    @property
    def salt(self) -> str:
        """Of its passphrase, with a proof of which one that is."""
        whole = (yaml.safe_load(self.file.read_text()) if self.file.exists() else None) or {}
        return str(whole.get("encryptionsalt", ""))

    def _sealer(self) -> Sealer:
        return sealer(self.salt, self.passphrase.text())

    def _config(self) -> dict[str, Any]:
        path = self.file
        held = ((yaml.safe_load(path.read_text()) if path.exists() else None) or {}).get("config") or {}
        return {name.removeprefix(VALUES): value for name, value in held.items() if name.startswith(VALUES)}

    def _run(self, verb: str, notary: Notary, *, on_step: Callable[[Step], None] | None = None) -> Run:
        stack = self._stack(notary.around(self.program.run))
        stack.brief = True
        run = Run(notary=notary)
        stopped: list[ForeignStep] = []
        said: list[str] = []

        def on_event(event: automation.EngineEvent) -> None:
            if event.diagnostic_event and event.diagnostic_event.severity == "error":
                said.append(event.diagnostic_event.message.strip())
            if not event.resource_pre_event or stopped:
                return
            step = _step(event.resource_pre_event.metadata)
            run.steps.append(step)
            if on_step:
                try:
                    on_step(step)
                except ForeignStep as foreign:
                    stopped.append(foreign)
                    self.command.interrupt()

        try:
            with explained(said):
                getattr(stack, verb)(on_event=on_event, color="never")
        except EngineFailed as error:
            if stopped:
                raise stopped[0] from error
            if notary.foreign:
                raise ForeignStep(f"not in the plan, or with other inputs: {', '.join(notary.foreign)}") from error
            raise
        if stopped:
            raise stopped[0]
        return run

    def _stack(self, program: Callable[[], Any] | None = None) -> "Known":
        self.folder.mkdir(parents=True, exist_ok=True)
        project = automation.ProjectSettings(
            name=self.program.project,
            runtime="python",
            backend=automation.ProjectBackend(url=self.backend),
        )
        workspace = automation.LocalWorkspace(
            work_dir=str(self.folder),
            pulumi_home=str(self.contour.engine_home),
            program=program,
            env_vars=QUIET | {"PULUMI_CONFIG_PASSPHRASE_FILE": str(self.passphrase.file)},
            secrets_provider="passphrase",
            project_settings=project,
            pulumi_command=self.command,
        )
        if self.in_files:
            if self.state.exists():
                return Known(self.contour.stack, workspace)
            Path(self.backend.removeprefix("file://")).mkdir(parents=True, exist_ok=True, mode=0o700)
        with explained():
            automation.Stack.create_or_select(self.contour.stack, workspace)
        _add_config(self.file, NO_DEFAULTS)
        return Known(self.contour.stack, workspace)


def _step(metadata: automation.StepEventMetadata) -> Step:
    detailed = metadata.detailed_diff or {}
    replaced = tuple(path for path, diff in sorted(detailed.items()) if "replace" in str(diff.diff_kind.value))
    old = (metadata.old.inputs or {}) if metadata.old else {}
    return Step(metadata.urn, metadata.op.value, metadata.type, old, replaced)


def _add_config(path: Path, settings: Mapping[str, Any]) -> None:
    whole = (yaml.safe_load(path.read_text()) if path.exists() else None) or {}
    whole["config"] = {**(whole.get("config") or {}), **settings}
    write_whole(path, yaml.safe_dump(whole, sort_keys=True), mode=0o600)
