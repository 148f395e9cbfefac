"""The stand of this machine: the demo shop of a local instance, its staff by access tokens as after a sign-in."""

from collections.abc import Mapping
from typing import Any

import httpx

from pii_vault.audit.verify import verify_log
from pii_vault.identity.dev import issue_vault_token
from scripts.local.demo import shop_of
from scripts.local.instance import Instance
from scripts.smoke.stand import PURPOSE, ROLES, Audited
from scripts.vault.issuer import IssuerDesk, run


def bearer_tokens(instance: Instance, demo: dict[str, Any]) -> dict[str, str]:
    """Access tokens of the demo staff: one for the vault by role, and `crm` for the CRM as sales."""

    async def act(desk: IssuerDesk) -> dict[str, str]:
        made = {role: issue_vault_token(desk.issuer, staff_id=demo["staff"][role]["id"]) for role in ROLES}
        return made | {"crm": issue_vault_token(desk.issuer, staff_id=demo["staff"]["sales"]["id"], audience="crm")}

    return run(act, of=instance)


class LocalStand:
    """A running instance with its demo shop."""

    def __init__(self, instance: Instance, demo: dict[str, Any]) -> None:
        self._instance = instance
        self._shop = shop_of(instance, demo)
        self._bearers = bearer_tokens(instance, demo)
        self._client = httpx.Client(trust_env=False, timeout=10)

    def send(self, payload: Mapping[str, Any]) -> httpx.Response:
        return self._shop.send("order.created", payload, client=self._client)

    def card(self, number: int) -> dict[str, Any] | None:
        answer = self._client.get(
            f"http://127.0.0.1:{self._instance.ports.target('crm')}/api/v1/orders",
            params={"number": str(number), "limit": 5},
            headers=self._headers(self._instance.crm_origin, "crm"),
        )
        answer.raise_for_status()
        found = [entry for entry in answer.json()["data"] if entry["external_id"] == str(number)]
        return found[0] if found else None

    def reveal(self, role: str, token: str) -> Mapping[str, Any] | None:
        answer = self._client.post(
            f"http://127.0.0.1:{self._instance.ports.vault}/v1/reveal",
            json={"purpose": PURPOSE, "items": [{"token": token}]},
            headers=self._headers(self._instance.vault_origin, role),
        )
        if answer.status_code == httpx.codes.FORBIDDEN:
            return None
        answer.raise_for_status()
        item: dict[str, Any] = answer.json()["items"][0]
        return item

    def audit(self) -> Audited:
        instance = self._instance
        report = verify_log(instance.vault_database_url, instance.log_vkey, instance.witness_vkey)
        return Audited(report.ok, report.records, report.witnessed)

    def _headers(self, origin: str, who: str) -> dict[str, str]:
        return {"host": origin.partition("://")[2], "authorization": f"Bearer {self._bearers[who]}"}
