"""One of the planted persons is erased: the order to the public contour and its answer are channels too."""

import asyncio
import time
from typing import Final

from pii_vault import store
from pii_vault.rights.erase import Eraser
from pii_vault.rights.erasure import find_erasure
from pii_vault.vault import new_request_id
from scripts.leakcheck.rig import Rig
from scripts.local.officer import DEFAULT_OFFICER, OfficerDesk, at_desk

SECONDS: Final = 60.0
NEWEST_BUYER: Final = """
SELECT o.contact, t.id FROM gateway_object o JOIN gateway_connection c ON c.key = o.connection_key
JOIN tenant t ON t.key = c.tenant_key JOIN subject s ON s.id = o.contact AND s.state = 'a'
WHERE o.object = 'order' ORDER BY o.modified DESC NULLS LAST LIMIT 1
"""


class ErasureProblem(Exception):
    """The public contour did not acknowledge an erasure in time, so its channel was not looked at."""


def erase_one(running: Rig) -> None:
    """Erases the newest buyer and waits until the public contour has dropped the tokens. Raises ErasureProblem."""

    async def act(desk: OfficerDesk) -> None:
        rows = await store.fetch(desk.vault.pool, NEWEST_BUYER)
        if not rows:
            raise ErasureProblem
        subject, tenant = rows[0]
        eraser = Eraser(desk.vault, desk.journal)
        officer = desk.officer(tenant, DEFAULT_OFFICER)
        erasure = await eraser.request(officer, subject, reason="subject_request", request_id=new_request_id())
        deadline = time.monotonic() + SECONDS
        while "public" not in erasure.dates:
            if time.monotonic() > deadline:
                raise ErasureProblem
            await asyncio.sleep(0.3)
            erasure = await eraser.advance(await find_erasure(desk.vault, tenant, erasure.id))

    at_desk(act, of=running.instance)
