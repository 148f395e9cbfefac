"""The two PostgreSQL clusters of an instance: started, with their roles, databases and newest schema."""

import hashlib
from pathlib import Path
from typing import Final

from scripts.local import postgres
from scripts.local.instance import ROOT, Contour, Instance

NAMES: Final[dict[Contour, tuple[str, str]]] = {"private": ("vault", "pii_vault"), "public": ("app", "app")}


def start_cluster(instance: Instance, contour: Contour, *, extra: dict[str, str] | None = None) -> postgres.Cluster:
    port = instance.ports.private_postgres if contour == "private" else instance.ports.public_postgres
    password = instance.secret(contour, "postgres.password")
    return postgres.start(instance.postgres(contour), port=port, password=password, settings=extra)


def _schema_digest(package: str) -> str:
    total = hashlib.sha256()
    for path in sorted((ROOT / package / "migrations").rglob("*.py")):
        total.update(path.name.encode() + path.read_bytes())
    return total.hexdigest()


def prepare_database(instance: Instance, contour: Contour, cluster: postgres.Cluster) -> bool:
    """Roles, database and migrations. Skipped when nothing has changed since the last time.

    Returns:
        True when migrations were applied.
    """
    name, package = NAMES[contour]
    stamp = instance.run(contour) / "schema"
    digest = _schema_digest(package)
    if stamp.exists() and stamp.read_text() == digest:
        return False
    owner, runtime = f"larets_{name}_owner", f"larets_{name}"
    for role in (owner, runtime):
        postgres.ensure_role(cluster, role, password=instance.secret(contour, f"{role}.password"))
    postgres.ensure_database(cluster, name, owner=owner)
    postgres.grant_connect(cluster, name, roles=(owner, runtime))
    migrate(contour, instance.database_url(contour, "owner"))
    stamp.write_text(digest)
    return True


def migrate(contour: Contour, owner_url: str) -> None:
    if contour == "private":
        from pii_vault.migrations import upgrade  # noqa: PLC0415  Alembic is slow to import; a warm start does without
    else:
        from app.migrations import upgrade  # noqa: PLC0415  the same
    upgrade(owner_url)


def server_log(instance: Instance, contour: Contour) -> Path:
    return instance.postgres(contour) / "server.log"
