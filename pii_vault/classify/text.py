"""A text taken in: one token as a whole, and, where the officer let it, its classified form for the public contour."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field

from pii_vault.access.principal import Principal
from pii_vault.classify.process import Classifier, ClassifierUnavailable
from pii_vault.classify.replace import replaced
from pii_vault.classify.setting import is_on, require_text
from pii_vault.classify.spans import Span
from pii_vault.core.detect import find_personal_data
from pii_vault.errors import InvalidValue
from pii_vault.operations.items import RetentionGroup, TokeniseItem, TokeniseResult
from pii_vault.operations.tokenise import tokenise
from pii_vault.vault import Vault

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class TakenText:
    """`token` stands for the whole text. `crossing` is the text with tokens in place: None unless it may cross."""

    token: str
    subject: str
    crossing: str | None = field(default=None, repr=False)


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
) -> TakenText:
    """Takes a text in. Values found in it become tokens of the text's own subject, so that they are erased with it.

    Anything that goes wrong with classifying (the process is away, a class may not be stored by this principal,
    something is still found in the result) leaves the text a token as a whole.

    Raises:
        InvalidValue (a blank text), InvalidRequest (no class of text), UnknownClass, Forbidden, TenantRefused, Busy,
        AuditUnavailable, StoreUnavailable, KeyServiceUnavailable.
    """
    require_text(vault.classes, class_id)
    whole = TokeniseItem(class_id=class_id, value=text, subject=subject)
    [taken] = await tokenise(vault, principal, [whole], request_id=request_id, group=group)
    if taken.token is None or taken.subject is None:
        raise InvalidValue(f"{class_id}: {taken.error}")
    if not await is_on(vault, principal.tenant, class_id):
        return TakenText(taken.token, taken.subject)
    try:
        spans = await classifier.find(text)
    except ClassifierUnavailable:
        logger.warning("request %s: no classifier, the text stays a token as a whole", request_id)
        return TakenText(taken.token, taken.subject)
    tokens = await _tokens(vault, principal, text, spans, taken.subject, class_id, request_id=request_id, group=group)
    crossing = None if tokens is None else replaced(text, spans, dict(zip(spans, tokens, strict=True)).__getitem__)
    if crossing is not None and find_personal_data(crossing):
        logger.error("request %s: a classified text still held personal data and was held back", request_id)
        crossing = None
    return TakenText(taken.token, taken.subject, crossing)


async def _tokens(  # noqa: PLR0917
    vault: Vault,
    principal: Principal,
    text: str,
    spans: Sequence[Span],
    subject: str,
    class_id: str,
    *,
    request_id: str,
    group: RetentionGroup,
) -> list[str] | None:
    """A token for each span; None when one of them could not be had."""
    if not spans:
        return []
    values = [text[span.start : span.end] for span in spans]
    items = [
        TokeniseItem(class_id=span.class_id, value=value, subject=subject)
        for span, value in zip(spans, values, strict=True)
    ]
    results = await tokenise(vault, principal, items, request_id=request_id, group=group)
    # A number said in words, a mistyped one: no value of its class, and still somebody's.
    odd = [at for at, result in enumerate(results) if result.error == "invalid_value"]
    if odd:
        again = [TokeniseItem(class_id=class_id, value=values[at], subject=subject) for at in odd]
        for at, result in zip(
            odd, await tokenise(vault, principal, again, request_id=request_id, group=group), strict=True
        ):
            results[at] = result
    return _all_tokens(results)


def _all_tokens(results: Sequence[TokeniseResult]) -> list[str] | None:
    tokens = [result.token for result in results if result.token is not None]
    return tokens if len(tokens) == len(results) else None
