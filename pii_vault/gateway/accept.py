"""Takes a proven delivery in: persons to the vault, one event to the outbox, one record to the log, or nothing."""

import asyncio
import logging
import random
from collections.abc import Sequence
from datetime import datetime
from typing import Final, Literal

import asyncpg

from pii_vault import store
from pii_vault.access.principal import Principal
from pii_vault.audit.log import AuditEntry
from pii_vault.classify.process import Classifier
from pii_vault.core.primitives import AesGcmCipher, keyed_hash
from pii_vault.core.tokens import new_id
from pii_vault.errors import Forbidden
from pii_vault.gateway import store as gateway_store
from pii_vault.gateway.connections import Connection
from pii_vault.gateway.deposit import Depositor, HeldKeys, KeysMissing, PersonChanged
from pii_vault.gateway.event import encode_event, order_data
from pii_vault.gateway.mentions import with_mentions
from pii_vault.gateway.parties import Parties, prepare
from pii_vault.gateway.port import Connector, Delivery, Draft
from pii_vault.gateway.store import ObjectState
from pii_vault.operations.access import new_entry, refuse, rule
from pii_vault.operations.ciphers import Place, key_context, load_ciphers
from pii_vault.operations.errors import Busy
from pii_vault.vault import Vault

logger = logging.getLogger(__name__)

Outcome = Literal["accepted", "duplicate", "stale"]
PURPOSE: Final = "order_processing"
VERB: Final = "tokenise"
ATTEMPTS: Final = 40
PAUSE_SECONDS: Final = 0.02


class Contended(Exception):
    """Another transaction holds the object or one of the persons."""


