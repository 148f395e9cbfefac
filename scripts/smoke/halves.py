"""A trial of an environment: one process per contour, each with the credentials of its own; only public facts pass.

The private half's process opens the trial shop, plays shop and staff at the edges and has the log verified. The public
half's reads what its database holds of that order and what its witness has cosigned. Their parent opens nothing.
"""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, Final
from urllib.parse import urlsplit

from scripts.env.environment import Environment, open_environment
from scripts.env.errors import EnvProblem
from scripts.env.inside import Inside
from scripts.env.place import Side
from scripts.local.instance import InstanceProblem
from scripts.smoke.deployed import Commands, DeployedStand, Origins, told_by
from scripts.smoke.doors import Door, Doors
from scripts.smoke.stand import StandProblem
from scripts.smoke.steps import Steps, TrialEnded
from scripts.smoke.trial import as_it_should, main_job
from scripts.voice import say

PATIENCE: Final = 60.0
WITNESS_SECONDS: Final = 90
PORT: Final = 443


def doors_of(environment: Environment, resolved: Mapping[str, str]) -> Doors:
    """By the private half's settings and the contract it accepted; `resolved`: host → address[:port] in their place.

    Raises:
        EnvProblem: an edge's address is nowhere told, or the other contour is not accepted yet.
    """
    from infra.programs.common import peer_of  # noqa: PLC0415  Pulumi takes a second; the public half does without

    settings, peer = environment.settings, peer_of(environment.settings)
    if peer is None:
        raise EnvProblem(
            "the other contour's contract is not accepted: the link is closed, and no order can arrive",
            hint="larets env export there, larets env accept here",
        )
    own = environment.engine(environment.contour.side).plain_values().get("authority-crt", "")
    hosts = settings.hosts
    addresses = dict.fromkeys((hosts.vault, hosts.console, hosts.hooks), (settings.edge.addresses, own))
    addresses[hosts.crm] = (peer.link_addresses, peer.authority)
    return Doors({host: _door(host, *told, resolved) for host, told in addresses.items()})


def _door(host: str, addresses: Sequence[str], authority: str, resolved: Mapping[str, str]) -> Door:
    if host in resolved:
        bare = resolved[host].count(":") > 1 and "[" not in resolved[host]
        found = urlsplit(f"//[{resolved[host]}]" if bare else f"//{resolved[host]}")
        return Door(found.hostname or "", found.port or PORT, authority)
    if not addresses:
        raise EnvProblem(
            f"nobody says where {host} is reached", hint=f"edge.addresses in the settings, or --resolve {host}=ADDRESS"
        )
    return Door(addresses[0], PORT, authority)


def private_half(name: str, steps: Steps, resolved: Mapping[str, str]) -> dict[str, Any]:
    """Raises TrialEnded."""
    with steps.step("the private contour's settings and the way to the edges"):
        environment = open_environment(name, "private")
        doors, hosts = doors_of(environment, resolved), environment.settings.hosts
        commands = Inside(environment, say)
        environment.cluster()
    origins = Origins(*(f"https://{host}" for host in (hosts.crm, hosts.vault, hosts.hooks)))
    return staged(origins, doors, commands, steps)


def staged(origins: Origins, doors: Doors, commands: Commands, steps: Steps) -> dict[str, Any]:
    """The main job in the trial shop. Raises TrialEnded."""
    with steps.step("a trial shop"):
        stand = DeployedStand(origins, doors, commands)
    try:
        with steps.step("its staff accept their invitations"):
            stand.enrol()
        with steps.step("they sign in, the seller through the CRM"):
            stand.sign_in()
        told = main_job(stand, steps, patience=PATIENCE, pause=0.2)
    except BaseException:
        with suppress(InstanceProblem):  # what went wrong before is what the reader needs to know
            stand.close()
        raise
    with steps.step("the trial shop is closed"):
        stand.close()
    return told | {"tenant": stand.tenant}


def public_half(name: str, steps: Steps, *, order: str, tenant: str, records: int) -> dict[str, Any]:
    """Raises TrialEnded."""
    with steps.step("the public contour's settings"):
        environment = open_environment(name, "public")
        commands = Inside(environment, say)
        environment.cluster()
    return witnessed(commands, steps, order=order, tenant=tenant, records=records)


def witnessed(commands: Commands, steps: Steps, *, order: str, tenant: str, records: int) -> dict[str, Any]:
    """What the public contour says by itself. Raises TrialEnded."""
    with steps.step("what the public database holds of the order"):
        held = told_by(commands, "held", order, "--tenant", tenant, may_fail=True)
    with steps.step("the witness has cosigned it"):
        asked = ("witness", "newest", "--at-least", str(records), "--seconds", str(WITNESS_SECONDS))
        newest = told_by(commands, *asked, may_fail=True)
    return {"held": held, "witness_size": newest["size"], "witnessed": newest["size"] >= records}


def whole(name: str, resolved: Mapping[str, str]) -> dict[str, Any]:
    """Both halves, one after the other, each in a process of its own."""
    more = [part for host, address in resolved.items() for part in ("--resolve", f"{host}={address}")]
    private = _child("private", name, *more)
    told = {"environment": name} | private
    if not private.get("ok"):
        return told
    asked = ("--order", str(private["order"]), "--tenant", str(private["tenant"]))
    public = _child("public", name, *asked, "--records", str(private["audit_records"]))
    held = public.get("held") or {"tokens": [], "clear": []}
    known = set(private["tokens"]) <= set(held["tokens"])
    verdict = {
        "witnessed": bool(public.get("witnessed")),
        "held_by_public": {"tokens": len(held["tokens"]), "clear": held["clear"], "all_of_the_card": known},
        "steps": [*private["steps"], *public["steps"]],
    }
    return told | verdict | {"ok": bool(public["ok"]) and known}


def _child(side: Side, name: str, *arguments: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "scripts.main", "smoke", "--env", name, "--half", side, "--json", *arguments]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    try:
        told: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        raise StandProblem(f"the {side} half's process ended with {done.returncode} and told nothing") from None
    return told


def half(side: Side, name: str, resolved: Mapping[str, str], public: Mapping[str, Any]) -> dict[str, Any]:
    """One half in this process; `ok` says whether all was as it should be."""
    steps = Steps()
    try:
        if side == "private":
            told = private_half(name, steps, resolved)
            return told | {"ok": as_it_should(told), "steps": steps.told}
        told = public_half(name, steps, **public)
        return told | {"ok": bool(told["witnessed"] and not told["held"]["clear"]), "steps": steps.told}
    except TrialEnded:
        return {"ok": False, "steps": steps.told}
