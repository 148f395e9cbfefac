"""Stands in for a cloud's load balancer: gives Services that ask for one their contour's address on the wire.

The address is the node's own; kube-proxy takes what comes for it to the pods, as it does behind a real balancer.
"""

import threading
from dataclasses import dataclass, field
from typing import Final

from scripts.env.errors import EnvProblem
from scripts.env.kube import Cluster

EVERY: Final = 0.5
NAME: Final = "stand-in"


@dataclass(slots=True)
class Balancer:
    """Looks after one cluster until it is stopped; a cluster that is away is asked again."""

    cluster: Cluster
    address: str
    stopped: threading.Event = field(default_factory=threading.Event)

    def start(self) -> "Balancer":
        threading.Thread(target=self._work, name=f"balancer {self.address}", daemon=True).start()
        return self

    def stop(self) -> None:
        self.stopped.set()

    def _work(self) -> None:
        while not self.stopped.wait(EVERY):
            try:
                self.give()
            except EnvProblem:
                continue

    def give(self) -> None:
        """Raises EnvProblem: the cluster does not answer."""
        for service in self.cluster.request("GET", "/api/v1/services")["items"]:
            given = service["status"].get("loadBalancer", {}).get("ingress")
            if service["spec"]["type"] == "LoadBalancer" and not given:
                meta = service["metadata"]
                path = f"/api/v1/namespaces/{meta['namespace']}/services/{meta['name']}/status"
                status = {"status": {"loadBalancer": {"ingress": [{"ip": self.address}]}}}
                self.cluster.request("PATCH", path, body=status, content="application/merge-patch+json")
