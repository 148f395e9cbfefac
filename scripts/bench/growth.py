"""What an item costs as the tables grow: rows are made by COPY, then the shipped processes are measured on them.

The rows are genuine: sealed under DEKs of their own that the instance's KEK wraps, so any of them can be revealed.
Their digests are random, as those of different values are. Generating ten million takes some minutes.
"""

import asyncio
import os
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import asyncpg
import psycopg

from pii_vault import store
from pii_vault.core.envelope import seal_all, value_aad
from pii_vault.core.primitives import AesGcmCipher
from pii_vault.core.tokens import new_token_text
from pii_vault.keys.local import LocalKeyring
from pii_vault.operations.caches import INDEX_VERSION
from pii_vault.operations.ciphers import key_context
from pii_vault.operations.items import RETENTION_KEYS
from scripts.bench.client import Load
from scripts.bench.cpu import Meter
from scripts.bench.figures import Bar
from scripts.bench.limits import tenant_key
from scripts.bench.persons import CLASS_KEYS, CLASSES, INDEXED, reveal_requests, values
from scripts.bench.stage import Stage
from scripts.bench.vault_api import VaultBench
from scripts.voice import say

SIZES: Final = (100_000, 1_000_000, 10_000_000)
PER_PERSON: Final = 4
CHUNK: Final = 40_000
SAMPLE: Final = 20_000
MOST_GROWN: Final = 1.8
_RETENTION: Final = RETENTION_KEYS["other"]


@dataclass(frozen=True, slots=True)
class Cost:
    """At one size of the tables; microseconds for one item. `spent` is processor time of vault and PostgreSQL."""

    rows: int
    tokenise_us: float
    reveal_us: float
    tokenise_spent_us: float
    reveal_spent_us: float

    def __str__(self) -> str:
        return (
            f"{self.rows:>12,} rows   µs an item, and of processor time: "
            f"tokenise {self.tokenise_us:.1f}, {self.tokenise_spent_us:.1f}   "
            f"reveal {self.reveal_us:.1f}, {self.reveal_spent_us:.1f}"
        )

    def for_programs(self) -> dict[str, Any]:
        names = ("tokenise_us", "reveal_us", "tokenise_spent_us", "reveal_spent_us")
        return {"rows": self.rows} | {name: round(getattr(self, name), 2) for name in names}


def grown(costs: Sequence[Cost]) -> dict[str, Any]:
    """How much dearer an item is in the largest tables than in the smallest."""
    first, last = costs[0], costs[-1]
    ratios = {"tokenise": last.tokenise_us / first.tokenise_us, "reveal": last.reveal_us / first.reveal_us}
    bars = {name: Bar("ratio", MOST_GROWN, most=True) for name in ratios}
    return {
        "from_rows": first.rows,
        "to_rows": last.rows,
        **{name: round(ratio, 2) for name, ratio in ratios.items()},
        "bars": [{"bar": f"{name} {bars[name]}", "holds": bars[name].cleared(ratios[name])} for name in ratios],
        "holds": all(bars[name].cleared(ratio) for name, ratio in ratios.items()),
    }


