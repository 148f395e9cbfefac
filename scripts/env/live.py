"""What a cluster holds against what a program asks for, object by object, by server-side dry run."""

import json
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final

from scripts.env.errors import ClusterRefused, KindUnknown
from scripts.env.exact import replacement
from scripts.env.inputs import MARK, OUTPUT, SECRET, UNKNOWN, opened, secret_paths
from scripts.env.kube import Cluster, Manifest
from scripts.env.objects import Change, Path, changes

AT_ONCE: Final = 8
CONFLICT: Final = 409
UNPROCESSABLE: Final = 422
TRIES: Final = 5  # controllers write too, between our look and our word


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
    known: Manifest = _known(opened(dict(inputs)))
    return known


def put_back(cluster: Cluster, manifest: Manifest) -> None:
    """Makes the live object what the manifest says and no more: by apply, then by replacement where something is left.

    Our fields stay under the owner's name that the engine uses; what others added goes, whoever owns it.
    """
    live = cluster.apply(manifest)
    for last in range(TRIES, 0, -1):
        try:
            wanted = cluster.replace(replacement(live, manifest), dry_run=True)
            if changes(live, wanted, secret=(), key=b""):
                cluster.replace(replacement(live, manifest))
        except ClusterRefused as error:
            if error.status == UNPROCESSABLE:  # an immutable field, which only a new object can have otherwise
                return
            if error.status != CONFLICT or last == 1:
                raise
            live = cluster.read(manifest) or live
        else:
            return


def _one(cluster: Cluster, inputs: Mapping[str, Any], key: bytes) -> Compared:
    manifest = manifest_of(inputs)
    secret = [path for path in secret_paths(dict(inputs)) if path]
    try:
        live = cluster.read(manifest)
    except KindUnknown as error:  # no stack brings a CRD: operators are there first
        return Compared("absent", (), f"{error}; {error.hint}")
    try:
        live, wanted = _tried(cluster, live, manifest, whole=manifest == opened(dict(inputs)))
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


def _tried(
    cluster: Cluster, live: Manifest | None, manifest: Manifest, *, whole: bool
) -> tuple[Manifest | None, Manifest]:
    """The live object and, by dry run, what it would be. Not `whole`: what is not known yet is left as it is."""
    for _ in range(TRIES if whole else 0):
        if live is None:
            break
        try:
            return live, cluster.replace(replacement(live, manifest), dry_run=True)
        except ClusterRefused as error:
            if error.status == UNPROCESSABLE:
                break
            if error.status != CONFLICT:
                raise
        live = cluster.read(manifest)
    return live, cluster.apply(manifest, dry_run=True)


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
