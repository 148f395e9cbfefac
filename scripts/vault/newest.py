"""The newest buyer of a shop is erased, and the public contour waited for: for checks, on persons they planted."""

import asyncio
import time
from typing import Final

from pii_vault import store
from pii_vault.errors import VaultError
from pii_vault.rights.erase import Eraser
from pii_vault.rights.erasure import find_erasure
from pii_vault.vault import new_request_id
from scripts.vault.officer import DEFAULT_OFFICER, OfficerDesk

SECONDS: Final = 60.0
NEWEST_BUYER: Final = """
SELECT o.contact FROM gateway_object o JOIN gateway_connection c ON c.key = o.connection_key
JOIN tenant t ON t.key = c.tenant_key JOIN subject s ON s.id = o.contact AND s.state = 'a'
WHERE o.object = 'order' AND t.id = $1 ORDER BY o.modified DESC NULLS LAST LIMIT 1
"""


class NotAcknowledged(VaultError):
    """The public contour did not acknowledge an erasure in time, or nobody was there to erase."""

    status_code = 503
    code = "erasure_not_acknowledged"


async def erase_newest(desk: OfficerDesk, tenant: str) -> str:
    """The subject that was erased, once the public contour has dropped its tokens. Raises NotAcknowledged."""
    rows = await store.fetch(desk.vault.pool, NEWEST_BUYER, tenant)
    if not rows:
        raise NotAcknowledged
    subject = rows[0][0]
    eraser = Eraser(desk.vault, desk.journal)
    officer = desk.officer(tenant, DEFAULT_OFFICER)
    erasure = await eraser.request(officer, subject, reason="subject_request", request_id=new_request_id())
    deadline = time.monotonic() + SECONDS
    while "public" not in erasure.dates:
        if time.monotonic() > deadline:
            raise NotAcknowledged
        await asyncio.sleep(0.3)
        erasure = await eraser.advance(await find_erasure(desk.vault, tenant, erasure.id))
    return erasure.subject_text
