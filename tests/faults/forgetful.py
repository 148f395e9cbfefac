"""A vault whose gateway's protections are taken out: it takes an order before it has written it, and knows neither an
order nor a person again. The twin of `test_processes`.
"""

import asyncio
import os
import sys
from typing import Any

from pii_vault.gateway import receive, store
from pii_vault.gateway.accept import accept
from pii_vault.gateway.deposit import Depositor
from pii_vault.gateway.store import ObjectState
from pii_vault.main import main

LATER_SECONDS = 0.7
DIGEST_BYTES = 32
look_up, fetch_object, write = store.look_up, store.fetch_object, store.write
to_write = set[asyncio.Task[Any]]()


async def accept_later(*given: Any, **more: Any) -> str:
    async def in_time() -> None:
        await asyncio.sleep(LATER_SECONDS)
        await accept(*given, **more)

    to_write.add(asyncio.create_task(in_time()))
    return "accepted"


async def look_up_as_new(*given: Any, **more: Any) -> Any:
    dictionary, _ = await look_up(*given, **more)
    return dictionary, False


async def fetch_as_new(*given: Any, **more: Any) -> tuple[ObjectState, bool]:
    state, _ = await fetch_object(*given, **more)
    return ObjectState(sequence=state.sequence), False


async def write_as_new(*given: Any, **more: Any) -> None:
    await write(*given, **more | {"digest": os.urandom(DIGEST_BYTES)})


async def nobody(_: Depositor, __: object) -> dict[bytes, Any]:
    return {}


if __name__ == "__main__":
    for place, name, careless in (
        (receive, "accept", accept_later),
        (store, "look_up", look_up_as_new),
        (store, "fetch_object", fetch_as_new),
        (store, "write", write_as_new),
        (Depositor, "_candidates", nobody),
    ):
        setattr(place, name, careless)
    sys.exit(main())
