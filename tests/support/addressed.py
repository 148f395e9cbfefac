"""A running instance of this machine addressed as an environment: edges by host name, commands as sealed Jobs.

What differs from clusters is the scheme (plain HTTP on loopback) and who runs a Job: this machine instead of a kubelet.
"""

from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import cast
from urllib.parse import urlsplit

from scripts.env.environment import Environment
from scripts.env.inside import Inside
from scripts.env.place import Side
from scripts.inside.wire import Answer, Request
from scripts.local.instance import Instance
from scripts.smoke.deployed import Origins
from scripts.smoke.doors import Door, Doors
from tests.support.pretended_cluster import PretendedCluster, run_here
from tests.support.stacks import settings


def origins_of(instance: Instance) -> Origins:
    return Origins(instance.crm_origin, instance.vault_origin, instance.hooks_origin)


def doors_of(instance: Instance) -> Doors:
    """Every host at the loopback address, as a resolver of another contour would not tell it."""
    origins = (instance.crm_origin, instance.vault_origin, instance.console_origin, instance.hooks_origin)
    found = [urlsplit(origin) for origin in origins]
    return Doors({one.hostname or "": Door("127.0.0.1", one.port or 0) for one in found})


@dataclass
class Beside:
    """Commands beside the processes of one contour of a running instance."""

    cluster: PretendedCluster
    side: Side

    @classmethod
    def of(cls, instance: Instance, side: Side, folder: Path) -> "Beside":
        surroundings = instance.vault_environment() if side == "private" else instance.app_environment()
        if side == "private":
            (folder / "owner_url").write_text(instance.vault_database_url)
            surroundings |= {"LARETS_OWNER_URL_FILE": str(folder / "owner_url")}
        return cls(PretendedCluster(run_here(folder, surroundings)), side)

    def run(self, asked: Request) -> Answer:
        half = SimpleNamespace(
            contour=SimpleNamespace(side=self.side),
            settings=settings(self.side, stage="rehearsal"),
            cluster=lambda: self.cluster,
        )
        return Inside(cast("Environment", half), print).run(asked)
