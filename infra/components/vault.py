"""The private half's own processes: the vault (browser and service listeners) and its worker.

One process serves frames, identity, console and hooks, told apart by host name, and the service listener with client
certificates; the worker forwards the outbox, has the log witnessed, erases and relays. It listens nowhere.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from infra.components.database import claim
from infra.components.migrations import waiting
from infra.components.objects import Component, Manifest, Place, metadata
from infra.components.secrets import SecretArgs
from infra.components.workload import Workload, WorkloadArgs
from infra.lib.labels import labels
from infra.lib.names import VAULT, VAULT_BROWSER, VAULT_SERVICE, Stage
from infra.lib.parts import Hosts, Keys, WorkloadSize
from infra.lib.pods import RUN, Container, Mount, Probe, temporary
from infra.link import Link

_KEYRING = f"{RUN}/keyring"


@dataclass(frozen=True, slots=True)
class VaultArgs:
    image: str
    stage: Stage
    hosts: Hosts
    keys: Keys
    key_service_host: str
    link: Link
    web: WorkloadSize
    worker: WorkloadSize
    storage_class: str
    shared_storage_class: str
    pod_networks: tuple[str, ...]
    generation: int


class Vault(Component):
    """Both workloads, what they are told of the other contour, and in a rehearsal the keyring's volume."""

    def __init__(self, args: VaultArgs, place: Place, *, after: Sequence[Any] = ()) -> None:
        super().__init__("Vault", "vault", place, after=after)
        own = labels("vault", contour=place.contour, data_class="personal")
        self.add(_peer(args.link, own))
        for volume in volumes(args, own):
            self.add(volume, holds_data=True)
        for workload in workloads(args):
            Workload(workload, place, after=after, parent=self)
        self.register_outputs({})


def secrets(args: VaultArgs) -> tuple[SecretArgs, ...]:
    """What the processes read besides their database's address."""
    if args.keys.kind == "local-keyring":
        keys = {"passphrase": "{keyring-passphrase}", "keyring.json": "{keyring}"}
        return (SecretArgs("keyring", VAULT, "keys", keys),)
    authority = "{authority-crt}" if args.keys.kind == "openbao" else "{tls-key-service-crt}"
    keys = {"secret": "{key-service-secret}", "ca.crt": authority}
    return (SecretArgs("key-service-client", VAULT, "keys", keys),)


def volumes(args: VaultArgs, own: dict[str, str]) -> list[Manifest]:
    """The erasure journal is one file of all pods, outside the database and its backups."""
    journal = claim("journal", "1Gi", args.shared_storage_class or args.storage_class, own)
    if args.stage != "rehearsal":
        journal["spec"]["accessModes"] = ["ReadWriteMany"]
    found = [journal]
    if args.keys.kind == "local-keyring":
        found.append(claim("keyring", "1Gi", args.storage_class, own))
    for volume in found:
        volume["metadata"]["namespace"] = VAULT
    return found


def workloads(args: VaultArgs) -> tuple[WorkloadArgs, WorkloadArgs]:
    environment = _environment(args)
    told = hashlib.sha256(json.dumps([environment, args.link.authority, args.link.public_key]).encode()).hexdigest()[
        :16
    ]
    before = (waiting(args.image, "private"), *_keyring_first(args))
    shared: dict[str, Any] = {
        "namespace": VAULT, "data_class": "personal", "image": args.image, "env": environment, "mounts": _mounts(args),
        "before": before, "aliases": args.link.aliases, "generation": args.generation, "config": told,
    }  # fmt: skip
    vault = WorkloadArgs(
        "vault", command=("python", "-m", "pii_vault.main"), size=args.web,
        ports={"browser": VAULT_BROWSER, "service": VAULT_SERVICE},
        probe=Probe(VAULT_BROWSER, host=args.hosts.vault, scheme="HTTPS"), **shared,
    )  # fmt: skip
    worker = WorkloadArgs("vault-worker", command=("python", "-m", "pii_vault.worker"), size=args.worker, **shared)
    return vault, worker


