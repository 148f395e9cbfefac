"""`larets leakcheck`: does any planted person stand anywhere in the public contour?"""

from collections import Counter
from typing import Annotated, Any

import typer

from infra.errors import DeployProblem
from scripts.leakcheck.report import Report
from scripts.local.instance import InstanceProblem
from scripts.smoke.resolve import pair
from scripts.voice import emit, fail, result, say

cli = typer.Typer()

SHOWN: int = 40


@cli.command()
def leakcheck(
    *,
    env: Annotated[str, typer.Option("--env", help="a deployed environment; without it an instance of its own")] = "",
    resolve: Annotated[
        list[str] | None, typer.Option("--resolve", help="HOST=ADDRESS[:PORT], where an edge is reached from here")
    ] = None,
    files: Annotated[
        bool, typer.Option("--files", help="of an environment: the public database's volume byte by byte too")
    ] = False,
    half: Annotated[str, typer.Option("--half", hidden=True)] = "",
    as_json: Annotated[bool, typer.Option("--json", help="for programs")] = False,
    keep: Annotated[bool, typer.Option("--keep", help="leave the check's own instance on disk, for a look")] = False,
) -> None:
    """Plant persons in an instance of its own, use it, scan all that is public. Exit 0 when nothing leaks.

    With --env the persons go through the edges of that environment, in a shop of its own (`trial`), and its public
    contour is searched as far as its administrator can read it; the report says what nobody could.
    """
    try:
        told = _environment(env, half, resolve or [], files=files) if env else _local(keep=keep)
    except DeployProblem as problem:
        fail(problem.detail, hint=problem.hint)
    if told is None:
        return
    answer = told if isinstance(told, dict) else told.for_programs()
    if as_json:
        emit(answer)
    else:
        _print(answer)
    if not answer["ok"]:
        raise SystemExit(1)


def _local(*, keep: bool) -> Report:
    from playwright.async_api import Error as BrowserError  # noqa: PLC0415  an environment's check needs no browser

    from scripts.leakcheck.check import run_check  # noqa: PLC0415

    try:
        return run_check(keep=keep, say=say)
    except (BrowserError, AssertionError) as error:
        message = f"a page did not behave as usual, so nothing is proven: {str(error).splitlines()[0]}"
        raise InstanceProblem(message) from error


def _environment(env: str, half: str, resolve: list[str], *, files: bool) -> Report | dict[str, Any] | None:
    """None: the public half, whose answer is what it hands over."""
    from scripts.leakcheck.environment import private_half, public_half, whole  # noqa: PLC0415

    if half == "public":
        public_half(env, files=files)
        return None

    if half == "private":
        return private_half(env, dict(map(pair, resolve)))
    private = [part for one in resolve for part in ("--resolve", one)]
    return whole(env, {"private": private, "public": ["--files"] if files else []})


def _print(answer: dict[str, Any]) -> None:
    hits = answer["hits"]
    found = Counter(hit["channel"] for hit in hits)
    result(f"{'channel':<24}{'scanned, KiB':>14}{'hits':>8}")
    for channel, size in sorted(answer["scanned"].items()):
        result(f"{channel:<24}{size // 1024:>14,}{found[channel]:>8}")
    for hit in hits[:SHOWN]:
        result(f"LEAK  {hit['canary']} as {hit['form']}: {hit['channel']}, {hit['place']}, byte {hit['offset']}")
    if len(hits) > SHOWN:
        result(f"… and {len(hits) - SHOWN} more; --json has all of them")
    for accepted in answer["edge"]["accepted"]:
        result(f"NOT REFUSED  {accepted}")
    for leak, verdict in answer["negative_twin"].items():
        if verdict == "missed":
            result(f"BLIND  the leak on purpose was missed: {leak}")
    for risk in answer["residual_risk"]:
        result(f"RESIDUAL RISK  {risk}")
    for reason in answer["not_scanned"] if "environment" in answer else ():
        result(f"NOT SEEN  {reason}")
    caught = sum(verdict == "caught" for verdict in answer["negative_twin"].values())
    if "environment" not in answer:
        result(f"{answer['classified_texts']} texts crossed with tokens in place, where the officer let them")
    result(f"{answer['canaries']} canaries; edge refused {answer['edge']['refused']} of {answer['edge']['sent']}")
    result(f"leaks on purpose caught: {caught} of {len(answer['negative_twin'])}")
    result(f"{'nothing leaks' if answer['ok'] else 'THE CHECK FAILED'}, {answer['seconds']:.0f} s")
