"""Figures of the bench, the bars they must clear, and how rounds become one figure. Pure."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

Measure = Literal["value", "ratio", "rival_ratio", "p95_ms", "p99_ms", "vault_mib", "client_mib"]


@dataclass(frozen=True, slots=True)
class Bar:
    """What one measure of a figure must reach: at least `bound`, or at most where `most`."""

    measure: Measure
    bound: float
    most: bool = False

    def cleared(self, reached: float | None) -> bool:
        if reached is None:
            return False
        return reached <= self.bound if self.most else reached >= self.bound

    def __str__(self) -> str:
        return f"{self.measure} {'≤' if self.most else '≥'} {self.bound:,g}"


BARS: Final[dict[str, tuple[Bar, ...]]] = {
    "tokenise_1": (),
    "tokenise_100": (),
    "tokenise_1000": (Bar("ratio", 0.65),),
    "retokenise_1000": (Bar("ratio", 0.8),),
    "reveal_1": (Bar("value", 3000), Bar("p99_ms", 10, most=True)),
    "reveal_100": (),
    "reveal_1000": (Bar("ratio", 0.5),),
    "reveal_1000_cold": (),
    "webhook_to_card": (Bar("p95_ms", 500, most=True),),
}
NAMES: Final = tuple(BARS)
# What the figures must reach beside the hand-rolled rival, where it is measured.
RIVAL_BARS: Final[dict[str, Bar]] = {
    "tokenise_1000": Bar("rival_ratio", 1.5),
    "reveal_1000": Bar("rival_ratio", 1.2),
    "reveal_1": Bar("rival_ratio", 3),
}
RIVAL_NAMES: Final = ("tokenise_1", "tokenise_1000", "reveal_1", "reveal_1000")


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the answer. `limit` is what the bare database and cipher did in the same rounds.

    `spent_us` is processor time for one value, by who spent it; the names that begin with `limit` are the limit's.
    """

    name: str
    value: float
    unit: str
    limit: float | None
    ratio: float | None
    p50_ms: float
    p95_ms: float
    p99_ms: float
    rounds: int
    requests: int
    failures: int
    spent_us: dict[str, float] = field(default_factory=dict)
    rival: float | None = None
    rival_ratio: float | None = None

    @property
    def spent_ratio(self) -> float | None:
        """The limit's processor time over the figure's, the load client's included. It does not bind.

        A machine that others keep busy moves it far less than `ratio`; on a quiet one the two come close.
        """
        if not self.spent_us:
            return None
        limit = sum(spent for who, spent in self.spent_us.items() if who.startswith("limit"))
        own = sum(spent for who, spent in self.spent_us.items() if not who.startswith(("limit", "rival")))
        return limit / own

    @property
    def bars(self) -> list[tuple[Bar, bool]]:
        bars = BARS[self.name]
        if self.rival is not None and self.name in RIVAL_BARS:
            bars = (*bars, RIVAL_BARS[self.name])
        return [(bar, bar.cleared(getattr(self, bar.measure))) for bar in bars]

    @property
    def holds(self) -> bool:
        """All bars are cleared, and no request failed."""
        return not self.failures and all(cleared for _, cleared in self.bars)

    def for_programs(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "value": round(self.value, 1),
            "unit": self.unit,
            "limit": None if self.limit is None else round(self.limit, 1),
            "ratio": None if self.ratio is None else round(self.ratio, 3),
            **({} if self.rival is None else {"rival": round(self.rival, 1)}),
            **({} if self.rival_ratio is None else {"rival_ratio": round(self.rival_ratio, 2)}),
            "p50_ms": round(self.p50_ms, 2),
            "p95_ms": round(self.p95_ms, 2),
            "p99_ms": round(self.p99_ms, 2),
            "rounds": self.rounds,
            "requests": self.requests,
            "failures": self.failures,
            "spent_us": {who: round(spent, 2) for who, spent in self.spent_us.items()},
            "spent_ratio": None if self.spent_ratio is None else round(self.spent_ratio, 3),
            "bars": [{"bar": str(bar), "holds": cleared} for bar, cleared in self.bars],
            "holds": self.holds,
        }


