"""Mixed bulk work by several clients, who remember what they were promised; and the judgement over it afterwards."""

import asyncio
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx

from pii_vault.audit.note import log_key
from pii_vault.audit.verify import verify_log
from pii_vault.keys.local import LocalKeyring
from tests.faults.rig import Rig
from tests.support.server import HOST, PASSPHRASE

PAUSE_SECONDS = 0.1
FINISH_SECONDS = 180
ORIGIN = f"{HOST}/audit"


@dataclass
class Promises:
    """What the vault has answered with 200."""

    tokens: dict[str, str] = field(default_factory=dict)  # token → value
    looks: set[str] = field(default_factory=set)  # request ids of reveals that released values
    wrong: list[str] = field(default_factory=list)  # what must never be answered
    sent: Counter[str] = field(default_factory=Counter)
    refused: Counter[tuple[str, str]] = field(default_factory=Counter)  # (path, code) of what was answered with 503


@dataclass
class Client:
    """Repeats what failed under the same key until it is done, as the project's own client does."""

    rig: Rig
    promises: Promises
    number: int
    seed: int
    repeat_key: bool = True
    stop: bool = False

    async def run(self) -> None:
        choose = random.Random(f"{self.seed}/{self.number}")
        done = 0
        async with httpx.AsyncClient(
            base_url=self.rig.server.service_url, verify=self.rig.server.tls(), trust_env=False, timeout=15
        ) as http:
            while not self.stop:
                mine = list(self.promises.tokens)[-200:]
                if mine and choose.random() < 0.5:
                    await self._reveal(http, choose.sample(mine, min(len(mine), choose.choice((1, 20, 100)))))
                else:
                    await self._tokenise(http, done, choose.choice((1, 20, 200)))
                    done += 1

    async def _tokenise(self, http: httpx.AsyncClient, number: int, size: int) -> None:
        values = [f"+79{self.number:02}{number % 10_000:04}{at:03}" for at in range(size)]
        items = [{"class": "phone", "value": value} for value in values]
        attempt = 0
        while True:
            key = f"work-{self.number}-{number}" + ("" if self.repeat_key else f"-{attempt}")
            attempt += 1
            answer = await self._post(http, "/v1/tokenise", {"items": items}, {"idempotency-key": key})
            if answer is not None and answer.status_code == httpx.codes.OK:
                tokens = [item["token"] for item in answer.json()["items"]]
                self.promises.tokens |= dict(zip(tokens, values, strict=True))
                self.promises.sent["items"] += size
                return
            if self.stop and answer is None:
                self.promises.sent["unfinished"] += size
            await asyncio.sleep(PAUSE_SECONDS)

    async def _reveal(self, http: httpx.AsyncClient, tokens: Sequence[str]) -> None:
        body = {"purpose": "support", "items": [{"token": token} for token in tokens]}
        answer = await self._post(http, "/v1/reveal", body, {})
        if answer is None or answer.status_code != httpx.codes.OK:
            await asyncio.sleep(PAUSE_SECONDS)
            return
        self.promises.looks.add(answer.headers["larets-request-id"])
        for token, item in zip(tokens, answer.json()["items"], strict=True):
            if item.get("value") != self.promises.tokens[token]:
                self.promises.wrong.append(item.get("error", "another value"))

    async def _post(
        self, http: httpx.AsyncClient, path: str, body: dict[str, Any], headers: dict[str, str]
    ) -> httpx.Response | None:
        try:
            answer = await http.post(path, json=body, headers={"larets-tenant": "demo"} | headers)
        except httpx.HTTPError:
            return None
        if answer.status_code == httpx.codes.SERVICE_UNAVAILABLE:
            self.promises.refused[path, answer.json()["code"]] += 1
        elif answer.status_code != httpx.codes.OK:
            self.promises.wrong.append(f"{path}: {answer.status_code} {answer.json()['code']}")
        if answer.status_code != httpx.codes.OK and "+79" in answer.text:
            self.promises.wrong.append(f"{path}: a value in a refusal")
        return answer


async def finish(clients: Sequence[Client], working: Sequence[asyncio.Task[None]]) -> None:
    """What is under way is done, nothing more is begun. Raises TimeoutError: somebody is refused for good."""
    for client in clients:
        client.stop = True
    await asyncio.wait_for(asyncio.gather(*working), FINISH_SECONDS)


async def judge(rig: Rig, promises: Promises) -> dict[str, int]:
    """How often each promise was broken: 0 everywhere, or the vault is not what it says."""
    tokens = list(promises.tokens)
    lost = 0
    async with httpx.AsyncClient(
        base_url=rig.server.service_url, verify=rig.server.tls(), trust_env=False, timeout=30
    ) as http:
        for at in range(0, len(tokens), 1000):
            batch = tokens[at : at + 1000]
            body = {"purpose": "support", "items": [{"token": token} for token in batch]}
            answer = await http.post("/v1/reveal", json=body, headers={"larets-tenant": "demo"})
            items = answer.json()["items"]
            lost += sum(item.get("value") != promises.tokens[token] for token, item in zip(batch, items, strict=True))
    with rig.connect() as connection:
        stored = connection.execute("SELECT count(*) FROM pii_value").fetchone()
        written = connection.execute("SELECT convert_from(record, 'UTF8') FROM audit_log").fetchall()
    records = "\n".join(str(row[0]) for row in written)
    keys = LocalKeyring(rig.folder / "keyring.json", PASSPHRASE)
    vkey = str(log_key(ORIGIN, keys.checkpoint_public_key()))
    report = verify_log(rig.database.superuser_url, vkey, vkey)
    return {
        "lost": lost,
        "doubled": int(str(stored[0])) - promises.sent["items"] if stored else -1,
        "unaudited": sum(request not in records for request in promises.looks),
        "wrong": len(promises.wrong),
        "chain": len(report.problems),
    }
