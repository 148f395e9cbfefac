"""What a contour would cost a month, from what its workloads ask for and the administrator's own price list.

Prices are not guessed: a line without a price is marked as unpriced, and the sum says that it is not whole.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import yaml

from scripts.env.asked import BALANCERS, CPU, MEMORY, STORAGE, asked_for
from scripts.env.errors import EnvProblem

# line of the sheet → what is counted for it, unit of its price
LINES: Final = {
    "cpu": (CPU, "core and month"),
    "memory": (MEMORY, "GiB and month"),
    "storage": (STORAGE, "GiB and month"),
    "load_balancer": (BALANCERS, "piece and month"),
}


def cost_sheet(objects: Iterable[Mapping[str, Any]], prices: Path) -> dict[str, Any]:
    """Quantities, and money where `prices` names a price. Raises EnvProblem for a price list that cannot be read."""
    counted = asked_for(objects)
    asked = {name: counted[line] for name, (line, _) in LINES.items()}
    known = _prices(prices)
    lines = [
        {
            "line": name,
            "quantity": str(asked[name].normalize()) if asked[name] else "0",
            "unit": unit,
            "cost": str((asked[name] * known[name]).quantize(Decimal("0.01"))) if name in known else None,
        }
        for name, (_, unit) in LINES.items()
    ]
    total = sum((asked[name] * known[name] for name in LINES if name in known), Decimal(0))
    unpriced = [name for name in LINES if name not in known and asked[name]]
    return {"lines": lines, "total": str(total.quantize(Decimal("0.01"))) if known else None, "unpriced": unpriced}


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
