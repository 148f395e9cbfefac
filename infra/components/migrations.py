"""Migrations as a Job per version; pods of that version wait for it, and it refuses a step that cannot be undone.

The Job's name says what it was made from, so another image or permission is another Job and the old one goes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from infra.components.objects import Component, Manifest, Place, metadata
from infra.lib.images import digest_of
from infra.lib.labels import labels, selector
from infra.lib.names import Contour, DataClass, suffixed
from infra.lib.parts import WorkloadSize
from infra.lib.pods import RUN, Container, Mount, Pod, temporary

_SIZE = WorkloadSize(replicas=1, max_replicas=1, cpu="100m", cpu_limit="1", memory="384Mi")
_COMMAND = ("python", "-m", "scripts.database")


@dataclass(frozen=True, slots=True)
class MigrationsArgs:
    """`irreversible`: whether a step without a way back may be taken; nobody does that by default."""

    namespace: str
    data_class: DataClass
    image: str
    generation: int
    irreversible: Literal["refused", "accepted"] = "refused"
    roles: bool = False


class Migrations(Component):
    """The Job that brings the schema to the image's version."""

    def __init__(self, args: MigrationsArgs, place: Place, *, after: Sequence[Any] = ()) -> None:
        super().__init__("Migrations", "migrate", place, after=after)
        self.job = self.add(job(args, place.contour))
        self.register_outputs({})


def job(args: MigrationsArgs, contour: Contour) -> Manifest:
    """`backoffLimit` covers a database that is not up yet: the Job itself waits for it as well."""
    own = labels("migrate", contour=contour, data_class=args.data_class)
    command = [*_COMMAND, "migrate", "--contour", contour]
    command += ["--roles"] if args.roles else []
    command += ["--accept-irreversible"] if args.irreversible == "accepted" else []
    container = Container(
        "migrate",
        args.image,
        tuple(command),
        _SIZE,
        env={"LARETS_SECRETS_DIR": f"{RUN}/secrets"},
        mounts=(
            Mount("secrets", f"{RUN}/secrets", secret="migration"),  # noqa: S106  a name
            Mount("database", f"{RUN}/database", secret="database-authority"),  # noqa: S106
            temporary(),
        ),
    )
    name = suffixed("migrate", digest_of(args.image), str(args.generation), args.irreversible)
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": metadata(name, args.namespace, own),
        "spec": {
            "backoffLimit": 6,
            "activeDeadlineSeconds": 3600,
            "template": Pod(container, own | selector("migrate"), restart="OnFailure").template(),
        },
    }


def waiting(image: str, contour: Contour) -> Container:
    """What a pod runs first: it ends when the schema is the one its code was made for."""
    return Container(
        "wait-for-schema",
        image,
        (*_COMMAND, "wait", "--contour", contour),
        _SIZE,
        env={"LARETS_SECRETS_DIR": f"{RUN}/secrets"},
        mounts=(
            Mount("secrets", f"{RUN}/secrets", secret="runtime"),  # noqa: S106  a name
            Mount("database", f"{RUN}/database", secret="database-authority"),  # noqa: S106
            temporary(),
        ),
    )
