"""Stands between a stack's program and the engine: notes each registration, and lets none pass that was not planned.

The engine's own event stream shows secrets as blinded and comes after the fact; here the full inputs are seen before
the engine acts on them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from google.protobuf import json_format, struct_pb2
from pulumi.runtime import settings

from infra.registered import urn_of
from scripts.env.errors import ForeignStep
from scripts.env.inputs import agrees, closed
from scripts.env.kube import MANAGER

KUBERNETES: Final = "kubernetes:"
PROVIDER: Final = "pulumi:providers:"
# The genuine provider makes up an owner's name for each object and stops at another owner's field. One name of ours and
# force make it own what the program says, which is what the plan showed.
OWNED: Final = {"pulumi.com/patchFieldManager": MANAGER, "pulumi.com/patchForce": "true"}
# Fresh credentials for the same cluster are no change of what is deployed.
CREDENTIALS: Final = frozenset({"kubeconfig"})


@dataclass(frozen=True, slots=True)
class Registration:
    """What the program asked of the engine for one resource. `inputs` are as sent: never print them."""

    urn: str
    type: str
    name: str
    inputs: Mapping[str, Any]
    protect: bool
    custom: bool
    provider: str = ""

    @property
    def is_object(self) -> bool:
        return self.custom and self.type.startswith(KUBERNETES)


@dataclass(slots=True)
class Notary:
    """`planned`: inputs by URN as the plan holds them, and None while planning."""

    key: bytes
    planned: Mapping[str, Any] | None = None
    registrations: dict[str, Registration] = field(default_factory=dict)
    foreign: list[str] = field(default_factory=list)

    def around(self, program: Callable[[], Any]) -> Callable[[], Any]:
        def run() -> Any:
            settings.SETTINGS.monitor = _Monitor(settings.get_monitor(), self)
            return program()

        return run

    def closed(self, registration: Registration) -> Any:
        """The inputs as a plan holds them."""
        held = registration.inputs
        if registration.type.startswith(PROVIDER):
            held = {name: value for name, value in held.items() if name not in CREDENTIALS}
        return {"inputs": closed(held, self.key), "protect": registration.protect}

    def admit(self, urn: str, registration: Registration) -> None:
        """Raises ForeignStep for what was not planned, before the engine hears of it."""
        if self.planned is None:
            return
        if urn not in self.planned or not agrees(self.planned[urn], self.closed(registration)):
            self.foreign.append(urn)
            raise ForeignStep(f"not in the plan, or with other inputs: {registration.type} {registration.name}")


class _Monitor:
    """The engine's monitor with one call watched."""

    def __init__(self, monitor: Any, notary: Notary) -> None:
        self._monitor = monitor
        self._notary = notary

    def __getattr__(self, name: str) -> Any:
        return getattr(self._monitor, name)

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802  the service's name for it
        if request.custom and request.type.startswith(KUBERNETES):
            _own(request.object)
        held = json_format.MessageToDict(request.object)
        urn = urn_of(request.parent, request.type, request.name)
        registration = Registration(
            urn, request.type, request.name, held, request.protect, request.custom, request.provider
        )
        self._notary.admit(urn, registration)
        answer = self._monitor.RegisterResource(request)
        if answer.urn != urn:  # ours is only a guess of the engine's rule: never let them part unnoticed
            raise ForeignStep(f"the engine names {registration.type} {registration.name} otherwise than foreseen")
        self._notary.registrations[urn] = registration
        return answer


def _own(inputs: struct_pb2.Struct) -> None:
    annotations = inputs.fields["metadata"].struct_value.fields["annotations"]
    if annotations.WhichOneof("kind") in {None, "struct_value"}:  # one that is unknown yet cannot be added to
        annotations.struct_value.update(OWNED)
