"""What every operation asks first: is the purpose known, may this principal do anything, what of each class."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from typing import Never

from pii_vault.access.matrix import RequestFacts, Ruling, SubjectFacts, decide
from pii_vault.access.principal import Principal
from pii_vault.audit.log import AuditEntry
from pii_vault.errors import Forbidden, UnknownPurpose, VaultError
from pii_vault.vault import Vault

Counts = dict[str, dict[str, int]]  # outcome → class → how many


def new_entry(
    vault: Vault,
    principal: Principal,
    *,
    verb: str,
    purpose: str,
    request_id: str,
    decision: str,
    counts: Mapping[str, Mapping[str, int]] | None = None,
    subjects: Iterable[bytes] = (),
) -> AuditEntry:
    return AuditEntry(
        tenant=principal.tenant,
        principal_id=principal.id,
        principal_kind=principal.kind,
        verb=verb,
        purpose=purpose if purpose in vault.purposes else "",  # what nobody registered is a stranger's text
        decision=decision,
        counts=counts or {},
        matrix_version=vault.matrix.version,
        request_id=request_id,
        subjects=list(subjects),
    )


async def refuse(
    vault: Vault, principal: Principal, error: VaultError, *, verb: str, purpose: str, request_id: str
) -> Never:
    """Records the refusal, then raises it. What cannot be recorded is refused as AuditUnavailable."""
    entry = new_entry(vault, principal, verb=verb, purpose=purpose, request_id=request_id, decision=error.code)
    await vault.audit.commit(entry)
    raise error


async def require_purpose(vault: Vault, principal: Principal, *, verb: str, purpose: str, request_id: str) -> None:
    """Raises UnknownPurpose, or Forbidden where principal, verb and purpose could allow no class at all."""
    if purpose not in vault.purposes:
        raise UnknownPurpose
    await vault.grants.refresh()
    if not vault.matrix.could_allow_any(principal.roles, purpose, verb):
        await refuse(vault, principal, Forbidden(), verb=verb, purpose=purpose, request_id=request_id)


def rule(
    vault: Vault,
    principal: Principal,
    *,
    purpose: str,
    class_id: str,
    action: str,
    blocked: bool = False,
    consent: bool = False,
) -> Ruling:
    """The ruling for one class and a person of whom this is known; no consent is assumed."""
    facts = RequestFacts(now=vault.clock(), break_glass=vault.grants.covers(principal, purpose, class_id))
    decision = decide(vault.matrix, principal=principal, purpose=purpose, class_id=class_id, action=action, facts=facts)
    return decision.for_subject(SubjectFacts(consent=consent, blocked=blocked))


def may_tokenise(vault: Vault, principal: Principal, class_id: str) -> bool:
    """Taking a value in names no purpose: it is allowed where it is allowed for any purpose at all."""
    return any(
        rule(vault, principal, purpose=purpose, class_id=class_id, action="tokenise").outcome == "allow"
        for purpose in vault.matrix.purposes_for(principal.roles, "tokenise")
    )


def may_search(vault: Vault, principal: Principal, class_id: str, *, purposes: Collection[str] | None) -> bool:
    """Whether a value of this class may be searched for under any purpose, of those given where they are given."""
    return any(
        rule(vault, principal, purpose=purpose, class_id=class_id, action="search").outcome == "allow"
        for purpose in vault.matrix.purposes_for(principal.roles, "search")
        if purposes is None or purpose in purposes
    )


def tally(outcomes: Iterable[tuple[str, str]]) -> Counts:
    """Counts of (outcome, class) pairs, for the record."""
    counts: Counts = {}
    for (outcome, class_id), number in Counter(outcomes).items():
        counts.setdefault(outcome, {})[class_id] = number
    return counts
