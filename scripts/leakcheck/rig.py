"""An instance of the check's own, with a recording relay before each address that public processes serve or call."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path
from typing import Any, Final

import psycopg
from psycopg import sql

from scripts.leakcheck.relay import Relay, Route, Tls
from scripts.local import postgres
from scripts.local.databases import start_cluster
from scripts.local.demo import seed, shop_of
from scripts.local.instance import CONTOURS, Instance, Ports, home
from scripts.local.processes import SERVICES, start, stop, wait_until
from scripts.local.shop import Shop
from scripts.local.sockets import free_ports
from scripts.local.start import alone, make_keys, ready, start_databases, start_services

FOLDER: Final = "leakcheck"
# Bytes are written as they are: no compressed page images, nothing recycled, one cache small enough to be read whole.
READABLE: Final = {
    "wal_compression": "off",
    "wal_keep_size": "8GB",
    "full_page_writes": "on",
    "shared_buffers": "48MB",
    "min_wal_size": "32MB",
    "max_wal_size": "8GB",
    "wal_recycle": "off",
    "wal_init_zero": "off",
    "fsync": "off",
}
_TOASTABLE: Final = """
SELECT n.nspname, c.relname, a.attname FROM pg_attribute a
JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'm') AND n.nspname NOT IN ('pg_catalog', 'information_schema')
  AND n.nspname NOT LIKE 'pg_toast%' AND a.attnum > 0 AND NOT a.attisdropped AND a.attstorage IN ('x', 'm')
"""
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Rig:
    """A running instance under observation."""

    instance: Instance
    relay: Relay
    routes: tuple[Route, ...]
    demo: dict[str, Any]
    recordings: Path

    @property
    def shop(self) -> Shop:
        return shop_of(self.instance, self.demo)

    def public_database(self) -> psycopg.Connection[Any]:
        """As superuser and around the relay, so that the check's own statements are in no recording."""
        return psycopg.connect(self.instance.superuser_url("public"), autocommit=True)

    def private_database(self) -> psycopg.Connection[Any]:
        return psycopg.connect(self.instance.superuser_url("private"), autocommit=True)

    def stop_app(self) -> None:
        stop(self.instance, [_APP])

    def start_app(self) -> None:
        start(self.instance, _APP)
        wait_until(partial(ready, self.instance, _APP), instance=self.instance, service=_APP)


_APP: Final = next(service for service in SERVICES if service.name == "app")


@contextmanager
def rig(*, keep: bool, say: Say) -> Iterator[Rig]:
    """Start it, seeded with the demo shop; stop and remove it at the end, unless it is to be kept for a look."""
    folder = home() / FOLDER
    names = [field.name for field in fields(Ports)]
    instance = Instance(folder, Ports(**dict(zip(names, free_ports(len(names)), strict=True))), vault_workers=1)
    with alone(instance):
        _clear(instance)
        instance.save()
        instance.make_folders()
        say("keys and databases")
        make_keys(instance)
        routes, recordings = routes_of(instance), folder / "wire"
        try:
            with Relay(routes, folder=recordings) as relay:
                start_databases(instance, CONTOURS, extra=READABLE)
                _store_uncompressed(instance)
                say("services")
                start_services(instance, CONTOURS)
                say("demo shop")
                yield Rig(instance, relay, routes, seed(instance), recordings)
                stop(instance)  # before the relay: a connection cut off would be an error in their logs
        finally:
            stop(instance)
            for contour in CONTOURS:
                postgres.stop(instance.postgres(contour), mode="immediate")
            if not keep:
                shutil.rmtree(folder, ignore_errors=True)


def routes_of(instance: Instance) -> tuple[Route, ...]:
    """The four ways by which bytes reach or leave the public contour."""
    private, public = instance.tls("private"), instance.tls("public")
    ports, own, others = instance.ports, instance.secrets("public"), instance.secrets("private")
    intake = Tls(
        server_certificate=public / "intake.crt",
        server_key=own / "intake.key",
        client_certificate=private / "outbox.crt",
        client_key=others / "outbox.key",
        client_authority=private / "ca.crt",
        server_authority=public / "ca.crt",
    )
    service = Tls(
        server_certificate=private / "vault.crt",
        server_key=others / "vault.key",
        client_certificate=public / "crm.crt",
        client_key=own / "crm.key",
        client_authority=public / "ca.crt",
        server_authority=private / "ca.crt",
    )
    return (
        Route("crm", ports.crm_target, ports.crm),
        Route("intake", ports.intake_target, ports.intake, intake),
        Route("service", ports.service_target, ports.service, service),
        Route("postgres", ports.public_postgres_target, ports.public_postgres),
    )


def _clear(instance: Instance) -> None:
    """What an interrupted run has left behind goes: its processes first. The lock file stays: we hold it."""
    stop(instance)
    for contour in CONTOURS:
        postgres.stop(instance.postgres(contour), mode="immediate")
    for path in instance.home.iterdir():
        if path.is_dir():
            shutil.rmtree(path)


def _store_uncompressed(instance: Instance) -> None:
    cluster = start_cluster(instance, "public")
    with psycopg.connect(cluster.url("app"), autocommit=True) as connection:
        for schema, table, column in connection.execute(_TOASTABLE).fetchall():
            connection.execute(
                sql.SQL("ALTER TABLE {}.{} ALTER COLUMN {} SET STORAGE EXTERNAL").format(
                    *map(sql.Identifier, (schema, table, column))
                )
            )
