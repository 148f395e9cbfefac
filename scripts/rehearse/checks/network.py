"""Who can reach whom, from the rendered manifests alone, by a program that is not ours: the intended paths only."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any, Final

import yaml

from scripts.env.place import SIDES, Side
from scripts.rehearse.stage import CheckFailed, Stage
from scripts.tools.tool import PLACE

NCA: Final = PLACE / "nca" / "bin" / "nca"
OUTSIDE: Final = "the internet"
DNS: Final = "kube-system"  # what every cluster has, and no part of ours
HOLE: Final[dict[str, Any]] = {
    "apiVersion": "networking.k8s.io/v1",
    "kind": "NetworkPolicy",
    "metadata": {"name": "hole", "namespace": "data"},
    "spec": {"podSelector": {}, "policyTypes": ["Ingress"], "ingress": [{}]},
}
# source → target: ports. The link is open; the other contour is one address outside.
INTENDED: Final[dict[Side, frozenset[str]]] = {
    "private": frozenset(
        {
            f"{OUTSIDE} → edge/*: TCP 8443",
            "203.0.113.20/32 → edge/*: TCP 8443,9443",
            "edge/* → vault/vault: TCP 8200-8201",
            "vault/* → data/*: TCP 5432",
            "vault/vault-worker → 203.0.113.21/32: TCP 8443",
            "vault/vault-worker → 203.0.113.99/32: TCP 443",
        }
    ),
    "public": frozenset(
        {
            f"{OUTSIDE} → edge/*: TCP 8443",
            "203.0.113.10/32 → edge/*: TCP 8443,9443",
            "edge/* → app/app: TCP 8100-8101",
            "app/* → data/*: TCP 5432",
            # How the analyser calls the application and its worker: all pods of the namespace but the migration's.
            "app/app.kubernetes.io/name!=migrate → 203.0.113.11/32: TCP 8443",
        }
    ),
}


def only_intended_paths(stage: Stage) -> dict[str, list[str]]:
    """Both contours with the link open; the twin is a policy with a hole, which must be seen."""
    found: dict[str, list[str]] = {}
    for side in SIDES:
        folder = stage.folder / "network" / side
        stage.must("render", side, "--out", str(folder))
        paths = reachable(folder)
        if paths != INTENDED[side]:
            more, less = sorted(paths - INTENDED[side]), sorted(INTENDED[side] - paths)
            raise CheckFailed(f"{side}: not intended: {more or 'nothing'}; lacking: {less or 'nothing'}")
        (folder / "hole.yaml").write_text(yaml.safe_dump(HOLE))
        if reachable(folder) == paths:
            raise CheckFailed("a hole in a network policy was not seen")
        found[side] = sorted(paths)
        shutil.rmtree(folder)
    return found


def reachable(folder: Path) -> frozenset[str]:
    """The paths that the policies in a folder leave open, without DNS and what belongs to every cluster."""
    said = subprocess.run(
        [NCA, "--connectivity", "-r", str(folder), "--output_format", "json", "--output_endpoints", "deployments"],
        capture_output=True,
        text=True,
        check=False,
    )
    try:
        whole = f"\n{said.stdout}"  # it tells of what it added before the answer begins
        answer, _ = json.JSONDecoder().raw_decode(whole[whole.index("\n[") + 1 :])
        rules = answer[0]["explanation"][0]["rules"]
    except (ValueError, LookupError) as error:
        raise CheckFailed(f"nca gave no answer: {said.stderr[-300:]}") from error
    return frozenset(path for rule in rules for path in _paths(rule))


def _paths(rule: dict[str, Any]) -> list[str]:
    ports = "; ".join(_ports(one) for one in rule["connection"])
    return [f"{source} → {target}: {ports}" for source in _ends(rule, "src") for target in _ends(rule, "dst")]


def _ends(rule: dict[str, Any], end: str) -> list[str]:
    blocks = rule.get(f"{end}_ip_block")
    if blocks:
        whole = any(block.startswith(("0.0.0.0/", "::/")) for block in blocks)
        return [OUTSIDE] if whole else list(blocks)
    return [f"{place}/{pod}" for place in rule[f"{end}_ns"] if place != DNS for pod in rule[f"{end}_pods"]]


def _ports(one: Any) -> str:
    if isinstance(one, str):
        return one
    return f"{one['protocols']} {','.join(map(str, one['dst_ports']))}"
