"""`larets status`: what runs where."""

import platform
from importlib.metadata import version
from typing import Annotated, Any

import psycopg
import typer

from scripts.local import postgres
from scripts.local.instance import CONTOURS, Contour, Instance, load
from scripts.local.processes import SERVICES, running
from scripts.voice import emit, result

cli = typer.Typer()


def pids(instance: Instance, contour: Contour) -> dict[str, int]:
    """Process ids by name; a process that does not run is absent."""
    found = {
        service.name: process.pid
        for service in SERVICES
        if service.contour == contour and (process := running(instance, service))
    }
    if postgres.running(instance.postgres(contour)):
        found["postgres"] = int((instance.postgres(contour) / "postmaster.pid").read_text().splitlines()[0])
    return found


def postgresql_version(instance: Instance) -> str | None:
    """As a running server says it; None while none runs."""
    for contour in CONTOURS:
        if postgres.running(instance.postgres(contour)):
            with psycopg.connect(instance.superuser_url(contour), connect_timeout=3) as connection:
                (version,) = connection.execute("SHOW server_version").fetchone() or (None,)
                return str(version)
    return None


def describe(instance: Instance) -> dict[str, Any]:
    """The stable answer of `larets status --json`. Database addresses appear in `dev` alone, which this is."""
    contours: dict[str, Any] = {}
    pairs: tuple[tuple[Contour, str], ...] = (
        ("public", instance.crm_origin),
        ("private", instance.vault_origin),
    )
    for contour, url in pairs:
        contours[contour] = {
            "url": url,
            "database_url": instance.superuser_url(contour),
            "logs": str(instance.logs(contour)),
            "data": str(instance.data(contour)),
            "pids": pids(instance, contour),
        }
    contours["private"]["gateway_url"] = instance.hooks_origin
    contours["private"]["console_url"] = instance.console_origin
    contours["private"]["service_url"] = f"https://127.0.0.1:{instance.ports.service}"
    demo = instance.demo
    inbound = {"woocommerce": f"{instance.hooks_origin}{demo['woocommerce_path']}"} if demo else {}
    versions = {
        "larets": version("larets"),
        "python": platform.python_version(),
        "postgresql": postgresql_version(instance),
    }
    return contours | {"demo": {"tenant": demo.get("tenant"), "inbound": inbound}, "versions": versions}


@cli.command()
def status(*, as_json: Annotated[bool, typer.Option("--json", help="for programs")] = False) -> None:
    """What runs where. Exit code 1 when something that should run does not."""
    instance = load()
    answer = describe(instance)
    if as_json:
        emit(answer)
    else:
        for contour in ("private", "public"):
            part = answer[contour]
            processes = ", ".join(f"{name} {pid}" for name, pid in part["pids"].items()) or "nothing runs"
            result(f"{contour:8}{part['url']}\n        {processes}\n        logs in {part['logs']}")
    # Each contour runs its services and its PostgreSQL; one that was not asked for may rest.
    wanted = {contour: 1 + sum(service.contour == contour for service in SERVICES) for contour in instance.contours}
    if any(len(answer[contour]["pids"]) < count for contour, count in wanted.items()):
        raise SystemExit(1)
