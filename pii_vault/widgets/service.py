"""What the frames may do for a signed-in member of staff: the verbs of /v1, in portions fit for one screen."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from pii_vault.access.principal import Principal
from pii_vault.classify.process import Classifier
from pii_vault.classify.setting import TEXTS
from pii_vault.classify.text import crossing_form
from pii_vault.core.classes import normalise
from pii_vault.core.search_keys import kinds_of
from pii_vault.core.tokens import parse_token_shape
from pii_vault.errors import Forbidden, InvalidFields, InvalidRequest, InvalidValue, UnknownPurpose
from pii_vault.operations.access import may_tokenise, refuse
from pii_vault.operations.items import RevealResult, TokeniseItem
from pii_vault.operations.reveal import reveal
from pii_vault.operations.tokenise import tokenise
from pii_vault.vault import Vault, new_request_id
from pii_vault.widgets.schemas import CollectedValue, Purpose, Way

NEW_SUBJECT = "@1"


class RejectedFields(InvalidFields):
    """Some fields do not fit their class. Correct the marked ones; nothing has been stored."""

    code = "invalid_value"


async def masks(vault: Vault, principal: Principal, *, purpose: str, tokens: Sequence[str]) -> list[RevealResult]:
    """Masks for one screen.

    A role to which the purpose opens no class at all gets a refusal per cell instead of one for the request:
    the frame still has to draw them, and another purpose may open some (see purposes_to_reveal).
    """
    try:
        return await reveal(
            vault, principal, purpose=purpose, tokens=tokens, request_id=new_request_id(), action="mask"
        )
    except Forbidden as refusal:
        return [RevealResult(error="denied", reason=refusal.detail)] * len(tokens)


def purposes_to_reveal(vault: Vault, principal: Principal, *, tokens: Sequence[str]) -> list[Purpose]:
    """The purposes that could show a full value of these tokens' classes, in the register's order.

    It says what the matrix says, not what a click will give: conditions are judged at the click.
    """
    parsed = (parse_token_shape(text) for text in tokens)
    classes = sorted({token.class_id for token in parsed if token is not None})
    found: list[Purpose] = []
    for purpose in vault.matrix.purposes.values():
        opened = [
            class_id
            for class_id in classes
            if any(
                vault.matrix.cell(role, purpose.id, class_id, "reveal").outcome == "allow" for role in principal.roles
            )
        ]
        if opened:
            found.append(Purpose(id=purpose.id, title=purpose.title, classes=opened))
    return found


async def ways_to_search(vault: Vault, principal: Principal, *, purpose: str) -> list[Way]:
    """By what this principal may look for somebody: whole values, and parts where the operator indexed them.

    It says what the matrix and the plan say, not what a search will give: conditions are judged then.

    Raises:
        UnknownPurpose, TenantRefused, StoreUnavailable.
    """
    if purpose not in vault.purposes:
        raise UnknownPurpose
    plan = await vault.search_plans.get(await vault.tenants.key(principal.tenant))
    return [
        Way(field_class.id, kind, kind == "exact" or kind in plan.get(field_class.key, {}))
        for field_class in vault.classes
        if any(
            vault.matrix.cell(role, purpose, field_class.id, "search").outcome == "allow" for role in principal.roles
        )
        for kind in kinds_of(field_class)
    ]


@dataclass(frozen=True, slots=True)
class Collected:
    """`tokens` by class. `mixed`: texts with tokens in place, by class, where the officer lets them cross."""

    subject: str
    tokens: dict[str, str]
    mixed: dict[str, str] = field(default_factory=dict, repr=False)


async def collect(
    vault: Vault,
    principal: Principal,
    *,
    values: Sequence[CollectedValue],
    subject: str | None,
    idempotency_key: str,
    classifier: Classifier,
) -> Collected:
    """Stores the fields of one form, all or none.

    Raises:
        RejectedFields: names each field at fault by its JSON pointer.
        Forbidden: the policies do not let this principal store one of the classes.
    """
    _check(vault, values)
    request_id = new_request_id()
    if not all(may_tokenise(vault, principal, item.class_id) for item in values):
        # Before anything is stored: tokenise would take the other fields in and give their tokens to nobody.
        await refuse(vault, principal, Forbidden(), verb="tokenise", purpose="", request_id=request_id)
    items = [
        TokeniseItem(
            class_id=item.class_id,
            value=item.value,
            subject=subject or NEW_SUBJECT,
            kind="deterministic" if vault.classes.get(item.class_id).indexed else "random",
        )
        for item in values
    ]
    results = await tokenise(vault, principal, items, request_id=request_id, idempotency_key=idempotency_key)
    errors = [
        (f"/items/{position}/value", result.error)
        for position, result in enumerate(results)
        if result.error is not None
    ]
    if errors:
        raise RejectedFields(errors)
    tokens = {item.class_id: result.token or "" for item, result in zip(values, results, strict=True)}
    made = Collected(results[0].subject or "", tokens)
    for item in values:
        if vault.classes.get(item.class_id).normalise not in TEXTS:
            continue
        crossing = await crossing_form(
            vault,
            principal,
            item.value,
            classifier=classifier,
            subject=made.subject,
            request_id=request_id,
            class_id=item.class_id,
            idempotency_key=idempotency_key,
        )
        if crossing is not None:
            made.mixed[item.class_id] = crossing
    return made


def _check(vault: Vault, values: Sequence[CollectedValue]) -> None:
    if len({item.class_id for item in values}) != len(values):
        raise InvalidRequest("a form has one field of a class; send each class once")
    errors: list[tuple[str, str]] = []
    for position, item in enumerate(values):
        try:
            normalise(vault.classes.get(item.class_id), item.value)
        except InvalidValue as error:
            errors.append((f"/items/{position}/value", error.detail))
    if errors:
        raise RejectedFields(errors)
