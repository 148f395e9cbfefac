"""One dispatch: the person's values are read, filled into the approved text, sent, and forgotten."""

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pii_vault import store
from pii_vault.consent.ask import confirmation_path, renew_code
from pii_vault.consent.status import allowed
from pii_vault.core.detect import find_personal_data
from pii_vault.core.kinds import find_misfits
from pii_vault.core.tokens import new_subject_text
from pii_vault.operations.ciphers import load_ciphers, open_row
from pii_vault.operations.items import TokeniseItem
from pii_vault.operations.tokenise import tokenise
from pii_vault.relay.destinations import open_destination
from pii_vault.relay.errors import BadParameters, NotForThisPerson, NotYet, UnfitValue, UntypedTemplate
from pii_vault.relay.outside import Destination, Mail, Outside
from pii_vault.relay.queue import Dispatch
from pii_vault.relay.rules import own_principal, permitted, sender_now
from pii_vault.relay.shapes import shapes_of, token_behind
from pii_vault.relay.template import (
    KEEP,
    LINK,
    ApiRequest,
    Template,
    Values,
    fill,
    fill_html,
    fill_json,
    fill_line,
    fill_path,
    fill_xml,
    pointed,
)
from pii_vault.vault import Vault, new_request_id

MOST_KEPT: Final = 200
MOST_ID: Final = 100


@dataclass(frozen=True, slots=True)
class Outcome:
    state: str
    failure: str | None = None
    outside_id: str | None = None
    answer: dict[str, Any] | None = None