def _environment(args: VaultArgs) -> dict[str, str]:
    hosts = args.hosts
    values = {
        "browser_bind": f"0.0.0.0:{VAULT_BROWSER}",
        "service_bind": f"0.0.0.0:{VAULT_SERVICE}",
        "vault_origin": f"https://{hosts.vault}",
        "console_origin": f"https://{hosts.console}",
        "hooks_origin": f"https://{hosts.hooks}",
        "crm_origin": f"https://{hosts.crm}",
        "browser_cert": f"{RUN}/tls/tls.crt",
        "browser_key": f"{RUN}/tls/tls.key",
        "service_cert": f"{RUN}/tls/tls.crt",
        "service_key": f"{RUN}/tls/tls.key",
        "private_ca": f"{RUN}/tls/ca.crt",
        "public_ca": f"{RUN}/peer/ca.crt",
        "outbound_cert": f"{RUN}/outbound/tls.crt",
        "outbound_key": f"{RUN}/outbound/tls.key",
        "app_intake_url": args.link.url,
        "witness_public_key": args.link.public_key,
        "workers": "2",
        "erasure_journal": f"{RUN}/journal/erasures.journal",
        "trusted_edge": ",".join(args.pod_networks),
    }
    values |= _key_environment(args)
    environment = "staging" if args.stage == "rehearsal" else args.stage
    return {
        "LARETS_ENV": environment,
        "LARETS_SECRETS_DIR": f"{RUN}/secrets",
        **{f"LARETS_VAULT_{name.upper()}": value for name, value in values.items()},
    }


def _key_environment(args: VaultArgs) -> dict[str, str]:
    if args.keys.kind == "local-keyring":
        return {
            "key_service": "local",
            "local_keyring": "accepted",
            "keyring_path": f"{_KEYRING}/keyring.json",
            "keyring_passphrase_file": f"{RUN}/keyring-passphrase/passphrase",
        }
    return {
        "key_service": "transit",
        "transit_url": f"https://{args.key_service_host}:{args.keys.port}",
        "transit_mount": args.keys.mount,
        "transit_role": args.keys.role,
        "transit_secret_file": f"{RUN}/key-service/secret",
        "transit_ca": f"{RUN}/key-service/ca.crt",
    }


def _mounts(args: VaultArgs) -> tuple[Mount, ...]:
    shared = (
        Mount("secrets", f"{RUN}/secrets", secret="runtime"),  # noqa: S106  names, all of them
        Mount("database", f"{RUN}/database", secret="database-authority"),  # noqa: S106
        Mount("tls", f"{RUN}/tls", secret="tls-vault"),  # noqa: S106
        Mount("outbound", f"{RUN}/outbound", secret="tls-outbox"),  # noqa: S106
        Mount("peer", f"{RUN}/peer", config="peer"),
        Mount("journal", f"{RUN}/journal", claim="journal"),
        temporary(),
    )
    if args.keys.kind == "local-keyring":
        return (
            *shared,
            Mount("keyring", _KEYRING, claim="keyring"),
            Mount("keyring-passphrase", f"{RUN}/keyring-passphrase", secret="keyring"),  # noqa: S106
        )
    return (*shared, Mount("key-service", f"{RUN}/key-service", secret="key-service-client"))  # noqa: S106


def _keyring_first(args: VaultArgs) -> tuple[Container, ...]:
    """A rehearsal's keyring begins as a copy of the one made with the other secrets, and then lives on its volume."""
    if args.keys.kind != "local-keyring":
        return ()
    source = Mount("keyring-passphrase", f"{RUN}/keyring-passphrase", secret="keyring")  # noqa: S106
    command = ("python", "-m", "scripts.database", "keyring", f"{source.path}/keyring.json", f"{_KEYRING}/keyring.json")
    size = WorkloadSize(cpu="50m", cpu_limit="500m", memory="64Mi")
    mounts = (source, Mount("keyring", _KEYRING, claim="keyring"))
    return (Container("copy-keyring", args.image, command, size, mounts=mounts),)


def _peer(link: Link, own: dict[str, str]) -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": metadata("peer", VAULT, own, annotations={"larets/link": "open" if link.open else "closed"}),
        "data": {"ca.crt": link.authority},
    }
