"""`larets leakcheck`: does any planted person stand anywhere in the public contour?"""

from collections import Counter
from typing import Annotated

import typer
from playwright.async_api import Error as BrowserError

from scripts.leakcheck.check import Report, run_check
from scripts.local.instance import InstanceProblem
from scripts.voice import emit, result, say

cli = typer.Typer()

SHOWN: int = 40


@cli.command()
def leakcheck(
    *,
    as_json: Annotated[bool, typer.Option("--json", help="for programs")] = False,
    keep: Annotated[bool, typer.Option("--keep", help="leave the check's own instance on disk, for a look")] = False,
) -> None:
    """Plant persons in an instance of its own, use it, scan all that is public. Exit 0 when nothing leaks."""
    try:
        report = run_check(keep=keep, say=say)
    except (BrowserError, AssertionError) as error:
        message = f"a page did not behave as usual, so nothing is proven: {str(error).splitlines()[0]}"
        raise InstanceProblem(message) from error
    if as_json:
        emit(report.for_programs())
    else:
        _print(report)
    if not report.ok:
        raise SystemExit(1)


def _print(report: Report) -> None:
    found = Counter(hit.channel for hit in report.hits)
    result(f"{'channel':<24}{'scanned, KiB':>14}{'hits':>8}")
    for channel, size in sorted(report.scanned.items()):
        result(f"{channel:<24}{size // 1024:>14,}{found[channel]:>8}")
    for hit in report.hits[:SHOWN]:
        result(f"LEAK  {hit.canary} as {hit.form}: {hit.channel}, {hit.place}, byte {hit.offset}")
    if len(report.hits) > SHOWN:
        result(f"… and {len(report.hits) - SHOWN} more; --json has all of them")
    for accepted in report.edge.accepted:
        result(f"NOT REFUSED  {accepted}")
    for leak, verdict in report.twin.items():
        if verdict == "missed":
            result(f"BLIND  the leak on purpose was missed: {leak}")
    for risk in report.residual:
        result(f"RESIDUAL RISK  {risk}")
    caught = sum(verdict == "caught" for verdict in report.twin.values())
    result(f"{report.canaries} canaries; edge refused {report.edge.refused} of {report.edge.sent}")
    result(f"leaks on purpose caught: {caught} of {len(report.twin)}")
    result(f"{'nothing leaks' if report.ok else 'THE CHECK FAILED'}, {report.seconds:.0f} s")
