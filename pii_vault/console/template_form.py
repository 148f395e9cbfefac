"""The form of a template: what is typed in the console becomes what `larets relay template propose` reads."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

from starlette.datastructures import FormData

from pii_vault.console.template_parameters import TOO_MANY, Row, declared, in_russian, rows_from, rows_of
from pii_vault.identity.forms import text
from pii_vault.relay.errors import BadTemplate
from pii_vault.relay.template import Template
from pii_vault.relay.templates import OF_CONSENTS
from pii_vault.web import Language, translator

CHANNELS: Final = ("email", "sms", "api")
_NEW_REQUEST: Final = '{"method": "POST", "path": "/", "json": {}, "answer": {}}'
# The beginning of a refusal (its field), or a part of its text → what to do about it.
_SAID: Final = (
    ("id:", "Имя: строчная латинская буква, затем латинские буквы, цифры, «-» и «_», от 2 до 61 знака."),
    ("title:", "Название: от 1 до 200 знаков и без персональных данных: его видит открытый контур."),
    ("parameters:", TOO_MANY),
    ("purpose:", "Цель: выберите из списка."),
    ("destination:", "Узел: письма идут через узел smtp, сообщения и запросы — через узел http."),
    ("email.subject", "Тема: не больше 200 знаков."),
    ("email.", "Текст письма слишком длинный."),
    ("sms.", "Сообщение: не больше 1000 знаков."),
    ("api.path", "Запрос: path начинается с «/»."),
    ("no step of it", "Запрос: в path нет шагов «.» и «..» и обратной косой черты."),
    ("no JSON pointer", "Запрос: в answer слева стоят указатели JSON, например /track."),
    ("answer:", "Запрос: в answer справа стоит класс данных или keep."),
    ("`json` or `xml`", "Запрос: нужно либо json, либо xml."),
    ("api", "Запрос: один объект JSON с полями method, path, json или xml, answer."),
    ("other double braces", "Подстановка: {{person.класс}} или {{given.параметр}}; других двойных скобок нет."),
    ("{{shape.class}}", "{{shape.класс}} стоит только в запросах: card, email, inn, phone."),
    ("only {{consent.link}}", "Для согласия есть только {{consent.link}}."),
    ("{{consent.link}} stands", "{{consent.link}} стоит в тексте письма или сообщения, которое просит о согласии."),
    ("consent:", "Согласие: выберите из списка; о нём просят письмом или сообщением."),
    ("person.", "Подстановка: такого класса данных нет."),
)
_UNKNOWN: Final = "Проверьте поля."
_PARAMETER: Final = re.compile(r"parameters\.([a-z_]+)[.:]")


@dataclass(frozen=True, slots=True)
class Draft:
    """What stands in the form, as typed. `request` is the API request as JSON."""

    channel: str
    id: str = ""
    title: str = ""
    purpose: str = ""
    destination: str = ""
    consent: str = ""
    subject: str = ""
    text: str = ""
    html: str = ""
    request: str = _NEW_REQUEST
    rows: tuple[Row, ...] = ()


def draft_of(form: FormData) -> Draft:
    """What was sent; browsers write line ends in their own way, and the text has one."""
    read: Callable[[str], str] = lambda name: text(form, name).replace("\r\n", "\n")  # noqa: E731
    texts = ("request",) if read("channel") == "api" else ("subject", "text", "html")
    return Draft(
        channel=read("channel"),
        id=read("id").strip(),
        title=read("title").strip(),
        purpose=read("purpose"),
        destination=read("destination"),
        consent=read("consent"),
        subject=read("subject").strip(),
        text=read("text"),
        html=read("html"),
        request=read("request"),
        rows=rows_of(read, map(read, texts)),
    )


def draft_from(template: Template) -> Draft:
    """The form filled with a version, for the one after it."""
    draft = Draft(
        channel=template.channel,
        id=template.id,
        title=template.title,
        purpose=template.purpose,
        destination=template.destination,
        consent=template.consent or "",
        rows=rows_from(template),
    )
    if template.email is not None:
        return replace(draft, subject=template.email.subject, text=template.email.text, html=template.email.html)
    return (
        replace(draft, text=template.sms.text) if template.sms is not None else replace(draft, request=body(template))
    )


def body(template: Template) -> str:
    """The text to be approved as it is written: of a message its text, of a request JSON."""
    if template.email is not None:
        return template.email.text
    if template.sms is not None:
        return template.sms.text
    request = template.api.model_dump(by_alias=True, exclude_defaults=True) if template.api is not None else {}
    return json.dumps(request, ensure_ascii=False, indent=2)


def content_of(draft: Draft, *, version: int) -> dict[str, Any]:
    """Raises BadTemplate: the request is no JSON object. Everything else is the template's own to judge."""
    content: dict[str, Any] = {
        "id": draft.id,
        "version": version,
        "title": draft.title,
        "purpose": OF_CONSENTS if draft.consent else draft.purpose,
        "destination": draft.destination,
    }
    if draft.consent:
        content["consent"] = draft.consent
    if draft.rows:
        content["parameters"] = declared(draft.rows)
    if draft.channel == "email":
        return content | {"email": {"subject": draft.subject, "text": draft.text, "html": draft.html}}
    if draft.channel == "sms":
        return content | {"sms": {"text": draft.text}}
    try:
        request = json.loads(draft.request)
    except (ValueError, RecursionError):
        request = None
    if not isinstance(request, dict):
        raise BadTemplate("api: one JSON object is expected")
    return content | {"api": request}


def explain(error: BadTemplate, lang: Language) -> list[str]:
    """What to change, a sentence each. The vault's own words name fields and no text, so they may be shown."""
    said = re.split(r"; (?=[a-z_.]+: )", error.detail)
    found = [translator(lang)(_in_russian(each), f"{each[:1].upper()}{each[1:].rstrip('.')}.") for each in said]
    return list(dict.fromkeys(found))


def _in_russian(said: str) -> str:
    if (parameter := _PARAMETER.match(said)) is not None:
        return in_russian(parameter[1], said)
    return next((ru for mark, ru in _SAID if (said.startswith(mark) if mark.endswith(":") else mark in said)), _UNKNOWN)
