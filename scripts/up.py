"""`larets up`: start both contours, make the demo shop, bring one order through, say where to click."""

import time
from dataclasses import replace
from typing import Annotated, Any, Final, Literal

import typer

from scripts.local.instance import CONTOURS, Contour, Instance, InstanceProblem, Ports, load_or_create
from scripts.local.processes import SERVICES, running
from scripts.local.start import alone, bring_up
from scripts.voice import result, say

cli = typer.Typer()

ORDER_NUMBER: Final = 1001
BUYER_SEED: Final = 1001


@cli.command()
def up(
    *,
    contour: Annotated[Literal["both", "private"], typer.Option(help="private: the vault alone")] = "both",
    port_base: Annotated[int | None, typer.Option(min=1024, max=65000, help="first of the ports to use")] = None,
) -> None:
    """Start what does not run yet. Safe to repeat: a running instance is left as it is."""
    started = time.monotonic()
    instance = _with_ports(load_or_create(), port_base)
    contours: tuple[Contour, ...] = CONTOURS if contour == "both" else ("private",)
    with alone(instance):
        if contours != instance.contours:
            instance = replace(instance, contours=contours)
            instance.save()
        began = bring_up(instance, contours, say=lambda step: say(f"  {step} …"))
        say(f"  running after {time.monotonic() - started:.1f} s{'' if began else ' (it was already)'}")
        if contour == "both":
            _demo(instance)
        else:
            from scripts.local.report import private_only  # noqa: PLC0415  psycopg is slow to load

            result(private_only(instance))


def _demo(instance: Instance) -> None:
    """The demo shop and its first order. A later start shows what the first one noted, and sends nothing."""
    noted = instance.demo.get("first_order")
    demo = instance.demo if isinstance(noted, dict) else _first_order(instance)
    from scripts.local.report import full  # noqa: PLC0415  see above

    result(full(instance, demo, fresh=noted is None))


def _first_order(instance: Instance) -> dict[str, Any]:
    # Imported here: the vault's packages take a second to load, and a warm start does without them.
    from scripts.local.demo import note_first_order, seed  # noqa: PLC0415
    from scripts.local.shop import buyer  # noqa: PLC0415
    from scripts.smoke.journey import deliver, who_sees  # noqa: PLC0415
    from scripts.smoke.local import LocalStand  # noqa: PLC0415

    demo = seed(instance)
    say("  one order …")
    stand = LocalStand(instance, demo)
    person = buyer(BUYER_SEED)
    arrival = deliver(stand, ORDER_NUMBER, person)
    seen = who_sees(stand, arrival, person)
    return note_first_order(instance, demo, card=arrival.card["id"], milliseconds=arrival.milliseconds, seen=seen)


def _with_ports(instance: Instance, base: int | None) -> Instance:
    """The instance on the ports from `base`, noted for later commands. Running services keep theirs."""
    if base is None:
        return instance
    wanted = Ports(
        crm=base, intake=base + 1, vault=base + 2, service=base + 3, public_postgres=base + 4, private_postgres=base + 5
    )
    if wanted == instance.ports:
        return instance
    if any(running(instance, service) for service in SERVICES):
        message = "the instance runs on other ports: `make down` first, then choose the ports again"
        raise InstanceProblem(message)
    moved = replace(instance, ports=wanted)
    moved.save()
    return moved
