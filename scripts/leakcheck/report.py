"""What a run of the leak check has shown, wherever it stood."""

from dataclasses import asdict, dataclass
from typing import Any

from scripts.leakcheck.classified import Classified
from scripts.leakcheck.edge import EdgeResult
from scripts.leakcheck.scan import Hit


@dataclass(frozen=True)
class Report:
    """What the run has shown. `hits` are leaks; the twin's own and each edge value's own connection are not."""

    canaries: int
    scanned: dict[str, int]
    hits: list[Hit]
    edge: EdgeResult
    twin: dict[str, str]
    not_scanned: list[str]
    residual: list[str]  # risks that an officer took
    classified: Classified
    seconds: float

    @property
    def ok(self) -> bool:
        seen = bool(self.twin) and "missed" not in self.twin.values()
        return not self.hits and self.edge.refused == self.edge.sent and seen

    def for_programs(self) -> dict[str, Any]:
        return {
            "ok": self.ok,
            "canaries": self.canaries,
            "channels": sorted(self.scanned),
            "scanned": dict(sorted(self.scanned.items())),
            "hits": [asdict(hit) for hit in self.hits],
            "edge": {"sent": self.edge.sent, "refused": self.edge.refused, "accepted": self.edge.accepted},
            "negative_twin": self.twin,
            "not_scanned": self.not_scanned,
            "residual_risk": [*self.residual, *self.classified.risks],
            "classified_texts": self.classified.crossed,
            "seconds": round(self.seconds, 1),
        }