@dataclass(slots=True)
class Filler:
    """Adds rows to the measured shop, and keeps a fair sample of their tokens."""

    tenant: str
    tenant_key: int
    keys: LocalKeyring
    per_person: int = PER_PERSON
    sample: list[tuple[int, bytes]] = field(default_factory=list)  # class key, token
    filled: int = 0

    async def fill(self, url: str, upto: int) -> None:
        """Rows up to this number of all, then statistics as autovacuum would gather them."""
        pool = await store.create_pool(url, size=1)
        try:
            async with pool.acquire() as connection:
                while self.filled < upto:
                    await self._copy(connection, min(CHUNK, upto - self.filled))
                    if self.filled % (CHUNK * 10) == 0:
                        say(f"  {self.filled:,} rows")
        finally:
            await pool.close()

    async def _copy(self, connection: asyncpg.Connection, count: int) -> None:
        people = -(-count // self.per_person)
        subjects = store.new_ids(people)
        made = await self.keys.generate(self.tenant, [key_context(each, _RETENTION) for each in subjects])
        ciphers = [AesGcmCipher(dek) for dek, _ in made]
        texts = values(count, seed=self.filled + 1)
        tokens = store.new_ids(count)
        rows = [(subjects[at // self.per_person], CLASS_KEYS[at % len(CLASS_KEYS)], tokens[at]) for at in range(count)]
        sealed = seal_all(
            (
                ciphers[at // self.per_person],
                texts[at].encode(),
                value_aad(tenant_key=self.tenant_key, subject=subject, class_key=class_key, token=token),
            )
            for at, (subject, class_key, token) in enumerate(rows)
        )
        key = self.tenant_key
        async with connection.transaction():
            await connection.copy_records_to_table(
                "subject", records=[(each, key) for each in subjects], columns=["id", "tenant_key"]
            )
            await connection.copy_records_to_table(
                "dek",
                records=[
                    (subject, _RETENTION, key, wrapped.kek_version, wrapped.blob)
                    for subject, (_, wrapped) in zip(subjects, made, strict=True)
                ],
                columns=["subject", "retention", "tenant_key", "kek_version", "wrapped"],
            )
            await connection.copy_records_to_table(
                "pii_value",
                records=[
                    (token, subject, *_digest(class_key), key, class_key, _RETENTION, False, blob)
                    for (subject, class_key, token), blob in zip(rows, sealed, strict=True)
                ],
                columns=[
                    "token", "subject", "digest", "index_version", "tenant_key", "class_key", "retention",
                    "deterministic", "ciphertext",
                ],
            )  # fmt: skip
        self._keep(rows)

    def _keep(self, rows: Sequence[tuple[bytes, int, bytes]]) -> None:
        """Algorithm R: each row of all stands in the sample with the same probability."""
        for _, class_key, token in rows:
            self.filled += 1
            if len(self.sample) < SAMPLE:
                self.sample.append((class_key, token))
            elif (place := random.randrange(self.filled)) < SAMPLE:  # noqa: S311  a sample, not a secret
                self.sample[place] = (class_key, token)

    def tokens(self) -> list[str]:
        names = dict(zip(CLASS_KEYS, CLASSES, strict=True))
        return [new_token_text(names[key], tenant=self.tenant, bits=token) for key, token in self.sample]


def _digest(class_key: int) -> tuple[bytes | None, int | None]:
    return (os.urandom(16), INDEX_VERSION) if class_key <= INDEXED else (None, None)


@dataclass(slots=True)
class Growth:
    """Measures at each size, by the bench's own turns."""

    stage: Stage
    meter: Meter
    filler: Filler
    api: VaultBench
    seconds: float

    def at(self, rows: int) -> Cost:
        """Fills up to this many rows, then measures both verbs by 1,000."""
        say(f"filling up to {rows:,} rows")
        asyncio.run(self.filler.fill(self.stage.instance.database_url("private", "runtime"), rows))
        settle(self.stage.instance.superuser_url("private"))
        tokens = self.filler.tokens()
        random.shuffle(tokens)
        self.api.make_warm(tokens)
        requests = reveal_requests(tokens, batch=1000, headers=self.stage.headers)
        reveal = self._turn(lambda: self.api.load(requests, 1000, seconds=self.seconds, repeat=True))
        tokenise = self._turn(self._tokenise)
        cost = Cost(rows, tokenise[0], reveal[0], tokenise[1], reveal[1])
        say(f"  {rows:,} rows: tokenise {cost.tokenise_us:.1f} µs, reveal {cost.reveal_us:.1f} µs an item")
        return cost

    def _tokenise(self) -> Load:
        requests = self.api.tokenise_requests(1000, self.seconds)
        return self.api.load(requests, 1000, seconds=self.seconds)

    def _turn(self, act: Callable[[], Load]) -> tuple[float, float]:
        before = self.meter.read()
        seen = act()
        spent = self.meter.read().since(before)
        items = max(1, seen.answers * 1000)
        if seen.failures:
            say(f"  {seen.failures} of {seen.answers} requests failed")
        return seen.seconds * 1e6 / items, (spent.vault + spent.postgres) * 1e6 / items


def growth_of(api: VaultBench) -> Growth:
    """On the bench's stage."""
    return Growth(api.stage, api.meter, filler_of(api.stage), api, api.seconds)


def filler_of(stage: Stage, *, per_person: int = PER_PERSON) -> Filler:
    """For the measured shop, with the keyring of its instance."""
    keys = LocalKeyring(stage.instance.keyring, stage.instance.keyring_passphrase.read_text("utf-8").strip())
    return Filler(stage.tenant, tenant_key(stage.instance, stage.tenant), keys, per_person)


def settle(url: str) -> None:
    """What autovacuum and the checkpointer would do in the quiet after a fill, done now."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("VACUUM (ANALYZE) pii_value, subject, dek")
        connection.execute("CHECKPOINT")
