"""Token → value or mask. Nothing is returned before its audit record is committed."""

import logging
from collections.abc import Sequence
from typing import Literal

from pii_vault.access.principal import Principal
from pii_vault.consent.rows import consents_for
from pii_vault.core.token_batches import read_tokens
from pii_vault.errors import BudgetExceeded, UnknownClass
from pii_vault.operations.access import new_entry, refuse, require_purpose, rule
from pii_vault.operations.ciphers import ACTIVE, BLOCKED, UNCONSENTED, load_ciphers
from pii_vault.operations.items import RevealResult
from pii_vault.operations.opened import ERASED, NO_CLASS, Opened, Way
from pii_vault.operations.rows import SMALL
from pii_vault.vault import Vault

logger = logging.getLogger(__name__)

RevealAction = Literal["reveal", "mask"]
_MALFORMED = RevealResult(error="malformed_token")
_UNKNOWN = RevealResult(error="unknown_token")
_UNKNOWN_CLASS = RevealResult(error="unknown_class")


async def reveal(
    vault: Vault,
    principal: Principal,
    *,
    purpose: str,
    tokens: Sequence[str],
    request_id: str,
    action: RevealAction = "reveal",
    keep: bool = True,
) -> list[RevealResult]:
    """Values or masks in the order of the tokens, a result per item.

    `keep`: the persons' keys stay in memory, as they are likely to be looked at again.

    `action="mask"` gives at most masks: a page draws them at once, the value needs a reveal. Unknown tokens and
    those of another tenant take the same way and give the same answer.

    Raises:
        UnknownPurpose, Forbidden (no class could be allowed), BudgetExceeded, TenantRefused, AuditUnavailable,
        StoreUnavailable, KeyServiceUnavailable.
    """
    tenant_key = await vault.tenants.key(principal.tenant)
    await require_purpose(vault, principal, verb=action, purpose=purpose, request_id=request_id)
    class_ids, bits = read_tokens(tokens, tenant=principal.tenant)
    malformed = class_ids.count(None)
    asked: dict[bytes, str] = {
        token: class_id for token, class_id in zip(bits, class_ids, strict=True) if class_id is not None
    }
    rows = await vault.rows.fetch(tenant_key, list(asked))
    opened = Opened(asked, _Ways(vault, principal, purpose, action), tenant_key, consents_for(vault, purpose))
    cold = opened.add(rows, vault.deks)
    if cold:
        places = {row.place for row in cold}
        read = vault.replicas.known if len(places) > SMALL else None
        ciphers = await load_ciphers(vault, principal.tenant, tenant_key, places, read=read, keep=keep)
        opened.add_cold(cold, ciphers)
    exposed = len(opened.exposed)
    try:
        await vault.budgets.charge(vault.pool, principal, tenant_key=tenant_key, action="reveal", count=exposed)
    except BudgetExceeded as error:
        await refuse(vault, principal, error, verb=action, purpose=purpose, request_id=request_id)
    counts = opened.counts(malformed=malformed)
    if "tampered_ciphertext" in counts:
        logger.error("integrity: request %s met ciphertexts that do not belong to their rows", request_id)
    entry = new_entry(
        vault,
        principal,
        verb=action,
        purpose=purpose,
        request_id=request_id,
        decision="allow" if "value" in counts else "mask" if "mask" in counts else "deny",
        counts=counts,
        subjects=opened.subjects,
    )
    await vault.audit.commit(entry)
    if len(bits) == len(asked) == len(opened.results):
        return [opened.results[token] for token in bits]
    return _in_order(vault, class_ids, bits, asked, opened.results)


def _in_order(
    vault: Vault,
    class_ids: Sequence[str | None],
    bits: Sequence[bytes],
    asked: dict[bytes, str],
    results: dict[bytes, RevealResult],
) -> list[RevealResult]:
    """A result for each text. Of bytes that come under two classes one is forged: only the last can be answered."""
    found: list[RevealResult] = []
    for class_id, token in zip(class_ids, bits, strict=True):
        if class_id is None:
            found.append(_MALFORMED)
            continue
        result = results.get(token) if asked[token] == class_id else None
        found.append(result or (_UNKNOWN if class_id in vault.classes else _UNKNOWN_CLASS))
    return found


class _Ways(dict[tuple[int, bytes], Way]):
    """(class key, state) → way; decided about once per request, when the first such row is met."""

    def __init__(self, vault: Vault, principal: Principal, purpose: str, action: RevealAction) -> None:
        super().__init__()
        self._vault = vault
        self._principal = principal
        self._purpose = purpose
        self._action = action
        self._by_consent = vault.consents.needed(purpose)

    def __missing__(self, key: tuple[int, bytes]) -> Way:
        self[key] = way = self._decide(*key)
        return way

    def _decide(self, class_key: int, state: bytes) -> Way:
        try:
            field_class = self._vault.classes.by_key(class_key)
        except UnknownClass:
            return Way(NO_CLASS, None, "deny", _UNKNOWN_CLASS)  # no text names this class
        if state not in (ACTIVE, BLOCKED, UNCONSENTED):
            return Way(field_class.id, field_class, "deny", ERASED)
        ruling = rule(
            self._vault,
            self._principal,
            purpose=self._purpose,
            class_id=field_class.id,
            action=self._action,
            blocked=state == BLOCKED,
            consent=self._by_consent and state == ACTIVE,
        )
        if ruling.outcome == "deny":
            denied = RevealResult(error=ruling.code or "denied", reason=ruling.reason)
            return Way(field_class.id, field_class, "deny", denied)
        return Way(field_class.id, field_class, ruling.outcome)
