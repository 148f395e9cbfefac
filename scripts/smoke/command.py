"""`larets smoke`: a fresh order through both contours, and what each role sees of it."""

from typing import Annotated, Any

import typer

from scripts.smoke.resolve import pair
from scripts.smoke.steps import Steps, TrialEnded
from scripts.voice import emit, fail, result

cli = typer.Typer()


@cli.command()
def smoke(
    *,
    env: Annotated[
        str, typer.Option("--env", help="a deployed environment; without it the instance of `make up`")
    ] = "",
    resolve: Annotated[
        list[str] | None, typer.Option("--resolve", help="HOST=ADDRESS[:PORT], where an edge is reached from here")
    ] = None,
    half: Annotated[str, typer.Option("--half", hidden=True)] = "",
    order: Annotated[str, typer.Option("--order", hidden=True)] = "",
    tenant: Annotated[str, typer.Option("--tenant", hidden=True)] = "",
    records: Annotated[int, typer.Option("--records", hidden=True)] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="for programs")] = False,
) -> None:
    """Send a fresh order of a generated person; exit 0 when all sees what it should and the log verifies.

    With --env: both contours' kubeconfigs are needed here, each is opened by a process of its own. It works in a shop
    of its own (`trial`), as a shop and its staff do: through the edges, by webhook, invitation, sign-in and frame.
    """
    if not env:
        told = _local()
    elif half in {"private", "public"}:
        told = _half(half, env, resolve or [], {"order": order, "tenant": tenant, "records": records})
    else:
        from scripts.smoke.halves import whole  # noqa: PLC0415  it needs the packages of `larets env`

        told = whole(env, dict(map(pair, resolve or [])))
    if as_json:
        emit(told)
    elif told.get("order"):
        _print(told)
    if not told["ok"]:
        raise SystemExit(1)


def _local() -> dict[str, Any]:
    from scripts.local.instance import load  # noqa: PLC0415  an environment's trial needs no instance
    from scripts.smoke.local import LocalStand  # noqa: PLC0415
    from scripts.smoke.trial import as_it_should, main_job  # noqa: PLC0415

    instance = load()
    demo = instance.demo
    if not demo:
        fail("there is no demo shop to send an order from", hint="run `make up` first")
    steps = Steps()
    try:
        told = main_job(LocalStand(instance, demo), steps)
    except TrialEnded:
        return {"ok": False, "steps": steps.told}
    return told | {"ok": as_it_should(told), "steps": steps.told}


def _half(side: str, name: str, resolved: list[str], public: dict[str, Any]) -> dict[str, Any]:
    from scripts.smoke.halves import half  # noqa: PLC0415  it needs the packages of `larets env`

    return half("private" if side == "private" else "public", name, dict(map(pair, resolved)), public)


def _print(told: dict[str, Any]) -> None:
    result(f"order {told['number']} became card {told['order']} in {told['webhook_to_card_ms']} ms")
    result("its phone: " + ", ".join(f"{role} {what}" for role, what in told["seen_by"].items()))
    result(f"audit log: {'verified' if told['audit_verified'] else 'DOES NOT HOLD'}")
    if "held_by_public" in told:
        held = told["held_by_public"]
        result(
            f"the public contour holds {held['tokens']} tokens of it, in clear: {', '.join(held['clear']) or 'nothing'}"
        )
        result(f"the log is {'witnessed' if told['witnessed'] else 'NOT WITNESSED'} there")
