"""The note of an order where the officer lets classified texts cross: what in it becomes a token of its own."""

import logging
from dataclasses import replace

from pii_vault.access.principal import Principal
from pii_vault.classify.process import Classifier, ClassifierUnavailable
from pii_vault.classify.setting import is_on
from pii_vault.core.classes import normalise
from pii_vault.errors import InvalidValue
from pii_vault.gateway.parties import Mention, Parties, Text, Value
from pii_vault.operations.access import may_tokenise
from pii_vault.vault import Vault

logger = logging.getLogger(__name__)


async def with_mentions(
    vault: Vault, principal: Principal, parties: Parties, *, classifier: Classifier, request_id: str
) -> Parties:
    """The same parties; the note says what stands in it. The rest is a program's data and stays whole.

    A classifier that is away or slow holds no delivery up for long: the note then stays a token as a whole.

    Raises:
        StoreUnavailable.
    """
    note = parties.note
    if note is None or not await is_on(vault, principal.tenant, note.value.field_class.id):
        return parties
    return replace(parties, note=await _looked_through(vault, principal, note, classifier, request_id))


async def _looked_through(
    vault: Vault, principal: Principal, note: Text, classifier: Classifier, request_id: str
) -> Text:
    text = note.value.text
    try:
        spans = await classifier.find(text)
    except ClassifierUnavailable:
        logger.warning("request %s: no classifier, the note stays a token as a whole", request_id)
        return replace(note, crosses=True)
    if not all(may_tokenise(vault, principal, span.class_id) for span in spans):
        logger.warning("request %s: a class in the note may not be stored, it stays a token as a whole", request_id)
        return replace(note, crosses=True)
    mentions = [
        Mention(span.start, span.end, _value(vault, note, span.class_id, text[span.start : span.end])) for span in spans
    ]
    return replace(note, crosses=True, mentions=tuple(mentions))


def _value(vault: Vault, note: Text, class_id: str, text: str) -> Value:
    """Without digests and places: what a note mentions belongs to its writer, and nobody is matched by it."""
    field_class = vault.classes.get(class_id)
    try:
        return Value(field_class, text, normalise(field_class, text), (), group=note.value.group)
    except InvalidValue:  # said in words, mistyped: no value of its class, and still somebody's
        return Value(note.value.field_class, text, text, (), group=note.value.group)
