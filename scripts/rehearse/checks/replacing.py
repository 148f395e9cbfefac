"""A cluster lost with all its data, and another at its address: refused until the settings name it, then made whole.

By the steps of the administrator's guide ("Another cluster in a lost one's place"), as far as they go without pods.
"""

import hashlib
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from scripts.env.backup import PARTS
from scripts.rehearse.checks import applying
from scripts.rehearse.checks.guarding import versions
from scripts.rehearse.stage import CheckFailed, Stage

ASIDE: Final = "state-of-the-lost-cluster"
OLD, STILL_OLD = "kubeconfig's authority", "not the one"  # by the old kubeconfig; by the old identifier


def another_cluster(stage: Stage) -> dict[str, Any]:
    """The private control plane with all it kept is gone; a new one has keys and an identifier of its own."""
    fingerprint = stage.must("export", "private")["fingerprint"]
    stage.planes["private"].stop()
    shutil.rmtree(stage.planes["private"].folder)
    stage.planes["private"] = stage.planes["private"].anew()
    refused_as_wrong(stage, {"destroy": ("--confirm", "rehearsal/private")})
    made = deployed_anew(stage, fingerprint)
    stage.must("drift", "private")
    return made


def refused_as_wrong(stage: Stage, more: Mapping[str, tuple[str, ...]]) -> None:
    """With the old kubeconfig and with the old identifier: each command stops, and touches neither side.

    Afterwards the kubeconfig is the new one. Raises CheckFailed.
    """
    before = _touched(stage)
    plan = str(max(stage.contour("private").plans.glob("*.json")))
    every = {"plan": (), "apply": ("--plan", plan), "drift": (), "exec": ("--", "keys", "status"), **more}
    for word in (OLD, STILL_OLD):
        for verb, arguments in every.items():
            refused(stage, verb, *arguments, word=word)
        (stage.folder / "private.kubeconfig").write_text(stage.planes["private"].kubeconfig())
    if _touched(stage) != before:
        raise CheckFailed("a command that refused the new cluster has touched it, or the files of the old one")


def refused(stage: Stage, verb: str, *arguments: str, word: str) -> None:
    """Raises CheckFailed: it was not, or for another reason."""
    said = stage.run(verb, "private", *arguments)
    if said.code in {0, 3} or word not in said.err:
        raise CheckFailed(f"{verb} did not refuse a cluster that the settings do not name: {said.error}")


def deployed_anew(stage: Stage, fingerprint: str) -> dict[str, Any]:
    """The new identifier, the old state aside, plan and apply. What the other half has accepted is still so."""
    contour = stage.contour("private")
    stage.change("private", "cluster", identifier=stage.cluster("private").identifier())
    contour.state.rename(contour.folder / ASIDE)
    steps: dict[str, int] = stage.bring_up("private")["steps"]
    if set(steps) != {"create"}:
        raise CheckFailed(f"on an empty cluster all is made anew; instead: {steps}")
    applying.ready(stage, "private")
    if stage.must("export", "private")["fingerprint"] != fingerprint:
        raise CheckFailed("the same addresses and keys, and yet the contract is another")
    return steps


def _touched(stage: Stage) -> tuple[dict[str, str], dict[str, str]]:
    """What commands may touch: objects of the cluster, files of the contour."""
    folder = stage.contour("private").folder
    paths: list[Path] = [folder / part for part in PARTS]
    paths += [path for part in PARTS for path in (folder / part).rglob("*")]
    files = {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in paths if path.is_file()}
    return versions(stage, "private"), files
