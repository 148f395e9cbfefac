"""Rows of values for a purpose that rests on consent: one statement that knows who consented, whatever the batch."""

from collections.abc import Sequence
from typing import Any

from pii_vault import store
from pii_vault.vault import Vault


async def fetch_consented(vault: Vault, tenant_key: int, *, purpose: str, tokens: Sequence[bytes]) -> list[Any]:
    """As store.FETCH_VALUES; the state of whoever did not consent to this purpose is `n`.

    Read each time and kept nowhere, so a withdrawal works on the next request. Raises StoreUnavailable.
    """
    register, classes = vault.consents, [vault.classes.get(class_id) for class_id in vault.classes.ids()]
    keys = [field_class.key for field_class in classes]
    masks = [register.mask(purpose, field_class.id) for field_class in classes]
    others = register.mask(purpose, "")
    return await store.fetch(vault.pool, store.FETCH_CONSENTED, tokens, tenant_key, keys, masks, others)
