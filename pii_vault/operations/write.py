"""Writing new values: sealed outside the transaction, then written with their record in one.

An act is planned on what was read before (which tokens a value has). Its guard takes the locks and looks again
inside the transaction; when something changed, the act is planned anew. So two requests with one new value give
one token, and no key-service call happens while a transaction is open.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import TypeVar

import asyncpg

from pii_vault import store
from pii_vault.audit.log import AuditEntry
from pii_vault.core.envelope import seal_all, value_aads
from pii_vault.core.primitives import AesGcmCipher, ValueCipher
from pii_vault.errors import IdempotencyConflict, StoreUnavailable
from pii_vault.operations.caches import INDEX_VERSION
from pii_vault.operations.ciphers import key_context
from pii_vault.operations.errors import Busy, PlanOutdatedError
from pii_vault.operations.parts import PartRow, insert_parts
from pii_vault.vault import Vault

T = TypeVar("T")
_PAUSES = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.4)


@dataclass(slots=True)
class Guard:
    """What must still hold when the act is written."""

    locks: set[int] = field(default_factory=set)
    digests: list[bytes] = field(default_factory=list)
    digest_tokens: set[bytes] = field(default_factory=set)
    persons: set[bytes] = field(default_factory=set)

    def hold(self, subjects: Iterable[bytes]) -> None:
        """These persons, who exist already, must still be active: an erasure or a block may have come meanwhile."""
        self.persons.update(subjects)

    def lock(self, name: bytes) -> None:
        """`name` is a keyed hash or an id: already evenly spread."""
        self.locks.add(int.from_bytes(name[-8:], "big", signed=True))

    def watch(self, seen: set[bytes], digests: list[bytes]) -> None:
        """Nobody else may write these values, and the tokens they have must still be these."""
        self.digests, self.digest_tokens = digests, seen
        for digest in digests:
            self.lock(digest)

    async def check(self, connection: asyncpg.Connection, tenant_key: int) -> None:
        """Raises PlanOutdatedError."""
        if not await store.try_locks(connection, list(self.locks)):
            raise PlanOutdatedError
        if self.persons:
            held = await connection.fetchval(store.HOLD_ACTIVE, list(self.persons), tenant_key)
            if held < len(self.persons):
                raise PlanOutdatedError
        if self.digests:
            rows = await connection.fetch(store.FETCH_DIGEST_TOKENS, self.digests, tenant_key)
            if {row[0] for row in rows} != self.digest_tokens:
                raise PlanOutdatedError


@dataclass(slots=True)
class NewValues:
    """Values to be stored, column by column: a thousand rows cost no objects of their own.

    `digests` is None where the class has no index.
    """

    subjects: list[bytes]
    ciphers: list[ValueCipher] = field(repr=False)
    class_keys: list[int]
    values: list[str] = field(repr=False)
    digests: list[bytes | None]
    deterministic: list[bool]


@dataclass(frozen=True, slots=True)
class Answer:
    """An idempotent answer to keep with the act."""

    principal: str
    key: str
    fingerprint: bytes
    content: bytes


@dataclass(slots=True)
class Act:
    """All that one act writes."""

    tenant: str
    tenant_key: int
    group: int
    index_version: int = INDEX_VERSION
    guard: Guard = field(default_factory=Guard)
    subjects: list[bytes] = field(default_factory=list)
    hints: list[tuple[bytes, bytes, int]] = field(default_factory=list)  # subject, other, class
    answer: Answer | None = None
    batch: store.Batch | None = None
    parts: list[PartRow] = field(default_factory=list)
    mentions: list[bytes] = field(default_factory=list)  # tokens of values that a text only mentions
    _key_subjects: list[bytes] = field(default_factory=list)
    _kek_versions: list[int] = field(default_factory=list)
    _wrapped: list[bytes] = field(default_factory=list)

    async def new_subjects(self, vault: Vault, count: int, *, keep: bool = True) -> list[tuple[bytes, ValueCipher]]:
        """New subjects with their keys, ready ones or by one call of the key service. `keep`: their keys in memory."""
        if not count:
            return []
        made = await vault.ready.take(self.tenant, self.group, count)
        subjects = [key.subject for key in made]
        self.subjects += subjects
        self._key_subjects += subjects
        self._kek_versions += [key.wrapped.kek_version for key in made]
        self._wrapped += [key.wrapped.blob for key in made]
        if not keep:
            return [(subject, AesGcmCipher(dek)) for subject, dek, _ in made]
        ciphers = vault.deks.put_new(self.group, [(subject, dek) for subject, dek, _ in made])
        return list(zip(subjects, ciphers, strict=True))

    async def new_keys(self, vault: Vault, subjects: list[bytes]) -> list[tuple[bytes, ValueCipher]]:
        """A key of the act's group for each of these subjects, who exist already.

        Not remembered before it is committed: another worker's key may win, and a later act must not seal under
        one that nobody stored.
        """
        return [(subject, AesGcmCipher(dek)) for subject, dek in await self._generate(vault, subjects)]

    async def _generate(self, vault: Vault, subjects: list[bytes]) -> list[tuple[bytes, bytes]]:
        if not subjects:
            return []
        group = self.group
        made = await vault.keys.generate(self.tenant, [key_context(subject, group) for subject in subjects])
        self._key_subjects += subjects
        self._kek_versions += [wrapped.kek_version for _, wrapped in made]
        self._wrapped += [wrapped.blob for _, wrapped in made]
        return [(subject, dek) for subject, (dek, _) in zip(subjects, made, strict=True)]

    def seal(self, new: NewValues) -> list[bytes]:
        """Encrypts all values for their new rows; gives the tokens' bytes in order."""
        tenant_key = self.tenant_key
        tokens = store.new_ids(len(new.values))
        places = value_aads(tenant_key=tenant_key, subjects=new.subjects, class_keys=new.class_keys, tokens=tokens)
        plain = [value.encode() for value in new.values]
        self.batch = store.Batch(
            tenant_key,
            self.group,
            self.subjects,
            self._key_subjects,
            self._kek_versions,
            self._wrapped,
            self.index_version,
            tokens,
            new.subjects,
            new.digests,
            new.class_keys,
            new.deterministic,
            seal_all(zip(new.ciphers, plain, places, strict=True)),
        )
        return tokens

    async def write(self, connection: asyncpg.Connection) -> None:
        """Everything, on the connection of a transaction. Raises PlanOutdatedError."""
        await self.guard.check(connection, self.tenant_key)
        if self.batch is not None:
            await store.insert_batch(connection, self.batch)
        if self.parts:
            await insert_parts(connection, self.parts)
        if self.mentions:
            await connection.execute(store.INSERT_MENTIONS, self.tenant_key, self.mentions)
        if self.hints:
            subjects, others, classes = zip(*self.hints, strict=True)
            await connection.execute(store.INSERT_HINTS, self.tenant_key, subjects, others, classes)
        if self.answer is not None:
            place = (self.tenant_key, self.answer.principal, self.answer.key)
            await connection.execute(store.DELETE_EXPIRED_ANSWER, *place)
            await connection.execute(store.INSERT_ANSWER, *place, self.answer.fingerprint, self.answer.content)


