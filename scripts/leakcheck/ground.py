"""What the check drives, wherever it stands: a shop, the edges, the staff's clients. One port, two grounds.

`local_ground.py` is an instance of the check's own, under observation; `deployed.py` an environment on its clusters.
What is done to a ground stands in `webhooks.py`, `edge.py` and `use.py`; what is then read, in `sources.py` for the rig
and in `collect.py` for an environment.
"""

import http.client
from collections.abc import Mapping
from typing import Protocol

import httpx

from scripts.local.shop import Shop


class Ground(Protocol):
    """Raises InstanceProblem and httpx.HTTPError where something does not answer."""

    @property
    def shop(self) -> Shop:
        """The sender of webhooks; its address is the one to call from here."""

    def hooks(self) -> httpx.Client:
        """To the gateway."""

    def crm(self) -> httpx.Client:
        """A seller's, at the CRM: pages and REST API."""

    def signed(self) -> Mapping[str, str]:
        """The headers by which the CRM knows that seller, for requests that are made by hand."""

    def crm_connection(self) -> http.client.HTTPConnection:
        """A fresh connection to the CRM's edge, for requests that no client library would send."""

    @property
    def crm_host(self) -> str:
        """What stands in Host there."""

    def settle(self) -> None:
        """Until everything that the gateway took has reached the CRM."""

    def erase_one(self) -> None:
        """Erases the newest buyer and waits until the public contour has dropped the tokens."""
