"""OpenBao as the key service: TLS, three or five members that find one another, nothing of the chart's unsafe defaults.

It starts sealed and empty; who initialises and unseals it is a matter of people, who hold shares of its root. Its
members answer their probes while sealed, so that they can be reached to be unsealed, and are taken out of service until
then.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from infra.components.database import claim
from infra.components.objects import Component, Manifest, Place, metadata
from infra.lib.labels import labels, selector
from infra.lib.names import BAO, BAO_RAFT, KEYS
from infra.lib.parts import WorkloadSize
from infra.lib.pods import RUN, Container, Mount, Pod, Probe, temporary

NAME = "key-service"
MEMBERS = "key-service-members"
_DATA = "/var/lib/openbao"


@dataclass(frozen=True, slots=True)
class KeyServiceArgs:
    image: str
    replicas: int
    storage: str
    storage_class: str
    generation: int


class KeyService(Component):
    """StatefulSet, its two services, its configuration."""

    def __init__(self, args: KeyServiceArgs, place: Place, *, after: Sequence[Any] = ()) -> None:
        super().__init__("KeyService", NAME, place, after=after)
        own = labels(NAME, contour=place.contour, data_class="keys")
        for manifest in (_account(own), _configuration(args, own), _service(own), _members(own), _budget(own)):
            self.add(manifest)
        self.add(_stateful_set(args, own), holds_data=True)
        self.register_outputs({})


def configuration(args: KeyServiceArgs) -> dict[str, Any]:
    """What OpenBao reads, as JSON."""
    tls = {
        "tls_cert_file": f"{RUN}/tls/tls.crt",
        "tls_key_file": f"{RUN}/tls/tls.key",
        "tls_min_version": "tls13",
        "tls_disable": False,
    }
    others = [
        {
            "leader_api_addr": f"https://{NAME}-{number}.{MEMBERS}.{KEYS}.svc:{BAO}",
            "leader_ca_cert_file": f"{RUN}/tls/ca.crt",
            "leader_tls_servername": f"{NAME}-{number}.{MEMBERS}.{KEYS}.svc",
        }
        for number in range(args.replicas)
    ]
    return {
        "ui": False,
        "disable_mlock": True,  # locking memory needs a capability; the pods have no swap
        "listener": [{"tcp": {"address": f"[::]:{BAO}", "cluster_address": f"[::]:{BAO_RAFT}"} | tls}],
        "storage": {"raft": {"path": _DATA, "retry_join": others}},
        "log_format": "json",
    }


def _configuration(args: KeyServiceArgs, own: dict[str, str]) -> Manifest:
    text = json.dumps(configuration(args), indent=2, sort_keys=True)
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": metadata(NAME, KEYS, own),
        "data": {"bao.json": text},
    }


def _stateful_set(args: KeyServiceArgs, own: dict[str, str]) -> Manifest:
    asked = "/v1/sys/health?standbyok=true&perfstandbyok=true"
    container = Container(
        NAME,
        args.image,
        ("bao", "server", f"-config={RUN}/config/bao.json"),
        WorkloadSize(cpu="250m", cpu_limit="2", memory="512Mi"),
        env={
            "BAO_API_ADDR": f"https://$(POD_NAME).{MEMBERS}.{KEYS}.svc:{BAO}",
            "BAO_CLUSTER_ADDR": f"https://$(POD_NAME).{MEMBERS}.{KEYS}.svc:{BAO_RAFT}",
            "BAO_RAFT_NODE_ID": "$(POD_NAME)",
            "HOME": "/tmp",  # noqa: S108  the pod's own
        },
        fields={"POD_NAME": "metadata.name"},
        ports={"https": BAO, "raft": BAO_RAFT},
        mounts=(
            Mount("data", _DATA, claim="data"),
            Mount("tls", f"{RUN}/tls", secret="tls-key-service"),  # noqa: S106  a name
            Mount("config", f"{RUN}/config", config=NAME),
            temporary(),
        ),
        probe=Probe(BAO, ready=asked, live=f"{asked}&sealedcode=204&uninitcode=204", scheme="HTTPS"),
    )
    annotations = {"larets/generation": str(args.generation)}
    pod = Pod(container, own, annotations=annotations, account=NAME, grace_seconds=60).template()
    pod["spec"]["volumes"] = [volume for volume in pod["spec"]["volumes"] if volume["name"] != "data"]
    return {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        # Sealed until people have opened it, and not ready until then: an apply that waited would end in a failure.
        "metadata": metadata(NAME, KEYS, own, annotations={"pulumi.com/skipAwait": "true"}),
        "spec": {
            "serviceName": MEMBERS,
            "replicas": args.replicas,
            "podManagementPolicy": "Parallel",
            # One by one, by a person who unseals each: a rollout of its own would seal all of them.
            "updateStrategy": {"type": "OnDelete"},
            "selector": {"matchLabels": selector(NAME)},
            "persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Retain", "whenScaled": "Retain"},
            "template": pod,
            "volumeClaimTemplates": [claim("data", args.storage, args.storage_class, own)],
        },
    }


def _service(own: dict[str, str]) -> Manifest:
    port = {"name": "https", "port": BAO, "targetPort": BAO, "protocol": "TCP"}
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata(NAME, KEYS, own),
        "spec": {"type": "ClusterIP", "selector": selector(NAME), "ports": [port]},
    }


def _members(own: dict[str, str]) -> Manifest:
    """A name for each member, also while it is not ready: to be joined and unsealed it must be found."""
    ports = [
        {"name": name, "port": port, "targetPort": port, "protocol": "TCP"}
        for name, port in (("https", BAO), ("raft", BAO_RAFT))
    ]
    spec = {"clusterIP": "None", "publishNotReadyAddresses": True, "selector": selector(NAME), "ports": ports}
    return {"apiVersion": "v1", "kind": "Service", "metadata": metadata(MEMBERS, KEYS, own), "spec": spec}


def _budget(own: dict[str, str]) -> Manifest:
    spec = {"maxUnavailable": 1, "selector": {"matchLabels": selector(NAME)}}
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": metadata(NAME, KEYS, own),
        "spec": spec,
    }


def _account(own: dict[str, str]) -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": metadata(NAME, KEYS, own),
        "automountServiceAccountToken": False,
    }
