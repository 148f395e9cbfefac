"""The public half's own processes: the application (pages, REST, intake) and its worker. They hold tokens only."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from infra.components import command
from infra.components.migrations import waiting
from infra.components.objects import Component, Manifest, Place, metadata
from infra.components.secrets import SecretArgs
from infra.components.workload import Workload, WorkloadArgs
from infra.lib.labels import labels
from infra.lib.names import APP, APP_BROWSER, APP_INTAKE, Stage
from infra.lib.parts import Hosts, WorkloadSize
from infra.lib.pods import RUN, Mount, Probe, temporary
from infra.link import Link


@dataclass(frozen=True, slots=True)
class AppArgs:
    image: str
    stage: Stage
    hosts: Hosts
    link: Link
    web: WorkloadSize
    worker: WorkloadSize
    generation: int


class App(Component):
    """Both workloads and what they are told of the other contour."""

    def __init__(self, args: AppArgs, place: Place, *, after: Sequence[Any] = ()) -> None:
        super().__init__("App", "app", place, after=after)
        self.add(_peer(args.link, labels("app", contour=place.contour, data_class="tokens")))
        both = workloads(args)
        self.add(command.account(APP, place.contour, both[1]))
        for workload in both:
            Workload(workload, place, after=after, parent=self)
        self.register_outputs({})


def secrets() -> tuple[SecretArgs, ...]:
    keys = {"cookie": "{cookie-secret}", "witness": "{witness-key}"}
    return (SecretArgs("app-keys", APP, "tokens", keys),)


def workloads(args: AppArgs) -> tuple[WorkloadArgs, WorkloadArgs]:
    environment = _environment(args)
    told = hashlib.sha256(json.dumps([environment, args.link.authority]).encode()).hexdigest()[:16]
    shared: dict[str, Any] = {
        "namespace": APP, "data_class": "tokens", "image": args.image, "env": environment, "mounts": _mounts(),
        "before": (waiting(args.image, "public"),), "aliases": args.link.aliases,
        "generation": args.generation, "config": told,
    }  # fmt: skip
    app = WorkloadArgs(
        "app", command=("python", "-m", "app.main"), size=args.web,
        ports={"browser": APP_BROWSER, "intake": APP_INTAKE},
        probe=Probe(APP_BROWSER, host=args.hosts.crm, scheme="HTTPS"), **shared,
    )  # fmt: skip
    return app, WorkloadArgs("app-worker", command=("python", "-m", "app.worker"), size=args.worker, **shared)


def _environment(args: AppArgs) -> dict[str, str]:
    hosts = args.hosts
    values = {
        "browser_bind": f"0.0.0.0:{APP_BROWSER}",
        "intake_bind": f"0.0.0.0:{APP_INTAKE}",
        "crm_origin": f"https://{hosts.crm}",
        "vault_origin": f"https://{hosts.vault}",
        "console_origin": f"https://{hosts.console}",
        "browser_cert": f"{RUN}/tls/tls.crt",
        "browser_key": f"{RUN}/tls/tls.key",
        "intake_cert": f"{RUN}/tls/tls.crt",
        "intake_key": f"{RUN}/tls/tls.key",
        "private_ca": f"{RUN}/peer/ca.crt",
        "public_ca": f"{RUN}/tls/ca.crt",
        "client_cert": f"{RUN}/client/tls.crt",
        "client_key": f"{RUN}/client/tls.key",
        "vault_service_url": args.link.url,
        "cookie_secret_file": f"{RUN}/keys/cookie",
        "witness_key_file": f"{RUN}/keys/witness",
        "checkpoint_public_key": args.link.public_key,
    }
    environment = "staging" if args.stage == "rehearsal" else args.stage
    return {
        "LARETS_ENV": environment,
        "LARETS_SECRETS_DIR": f"{RUN}/secrets",
        **{f"LARETS_APP_{name.upper()}": value for name, value in values.items()},
    }


def _mounts() -> tuple[Mount, ...]:
    return (
        Mount("secrets", f"{RUN}/secrets", secret="runtime"),  # noqa: S106  names, all of them
        Mount("database", f"{RUN}/database", secret="database-authority"),  # noqa: S106
        Mount("tls", f"{RUN}/tls", secret="tls-intake"),  # noqa: S106
        Mount("client", f"{RUN}/client", secret="tls-crm"),  # noqa: S106
        Mount("keys", f"{RUN}/keys", secret="app-keys"),  # noqa: S106
        Mount("peer", f"{RUN}/peer", config="peer"),
        temporary(),
    )


def _peer(link: Link, own: dict[str, str]) -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": metadata("peer", APP, own, annotations={"larets/link": "open" if link.open else "closed"}),
        "data": {"ca.crt": link.authority},
    }
