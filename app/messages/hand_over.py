"""A message between the CRM's database and the vault: handed over until the vault has it, and what the vault tells of
it noted. Outside of any request's transaction: no connection is held while another machine thinks.
"""

import re
from collections.abc import Sequence
from datetime import timedelta
from typing import Final

import msgspec

from app.errors import Conflict, DatabaseUnavailable, InvalidRequest
from app.kit.clock import Clock, utc_now
from app.kit.db import Database
from app.messages import repository
from app.messages.schemas import DispatchChanged, Noted
from app.models import Message
from app.tenants import service as tenants
from pii_vault.client import RelayPort, RelayRequest, VaultRefused, VaultUnreachable

_SERVER_ERROR: Final = 500
GIVEN_UP_AFTER: Final = timedelta(days=1)
HANDED_OVER_AFTER: Final = timedelta(seconds=30)  # whoever ordered it is doing it until then
AT_ONCE: Final = 200
NOT_HANDED_OVER: Final = "not_handed_over"
_CODE: Final = re.compile(r"[a-z0-9_]{1,60}")
_changes: Final = msgspec.json.Decoder(DispatchChanged)


class Messages:
    """The CRM's worker and its requests share this; nothing is kept between two calls."""

    def __init__(self, db: Database, relay: RelayPort, *, clock: Clock = utc_now) -> None:
        self._db = db
        self._relay = relay
        self._clock = clock

    async def hand_over(self, message: Message) -> Message:
        """To the vault, which sends it once however often it is handed over. Gives the message as it is then; one
        that is still `new` could not be handed over and is tried again by the worker.

        Raises DatabaseUnavailable.
        """
        try:
            return await self._hand_over(message)
        except VaultUnreachable:
            return message

    async def hand_over_waiting(self) -> int:
        """Whatever could not be handed over at once, until the vault is away. For the worker; gives how many."""
        async with self._db.anonymous() as session:
            known = await tenants.all_ids(session)
        done = 0
        for tenant in known:
            last: Message | None = None
            while waiting := await self._waiting(tenant, after=last):
                for message in waiting:
                    try:
                        await self._hand_over(message)
                    except VaultUnreachable:  # the others would wait for it in vain
                        return done
                    done += 1
                last = waiting[-1]
        return done

    async def _waiting(self, tenant: str, *, after: Message | None) -> Sequence[Message]:
        async with self._db.tenant(tenant) as session:
            before = self._clock() - HANDED_OVER_AFTER
            return await repository.not_handed_over(session, before=before, after=after, limit=AT_ONCE)

    async def _hand_over(self, message: Message) -> Message:
        """Raises VaultUnreachable, until the message is given up."""
        if message.state != "new":
            return message
        async with self._db.tenant(message.tenant_id) as session:
            subject = await repository.subject_of(session, message)
        request = RelayRequest(
            message.template, message.version, message.digest, subject or "", dict(message.parameters)
        )
        late = self._clock() - message.created_at > GIVEN_UP_AFTER
        dispatch = failure = None
        try:
            dispatch = await self._relay.send(message.tenant_id, request, key=message.id)
        except VaultUnreachable:
            if not late:
                raise
            failure = NOT_HANDED_OVER
        except VaultRefused as error:
            if error.status >= _SERVER_ERROR and not late:  # of this message alone: the others go on
                return message
            failure = NOT_HANDED_OVER if error.status >= _SERVER_ERROR else _code(error.problem)
        state = "queued" if dispatch is not None else "refused"
        async with self._db.tenant(message.tenant_id) as session:
            await repository.handed_over(
                session, message.id, state=state, dispatch=dispatch, failure=failure, at=self._clock()
            )
            return await repository.get(session, message.id) or message

    async def take(self, body: bytes) -> Noted:
        """Notes what the vault told of a message.

        Raises:
            InvalidRequest: it does not have the agreed form.
            DatabaseUnavailable: nothing was noted; send it again.
        """
        told = read(body)
        data = told.data
        try:
            async with self._db.tenant(told.tenant) as session:
                noted = await repository.note(
                    session, data.key, dispatch=data.dispatch, state=data.state, failure=data.failure,
                    change=data.change, at=self._clock(),
                )  # fmt: skip
                known = noted or await repository.get(session, data.key) is not None
        except Conflict as error:  # a 4xx would make the outbox give this one up
            raise DatabaseUnavailable from error
        return Noted("noted" if noted else "stale" if known else "unknown")


def read(body: bytes) -> DispatchChanged:
    """Raises InvalidRequest."""
    try:
        return _changes.decode(body)
    except (msgspec.DecodeError, RecursionError) as error:
        raise InvalidRequest from error


def _code(problem: str) -> str:
    """The vault's code, in the form that a row may hold."""
    return problem if _CODE.fullmatch(problem) else "refused"
