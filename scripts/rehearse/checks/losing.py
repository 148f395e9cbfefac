"""A contour's passphrase is lost for good: a new state goes on with what runs, and nothing in use is made anew."""

import shutil
from base64 import b64decode
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature

from scripts.env.errors import LOST, OtherPassphrase
from scripts.env.place import Side
from scripts.rehearse.checks.applying import ready
from scripts.rehearse.checks.removing import EVERYWHERE, OURS
from scripts.rehearse.stage import CheckFailed, Stage

LOSER: Final[Side] = "private"  # its keyring stands in a Secret: another one would lose the data themselves
OTHER: Final[Side] = "public"
UNREADABLE: Final = ("stacks", "state", "plans")
TRUSTED: Final = "ca.crt"
SERVED: Final = "vault/tls-vault"

Objects = Mapping[str, Mapping[str, Any]]


def passphrase_lost(stage: Stage) -> dict[str, Any]:
    """Taken over without a pod started anew; the other half keeps to the old contract until it accepts the new one."""
    told = stage.must("export", LOSER)["fingerprint"]
    before = _objects(stage)
    _refused_without(stage)
    _put_aside(stage)
    _refused_unasked(stage, before)
    taken = stage.must("init", LOSER, "--take-over")
    planned = stage.must("plan", LOSER)
    adopted(planned["steps"])
    stage.must("apply", LOSER, "--plan", planned["plan"])
    undisturbed(before, _objects(stage))
    if stage.run("drift", LOSER).code or not stage.must("plan", LOSER)["empty"]:
        raise CheckFailed("what was taken over is not what the new state says")
    _contract(stage, told)
    _succession(stage, taken["made"])
    return {"undisturbed": len(before), "taken": len(taken["taken"]), "made": taken["made"]}


def _refused_without(stage: Stage) -> None:
    """Without a passphrase none is made up, and another one opens nothing."""
    place = stage.contour(LOSER).passphrase
    place.unlink()
    said = stage.run("plan", LOSER)
    if said.code == 0 or LOST not in said.err or place.exists():
        raise CheckFailed(f"a state without its passphrase was not refused, or not with what to do: {said.error}")
    place.touch(mode=0o600)
    place.write_text("another one\n")
    said = stage.run("plan", LOSER)
    place.unlink()
    if said.code == 0 or str(OtherPassphrase()) not in said.err:
        raise CheckFailed(f"another passphrase was taken, or refused without saying so: {said.error}")


def _put_aside(stage: Stage) -> None:
    """What nobody can read any more, out of the contour's folder; settings, contract and history stay."""
    (stage.folder / "lost").mkdir()
    for name in UNREADABLE:
        shutil.move(stage.contour(LOSER).folder / name, stage.folder / "lost" / name)


def _refused_unasked(stage: Stage, before: Objects) -> None:
    """A new state is not planned over what lives with secrets of its own."""
    stage.must("init", LOSER)
    said = stage.run("plan", LOSER)
    if said.code == 0 or "--take-over" not in said.err:
        raise CheckFailed(f"secrets were made anew for a cluster that holds them: {said.error}")
    if _objects(stage) != before:
        raise CheckFailed("a refused plan changed the cluster")


def adopted(steps: list[Mapping[str, Any]]) -> None:
    """Every object as it is, but for what is trusted beside the old authority. Raises CheckFailed."""
    for step in steps:
        if step["type"].startswith("kubernetes:") and step["op"] != "adopt":
            raise CheckFailed(f"{step['object']} is not adopted: {step['op']}")
        paths = [change["path"] for change in step["changes"]]
        if any(not path.startswith("data.") or TRUSTED not in path for path in paths):
            raise CheckFailed(f"{step['object']} would change: {', '.join(paths)}")
    if not steps:
        raise CheckFailed("nothing is adopted")


def undisturbed(before: Objects, after: Objects) -> None:
    """The same objects, pods too, with the same secrets. Raises CheckFailed."""
    if before.keys() != after.keys():
        raise CheckFailed(f"objects came or went: {', '.join(sorted(before.keys() ^ after.keys())[:5])}")
    for name, one in before.items():
        if after[name]["uid"] != one["uid"]:
            raise CheckFailed(f"{name} is another object than before")
        now = dict(after[name]["data"])
        if TRUSTED in one["data"] and not now[TRUSTED].endswith(one["data"][TRUSTED]):
            raise CheckFailed(f"{name} no longer trusts what it trusted")
        if now | {TRUSTED: b""} != one["data"] | {TRUSTED: b""}:
            raise CheckFailed(f"{name} holds other values than before")


def _contract(stage: Stage, told: str) -> None:
    """Another key signs it: it is refused until it is accepted, and until then the link stands as it was."""
    fresh = stage.must("export", LOSER)
    if fresh["fingerprint"] == told:
        raise CheckFailed("the contract has the fingerprint of before, and its key is lost")
    peer = stage.contour(OTHER).folder / "peer.json"
    whole = peer.read_bytes()
    peer.write_bytes(Path(fresh["contract"]).read_bytes())
    said = stage.run("plan", OTHER)
    peer.write_bytes(whole)
    if said.code == 0 or "accept" not in said.err:
        raise CheckFailed(f"a contract by another key was taken without being accepted: {said.error}")
    if not stage.must("plan", OTHER)["empty"]:
        raise CheckFailed("the other half changes before it has accepted anything")
    stage.must("accept", OTHER, fresh["contract"], "--fingerprint", fresh["fingerprint"])
    stage.bring_up(OTHER)
    ready(stage, OTHER)
    if stage.must("status", OTHER)["outputs"].get("link") != "open":
        raise CheckFailed("the link did not outlive the new contract")


def _succession(stage: Stage, made: list[str]) -> None:
    """The new authority signs every certificate, and the old one stays trusted beside it."""
    if not made:
        raise CheckFailed("the authority's key was found in the cluster, where it has no place")
    stage.must("rotate", LOSER, "certificates")
    stage.bring_up(LOSER)
    ready(stage, LOSER)
    data = _objects(stage)[SERVED]["data"]
    newest, *old = x509.load_pem_x509_certificates(data[TRUSTED])
    try:
        x509.load_pem_x509_certificate(data["tls.crt"]).verify_directly_issued_by(newest)
    except (InvalidSignature, ValueError):
        raise CheckFailed("the new authority signed nothing") from None
    if not old:
        raise CheckFailed("the old authority is forgotten before what it signed is gone")


def _objects(stage: Stage) -> dict[str, dict[str, Any]]:
    """Ours in the cluster by kind and name: which one it is and, of a Secret, what it holds."""
    cluster, found = stage.cluster(LOSER), {}
    for path in EVERYWHERE:
        for item in cluster.request("GET", path, query={"labelSelector": OURS})["items"]:
            meta = item["metadata"]
            kind = "" if path.endswith("/secrets") else f"{path.rsplit('/', 1)[-1]} "
            held = item.get("data") or {} if not kind else {}
            data = {key: b64decode(value) for key, value in held.items()}
            found[f"{kind}{meta.get('namespace', '')}/{meta['name']}"] = {"uid": meta["uid"], "data": data}
    if SERVED not in found:
        raise CheckFailed(f"there is no Secret {SERVED}: nothing would be proved")
    return found
