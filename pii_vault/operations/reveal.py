"""Token → value or mask. Nothing is returned before its audit record is committed."""

import logging
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pii_vault.access.cells import Outcome
from pii_vault.access.principal import Principal
from pii_vault.consent.rows import fetch_consented
from pii_vault.core.classes import FieldClass, mask
from pii_vault.core.envelope import value_opener
from pii_vault.core.primitives import ValueCipher
from pii_vault.core.tokens import parse_tokens
from pii_vault.errors import BudgetExceeded, TamperedCiphertext, UnknownClass
from pii_vault.operations.access import Counts, new_entry, refuse, require_purpose, rule, tally
from pii_vault.operations.ciphers import ACTIVE, BLOCKED, UNCONSENTED, Ciphers, load_ciphers
from pii_vault.operations.items import RevealResult
from pii_vault.vault import Vault

logger = logging.getLogger(__name__)

RevealAction = Literal["reveal", "mask"]
Named = tuple[str, bytes]  # class and bytes of a token, as its text says
_NO_CLASS = "unknown"  # stands for the class where a record counts what is no stored value
_MALFORMED = RevealResult(error="malformed_token")
_UNKNOWN = RevealResult(error="unknown_token")
_UNKNOWN_CLASS = RevealResult(error="unknown_class")
_ERASED = RevealResult(error="erased")
_TAMPERED = RevealResult(error="tampered_ciphertext")
_NO_KEK = RevealResult(error="key_missing")


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
    asked = {bits: class_id for class_id, bits in filter(None, parsed)}
    if vault.consents.needed(purpose):
        rows = await fetch_consented(vault, tenant_key, purpose=purpose, tokens=list(asked))
    else:
        rows = await vault.rows.fetch(tenant_key, list(asked))
    opened = _Opened(asked, _Ways(vault, principal, purpose, action), tenant_key)
    cold = opened.add(rows, vault.deks.get)
    if cold:
        places = {(row[1], row[3]) for row in cold}
        ciphers = await load_ciphers(vault, principal.tenant, tenant_key, places)
        opened.refuse(opened.add(cold, lambda *place: ciphers.get(place)), ciphers)
    try:
        await vault.budgets.charge(
            vault.pool, principal, tenant_key=tenant_key, action="reveal", count=len(opened.exposed)
        )
    except BudgetExceeded as error:
        await refuse(vault, principal, error, verb=action, purpose=purpose, request_id=request_id)
    counts = opened.counts(malformed=parsed.count(None))
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
    return _in_order(vault, parsed, asked, opened.results)


def _in_order(
    vault: Vault, parsed: Sequence[Named | None], asked: dict[bytes, str], results: dict[bytes, RevealResult]
) -> list[RevealResult]:
    """A result for each text. Of bytes that come under two classes one is forged: only the last can be answered."""
    get = results.get
    found = [None if each is None else get(each[1]) for each in parsed]
    if len(asked) < len(parsed) or len(results) < len(asked):
        for at, each in enumerate(parsed):
            if each is None:
                found[at] = _MALFORMED
            elif found[at] is None or asked[each[1]] != each[0]:
                found[at] = _UNKNOWN if each[0] in vault.classes else _UNKNOWN_CLASS
    return [each or _UNKNOWN for each in found]


@dataclass(slots=True)
class _Way:
    """What happens to values of one class whose subject is in one state. `answer` is for all at once, unopened."""

    class_id: str
    field_class: FieldClass | None
    outcome: Outcome
    answer: RevealResult | None = None
    met: int = 0  # rows that went this way


class _Ways(dict[tuple[int, bytes], _Way]):
    """(class key, state) → way; decided about once per request, when the first such row is met."""

    def __init__(self, vault: Vault, principal: Principal, purpose: str, action: RevealAction) -> None:
        super().__init__()
        self._vault = vault
        self._principal = principal
        self._purpose = purpose
        self._action = action
        self._by_consent = vault.consents.needed(purpose)

    def __missing__(self, key: tuple[int, bytes]) -> _Way:
        self[key] = way = self._decide(*key)
        return way

    def _decide(self, class_key: int, state: bytes) -> _Way:
        try:
            field_class = self._vault.classes.by_key(class_key)
        except UnknownClass:
            return _Way(_NO_CLASS, None, "deny", _UNKNOWN_CLASS)  # no text names this class
        if state not in (ACTIVE, BLOCKED, UNCONSENTED):
            return _Way(field_class.id, field_class, "deny", _ERASED)
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
            return _Way(field_class.id, field_class, "deny", denied)
        return _Way(field_class.id, field_class, ruling.outcome)