class Post:
    """Sends through the shop's destinations."""

    def __init__(self, vault: Vault, outside: Outside, *, vault_origin: str) -> None:
        self._vault = vault
        self._outside = outside
        self._vault_origin = vault_origin

    async def send(
        self, dispatch: Dispatch, template: Template | None, *, hand_over: Callable[[], Awaitable[None]]
    ) -> Outcome:
        """Everything is asked again at the moment of sending: approval, shop, policy, state and consent may be of
        yesterday.

        Raises SendingFailed, OutcomeUnknown, NotYet, VaultError, and what `hand_over` raises.
        """
        if template is None or dispatch.status != "active":
            return Outcome("refused", "unknown_template" if template is None else "tenant_refused")
        if (refusal := await self._refusal(dispatch, template)) is not None:
            return Outcome("refused", refusal)
        values = await self._values(dispatch, template)
        needed = [("person", each) for each in template.values] + [("shape", each) for each in template.names("shape")]
        if missing := [class_id for kind, class_id in needed if (kind, class_id) not in values]:
            return Outcome("refused", f"no_{missing[0]}")
        if dispatch.consent is not None:
            code = await renew_code(self._vault, dispatch.tenant_key, dispatch.consent)
            if code is None:
                return Outcome("refused", "consent_not_asked")
            path = confirmation_path(dispatch.tenant, consent=dispatch.consent, code=code)
            values[LINK] = self._vault_origin + path
        try:
            return await self._out(dispatch, template, values, hand_over=hand_over)
        except UnfitValue:
            return Outcome("refused", "unfit_value")

    async def _refusal(self, dispatch: Dispatch, template: Template) -> str | None:
        vault = self._vault
        if not template.is_typed:
            return UntypedTemplate.code
        if find_misfits(_given(dispatch), template.parameters):  # taken in by an older rule
            return BadParameters.code
        sender = await sender_now(vault, account=dispatch.principal, contour=dispatch.contour, tenant=dispatch.tenant)
        answer = permitted(vault, sender, template)
        if answer == "outside_hours":
            raise NotYet
        if answer == "forbidden":
            return answer
        here = await allowed(vault, dispatch.tenant_key, dispatch.subject, template.purpose, template.channel)
        return None if here else NotForThisPerson.code

    async def _out(
        self,
        dispatch: Dispatch,
        template: Template,
        values: Values,
        *,
        hand_over: Callable[[], Awaitable[None]],
    ) -> Outcome:
        vault = self._vault
        destination = await open_destination(
            vault.pool, vault.keys, tenant=dispatch.tenant, tenant_key=dispatch.tenant_key, name=template.destination
        )
        if (email := template.email) is not None:
            mail = Mail(
                recipient=values["person", "email"],
                subject=fill_line(email.subject, values),
                text=fill(email.text, values),
                html=fill_html(email.html, values),
            )
            outside_id = await self._outside.mail(destination, mail, key=dispatch.id, hand_over=hand_over)
            return Outcome("sent", outside_id=outside_id)
        if template.sms is not None:
            return await self._sms(dispatch, destination, fill(template.sms.text, values), values["person", "phone"])
        return await self._api(dispatch, destination, template.api or ApiRequest(path="/", json={}), values)

    async def _sms(self, dispatch: Dispatch, destination: Destination, text: str, phone: str) -> Outcome:
        """POST {url} {id, to, from, text} → {id}. Providers of another form are reached by an API template."""
        content = json.dumps({"id": dispatch.id, "to": phone, "from": destination.sender, "text": text}).encode()
        body = await self._outside.request(
            destination, method="POST", path="", content=content, media_type="application/json", key=dispatch.id
        )
        return Outcome("sent", outside_id=_outside_id(_parsed(body)))

    async def _api(self, dispatch: Dispatch, destination: Destination, api: ApiRequest, values: Values) -> Outcome:
        if api.xml:
            content, media_type = fill_xml(api.xml, values).encode(), "application/xml"
        else:
            content, media_type = json.dumps(fill_json(api.json_body, values)).encode(), "application/json"
        path = fill_path(api.path, values)
        body = await self._outside.request(
            destination, method=api.method, path=path, content=content, media_type=media_type, key=dispatch.id
        )
        parsed = _parsed(body)
        return Outcome("sent", outside_id=_outside_id(parsed), answer=await self._taken(dispatch, parsed, api.answer))

    async def _values(self, dispatch: Dispatch, template: Template) -> dict[tuple[str, str], str]:
        """The newest value of each class that is needed, all of this one person."""
        values = {("given", name): value for name, value in _given(dispatch).items()}
        vault = self._vault
        rows = await store.fetch(vault.pool, store.FETCH_TOKENS, [dispatch.subject], dispatch.tenant_key)
        newest: dict[int, bytes] = {}
        for row in rows:
            newest.setdefault(row["class_key"], row["token"])
        wanted = {vault.classes.get(class_id).key: class_id for class_id in template.values}
        tokens = [token for key, token in newest.items() if key in wanted]
        found = list(await vault.rows.fetch(dispatch.tenant_key, tokens)) if tokens else []
        places = {(row[1], row[3]) for row in found}
        ciphers = await load_ciphers(vault, dispatch.tenant, dispatch.tenant_key, places)
        for row in found:
            cipher = ciphers.get((row[1], row[3]))
            if cipher is not None:
                values["person", wanted[row[2]]] = open_row(cipher, row, tenant_key=dispatch.tenant_key)
        if shapes := template.names("shape"):
            of_class = {each: newest[key] for each in shapes if (key := vault.classes.get(each).key) in newest}
            values |= await shapes_of(vault, dispatch.tenant, of_class, classes=shapes)
        return values

    async def _taken(self, dispatch: Dispatch, parsed: Any, rules: Mapping[str, str]) -> dict[str, Any]:
        """Of an answer only what the template names: values as tokens of this person, plain fields where they are."""
        kept: dict[str, Any] = {}
        items: list[tuple[str, TokeniseItem]] = []
        subject = new_subject_text(dispatch.subject, tenant=dispatch.tenant)
        for pointer, use in rules.items():
            found = pointed(parsed, pointer)
            if found is None or isinstance(found, (dict, list)):
                continue
            text = str(found)
            if use != KEEP and (token := await token_behind(self._vault, dispatch.tenant, use, text)) is not None:
                kept[pointer] = token
            elif use != KEEP:
                items.append((pointer, TokeniseItem(use, text, subject)))
            elif len(text) <= MOST_KEPT and not find_personal_data(text):
                kept[pointer] = found
        if items:
            results = await tokenise(
                self._vault,
                own_principal(dispatch.tenant),
                [item for _, item in items],
                request_id=new_request_id(),
                idempotency_key=dispatch.id,
            )
            kept |= {pointer: result.token for (pointer, _), result in zip(items, results, strict=True) if result.token}
        return kept


def _given(dispatch: Dispatch) -> dict[str, str]:
    return {name: str(value) for name, value in json.loads(dispatch.parameters).items()}


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body) if body else None
    except (ValueError, RecursionError):
        return None


def _outside_id(parsed: Any) -> str | None:
    """The outside's own name of the thing, by which its report is recognised; never a text that says more."""
    found: Sequence[Any] = (
        [parsed.get(name) for name in ("id", "message_id", "uuid")] if isinstance(parsed, dict) else ()
    )
    text = next((str(each) for each in found if isinstance(each, (str, int))), "")
    return text if 0 < len(text) <= MOST_ID and text.isascii() and not find_personal_data(text) else None
