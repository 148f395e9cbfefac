"""`larets bench`: speed of the shipped processes beside what the bare database and cipher do in the same run."""

import os
from collections.abc import Callable
from contextlib import nullcontext
from typing import Annotated, Final

import typer

from scripts.bench.client import built_client
from scripts.bench.cpu import Meter
from scripts.bench.figures import NAMES, RIVAL_NAMES, Figure, table
from scripts.bench.growth import SIZES, grown, growth_of
from scripts.bench.limits import open_limit
from scripts.bench.rewrap import rewrap_under_load
from scripts.bench.rivals import Rival, open_rival, require_engine
from scripts.bench.stage import Stage, open_stage
from scripts.bench.streams import ROWS, streams
from scripts.bench.vault_api import VaultBench
from scripts.bench.webhook import webhook_to_card
from scripts.voice import emit, fail, result, say

cli = typer.Typer()

DEFAULT_SECONDS: Final = 10.0
KEYS: Final = 1_000_000


@cli.command()
def bench(
    *,
    as_json: Annotated[bool, typer.Option("--json", help="for programs")] = False,
    only: Annotated[str | None, typer.Option(metavar="NAME", help="one figure, or those that begin so")] = None,
    seconds: Annotated[float, typer.Option(min=1, help="how long each figure is measured")] = DEFAULT_SECONDS,
    rivals: Annotated[
        bool, typer.Option("--rivals", help="beside the hand-rolled alternative; needs make tools")
    ] = False,
    growth: Annotated[bool, typer.Option("--growth", help="cost of an item as the tables grow; up to an hour")] = False,
    stream: Annotated[bool, typer.Option("--stream", help="files of rows through `larets rows`, and memory")] = False,
    rows: Annotated[
        int | None, typer.Option(min=20_000, help="how far the tables grow (10 million), or of the file (1 million)")
    ] = None,
    rewrap: Annotated[
        bool, typer.Option("--rewrap", help="what callers feel while all keys are wrapped anew; minutes")
    ] = False,
    keys: Annotated[int, typer.Option(min=10_000, help="how many keys are wrapped anew")] = KEYS,
    packed: Annotated[
        bool, typer.Option("--packed", help="the limit by the vault's own statements instead of plain ones")
    ] = False,
    keep: Annotated[bool, typer.Option("--keep", help="leave the measured instance running")] = False,
) -> None:
    """Measure on an instance of its own, which is removed afterwards; exit 0 when every bar is cleared."""
    if growth:
        _growth(rows or SIZES[-1], seconds, keep=keep, as_json=as_json)
        return
    if stream:
        _stream(rows or ROWS, keep=keep, as_json=as_json)
        return
    if rewrap:
        _rewrap(keys, seconds, keep=keep, as_json=as_json)
        return
    names = RIVAL_NAMES if rivals else NAMES
    wanted = [name for name in names if only is None or name == only] or [
        name for name in names if only is not None and name.startswith(only)
    ]
    if not wanted:
        fail(f"no figure is called {only}", hint=f"one of: {', '.join(names)}")
    built_client()
    if rivals:
        require_engine()
    say(f"load of the machine before: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    with open_stage(keep=keep) as stage, open_rival(stage.instance) if rivals else nullcontext() as rival:
        figures = _measure(stage, wanted, seconds, rival, packed=packed)
    if as_json:
        emit([figure.for_programs() for figure in figures])
    else:
        result(table(figures))
    if not all(figure.holds for figure in figures):
        raise SystemExit(1)


def _growth(rows: int, seconds: float, *, keep: bool, as_json: bool) -> None:
    sizes = sorted({size for size in SIZES if size < rows} | {rows})
    built_client()
    with open_stage(keep=keep) as stage, open_limit(stage.instance, stage.tenant) as limit:
        measured = growth_of(VaultBench(stage, limit, Meter(stage.instance), seconds))
        costs = [measured.at(size) for size in sizes]
    answer = grown(costs)
    if as_json:
        emit([*(cost.for_programs() for cost in costs), answer])
    else:
        result("\n".join(str(cost) for cost in costs))
        result(f"an item costs ×{answer['tokenise']} to tokenise and ×{answer['reveal']} to reveal")
    if not answer["holds"]:
        raise SystemExit(1)


def _stream(rows: int, *, keep: bool, as_json: bool) -> None:
    with open_stage(keep=keep) as stage:
        figures = streams(stage, rows=rows)
    if as_json:
        emit([figure.for_programs() for figure in figures])
    else:
        result("\n".join(str(figure) for figure in figures))
    if not all(figure.holds for figure in figures):
        raise SystemExit(1)


def _rewrap(keys: int, seconds: float, *, keep: bool, as_json: bool) -> None:
    built_client()
    with open_stage(keep=keep) as stage, open_limit(stage.instance, stage.tenant) as limit:
        answer = rewrap_under_load(VaultBench(stage, limit, Meter(stage.instance), seconds), keys)
    if as_json:
        emit([answer])
    else:
        result(
            f"{answer['keys']:,} keys in {answer['seconds']} s; p99 {answer['during']['p99_ms']} ms meanwhile, "
            f"×{answer['ratio']} of the quiet one"
        )
    if not answer["holds"]:
        raise SystemExit(1)


def _measure(stage: Stage, wanted: list[str], seconds: float, rival: Rival | None, *, packed: bool) -> list[Figure]:
    with open_limit(stage.instance, stage.tenant, packed=packed) as limit:
        api = VaultBench(stage, limit, Meter(stage.instance), seconds, rival)
        ways: dict[str, Callable[[], Figure]] = {
            "reveal_1000_cold": lambda: api.reveal_cold(1000),
            "retokenise_1000": lambda: api.retokenise(1000),
            "webhook_to_card": lambda: webhook_to_card(stage, seconds=seconds),
        }
        for size in (1, 100, 1000):
            ways[f"tokenise_{size}"] = lambda size=size: api.tokenise(size)  # type: ignore[misc]
            ways[f"reveal_{size}"] = lambda size=size: api.reveal(size)  # type: ignore[misc]
        return [ways[name]() for name in wanted]
