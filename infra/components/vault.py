"""The private half's own processes: the vault (browser and service listeners) and its worker.

One process serves frames, identity, console and hooks, told apart by host name, and the service listener with client
certificates; the worker forwards the outbox, has the log witnessed, erases and relays. It listens nowhere.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from infra.components import command
from infra.components.database import claim
from infra.components.migrations import waiting
from infra.components.objects import Component, Manifest, Place, metadata
from infra.components.vault_pod import KEYRING, VaultArgs, environment_of, mounts_of
from infra.components.workload import Workload, WorkloadArgs
from infra.lib.labels import labels
from infra.lib.names import VAULT, VAULT_BROWSER, VAULT_SERVICE
from infra.lib.parts import WorkloadSize
from infra.lib.pods import RUN, Container, Mount, Probe
from infra.link import Link


class Vault(Component):
    """Both workloads, what they are told of the other contour, and in a rehearsal the keyring's volume."""

    def __init__(self, args: VaultArgs, place: Place, *, after: Sequence[Any] = ()) -> None:
        super().__init__("Vault", "vault", place, after=after)
        own = labels("vault", contour=place.contour, data_class="personal")
        self.add(_peer(args.link, own))
        for volume in volumes(args, own):
            self.add(volume, holds_data=True)
        both = workloads(args)
        self.add(command.account(VAULT, place.contour, both[1]))
        for workload in both:
            # Its keys are not there yet: then only the vault's Service, for the edge before it starts by its address.
            ready = args.keys.state == "ready"
            if ready or workload.ports:
                Workload(replace(workload, pods=ready), place, after=after, parent=self)
        self.register_outputs({})


def volumes(args: VaultArgs, own: dict[str, str]) -> list[Manifest]:
    """The erasure journal is one file of all pods, outside the database and its backups; files are of all pods too."""
    found = [_shared("journal", "1Gi", args, own)]
    if args.files.kind == "volume":
        found.append(_shared("files", args.files.storage, args, own))
    if args.keys.kind == "local-keyring":
        found.append(claim("keyring", "1Gi", args.storage_class, own))
    for volume in found:
        volume["metadata"]["namespace"] = VAULT
    return found


def _shared(name: str, size: str, args: VaultArgs, own: dict[str, str]) -> Manifest:
    volume = claim(name, size, args.shared_storage_class or args.storage_class, own)
    if args.stage != "rehearsal":
        volume["spec"]["accessModes"] = ["ReadWriteMany"]
    return volume


def workloads(args: VaultArgs) -> tuple[WorkloadArgs, WorkloadArgs]:
    environment = environment_of(args)
    told = hashlib.sha256(json.dumps([environment, args.link.authority, args.link.public_key]).encode()).hexdigest()[
        :16
    ]
    before = (waiting(args.image, "private"), *_keyring_first(args))
    shared: dict[str, Any] = {
        "namespace": VAULT, "data_class": "personal", "image": args.image, "env": environment,
        "mounts": mounts_of(args), "before": before, "aliases": args.link.aliases, "generation": args.generation,
        "config": told,
    }  # fmt: skip
    vault = WorkloadArgs(
        "vault", command=("python", "-m", "pii_vault.main"), size=args.web,
        ports={"browser": VAULT_BROWSER, "service": VAULT_SERVICE},
        probe=Probe(VAULT_BROWSER, host=args.hosts.vault, scheme="HTTPS"), **shared,
    )  # fmt: skip
    worker = WorkloadArgs("vault-worker", command=("python", "-m", "pii_vault.worker"), size=args.worker, **shared)
    return vault, worker


def for_commands(args: VaultArgs) -> WorkloadArgs:
    """The worker as an administrator's commands have it: with the operator's sign-in where the key service has one."""
    worker = workloads(args)[1]
    return replace(worker, env=environment_of(args, operator=True), mounts=mounts_of(args, operator=True))


def _keyring_first(args: VaultArgs) -> tuple[Container, ...]:
    """A rehearsal's keyring begins as a copy of the one made with the other secrets, and then lives on its volume."""
    if args.keys.kind != "local-keyring":
        return ()
    source = Mount("keyring-passphrase", f"{RUN}/keyring-passphrase", secret="keyring")  # noqa: S106
    command = ("python", "-m", "scripts.database", "keyring", f"{source.path}/keyring.json", f"{KEYRING}/keyring.json")
    size = WorkloadSize(cpu="50m", cpu_limit="500m", memory="64Mi")
    mounts = (source, Mount("keyring", KEYRING, claim="keyring"))
    return (Container("copy-keyring", args.image, command, size, mounts=mounts),)


def _peer(link: Link, own: dict[str, str]) -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": metadata("peer", VAULT, own, annotations={"larets/link": "open" if link.open else "closed"}),
        "data": {"ca.crt": link.authority},
    }
