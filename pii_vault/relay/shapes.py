"""Shaped tokens in what goes out and comes back: `{{shape.phone}}` of a request, and a partner's answer that holds one.

A partner that insists on a phone and needs none gets a number that nobody can be issued. The person behind it is found
again by whoever may: no value went out.
"""

from collections.abc import Collection, Mapping

from pii_vault.core.shapes import is_shaped
from pii_vault.core.tokens import token_writer
from pii_vault.operations.shape import issue_shape, tokens_of_shapes
from pii_vault.relay.rules import own_principal
from pii_vault.vault import Vault, new_request_id


async def shapes_of(
    vault: Vault, tenant: str, newest: Mapping[str, bytes], *, classes: Collection[str]
) -> dict[tuple[str, str], str]:
    """("shape", class) → the shaped token of the person's newest value; `newest`: class → token. Each is on the record.

    Raises:
        NotFound (erased meanwhile), Busy, AuditUnavailable, StoreUnavailable.
    """
    found = {}
    for class_id in sorted(set(classes) & newest.keys()):
        token = token_writer(class_id, tenant=tenant)(newest[class_id])
        found["shape", class_id] = await issue_shape(
            vault, own_principal(tenant), token=token, request_id=new_request_id()
        )
    return found


async def token_behind(vault: Vault, tenant: str, class_id: str, text: str) -> str | None:
    """The token whose shape a partner sent back; None for a value, and for a shape that is nobody's any more."""
    if not is_shaped(class_id, text):
        return None
    [token] = await tokens_of_shapes(vault, tenant, class_id, [text])
    return token
