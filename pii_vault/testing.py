"""A vault in memory for the tests of programs: the interface of `VaultClient`, no database, no keys, no network.

It passes the same contract suite as the real one (tests/integration/pii_vault/client). Values stand in plain memory,
so it says on every start that it protects nothing.
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from pii_vault.access.compile import compile_matrix
from pii_vault.access.matrix import RequestFacts, Ruling, SubjectFacts, decide
from pii_vault.access.principal import Principal
from pii_vault.client import FoundSubject, RevealResult, TakenText, TokeniseItem, TokeniseResult, VaultRefused
from pii_vault.core.classes import FieldClass, load_classes, mask, normalise
from pii_vault.core.tokens import new_id, new_subject_text, new_token_text, parse_subject, parse_token
from pii_vault.errors import InvalidValue, MalformedToken, UnknownClass, VaultError
from pii_vault.store import new_ids

MAX_ITEMS = 1000


class DevelopmentModeWarning(UserWarning):
    """Something that protects nothing is in use."""


@dataclass(frozen=True, slots=True)
class _Value:
    field_class: FieldClass
    value: str = field(repr=False)
    normal: str = field(repr=False)
    subject: bytes
    deterministic: bool


class InMemoryVault:
    """Implements `pii_vault.client.VaultPort` for one tenant and one program."""

    def __init__(self, policies: Path, *, tenant: str = "demo", role: str = "program") -> None:
        warnings.warn("values are kept in plain memory", DevelopmentModeWarning, stacklevel=2)
        self._classes = load_classes(policies / "classes.yaml")
        self._matrix = compile_matrix(policies)
        self._tenant = tenant
        self._principal = Principal("service", new_id("svc"), tenant, (role,), "private")
        self._values: dict[bytes, _Value] = {}
        self._subjects: set[bytes] = set()
        self._answers: dict[str, tuple[list[TokeniseItem], list[TokeniseResult]]] = {}

    async def tokenise(
        self, items: Sequence[TokeniseItem], *, idempotency_key: str | None = None
    ) -> list[TokeniseResult]:
        _check_count(items)
        classes = {item.class_id: self._class(item.class_id) for item in items}
        if any(item.kind == "deterministic" and not classes[item.class_id].indexed for item in items):
            raise VaultRefused(422, "invalid_request", "only an indexed class has deterministic tokens")
        kept = self._answers.get(idempotency_key or "")
        if kept is not None:
            if kept[0] != list(items):
                raise VaultRefused(422, "idempotency_conflict", "the key was used with another request")
            return kept[1]
        labels: dict[str, bytes] = {}
        results = [self._take(item, classes[item.class_id], labels) for item in items]
        if idempotency_key:
            self._answers[idempotency_key] = (list(items), results)
        return results

    async def reveal(self, tokens: Sequence[str], *, purpose: str) -> list[RevealResult]:
        _check_count(tokens)
        self._require(purpose, "reveal")
        return [self._show(token, purpose) for token in tokens]

    async def search(self, value: str, *, class_id: str, purpose: str) -> list[FoundSubject]:
        field_class = self._class(class_id)
        self._require(purpose, "search")
        if not field_class.indexed:
            raise VaultRefused(422, "invalid_request", "this class has no index and cannot be searched")
        if self._rule(purpose, field_class.id, "search").outcome != "allow":
            raise VaultRefused(403, "forbidden", "no policy lets this program search this class")
        try:
            normal = normalise(field_class, value)
        except InvalidValue as error:
            raise _refused(error) from None
        found = dict.fromkeys(known.subject for known in self._equal(field_class, normal).values())
        return [self._describe(subject) for subject in found]

    async def classify(self, text: str, *, subject: str | None = None, idempotency_key: str | None = None) -> TakenText:
        """No officer ever lets a text of this vault cross."""
        item = TokeniseItem("text", text, subject)
        [taken] = await self.tokenise([item], idempotency_key=idempotency_key)
        if taken.token is None or taken.subject is None:
            raise VaultRefused(422, "invalid_value", f"text: {taken.error}")
        return TakenText(taken.token, taken.subject)

    def _take(self, item: TokeniseItem, field_class: FieldClass, labels: dict[str, bytes]) -> TokeniseResult:
        purposes = self._matrix.purposes_for(self._principal.roles, "tokenise")
        if all(self._rule(purpose, field_class.id, "tokenise").outcome != "allow" for purpose in purposes):
            return TokeniseResult(error="denied")
        try:
            normal = normalise(field_class, item.value)
        except InvalidValue:
            return TokeniseResult(error="invalid_value")
        subject: bytes | None = None
        if item.subject is not None and item.subject[:1] != "@":
            try:
                subject = parse_subject(item.subject, tenant=self._tenant)
            except MalformedToken:
                return TokeniseResult(error="malformed_token")
            if subject not in self._subjects:
                return TokeniseResult(error="unknown_subject")
        elif item.subject is not None:
            subject = labels.setdefault(item.subject, new_ids(1)[0])
        return self._place(item, field_class, normal, subject)

    def _place(self, item: TokeniseItem, field_class: FieldClass, normal: str, subject: bytes | None) -> TokeniseResult:
        if item.kind == "deterministic":
            for bits, known in self._equal(field_class, normal).items():
                if known.deterministic and subject in (None, known.subject):
                    return self._named(bits, known)
        [bits] = new_ids(1)
        owner = subject if subject is not None else new_ids(1)[0]
        value = _Value(field_class, item.value, normal, owner, item.kind == "deterministic")
        self._values[bits] = value
        self._subjects.add(owner)
        return self._named(bits, value)

    def _show(self, text: str, purpose: str) -> RevealResult:
        try:
            token = parse_token(text, tenant=self._tenant)
        except MalformedToken:
            return RevealResult(error="malformed_token")
        known = self._values.get(token.bits)
        if known is None or known.field_class.id != token.class_id:
            return RevealResult(error="unknown_token")
        ruling = self._rule(purpose, token.class_id, "reveal")
        if ruling.outcome == "deny":
            return RevealResult(error=ruling.code or "denied", reason=ruling.reason)
        if ruling.outcome == "mask":
            return RevealResult(mask=mask(known.field_class, known.value))
        return RevealResult(value=known.value)

    def _equal(self, field_class: FieldClass, normal: str) -> dict[bytes, _Value]:
        return {
            bits: known
            for bits, known in self._values.items()
            if known.field_class is field_class and known.normal == normal
        }

    def _describe(self, subject: bytes) -> FoundSubject:
        tokens: dict[str, list[str]] = {}
        for bits, known in reversed(self._values.items()):
            if known.subject == subject:
                tokens.setdefault(known.field_class.id, []).append(self._named(bits, known).token or "")
        return FoundSubject(new_subject_text(subject, tenant=self._tenant), tokens)

    def _named(self, bits: bytes, value: _Value) -> TokeniseResult:
        return TokeniseResult(
            token=new_token_text(value.field_class.id, tenant=self._tenant, bits=bits),
            subject=new_subject_text(value.subject, tenant=self._tenant),
        )

    def _class(self, class_id: str) -> FieldClass:
        try:
            return self._classes.get(class_id)
        except UnknownClass as error:
            raise _refused(error) from None

    def _require(self, purpose: str, verb: str) -> None:
        if purpose not in self._matrix.purposes:
            raise VaultRefused(422, "unknown_purpose", "no such purpose in the register")
        if not self._matrix.could_allow_any(self._principal.roles, purpose, verb):
            raise VaultRefused(403, "forbidden", "no policy lets this program do this for this purpose")

    def _rule(self, purpose: str, class_id: str, action: str) -> Ruling:
        decision = decide(
            self._matrix,
            principal=self._principal,
            purpose=purpose,
            class_id=class_id,
            action=action,
            facts=RequestFacts(now=datetime.now(UTC)),
        )
        return decision.for_subject(SubjectFacts(consent=False, blocked=False))


def _check_count(items: Sequence[object]) -> None:
    if len(items) > MAX_ITEMS:
        raise VaultRefused(413, "body_too_large", "send at most 1,000 items")
    if not items:
        raise VaultRefused(422, "invalid_request", "items: send at least one")


def _refused(error: VaultError) -> VaultRefused:
    return VaultRefused(error.status_code, error.code, error.detail)
