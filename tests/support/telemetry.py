"""What alarms and boards of a contour speak of, beside what a page of metrics shows."""

import re
from collections.abc import Iterable

from infra.components.telemetry import alarms, boards
from infra.lib.names import Contour

_ENDS = {"counter": ("",), "gauge": ("",), "histogram": ("_bucket", "_sum", "_count")}


def expressions(contour: Contour) -> list[str]:
    """Of the alarms; of the boards their whole text."""
    rules = [rule["expr"] for group in alarms(contour)["groups"] for rule in group["rules"]]
    return [*rules, *boards(contour).values()]


def spoken(texts: Iterable[str]) -> set[str]:
    return {word for text in texts for word in re.findall(r"\blarets_[a-z_]+", text)}


def exported(page: bytes) -> set[str]:
    """Names of samples, as Prometheus will know them: a metric that has counted nothing yet tells its type already."""
    types = re.findall(r"(?m)^# TYPE (\S+) (\S+)$", page.decode())
    return {name + end for name, kind in types for end in _ENDS[kind]}
