"""What a rule looks at and what it answers. A value that is not known yet is neither good nor bad: it is unknown."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final


class Unknown:
    """A value the engine does not know before it acts. Whatever is asked of it is unknown too."""

    def __repr__(self) -> str:
        return "unknown"


UNKNOWN: Final = Unknown()


class Outcome(StrEnum):
    """`unknown`: nothing speaks against it yet, and nothing proves it either."""

    PASS = "pass"  # noqa: S105  a verdict
    FAIL = "fail"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Breach:
    """What is wrong, or cannot be told, with which resource. Never repeats a value that might be secret."""

    resource: str
    outcome: Outcome
    reason: str


@dataclass(frozen=True, slots=True)
class Resource:
    """A Kubernetes object with what the engine knows of it. `sealed` names inputs that came marked as secret."""

    object: Mapping[str, Any]
    name: str = ""
    sealed: frozenset[str] = frozenset()
    provider: str | None = None
    protect: bool | None = None
    action: str = "create"

    @property
    def kind(self) -> str:
        return str(self.object.get("kind", ""))

    @property
    def namespace(self) -> str:
        return str(get(self.object, "metadata", "namespace") or "")

    def __str__(self) -> str:
        parts = (self.kind.lower(), self.namespace, str(get(self.object, "metadata", "name") or ""))
        return self.name or "/".join(part for part in parts if part)


@dataclass(frozen=True, slots=True)
class Facts:
    """What a rule may know besides the resources.

    `whole`: they are all of a contour, so what is absent is missing. `keeps_data`: a rehearsal alone may lose its data.
    `ways`: every path that network policies may open, as `namespace/label=value from|to other end: protocol port`.
    """

    contour: str = "private"
    registries: tuple[str, ...] = ()
    whole: bool = True
    from_engine: bool = False
    keeps_data: bool = True
    ways: frozenset[str] | None = None


def get(value: Any, *path: str | int) -> Any:
    """The value at `path`; None where there is none, UNKNOWN below anything unknown."""
    for part in path:
        if isinstance(value, Unknown):
            return UNKNOWN
        if isinstance(value, Mapping):
            value = value.get(part)
        elif isinstance(value, list | tuple) and isinstance(part, int) and part < len(value):
            value = value[part]
        else:
            return None
    return value


def each(value: Any) -> Iterator[Any]:
    """The items of a list; one unknown for an unknown list."""
    if isinstance(value, Unknown):
        yield UNKNOWN
    elif isinstance(value, list | tuple):
        yield from value


def must(resource: Resource, value: Any, ok: bool, reason: str) -> Iterator[Breach]:  # noqa: FBT001  the verdict
    """Nothing when `ok` and all of the value is known; unknown when it is not, whole or in part.

    A value of which enough is known to fail still fails.
    """
    if isinstance(value, Unknown):
        yield Breach(str(resource), Outcome.UNKNOWN, reason)
    elif not ok:
        yield Breach(str(resource), Outcome.FAIL, reason)
    elif holds_unknown(value):
        yield Breach(str(resource), Outcome.UNKNOWN, reason)


def same(value: Any, other: Any) -> bool | Unknown:
    return UNKNOWN if isinstance(value, Unknown) or isinstance(other, Unknown) else bool(value == other)


def all_of(verdicts: Iterable[bool | Unknown]) -> bool | Unknown:
    """False as soon as one is; else unknown as soon as one is."""
    found = list(verdicts)
    return False if False in found else UNKNOWN if UNKNOWN in found else True


def any_of(verdicts: Iterable[bool | Unknown]) -> bool | Unknown:
    found = list(verdicts)
    return True if True in found else UNKNOWN if UNKNOWN in found else False


def none_of(verdicts: Iterable[bool | Unknown]) -> bool | Unknown:
    found = any_of(verdicts)
    return found if isinstance(found, Unknown) else not found


def holds_unknown(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(holds_unknown(item) for item in value.values())
    if isinstance(value, list | tuple):
        return any(holds_unknown(item) for item in value)
    return isinstance(value, Unknown)


_TEMPLATES: Final = {
    "Pod": (),
    "Deployment": ("spec", "template"),
    "StatefulSet": ("spec", "template"),
    "DaemonSet": ("spec", "template"),
    "ReplicaSet": ("spec", "template"),
    "Job": ("spec", "template"),
    "CronJob": ("spec", "jobTemplate", "spec", "template"),
}


def pod_of(resource: Resource) -> Any:
    """The pod's spec; None for what makes no pods."""
    where = _TEMPLATES.get(resource.kind)
    if where is None:
        return None
    found = get(resource.object, *where, "spec")
    return {} if found is None else found


def containers(resource: Resource) -> Iterator[tuple[str, Any, Any]]:
    """(name, container, pod) of each container, those that run first or for a while included."""
    pod = pod_of(resource)
    if pod is None:
        return
    for part in ("containers", "initContainers", "ephemeralContainers"):
        for container in each(get(pod, part)):
            yield str(get(container, "name") or "?"), container, pod


def either(container: Any, pod: Any, name: str) -> Any:
    """A field of the security context: the container's, else the pod's."""
    own = get(container, "securityContext", name)
    return get(pod, "securityContext", name) if own is None else own
