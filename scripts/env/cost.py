"""What a contour would cost a month, from what its workloads ask for and the administrator's own price list.

Prices are not guessed: a line without a price is marked as unpriced, and the sum says that it is not whole.
"""

import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import yaml

from scripts.env.errors import EnvProblem

# line of the sheet → unit of its price
LINES: Final = {
    "cpu": "core and month",
    "memory": "GiB and month",
    "storage": "GiB and month",
    "load_balancer": "piece and month",
}
_UNITS: Final = {"Ki": Decimal(1) / 1024**2, "Mi": Decimal(1) / 1024, "Gi": Decimal(1), "Ti": Decimal(1024)}
_QUANTITY: Final = re.compile(r"(\d+(?:\.\d+)?)(m|Ki|Mi|Gi|Ti)?")


def cost_sheet(objects: Iterable[Mapping[str, Any]], prices: Path) -> dict[str, Any]:
    """Quantities, and money where `prices` names a price. Raises EnvProblem for a price list that cannot be read."""
    asked = asked_for(objects)
    known = _prices(prices)
    lines = [
        {
            "line": name,
            "quantity": str(asked[name].normalize()) if asked[name] else "0",
            "unit": unit,
            "cost": str((asked[name] * known[name]).quantize(Decimal("0.01"))) if name in known else None,
        }
        for name, unit in LINES.items()
    ]
    total = sum((asked[name] * known[name] for name in LINES if name in known), Decimal(0))
    unpriced = [name for name in LINES if name not in known and asked[name]]
    return {"lines": lines, "total": str(total.quantize(Decimal("0.01"))) if known else None, "unpriced": unpriced}


def asked_for(objects: Iterable[Mapping[str, Any]]) -> dict[str, Decimal]:
    """Cores, gibibytes and pieces that workloads ask for."""
    asked = dict.fromkeys(LINES, Decimal(0))
    for manifest in objects:
        _count(manifest, asked)
    return asked


def given_by(nodes_or_quotas: Iterable[Mapping[str, Any]]) -> dict[str, Decimal]:
    """Cores and gibibytes that nodes have, or quotas allow."""
    given = dict.fromkeys(LINES, Decimal(0))
    for one in nodes_or_quotas:
        node = one.get("status", {}).get("allocatable")
        hard = one.get("spec", {}).get("hard", {})
        for line in ("cpu", "memory"):
            text = str(node[line] if node else hard.get(f"requests.{line}", "0"))
            given[line] += _cores(text) if line == "cpu" else _gibibytes(text)
    return given


def _count(manifest: Mapping[str, Any], asked: dict[str, Decimal]) -> None:
    spec = manifest.get("spec") or {}
    kind = manifest.get("kind")
    if kind in {"Deployment", "StatefulSet"}:
        replicas = int(spec.get("replicas", 1))
        for container in spec.get("template", {}).get("spec", {}).get("containers", []):
            requests = container.get("resources", {}).get("requests", {})
            asked["cpu"] += replicas * _cores(str(requests.get("cpu", "0")))
            asked["memory"] += replicas * _gibibytes(str(requests.get("memory", "0")))
        for claim in spec.get("volumeClaimTemplates", []):
            asked["storage"] += replicas * _claimed(claim["spec"])
    elif kind == "PersistentVolumeClaim":
        asked["storage"] += _claimed(spec)
    elif kind == "Cluster" and "cnpg.io" in str(manifest.get("apiVersion")):
        instances = int(spec.get("instances", 1))
        requests = spec.get("resources", {}).get("requests", {})
        asked["cpu"] += instances * _cores(str(requests.get("cpu", "0")))
        asked["memory"] += instances * _gibibytes(str(requests.get("memory", "0")))
        asked["storage"] += instances * _gibibytes(str(spec.get("storage", {}).get("size", "0")))
    elif kind == "Service" and spec.get("type") == "LoadBalancer":
        asked["load_balancer"] += 1


def _claimed(spec: Mapping[str, Any]) -> Decimal:
    return _gibibytes(str(spec.get("resources", {}).get("requests", {}).get("storage", "0")))


def _cores(text: str) -> Decimal:
    number, unit = _parts(text)
    return number / 1000 if unit == "m" else number


def _gibibytes(text: str) -> Decimal:
    number, unit = _parts(text)
    return number * _UNITS[unit] if unit in _UNITS else number / 1024**3


def _parts(text: str) -> tuple[Decimal, str]:
    found = _QUANTITY.fullmatch(text)
    return (Decimal(found[1]), found[2] or "") if found else (Decimal(0), "")


def _prices(path: Path) -> dict[str, Decimal]:
    if not path.exists():
        return {}
    try:
        listed = yaml.safe_load(path.read_text()) or {}
        return {name: Decimal(str(listed[name])) for name in LINES if listed.get(name) is not None}
    except (yaml.YAMLError, ArithmeticError, AttributeError, TypeError) as error:
        raise EnvProblem(
            f"the price list {path} cannot be read", hint=f"one line per price, `cpu: 950`; known: {', '.join(LINES)}"
        ) from error