@dataclass(frozen=True, slots=True)
class Round:
    """One turn of a figure and of its limit, side by side in time, so that a drift of the machine hits both."""

    rate: float
    limit: float
    took_ns: tuple[int, ...]
    failures: int
    spent_us: dict[str, float]
    rival: float | None = None


def percentile(ordered: Sequence[float], share: float) -> float:
    """The smallest value that at least this share of all do not exceed. `ordered` is sorted and not empty."""
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def from_rounds(name: str, rounds: Sequence[Round], *, unit: str = "values/s") -> Figure:
    """Medians of the rounds; the ratio is the median of the rounds' own ratios."""
    took = sorted(each / 1e6 for round_ in rounds for each in round_.took_ns)
    rivals = [(round_.rate, round_.rival) for round_ in rounds if round_.rival is not None]
    return Figure(
        name=name,
        value=statistics.median(round_.rate for round_ in rounds),
        unit=unit,
        limit=statistics.median(round_.limit for round_ in rounds),
        ratio=statistics.median(round_.rate / round_.limit for round_ in rounds),
        p50_ms=percentile(took, 0.5),
        p95_ms=percentile(took, 0.95),
        p99_ms=percentile(took, 0.99),
        rounds=len(rounds),
        requests=len(took),
        failures=sum(round_.failures for round_ in rounds),
        spent_us={who: statistics.median(round_.spent_us[who] for round_ in rounds) for who in rounds[0].spent_us},
        rival=statistics.median(rival for _, rival in rivals) if rivals else None,
        rival_ratio=statistics.median(rate / rival for rate, rival in rivals) if rivals else None,
    )


def from_latencies(name: str, milliseconds: Sequence[float], *, failures: int) -> Figure:
    """A figure that is a latency; its value is the 95th percentile."""
    took = sorted(milliseconds)
    return Figure(
        name=name,
        value=percentile(took, 0.95),
        unit="ms",
        limit=None,
        ratio=None,
        p50_ms=percentile(took, 0.5),
        p95_ms=percentile(took, 0.95),
        p99_ms=percentile(took, 0.99),
        rounds=1,
        requests=len(took) + failures,
        failures=failures,
    )


def table(figures: Sequence[Figure]) -> str:
    """For a person."""
    head = ("figure", "value", "unit", "limit", "ratio", "rival ×", "p50 ms", "p99 ms", "vault µs", "db µs", "bar", "")
    lines = [head, *(_line(figure) for figure in figures)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    left = {0, 2, 10, 11}
    return "\n".join(
        "  ".join(
            cell.ljust(width) if column in left else cell.rjust(width) for column, (cell, width) in aligned
        ).rstrip()
        for aligned in (enumerate(zip(line, widths, strict=True)) for line in lines)
    )


def _line(figure: Figure) -> tuple[str, ...]:
    verdict = "holds" if figure.holds else f"{figure.failures} failed" if figure.failures else "MISSED"
    return (
        figure.name,
        f"{figure.value:,.0f}",
        figure.unit,
        "–" if figure.limit is None else f"{figure.limit:,.0f}",
        "–" if figure.ratio is None else f"{figure.ratio:.2f}",
        "–" if figure.rival_ratio is None else f"{figure.rival_ratio:.1f}",
        f"{figure.p50_ms:.1f}",
        f"{figure.p99_ms:.1f}",
        _spent(figure, "vault"),
        _spent(figure, "postgres"),
        ", ".join(str(bar) for bar, _ in figure.bars) or "–",
        verdict if figure.bars or figure.failures else "",
    )


def _spent(figure: Figure, who: str) -> str:
    """Processor time for one value, and the limit's in brackets."""
    if who not in figure.spent_us:
        return "–"
    limit = "limit_postgres" if who == "postgres" else "limit"
    return f"{figure.spent_us[who]:.1f} ({figure.spent_us[limit]:.1f})"
