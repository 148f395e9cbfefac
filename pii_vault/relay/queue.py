"""What is taken up next: so many at once for one shop and for one destination that none holds up the others."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final, Literal

import asyncpg

from pii_vault import store
from pii_vault.relay import store as sql

IN_PARALLEL: Final = 16
OF_A_SHOP: Final = 6
OF_A_DESTINATION: Final = 3
LEASE: Final = timedelta(seconds=90)  # well over the longest sending
PAIRS: Final = 500

Pair = tuple[int, str]  # tenant's key, destination


@dataclass(frozen=True, slots=True)
class Dispatch:
    """A claimed row. `attempts` also names the claim: who was overtaken by another claim changes nothing more."""

    id: str
    tenant_key: int
    tenant: str
    status: str
    subject: bytes
    template: str
    version: int
    parameters: str = field(repr=False)
    principal: str
    attempts: int
    destination: str
    contour: Literal["private", "public"]
    consent: str | None
    state: str

    @property
    def pair(self) -> Pair:
        return self.tenant_key, self.destination


def share_out(waiting: Sequence[Pair], busy: Iterable[Pair], *, room: int) -> dict[Pair, int]:
    """How many of each pair to take up, in turns, the longest waiting pair first; never over a shop's or a
    destination's share, with what is on its way already.
    """
    of_pair = Counter(busy)
    of_shop: Counter[int] = Counter()
    for (tenant_key, _), number in of_pair.items():
        of_shop[tenant_key] += number
    shares: Counter[Pair] = Counter()
    left = list(waiting)
    while room > 0 and left:
        turn, left = left, []
        for pair in turn:
            if room == 0 or of_pair[pair] >= OF_A_DESTINATION or of_shop[pair[0]] >= OF_A_SHOP:
                continue
            shares[pair] += 1
            of_pair[pair] += 1
            of_shop[pair[0]] += 1
            room -= 1
            left.append(pair)
    return dict(shares)


async def claim(pool: asyncpg.Pool, *, busy: Iterable[Pair]) -> list[Dispatch]:
    """Dispatches that are due, leased to the caller; `busy` are the pairs of those on their way in this process.

    First those whose mail may or may not have been taken by a process that is gone: their `state` is `sending`.

    Raises:
        StoreUnavailable.
    """
    under_way = list(busy)
    async with store.connection(pool) as connection:
        rows = list(await connection.fetch(sql.STRANDED, IN_PARALLEL, LEASE))
        waiting = [(row[0], row[1]) for row in await connection.fetch(sql.WAITING, PAIRS)]
        shares = share_out(waiting, under_way, room=IN_PARALLEL - len(under_way))
        if shares:
            tenants, destinations = [pair[0] for pair in shares], [pair[1] for pair in shares]
            rows += await connection.fetch(sql.CLAIM, tenants, destinations, list(shares.values()), LEASE)
    return [Dispatch(*row) for row in rows]