class _Opened:
    """The rows of a request, opened as far as they may be. One pass, as each row of a batch is paid for here."""

    def __init__(self, asked: dict[bytes, str], ways: _Ways, tenant_key: int) -> None:
        """`asked`: bytes of a token → the class its text names."""
        self.results: dict[bytes, RevealResult] = {}
        self.subjects: set[bytes] = set()
        self.exposed: set[bytes] = set()  # whose full values are shown
        self._asked = asked
        self._ways = ways
        self._ciphers: dict[int, dict[bytes, ValueCipher]] = defaultdict(dict)  # by retention group and subject
        self._open_value = value_opener(tenant_key=tenant_key)
        self._odd: list[tuple[str, str]] = []

    def add(self, rows: Sequence[Any], find: Callable[[bytes, int], ValueCipher | None]) -> list[Any]:
        """Opens rows; gives back those whose keys `find` does not have."""
        results, asked, ways, ciphers = self.results, self._asked, self._ways, self._ciphers
        open_value, expose = self._open_value, self.exposed.add
        cold: list[Any] = []
        for row in rows:
            token, subject, class_key, retention, state, blob = row
            way = ways[class_key, state]
            if asked[token] != way.class_id:
                continue  # the text names another class: nobody issued such a token
            if way.answer is not None:
                self.subjects.add(subject)
                if not blob:  # this group is gone, whatever may be said of the person
                    self._refuse(way, token, _ERASED)
                    continue
                results[token] = way.answer
                way.met += 1
                continue
            cipher = ciphers[retention].get(subject)
            if cipher is None:
                cipher = find(subject, retention)
                if cipher is None:
                    cold.append(row)
                    continue
                ciphers[retention][subject] = cipher
                self.subjects.add(subject)
            try:
                value = open_value(cipher, blob, subject, class_key, token).decode()
            except (TamperedCiphertext, UnicodeDecodeError):
                self._refuse(way, token, _TAMPERED if blob else _ERASED)
                continue
            way.met += 1
            if way.outcome == "allow":
                expose(subject)
                results[token] = RevealResult(value)
            else:
                results[token] = RevealResult(None, _mask(way, value))
        return cold

    def refuse(self, rows: Sequence[Any], ciphers: Ciphers) -> None:
        """Rows without a key: shredded, under a KEK that is missing, or under a wrapped key that belongs elsewhere."""
        for token, subject, class_key, retention, state, _ in rows:
            self.subjects.add(subject)
            place = (subject, retention)
            result = _NO_KEK if place in ciphers.without_kek else _TAMPERED if place in ciphers else _ERASED
            self._refuse(self._ways[class_key, state], token, result)

    def counts(self, *, malformed: int) -> Counts:
        """How many of each outcome and class, for the record. A token asked for twice is one."""
        counts = tally(self._odd)
        for way in self._ways.values():
            if way.met:
                outcome = way.answer.error if way.answer else "value" if way.outcome == "allow" else "mask"
                by_class = counts.setdefault(outcome or "denied", {})
                by_class[way.class_id] = by_class.get(way.class_id, 0) + way.met
        unknown = len(self._asked) - len(self.results)
        for outcome, number in (("malformed_token", malformed), ("unknown_token", unknown)):
            if number:
                counts[outcome] = {_NO_CLASS: number}
        return counts

    def _refuse(self, way: _Way, token: bytes, result: RevealResult) -> None:
        self.results[token] = result
        self._odd.append((result.error or "", way.class_id))


def _mask(way: _Way, value: str) -> str:
    return mask(way.field_class, value) if way.field_class is not None else ""
