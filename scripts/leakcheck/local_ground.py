"""The ground of this machine: the rig, its seller by an access token, through the recording relay."""

import http.client
from collections.abc import Mapping

import httpx

from scripts.leakcheck.faults import wait_for_outbox
from scripts.leakcheck.rig import Rig
from scripts.local.shop import Shop
from scripts.vault.newest import erase_newest
from scripts.vault.officer import OfficerDesk, at_desk


class LocalGround:
    """`bearer`: the seller's token for the CRM."""

    def __init__(self, rig: Rig, *, bearer: str) -> None:
        self._rig = rig
        self._signed = {"authorization": f"Bearer {bearer}"}
        self._hooks = httpx.Client(trust_env=False, timeout=20)
        self._crm = httpx.Client(
            base_url=f"http://127.0.0.1:{self._port}",
            headers={"host": self.crm_host} | self._signed,
            trust_env=False,
            timeout=20,
        )

    @property
    def _port(self) -> int:
        return self._rig.instance.ports.target("crm")

    @property
    def shop(self) -> Shop:
        return self._rig.shop

    def hooks(self) -> httpx.Client:
        return self._hooks

    def crm(self) -> httpx.Client:
        return self._crm

    def signed(self) -> Mapping[str, str]:
        return self._signed

    def crm_connection(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self._port, timeout=10)

    @property
    def crm_host(self) -> str:
        return self._rig.instance.crm_origin.partition("://")[2]

    def settle(self) -> None:
        wait_for_outbox(self._rig)

    def erase_one(self) -> None:
        async def act(desk: OfficerDesk) -> str:
            return await erase_newest(desk, self._rig.demo["tenant"])

        at_desk(act, of=self._rig.instance)

    def close(self) -> None:
        self._hooks.close()
        self._crm.close()
