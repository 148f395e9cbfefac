"""A text taken in: one token as a whole, and, where the officer let it, its classified form for the public contour."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from pii_vault.access.principal import Principal
from pii_vault.classify.process import Classifier, ClassifierUnavailable
from pii_vault.classify.replace import replaced
from pii_vault.classify.setting import is_on, require_text
from pii_vault.classify.spans import Span
from pii_vault.core.mixed import is_mixed
from pii_vault.errors import InvalidValue, VaultError
from pii_vault.operations.items import RetentionGroup, TakenText, TokeniseItem, TokeniseResult
from pii_vault.operations.tokenise import tokenise
from pii_vault.vault import Vault

logger = logging.getLogger(__name__)


async def classify_text(
    vault: Vault,
    principal: Principal,
    text: str,
    *,
    classifier: Classifier,
    request_id: str,
    subject: str | None = None,
    class_id: str = "text",
    group: RetentionGroup = "other",
    idempotency_key: str | None = None,
) -> TakenText:
    """Takes a text in.

    Raises:
        InvalidValue (a blank text), InvalidRequest (no class of text), UnknownClass, Forbidden, TenantRefused, Busy,
        IdempotencyConflict, AuditUnavailable, StoreUnavailable, KeyServiceUnavailable.
    """
    require_text(vault.classes, class_id)
    whole = TokeniseItem(class_id=class_id, value=text, subject=subject)
    [taken] = await tokenise(
        vault, principal, [whole], request_id=request_id, group=group, idempotency_key=idempotency_key
    )
    if taken.token is None or taken.subject is None:
        raise InvalidValue(f"{class_id}: {taken.error}")
    crossing = await crossing_form(
        vault,
        principal,
        text,
        classifier=classifier,
        subject=taken.subject,
        request_id=request_id,
        class_id=class_id,
        group=group,
        idempotency_key=idempotency_key,
    )
    return TakenText(taken.token, taken.subject, crossing)


async def crossing_form(
    vault: Vault,
    principal: Principal,
    text: str,
    *,
    classifier: Classifier,
    subject: str,
    request_id: str,
    class_id: str = "text",
    group: RetentionGroup = "other",
    idempotency_key: str | None = None,
) -> str | None:
    """The text with tokens in place, for a text that is stored as a whole already; None unless it may cross.

    Values found in it become tokens of the text's own subject, so that they are erased with it, and are found by
    nothing: a phone that a note mentions is not its writer's. Whatever goes wrong (the process is away or slow, a class
    may not be stored by this principal, nothing or too little was found) leaves the text a token as a whole.
    """
    try:
        if not await is_on(vault, principal.tenant, class_id):
            return None
        spans = await classifier.find(text)
        inner = _Inner(vault, principal, subject, request_id, group, idempotency_key)
        tokens = await inner.tokens([(span.class_id, text[span.start : span.end]) for span in spans], class_id)
    except ClassifierUnavailable:
        logger.warning("request %s: no classifier, the text stays a token as a whole", request_id)
        return None
    except VaultError as error:
        logger.warning("request %s: %s, the text stays a token as a whole", request_id, error.code)
        return None
    crossing = None if tokens is None else crossing_of(text, spans, tokens)
    if tokens is not None and crossing is None:
        logger.error("request %s: a classified text still held personal data and was held back", request_id)
    return crossing


def crossing_of(text: str, spans: Sequence[Span], tokens: Sequence[str]) -> str | None:
    """The text with these tokens in the places of these spans, if it may leave so; else None."""
    mixed = replaced(text, spans, dict(zip(spans, tokens, strict=True)).__getitem__)
    return mixed if is_mixed(mixed) else None


@dataclass(frozen=True, slots=True)
class _Inner:
    """Takes in what stands in a text."""

    vault: Vault
    principal: Principal
    subject: str
    request_id: str
    group: RetentionGroup
    idempotency_key: str | None

    async def tokens(self, values: Sequence[tuple[str, str]], class_id: str) -> list[str] | None:
        """A token for each (class, value); None when one of them could not be had, or there is none."""
        if not values:
            return None
        results = await self._store(values, "values")
        # A number said in words, a mistyped one: no value of its class, and still somebody's.
        odd = [at for at, result in enumerate(results) if result.error == "invalid_value"]
        if odd:
            again = await self._store([(class_id, values[at][1]) for at in odd], "texts")
            for at, result in zip(odd, again, strict=True):
                results[at] = result
        tokens = [result.token for result in results if result.token is not None]
        return tokens if len(tokens) == len(results) else None

    async def _store(self, values: Sequence[tuple[str, str]], part: str) -> list[TokeniseResult]:
        key = None if self.idempotency_key is None else f"{self.idempotency_key} {part}"
        return await tokenise(
            self.vault,
            self.principal,
            [TokeniseItem(class_id=class_id, value=value, subject=self.subject) for class_id, value in values],
            request_id=self.request_id,
            idempotency_key=key,
            group=self.group,
            mentioned=True,
        )
