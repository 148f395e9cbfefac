"""What the programs of a node are told: containerd, the pods' network, kubelet, kube-proxy. Data only."""

import json
from pathlib import Path
from typing import Any, Final

from scripts.rehearse.deep.addresses import RESOLVER, Addresses
from scripts.tools.node import PLUGINS

SOCKET: Final = "/run/containerd/containerd.sock"  # of the node's own /run
PAUSE: Final = "localhost/pause:1"
MOST_PODS: Final = 40


def containerd(folder: Path, *, runc: Path) -> str:
    """TOML. Lowering a score of the kernel's memory killer needs a right that not every root has: it is not tried."""
    runtime, images = 'plugins."io.containerd.cri.v1.runtime"', 'plugins."io.containerd.cri.v1.images"'
    return f"""\
version = 3
root = "{folder}/containerd"
state = "/run/containerd"
[grpc]
  address = "{SOCKET}"
[{runtime}]
  restrict_oom_score_adj = true
  [{runtime}.containerd]
    default_runtime_name = "runc"
    [{runtime}.containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [{runtime}.containerd.runtimes.runc.options]
        BinaryName = "{runc}"
        SystemdCgroup = false
  [{runtime}.cni]
    bin_dirs = ["{PLUGINS.resolve()}"]
    conf_dir = "{folder}/network"
[{images}]
  snapshotter = "overlayfs"
  [{images}.pinned_images]
    sandbox = "{PAUSE}"
"""


def network(folder: Path, own: Addresses) -> str:
    """The pods' bridge. To outside they speak with the node's address."""
    addresses = {
        "type": "host-local",
        "dataDir": f"{folder}/leases",
        "ranges": [[{"subnet": own.pods, "gateway": own.gateway}]],
        "routes": [{"dst": "0.0.0.0/0"}],
    }
    bridge = {"type": "bridge", "bridge": "pods", "isGateway": True, "ipMasq": True, "ipam": addresses}
    return json.dumps({"cniVersion": "1.0.0", "name": "pods", "plugins": [bridge]}, indent=1)


def kubelet(folder: Path, own: Addresses) -> dict[str, Any]:
    """The kernel's control groups may be of version 1, and not all of them need be there."""
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": own.node,
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": False},
            "x509": {"clientCAFile": f"{folder}/callers.crt"},
        },
        "authorization": {"mode": "AlwaysAllow"},  # of whoever the authority above vouches for: the API server alone
        "cgroupDriver": "cgroupfs",
        "cgroupsPerQOS": False,
        "clusterDNS": [RESOLVER],
        "clusterDomain": "cluster.local",
        "containerRuntimeEndpoint": f"unix://{SOCKET}",
        "enforceNodeAllocatable": [],
        "evictionHard": {"nodefs.available": "1%"},
        "failCgroupV1": False,
        "failSwapOn": False,
        "healthzPort": 0,
        "imageGCHighThresholdPercent": 100,
        "localStorageCapacityIsolation": False,
        "maxPods": MOST_PODS,
        "oomScoreAdj": 0,
        "podLogsDir": f"{folder}/logs",
        "readOnlyPort": 0,
        "resolvConf": f"{folder}/resolv.conf",
        "volumePluginDir": f"{folder}/plugins",
    }


def proxy(folder: Path, own: Addresses, name: str) -> dict[str, Any]:
    """Limits of connection tracking belong to the machine: they stay as they are."""
    unchanged = {"maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"}
    return {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": "iptables",
        "clientConnection": {"kubeconfig": f"{folder}/kube-proxy.kubeconfig"},
        "clusterCIDR": own.pods,
        "conntrack": unchanged,
        "hostnameOverride": name,
        "healthzBindAddress": "127.0.0.1:10256",
        "metricsBindAddress": "127.0.0.1:10249",
    }
