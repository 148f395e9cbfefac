"""Entries and databases for the audit tests."""

from typing import Any, cast

import asyncpg
import httpx

from pii_vault.audit import note as notes
from pii_vault.audit.checkpoint import Checkpointer
from pii_vault.audit.log import AuditCommitter, AuditEntry
from pii_vault.audit.witness import WitnessClient
from pii_vault.core import primitives
from pii_vault.keys.service import KeyService

HASH_KEY = bytes(range(32))


def subject(number: int) -> bytes:
    return number.to_bytes(16, "big")


def make_entry(number: int = 0, **changes: Any) -> AuditEntry:
    fields: dict[str, Any] = {
        "tenant": "demo",
        "principal_id": "stf_0123456789abcdefghjkmnpqrs",
        "principal_kind": "staff",
        "verb": "reveal",
        "purpose": "order_processing",
        "decision": "allow",
        "counts": {"value": {"phone": 1}},
        "matrix_version": "0123456789abcdef",
        "request_id": f"r{number}",
        "subjects": (subject(number),),
    }
    return AuditEntry(**(fields | changes))


LOG_SEED = bytes(range(100, 132))
WITNESS_SEED = bytes(range(200, 232))
ORIGIN = "vault.test/audit"
WITNESS_NAME = "crm.test/witness"
LOG_KEY = notes.log_key(ORIGIN, primitives.public_key(LOG_SEED))
WITNESS_KEY = notes.witness_key(WITNESS_NAME, primitives.public_key(WITNESS_SEED))


class LogKeys:
    """The part of a key service that signs checkpoints."""

    async def sign_checkpoint(self, message: bytes) -> bytes:
        return primitives.sign(LOG_SEED, message)

    def checkpoint_public_key(self) -> bytes:
        return LOG_KEY.public_key


class BlindWitness:
    """Cosigns whatever it is shown, or answers as told. The real one is tested with the app."""

    def __init__(self, *, seed: bytes = WITNESS_SEED) -> None:
        self.seed = seed
        self.requests: list[bytes] = []
        self.answer: httpx.Response | httpx.HTTPError | None = None

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request.content)
        if isinstance(self.answer, httpx.HTTPError):
            raise self.answer
        if self.answer is not None:
            return self.answer
        text = notes.parse_note(request.content.decode().partition("\n\n")[2]).text
        line = notes.cosign(text, seed=self.seed, name=WITNESS_NAME, timestamp=1_700_000_000)
        return httpx.Response(200, text=str(line))

    def client(self) -> WitnessClient:
        transport = httpx.MockTransport(self)
        return WitnessClient(httpx.AsyncClient(transport=transport, base_url="https://crm.test"), WITNESS_KEY)


def make_checkpointer(pool: asyncpg.Pool, witness: WitnessClient | None = None) -> Checkpointer:
    return Checkpointer(pool, cast("KeyService", LogKeys()), origin=ORIGIN, witness=witness)


async def fill(committer: AuditCommitter, count: int, *, start: int = 0) -> None:
    """Records in the order of their numbers."""
    for number in range(start, start + count):
        await committer.commit(make_entry(number))
