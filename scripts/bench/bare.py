"""The limit: ready-made bytes written and fetched by plain statements (statements.py), plus bare AES-GCM.

`python -m scripts.bench.bare` is one of the limit's processes, and `limits.py` its parent. A line of JSON on standard
input is one order, a line on standard output its answer. No HTTP, no policy, no audit, no tokens' text: what is left
is what the tables, their indexes, durable commits and the cipher cost.
"""

import asyncio
import json
import os
import sys
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import asyncpg
import uvloop
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from pii_vault import store
from pii_vault.core.primitives import KEY_BYTES, NONCE_BYTES
from pii_vault.keys.tenant_keys import WRAPPED_BYTES
from pii_vault.operations.caches import INDEX_VERSION
from pii_vault.operations.items import RETENTION_KEYS
from scripts.bench.persons import CLASS_KEYS, INDEXED, values
from scripts.bench.statements import AAD, HEADER, Statements, statements

RETENTION: Final = RETENTION_KEYS["other"]
NewIds = Callable[[int], list[bytes]]


@dataclass(frozen=True, slots=True)
class Ready:
    """One batch, all bytes made. `plain` is what the cipher has to seal beside: DEK, values of its person."""

    batch: store.Batch
    plain: list[tuple[bytes, list[bytes]]]