async def commit(vault: Vault, entry: AuditEntry, act: Act) -> None:
    """The act and its record in one transaction.

    Raises:
        PlanOutdatedError, AuditUnavailable, StoreUnavailable.
    """
    try:
        await vault.audit.commit(entry, apply=act.write)
    except asyncpg.UniqueViolationError as error:
        raise PlanOutdatedError from error
    except asyncpg.ObjectNotInPrerequisiteStateError as error:  # the new keys' KEK was given up: see 0005_keys.py
        vault.ready.forget(act.tenant)
        raise PlanOutdatedError from error
    except asyncpg.PostgresError as error:
        raise StoreUnavailable from error


async def repeated(vault: Vault, tenant_key: int, account: str, *, key: str, fingerprint: bytes) -> bytes | None:
    """The answer that this account's idempotency key has got already, as `Answer` holds it.

    Raises:
        IdempotencyConflict: it was for something else.
        StoreUnavailable.
    """
    rows = await store.fetch(vault.pool, store.FETCH_ANSWER, tenant_key, account, key)
    if not rows:
        return None
    if rows[0]["fingerprint"] != fingerprint:
        raise IdempotencyConflict
    stats = vault.audit.stats
    stats.size = max(stats.size, rows[0]["size"])  # the act was perhaps another worker's
    answer: bytes = rows[0]["answer"]
    return answer


async def planned(attempt: Callable[[], Awaitable[T]]) -> T:
    """Runs an attempt, again when its plan was outdated, for about a second. Raises Busy."""
    for pause in _PAUSES:
        try:
            return await attempt()
        except PlanOutdatedError:
            await asyncio.sleep(pause * (0.5 + random.random()))  # noqa: S311  jitter, not a secret
    raise Busy
