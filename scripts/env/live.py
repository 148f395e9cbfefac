"""What a cluster holds against what a program asks for, object by object, by server-side dry run."""

import json
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final

from scripts.env.errors import ClusterRefused, KindUnknown
from scripts.env.inputs import MARK, OUTPUT, SECRET, UNKNOWN, opened, secret_paths
from scripts.env.kube import Cluster, Manifest
from scripts.env.objects import Change, Path, changes

AT_ONCE: Final = 8
UNPROCESSABLE: Final = 422
# What a manifest leaves out is anybody's under server-side apply. Where leaving out means "nothing", it is asked for as
# nothing, or a rule that somebody adds to a policy would be no drift.
EXACT: Final = {
    "NetworkPolicy": (("spec", "ingress"), ("spec", "egress")),
}


@dataclass(frozen=True, slots=True)
class Compared:
    """`state`: live, absent, or later (its namespace comes with the plan). `refused`: why the server won't."""

    state: str
    changes: tuple[Change, ...] = ()
    refused: str = ""


def compare(cluster: Cluster, asked: Sequence[Mapping[str, Any]], key: bytes) -> list[Compared]:
    """For each of the engine's inputs, in order. Sends dry runs and reads; changes nothing."""
    with ThreadPoolExecutor(max_workers=AT_ONCE) as pool:
        return list(pool.map(lambda inputs: _one(cluster, inputs, key), asked))


def manifest_of(inputs: Mapping[str, Any]) -> Manifest:
    """The object to send, without what is not known yet. Its secrets are in clear: never print it."""
    manifest: Manifest = _known(opened(dict(inputs)))
    for part, name in EXACT.get(manifest["kind"], ()):
        manifest[part] = {name: [], **manifest[part]}
    return manifest


def _one(cluster: Cluster, inputs: Mapping[str, Any], key: bytes) -> Compared:
    manifest = manifest_of(inputs)
    secret = [path for path in secret_paths(dict(inputs)) if path]
    try:
        live = cluster.read(manifest)
    except KindUnknown as error:  # no stack brings a CRD: operators are there first
        return Compared("absent", (), f"{error}; {error.hint}")
    try:
        wanted = cluster.apply(manifest, dry_run=True)
    except ClusterRefused as error:
        if live is None and error.reason == "NotFound":
            return Compared("later")
        if live is not None and error.status == UNPROCESSABLE:  # an immutable field: only a new object can have it
            wanted = laid_over(live, manifest)
            return Compared("live", tuple(changes(live, wanted, secret=secret, key=key)), str(error))
        return Compared("absent" if live is None else "live", (), str(error))
    if live is None:
        return Compared("absent", tuple(_created(manifest, secret, key)))
    return Compared("live", tuple(changes(live, wanted, secret=secret, key=key)))


def _created(manifest: Manifest, secret: Iterable[Path], key: bytes) -> list[Change]:
    return changes({}, manifest, secret=secret, key=key)


def laid_over(live: Any, manifest: Any) -> Any:
    """`live` with all that `manifest` names put in."""
    if isinstance(live, dict) and isinstance(manifest, dict):
        return live | {name: laid_over(live.get(name), item) for name, item in manifest.items()}
    return manifest


def _known(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _known(item) for name, item in value.items() if item != UNKNOWN}
    return [_known(item) for item in value if item != UNKNOWN] if isinstance(value, list) else value


def from_state(inputs: Any) -> Any:
    """Inputs as the state's export spells them, brought to the engine's spelling on the wire."""
    if isinstance(inputs, dict):
        if inputs.get(MARK) in {SECRET, OUTPUT} and "plaintext" in inputs:
            return {MARK: SECRET, "value": json.loads(inputs["plaintext"])}
        return {name: from_state(item) for name, item in inputs.items()}
    return [from_state(item) for item in inputs] if isinstance(inputs, list) else inputs
