"""A plan as a person reads it: what is lost first and in red, then each change with its fields, findings, cost."""

import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, Final

from scripts.env.inputs import SECRET_KEY, UNKNOWN_KEY
from scripts.env.objects import ABSENT, Change
from scripts.env.plan import ADOPT, CREATE, DELETES, REPAIR, REPLACES, Plan, PlannedStep

SIGNS: Final = {
    CREATE: "+",
    ADOPT: "≡",
    "update": "~",
    REPAIR: "≈",
    "delete": "-",
    "replace": "±",
    "create-replacement": "±",
    "delete-replaced": "-",
}
COLOURS: Final = {"+": "green", "~": "yellow", "≈": "cyan", "≡": "cyan", "-": "red", "±": "red"}
LONGEST: Final = 100


def plan_lines(plan: Plan) -> Iterator[tuple[str, str]]:
    """Pairs of style and text, in the order of reading."""
    yield "bold", f"{plan.environment}/{plan.side}  cluster {plan.cluster}  release {plan.release}  ({plan.provider})"
    lost = [step for step in plan.steps if step.loses]
    for step in lost:
        verb = "REPLACED: the data of the old one are gone" if step.op in REPLACES else "DELETED with its data"
        yield "bold red", f"  ! {step.object} would be {verb}"
    for stack in dict.fromkeys(step.stack for step in plan.steps):
        shown = [step for step in plan.of(stack) if not step.idle]
        counts = Counter(step.op for step in shown)
        summary = ", ".join(f"{count} {op}" for op, count in sorted(counts.items())) or "no change"
        yield "bold", f"stack {stack}: {summary}; {sum(step.idle for step in plan.of(stack))} as they are"
        for step in shown:
            yield from _step_lines(step)
    for finding in plan.findings:
        style = "bold red" if finding.blocks else "yellow"
        yield (
            style,
            f"  {'REFUSED' if finding.blocks else 'warning'} {finding.rule}: {finding.object}: {finding.reason}",
        )
    yield from _cost_lines(plan.cost)
    yield "bold", f"digest {plan.digest}"


def _step_lines(step: PlannedStep) -> Iterator[tuple[str, str]]:
    sign = SIGNS.get(step.op, "?")
    yield COLOURS.get(sign, ""), f"  {sign} {step.op} {step.object}"
    if step.op in DELETES:
        return
    for path in step.replaced:
        yield "red", f"      {path} can only be had by a new object"
    if step.op != CREATE:
        for change in step.changes:
            yield "", f"      {spelt(change)}"
    for path in step.unknown:
        yield "dim", f"      {path.removeprefix('inputs.')}: not known until applied"


def spelt(change: Change) -> str:
    if change.before == ABSENT:
        return f"{change.path}: + {value(change.after)}"
    if change.after == ABSENT:
        return f"{change.path}: - {value(change.before)}"
    return f"{change.path}: {value(change.before)} → {value(change.after)}"


def value(raw: Any) -> str:
    """On one line; a secret says only that it is one."""
    if isinstance(raw, dict) and SECRET_KEY in raw:
        return f"(secret {raw[SECRET_KEY][:8]})"
    if isinstance(raw, dict) and UNKNOWN_KEY in raw:
        return "(not known yet)"
    text = raw if isinstance(raw, str) else json.dumps(raw, ensure_ascii=False, sort_keys=True)
    text = text.replace("\n", "⏎")
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def _cost_lines(cost: Any) -> Iterator[tuple[str, str]]:
    for line in cost.get("lines", ()):
        priced = line["cost"] if line["cost"] is not None else "UNPRICED"
        yield "dim", f"  {line['line']:<14}{line['quantity']:>12}  {line['unit']:<18}{priced:>12}"
    if cost.get("total") is not None:
        whole = f"without {', '.join(cost['unpriced'])}" if cost["unpriced"] else "whole"
        yield "dim", f"  a month{cost['total']:>49}  ({whole})"


def show(lines: Iterable[tuple[str, str]]) -> None:
    """On standard error, coloured where it is a terminal."""
    from rich.console import Console  # noqa: PLC0415  only where a person reads
    from rich.text import Text  # noqa: PLC0415

    console = Console(file=sys.stderr, highlight=False, soft_wrap=True)
    for style, text in lines:
        console.print(Text(text, style=style))
    sys.stderr.flush()