class NotApplied(Exception):
    """The delivery is known or out of date; there is nothing to write and nothing to record."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome)
        self.outcome: Outcome = outcome


def gateway_principal(connection: Connection) -> Principal:
    return Principal(
        kind="service",
        id="gateway",
        tenant=connection.tenant,
        roles=("gateway",),
        contour="private",
        label="gateway",
    )


async def accept(
    vault: Vault,
    connector: Connector,
    connection: Connection,
    delivery: Delivery,
    *,
    body: bytes,
    request_id: str,
    classifier: Classifier,
) -> Outcome:
    """Applies a delivery once. The answer may leave only after this returned: then it is durable.

    Raises:
        BrokenPayload: the payload lacks what its object cannot do without.
        Forbidden: the policies do not let the gateway take such data.
        StoreUnavailable, KeyServiceUnavailable, AuditUnavailable, Busy: nothing was taken; send it again.
    """
    digest = keyed_hash(connection.digest_key, body)
    dictionary, seen = await gateway_store.look_up(
        vault.pool, connection, codes=connector.codes(delivery), digest=digest
    )
    if seen:
        return "duplicate"
    draft = connector.take_out(delivery, dictionary=dictionary, classes=vault.classes)
    principal = gateway_principal(connection)
    parties = None
    if delivery.action != "delete":
        parties = await prepare(vault, connection, draft)
        await _require_allowed(vault, principal, parties, request_id=request_id)
        parties = await with_mentions(vault, principal, parties, classifier=classifier, request_id=request_id)
    act = _Act(vault, connection, delivery, draft=draft, parties=parties, digest=digest)
    for _ in range(ATTEMPTS):
        act.entry = new_entry(vault, principal, verb=VERB, purpose=PURPOSE, request_id=request_id, decision="allow")
        try:
            await vault.audit.commit(act.entry, apply=act)
        except NotApplied as answer:
            return answer.outcome
        except (Contended, PersonChanged):
            await asyncio.sleep(PAUSE_SECONDS * random.uniform(0.5, 1.5))  # noqa: S311  jitter, not a secret
        except KeysMissing as missing:
            act.unusable |= await _hold_keys(vault, connection, missing.places, act.held)
        except asyncpg.UniqueViolationError:  # another delivery made the same person's key a moment ago
            act.held = HeldKeys()
        else:
            return "accepted"
    raise Busy


async def _hold_keys(vault: Vault, connection: Connection, places: Sequence[Place], held: HeldKeys) -> set[bytes]:
    """Opens keys outside the transaction, and makes those of a group in which a person has none yet.

    Returns:
        The persons of whom a key does not open.
    """
    ciphers = await load_ciphers(vault, connection.tenant, connection.tenant_key, places)
    held.ciphers |= {place: cipher for place, cipher in ciphers.items() if cipher is not None}
    if lacking := [place for place in places if place not in ciphers]:
        made = await vault.keys.generate(connection.tenant, [key_context(*place) for place in lacking])
        for place, (dek, wrapped) in zip(lacking, made, strict=True):
            held.ciphers[place], held.made[place] = AesGcmCipher(dek), wrapped
    return {place[0] for place in places if place in ciphers and ciphers[place] is None}


async def _require_allowed(vault: Vault, principal: Principal, parties: Parties, *, request_id: str) -> None:
    """Taking in each class, and looking a person up by phone or email, are both asked of the policies."""
    asked = {(class_id, "search") for class_id in parties.identity_classes()}
    asked |= {(value.field_class.id, VERB) for value in parties.values()}
    for class_id, action in asked:
        ruling = rule(vault, principal, purpose=PURPOSE, class_id=class_id, action=action)
        if ruling.outcome != "allow":
            await refuse(vault, principal, Forbidden(), verb=action, purpose=PURPOSE, request_id=request_id)


class _Act:
    """What the audit committer runs in its transaction. May be run again: it keeps nothing between runs."""

    entry: AuditEntry

    def __init__(
        self,
        vault: Vault,
        connection: Connection,
        delivery: Delivery,
        *,
        draft: Draft,
        parties: Parties | None,
        digest: bytes,
    ) -> None:
        self._vault = vault
        self._connection = connection
        self._delivery = delivery
        self._draft = draft
        self._parties = parties
        self._digest = digest
        self._event = new_id("evt")
        self.unusable: set[bytes] = set()
        self.held = HeldKeys()

    async def __call__(self, acquired: asyncpg.Connection) -> None:
        delivery, connection = self._delivery, self._connection
        if not await store.try_locks(acquired, self._locks()):
            raise Contended
        state, seen = await gateway_store.fetch_object(acquired, connection, delivery, digest=self._digest)
        now = self._vault.clock()
        if refused := _not_applicable(state, delivery, seen=seen):
            raise NotApplied(refused)
        state.sequence = _next(state.sequence, now)
        digest = self._digest
        if self._parties is None:
            state.deleted = now
            # A deletion's body is the same each time; what tells two of them apart is the state between.
            digest = keyed_hash(connection.digest_key, digest + state.sequence.to_bytes(8, "big"))
            data = {}
        else:
            depositor = Depositor(self._vault, acquired, connection, state, unusable=self.unusable, held=self.held)
            deposited = await depositor.deposit(self._parties)
            state.modified, state.deleted = delivery.modified_at, None
            data = order_data(self._draft, deposited, tenant=connection.tenant)
            self.entry.subjects = deposited.subjects
            self.entry.counts = {"value": dict(deposited.counts)} if deposited.counts else {}
        body = encode_event(
            self._event,
            connection,
            delivery,
            sequence=state.sequence,
            occurred_at=delivery.modified_at or now,
            data=data,
        )
        await gateway_store.write(acquired, connection, delivery, state, digest=digest, event=self._event, body=body)

    def _locks(self) -> list[int]:
        """The object, and the persons by what they are matched with: two workers must not open one twice.

        The numbers of the persons are those under which every other writer of the vault locks the same values.
        """
        digests = self._parties.identity_digests() if self._parties else ()
        persons = {int.from_bytes(digest[-8:], "big", signed=True) for digest in digests}
        return [gateway_store.object_lock(self._connection, self._delivery), *persons]


def _next(sequence: int, now: datetime) -> int:
    """By the time, so that what comes after a restore is above all that the other contour was told before it: counted
    from what the backup knew, the events of an order that was lost and sent again would be taken for old ones.

    Steps of ten seconds make it nine digits long: no detector takes it for a card, a phone or an ИНН.
    """
    return max(sequence + 1, int(now.timestamp()) // 10)


def _not_applicable(state: ObjectState, delivery: Delivery, *, seen: bool) -> Outcome | None:
    """Why a delivery changes nothing, or None.

    A deletion says no time of its own. It stands until the shop restores the object, or changes it later than we
    learnt of the deletion: an update that the deletion overtook must not bring the object back. For the same reason
    the deletion of an object never seen is kept too.
    """
    if delivery.action == "delete":
        return "duplicate" if state.deleted is not None else None
    if seen:
        return "duplicate"
    modified = delivery.modified_at
    if modified is None:
        return None
    if state.modified is not None and modified < state.modified:
        return "stale"
    overtaken = state.deleted is not None and modified <= state.deleted
    return "stale" if overtaken and delivery.action != "restore" else None
