"""Token → value or mask. Nothing is returned before its audit record is committed."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from pii_vault import store
from pii_vault.access.matrix import Ruling
from pii_vault.access.principal import Principal
from pii_vault.core.classes import FieldClass, mask
from pii_vault.core.tokens import Token, parse_token
from pii_vault.errors import BudgetExceeded, MalformedToken, TamperedCiphertext, UnknownClass
from pii_vault.operations.access import Counts, count, new_entry, refuse, require_purpose, rule
from pii_vault.operations.ciphers import ACTIVE, BLOCKED, ERASED, Ciphers, load_ciphers, open_row
from pii_vault.operations.items import RevealResult
from pii_vault.vault import Vault

logger = logging.getLogger(__name__)

RevealAction = Literal["reveal", "mask"]
_NO_CLASS = "unknown"  # stands for the class where a record counts what is no stored value
_MALFORMED = RevealResult(error="malformed_token")
_UNKNOWN = RevealResult(error="unknown_token")
_UNKNOWN_CLASS = RevealResult(error="unknown_class")
_ERASED = RevealResult(error="erased")
_TAMPERED = RevealResult(error="tampered_ciphertext")


async def reveal(
    vault: Vault,
    principal: Principal,
    *,
    purpose: str,
    tokens: Sequence[str],
    request_id: str,
    action: RevealAction = "reveal",
) -> list[RevealResult]:
    """Values or masks in the order of the tokens, a result per item.

    `action="mask"` gives at most masks: a page draws them at once, the value needs a reveal. Unknown tokens and
    those of another tenant take the same way and give the same answer.

    Raises:
        UnknownPurpose, Forbidden (no class could be allowed), BudgetExceeded, TenantRefused, AuditUnavailable,
        StoreUnavailable, KeyServiceUnavailable.
    """
    tenant_key = await vault.tenants.key(principal.tenant)
    await require_purpose(vault, principal, verb=action, purpose=purpose, request_id=request_id)
    parsed = _parse(tokens, principal.tenant)
    bits = list({token.bits for token in parsed if token is not None})
    rows = await store.fetch(vault.pool, store.FETCH_VALUES, bits, tenant_key)
    ruled = _Ruled(vault, principal, purpose, action, tenant_key)
    for row in rows:
        ruled.add(row)
    try:
        await vault.budgets.charge(
            vault.pool, principal, tenant_key=tenant_key, action="reveal", count=len(ruled.exposed)
        )
    except BudgetExceeded as error:
        await refuse(vault, principal, error, verb=action, purpose=purpose, request_id=request_id)
    ciphers = await load_ciphers(vault, principal.tenant, tenant_key, ruled.places)
    results, counts = _collect(parsed, ruled.open_all(ciphers), request_id)
    entry = new_entry(
        vault,
        principal,
        verb=action,
        purpose=purpose,
        request_id=request_id,
        decision="allow" if "value" in counts else "mask" if "mask" in counts else "deny",
        counts=counts,
        subjects=ruled.subjects,
    )
    await vault.audit.commit(entry)
    return results


def _parse(tokens: Sequence[str], tenant: str) -> list[Token | None]:
    parsed: list[Token | None] = []
    for text in tokens:
        try:
            parsed.append(parse_token(text, tenant=tenant))
        except MalformedToken:
            parsed.append(None)
    return parsed


@dataclass(slots=True)
class _ClassRulings:
    """What happens to values of one class in this request, by the state of the subject."""

    field_class: FieldClass
    by_state: dict[bytes, Ruling]


@dataclass(slots=True)
class _Ruled:
    """Rows of one request, each with its ruling; opened only where the ruling lets something through."""

    vault: Vault
    principal: Principal
    purpose: str
    action: RevealAction
    tenant_key: int
    opened: dict[bytes, tuple[str, RevealResult]] = field(default_factory=dict)
    permitted: list[tuple[Any, FieldClass, bool]] = field(default_factory=list)
    subjects: set[bytes] = field(default_factory=set)
    exposed: set[bytes] = field(default_factory=set)
    places: set[tuple[bytes, int]] = field(default_factory=set)
    _rulings: dict[int, _ClassRulings | None] = field(default_factory=dict)

    def add(self, row: Any) -> None:
        """Decide about one row: to be opened, or answered with an error at once."""
        token, subject, class_key, retention, state, _ = row
        self.subjects.add(subject)
        if class_key not in self._rulings:
            self._rulings[class_key] = self._rule(class_key)
        rulings = self._rulings[class_key]
        if rulings is None:
            self.opened[token] = (_NO_CLASS, _UNKNOWN_CLASS)
            return
        if state == ERASED:
            self.opened[token] = (rulings.field_class.id, _ERASED)
            return
        ruling = rulings.by_state[state]
        if ruling.outcome == "deny":
            denied = RevealResult(error=ruling.code or "denied", reason=ruling.reason)
            self.opened[token] = (rulings.field_class.id, denied)
            return
        self.places.add((subject, retention))
        whole = ruling.outcome == "allow"
        if whole:
            self.exposed.add(subject)
        self.permitted.append((row, rulings.field_class, whole))

    def open_all(self, ciphers: Ciphers) -> dict[bytes, tuple[str, RevealResult]]:
        """Token → class and result of every row."""
        opened, tenant_key = self.opened, self.tenant_key
        for row, field_class, whole in self.permitted:
            place = (row[1], row[3])
            cipher = ciphers.get(place)
            if cipher is None:
                opened[row[0]] = (field_class.id, _TAMPERED if place in ciphers else _ERASED)
                continue
            try:
                value = open_row(cipher, row, tenant_key=tenant_key)
            except TamperedCiphertext:
                opened[row[0]] = (field_class.id, _TAMPERED)
                continue
            result = RevealResult(value=value) if whole else RevealResult(mask=mask(field_class, value))
            opened[row[0]] = (field_class.id, result)
        return opened

    def _rule(self, class_key: int) -> _ClassRulings | None:
        vault = self.vault
        try:
            field_class = vault.classes.by_key(class_key)
        except UnknownClass:
            return None
        rulings = {
            state: rule(
                vault,
                self.principal,
                purpose=self.purpose,
                class_id=field_class.id,
                action=self.action,
                blocked=state == BLOCKED,
            )
            for state in (ACTIVE, BLOCKED)
        }
        return _ClassRulings(field_class, rulings)


def _collect(
    parsed: Sequence[Token | None], opened: dict[bytes, tuple[str, RevealResult]], request_id: str
) -> tuple[list[RevealResult], Counts]:
    """Results in the order asked, and how many of each outcome and class for the record."""
    results: list[RevealResult] = []
    counts: Counts = {}
    for token in parsed:
        if token is None:
            results.append(_MALFORMED)
            count(counts, "malformed_token", _NO_CLASS)
            continue
        class_id, result = opened.get(token.bits, (_NO_CLASS, _UNKNOWN))
        if class_id != token.class_id:
            class_id, result = _NO_CLASS, _UNKNOWN_CLASS if result is _UNKNOWN_CLASS else _UNKNOWN
        results.append(result)
        outcome = "value" if result.value is not None else "mask" if result.mask is not None else result.error
        count(counts, outcome or "", class_id)
    if "tampered_ciphertext" in counts:
        logger.error("integrity: request %s met ciphertexts that do not belong to their rows", request_id)
    return results, counts
