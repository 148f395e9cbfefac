"""Token → value or mask. Nothing is returned before its audit record is committed."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from pii_vault.access.cells import Outcome
from pii_vault.access.principal import Principal
from pii_vault.core.classes import FieldClass, mask
from pii_vault.core.envelope import value_opener
from pii_vault.core.tokens import parse_tokens
from pii_vault.errors import BudgetExceeded, TamperedCiphertext, UnknownClass
from pii_vault.operations.access import Counts, new_entry, refuse, require_purpose, rule, tally
from pii_vault.operations.ciphers import ACTIVE, BLOCKED, Ciphers, Place, load_ciphers
from pii_vault.operations.items import RevealResult
from pii_vault.vault import Vault

logger = logging.getLogger(__name__)

RevealAction = Literal["reveal", "mask"]
Asked = tuple[str, bytes]  # class and bytes of a token, as its text says
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
    parsed = parse_tokens(tokens, tenant=principal.tenant)
    bits = list({token[1] for token in parsed if token is not None})
    rows = await vault.rows.fetch(tenant_key, bits)
    ways = _Ways(vault, principal, purpose, action)
    looked = _look(rows, ways)
    try:
        await vault.budgets.charge(
            vault.pool, principal, tenant_key=tenant_key, action="reveal", count=len(looked.exposed)
        )
    except BudgetExceeded as error:
        await refuse(vault, principal, error, verb=action, purpose=purpose, request_id=request_id)
    ciphers = await load_ciphers(vault, principal.tenant, tenant_key, looked.places)
    results, counts = _answer(parsed, _open(rows, ways, ciphers, tenant_key), request_id)
    entry = new_entry(
        vault,
        principal,
        verb=action,
        purpose=purpose,
        request_id=request_id,
        decision="allow" if "value" in counts else "mask" if "mask" in counts else "deny",
        counts=counts,
        subjects=looked.subjects,
    )
    await vault.audit.commit(entry)
    return results


@dataclass(frozen=True, slots=True)
class _Way:
    """What happens to values of one class whose subject is in one state. `answer` is for all at once, unopened."""

    class_id: str
    field_class: FieldClass | None
    outcome: Outcome
    answer: RevealResult | None = None


class _Ways(dict[tuple[int, bytes], _Way]):
    """(class key, state) → way; decided about once per request, when the first such row is met."""

    def __init__(self, vault: Vault, principal: Principal, purpose: str, action: RevealAction) -> None:
        super().__init__()
        self._vault = vault
        self._principal = principal
        self._purpose = purpose
        self._action = action

    def __missing__(self, key: tuple[int, bytes]) -> _Way:
        self[key] = way = self._decide(*key)
        return way

    def _decide(self, class_key: int, state: bytes) -> _Way:
        try:
            field_class = self._vault.classes.by_key(class_key)
        except UnknownClass:
            return _Way(_NO_CLASS, None, "deny", _UNKNOWN_CLASS)
        if state not in (ACTIVE, BLOCKED):
            return _Way(field_class.id, field_class, "deny", _ERASED)
        ruling = rule(
            self._vault,
            self._principal,
            purpose=self._purpose,
            class_id=field_class.id,
            action=self._action,
            blocked=state == BLOCKED,
        )
        if ruling.outcome == "deny":
            denied = RevealResult(error=ruling.code or "denied", reason=ruling.reason)
            return _Way(field_class.id, field_class, "deny", denied)
        return _Way(field_class.id, field_class, ruling.outcome)


@dataclass(slots=True)
class _Looked:
    """Whom the rows concern, whose full values they would show, and which keys that takes."""

    subjects: set[bytes] = field(default_factory=set)
    exposed: set[bytes] = field(default_factory=set)
    places: set[Place] = field(default_factory=set)


def _look(rows: Sequence[Any], ways: _Ways) -> _Looked:
    looked = _Looked()
    subjects, exposed, places = looked.subjects, looked.exposed, looked.places
    for _, subject, class_key, retention, state, _ in rows:
        subjects.add(subject)
        way = ways[class_key, state]
        if way.answer is None:
            places.add((subject, retention))
            if way.outcome == "allow":
                exposed.add(subject)
    return looked


def _open(rows: Sequence[Any], ways: _Ways, ciphers: Ciphers, tenant_key: int) -> dict[Asked, RevealResult]:
    """(class, token) → result of every row."""
    opened: dict[Asked, RevealResult] = {}
    open_value = value_opener(tenant_key=tenant_key)
    for token, subject, class_key, retention, state, blob in rows:
        way = ways[class_key, state]
        field_class = way.field_class
        if way.answer is not None or field_class is None:
            opened[way.class_id, token] = way.answer or _UNKNOWN_CLASS
            continue
        place = (subject, retention)
        cipher = ciphers.get(place)
        if cipher is None:
            opened[way.class_id, token] = _TAMPERED if place in ciphers else _ERASED
            continue
        try:
            value = open_value(cipher, blob, subject, class_key, token).decode()
        except (TamperedCiphertext, UnicodeDecodeError):
            opened[way.class_id, token] = _TAMPERED
            continue
        opened[way.class_id, token] = (
            RevealResult(value) if way.outcome == "allow" else RevealResult(None, mask(field_class, value))
        )
    return opened


def _answer(
    parsed: Sequence[Asked | None], opened: dict[Asked, RevealResult], request_id: str
) -> tuple[list[RevealResult], Counts]:
    """Results in the order asked, and how many of each outcome and class for the record."""
    get = opened.get
    results = [_MALFORMED if asked is None else get(asked, _UNKNOWN) for asked in parsed]
    counts = tally(
        [
            (
                result.error or ("mask" if result.value is None else "value"),
                _NO_CLASS if result is _UNKNOWN or asked is None else asked[0],
            )
            for asked, result in zip(parsed, results, strict=True)
        ]
    )
    if "tampered_ciphertext" in counts:
        logger.error("integrity: request %s met ciphertexts that do not belong to their rows", request_id)
    return results, counts
