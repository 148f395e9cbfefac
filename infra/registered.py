"""Runs a stack's program without an engine and yields everything it registers: for rendering, rules and tests."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import pulumi
from pulumi.runtime import mocks, rpc, settings
from pulumi.runtime.proto import resource_pb2

from infra.lib.names import PROJECT

_SECRET: Final = "4dabf18193072939515e22adb298388d"  # noqa: S105  Pulumi's mark of a secret on the wire, public

ROOT: Final = "pulumi:pulumi:Stack"


@dataclass(frozen=True, slots=True)
class Registered:
    """A resource as the engine would have been told of it: `inputs` in clear, `secret` names those that came marked."""

    type: str
    name: str
    inputs: dict[str, Any]
    secret: frozenset[str]
    provider: str
    protect: bool
    retain_on_delete: bool

    @property
    def manifest(self) -> dict[str, Any] | None:
        """The Kubernetes object, if it is one."""
        return self.inputs if self.type.startswith("kubernetes:") else None


class _Recorder(mocks.MockMonitor):
    """Keeps the options too: whether a database is protected is as much of a fact as its size."""

    def __init__(self) -> None:
        super().__init__(_NoCloud())
        self.seen: list[Registered] = []

    def make_urn(self, parent: str, type_: str, name: str) -> str:
        """The library's own takes the nearest parent alone."""
        return urn_of(parent, type_, name)

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802  the engine's name
        if request.type != ROOT:
            raw = rpc.deserialize_properties(request.object)
            secret = {key for key, value in raw.items() if isinstance(value, dict) and _SECRET in value}
            inputs = {key: _clear(value) for key, value in raw.items()}
            self.seen.append(
                Registered(
                    request.type, request.name, inputs, frozenset(secret), request.provider,
                    request.protect, request.retainOnDelete,
                )
            )  # fmt: skip
        urn = self.make_urn(request.parent, request.type, request.name)
        # Comes into being as it was asked for. (The library's own answer would open an event loop in each thread.)
        return resource_pb2.RegisterResourceResponse(urn=urn, id=f"{request.name}_id", object=request.object)


class _NoCloud(mocks.Mocks):
    """A program that asks a cloud for something cannot be rendered."""

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str | None, dict[Any, Any]]:
        raise NotImplementedError(f"{args.name} is read from a cluster: rendering has none to ask")

    def call(self, args: mocks.MockCallArgs) -> tuple[dict[Any, Any], list[tuple[str, str]] | None]:
        raise NotImplementedError(f"the program calls {args.token}: rendering has no cloud to ask")


def urn_of(parent: str, type_: str, name: str) -> str:
    """As the engine builds it: the types of all parents but the stack, then the own one."""
    chain = parent.split("::")[2] if parent else ROOT
    above = "" if chain == ROOT else f"{chain}$"
    return f"urn:pulumi:{pulumi.get_stack()}::{pulumi.get_project()}::{above}{type_}::{name}"


def _clear(value: Any) -> Any:
    if isinstance(value, dict):
        if _SECRET in value:
            return _clear(value["value"])
        return {key: _clear(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_clear(item) for item in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)  # the wire knows no whole numbers
    return value


def run(
    program: Callable[[], None], *, stack: str, project: str = PROJECT, configuration: Mapping[str, str] | None = None
) -> list[Registered]:
    """Everything `program` registers, in the order of its addresses. Needs no engine, no plugin and no cluster.

    `configuration` is what the engine would hand over, secrets in clear.
    """
    recorder = _Recorder()

    async def main() -> None:
        # Inside the loop: the first resource is made here, and belongs to it.
        settings.SETTINGS.rpc_manager.clear()
        settings.SETTINGS.outputs.clear()
        pulumi.runtime.set_mocks(_NoCloud(), project=project, stack=stack, preview=False, monitor=recorder)
        pulumi.runtime.set_all_config(dict(configuration or {}))
        await pulumi.runtime.stack.run_pulumi_func(program)

    with asyncio.Runner() as runner:
        runner.run(main())
    return sorted(recorder.seen, key=lambda one: (one.type, one.name))