def made_batches(
    drawn: list[str],
    *,
    size: int,
    tenant_key: int,
    kek: AESGCM,
    new_ids: NewIds,
    classes: Sequence[int] = CLASS_KEYS,
) -> Iterator[Ready]:
    """Batches of `size` rows: sealed values under fresh keys, digests, wrapped keys. `classes`: a person's."""
    each = len(classes)
    for at in range(0, len(drawn), size):
        texts = drawn[at : at + size]
        people = -(-len(texts) // each)
        subjects, deks = new_ids(people), [os.urandom(KEY_BYTES) for _ in range(people)]
        places = range(len(texts))
        plain = [(dek, [text.encode() for text in texts[each * i : each * (i + 1)]]) for i, dek in enumerate(deks)]
        sealed = [_sealed(AESGCM(dek), value) for dek, found in plain for value in found]
        wrapped = [_wrapped(kek, dek) for dek in deks]
        class_keys = [classes[(at + place) % each] for place in places]
        digests = [os.urandom(16) if key <= INDEXED else None for key in class_keys]
        batch = store.Batch(
            tenant_key, RETENTION, subjects, subjects, [1] * people, wrapped, INDEX_VERSION,
            new_ids(len(texts)), [subjects[place // each] for place in places], digests, class_keys,
            [False] * len(texts), sealed,
        )  # fmt: skip
        yield Ready(batch, plain)


def _sealed(cipher: AESGCM, value: bytes) -> bytes:
    nonce = os.urandom(NONCE_BYTES)
    return HEADER + nonce + cipher.encrypt(nonce, value, AAD)


def _wrapped(kek: AESGCM, dek: bytes) -> bytes:
    nonce = os.urandom(NONCE_BYTES)
    blob = nonce + kek.encrypt(nonce, dek, AAD)
    if len(blob) != WRAPPED_BYTES:
        raise ValueError("a wrapped key of the limit is not as long as the vault's")
    return blob


@dataclass(slots=True)
class Bare:
    """One process of the limit."""

    pool: asyncpg.Pool
    tenant_key: int
    statements: Statements
    kek: AESGCM = field(default_factory=lambda: AESGCM(os.urandom(KEY_BYTES)))
    ready: deque[Ready] = field(default_factory=deque)
    tokens: list[bytes] = field(default_factory=list)
    ciphers: dict[bytes, AESGCM] = field(default_factory=dict)

    def prepare(self, *, count: int, size: int, seed: int, classes: Sequence[int] = CLASS_KEYS) -> None:
        """Batches for the next `write`, in the order they will be taken."""
        self.ready = deque(self._made(values(count * size, seed=seed), size, classes))

    async def populate(self, *, count: int, seed: int, classes: Sequence[int] = CLASS_KEYS) -> None:
        """Rows for `fetch`, in the place of earlier ones, with their ciphers at hand."""
        self.tokens, self.ciphers = [], {}
        for made in self._made(values(count, seed=seed), 1000, classes):
            async with self.pool.acquire() as connection:
                await self.statements.insert(connection, made.batch)
            self.tokens += made.batch.tokens
            for subject, (dek, _) in zip(made.batch.subjects, made.plain, strict=True):
                self.ciphers[subject] = AESGCM(dek)

    def _made(self, drawn: list[str], size: int, classes: Sequence[int]) -> Iterator[Ready]:
        new_ids = self.statements.new_ids
        return made_batches(
            drawn, size=size, tenant_key=self.tenant_key, kek=self.kek, new_ids=new_ids, classes=classes
        )

    async def write(self, connection: asyncpg.Connection) -> int:
        """One batch: sealed, then written and committed by one statement. 0 when none is left."""
        if not self.ready:
            return 0
        made = self.ready.popleft()
        for dek, texts in made.plain:
            encrypt = AESGCM(dek).encrypt
            for text in texts:
                encrypt(os.urandom(NONCE_BYTES), text, AAD)
        await self.statements.insert(connection, made.batch)
        return len(made.batch.tokens)

    def fetcher(self, size: int, *, cold: bool) -> Callable[[asyncpg.Connection], Awaitable[int]]:
        """One batch fetched and opened; `cold` also fetches and unwraps the keys."""
        tokens, ciphers, plain, at = self.tokens, self.ciphers, self.statements, 0

        async def fetch(connection: asyncpg.Connection) -> int:
            nonlocal at
            wanted = tokens[at : at + size]
            at = (at + size) % (len(tokens) - size + 1)
            rows = await plain.fetch(connection, wanted, self.tenant_key)
            return plain.open_all(rows, await self._unwrapped(connection, rows) if cold else ciphers)

        return fetch

    async def _unwrapped(self, connection: asyncpg.Connection, rows: Any) -> dict[bytes, AESGCM]:
        subjects = self.statements.subjects(rows)
        keys = await connection.fetch(store.FETCH_DEKS, subjects, self.tenant_key)
        decrypt = self.kek.decrypt
        return {key[0]: AESGCM(decrypt(key[3][:NONCE_BYTES], key[3][NONCE_BYTES:], AAD)) for key in keys}

    async def drive(
        self, turn: Callable[[asyncpg.Connection], Awaitable[int]], *, connections: int, seconds: float
    ) -> dict[str, float]:
        """Turns on so many connections at once until the time is up."""
        done = 0
        ends = time.perf_counter() + seconds

        async def one() -> None:
            nonlocal done
            async with self.pool.acquire() as connection:
                while time.perf_counter() < ends:
                    rows = await turn(connection)
                    if not rows:
                        return
                    done += rows

        started, spent = time.perf_counter(), time.process_time()
        await asyncio.gather(*(one() for _ in range(connections)))
        return {
            "rows": done,
            "seconds": time.perf_counter() - started,
            "processor_seconds": time.process_time() - spent,
        }


async def _answer(bare: Bare, order: dict[str, Any]) -> dict[str, float]:
    match order.pop("do"):
        case "prepare":
            bare.prepare(**order)
        case "populate":
            await bare.populate(**order)
        case "write":
            return await bare.drive(bare.write, **order)
        case "fetch":
            turn = bare.fetcher(order.pop("size"), cold=order.pop("cold"))
            return await bare.drive(turn, **order)
        case other:
            raise ValueError(other)
    return {}


async def _main() -> None:
    opened = json.loads(sys.stdin.readline())
    chosen = statements(packed=opened["packed"])
    pool = await chosen.open_pool(opened["url"])
    bare = Bare(pool, opened["tenant_key"], chosen)
    while line := await asyncio.to_thread(sys.stdin.readline):
        answer = await _answer(bare, json.loads(line))
        print(json.dumps(answer), flush=True)
    await pool.close()


if __name__ == "__main__":
    uvloop.run(_main())
