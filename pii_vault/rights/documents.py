"""The act and the log extract of an erasure, with the fields of RKN Order 179, kept three years.

Drawn up when the erasure is live, and again, final, when no backup opens any more. They name the person by the
subject id: who that was is what was destroyed.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, Literal

import asyncpg
import jinja2
import yaml
from markupsafe import Markup
from pydantic import BaseModel, ConfigDict, ValidationError

from pii_vault import store
from pii_vault.access.conditions import MOSCOW
from pii_vault.core.tokens import new_id
from pii_vault.errors import PolicyError, UnknownClass
from pii_vault.rights import store as sql
from pii_vault.rights.erasure import STEPS, Classes, Erasure
from pii_vault.rights.errors import UnknownErasure
from pii_vault.vault import Vault

Stage = Literal["live", "final"]
KINDS: Final = ("act", "log_extract")
REASONS: Final[Mapping[str, str]] = {
    "subject_request": "Требование субъекта (152-ФЗ, ст. 14, ч. 1; ст. 21, ч. 5.1)",
    "consent_withdrawn": "Отзыв согласия (152-ФЗ, ст. 21, ч. 5)",
    "purpose_reached": "Цель обработки достигнута (152-ФЗ, ст. 21, ч. 4)",
    "unlawful_processing": "Неправомерная обработка, которую нельзя сделать правомерной (152-ФЗ, ст. 21, ч. 3)",
    "retention_term_over": "Истёк обязательный срок хранения (152-ФЗ, ст. 21, ч. 4)",
}
EVENTS: Final[Mapping[str, str]] = {
    "requested": "Уничтожение назначено",
    "blocked": "Обработка заблокирована",
    "shredded": "Шифртексты, записи индекса и ключи удалены",
    "live": "Все рабочие процессы подтвердили, что ключей в памяти нет",
    "public": "Публичный контур подтвердил удаление токенов",
    "final": "Уничтожены версии ключей, которыми открывались резервные копии",
}


class _Party(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str = ""
    address: str = ""


class _Particulars(BaseModel):
    model_config = ConfigDict(extra="forbid")
    operators: dict[str, _Party]
    processor: _Party
    system: str
    cross_border: str


@dataclass(frozen=True, slots=True)
class Documents:
    """policies/documents: the texts of the documents and who they speak for."""

    templates: Mapping[str, jinja2.Template]
    style: Markup
    particulars: _Particulars

    def render(self, kind: str, fields: Mapping[str, Any]) -> str:
        return self.templates[kind].render(**fields, style=self.style, line=_line)

    def operator(self, tenant: str) -> dict[str, str]:
        return self.particulars.operators.get(tenant, _Party()).model_dump()


def load_documents(folder: Path) -> Documents:
    """Raises PolicyError that names the file at fault."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(folder), autoescape=True, undefined=jinja2.StrictUndefined
    )
    try:
        return Documents(
            templates={kind: environment.get_template(f"{kind}.html") for kind in (*KINDS, "export")},
            style=Markup((folder / "style.css").read_text("utf-8")),  # noqa: S704  our own file, no stranger's text
            particulars=_Particulars.model_validate(yaml.safe_load((folder / "particulars.yaml").read_text("utf-8"))),
        )
    except (OSError, jinja2.TemplateError, yaml.YAMLError, ValidationError) as error:
        raise PolicyError(f"{folder.name}: {error}") from error


async def write_documents(vault: Vault, acquired: asyncpg.Connection, erasure: Erasure, *, stage: Stage) -> None:
    """Both documents of this stage, with the transaction that reached it."""
    made = vault.clock()
    keep_until = _years_later(made, vault.retention.documents_years)
    fields = _fields(vault, erasure, made=made, keep_until=keep_until)
    for kind in KINDS:
        html = vault.documents.render(kind, fields)
        place = (new_id("doc"), erasure.tenant_key, erasure.id, kind, stage)
        digest = sha256(html.encode()).digest()
        await acquired.execute(sql.INSERT_DOCUMENT, *place, json.dumps(fields), html, digest, keep_until)


async def list_documents(vault: Vault, erasure: Erasure) -> list[dict[str, Any]]:
    rows = await store.fetch(vault.pool, sql.DOCUMENTS, erasure.id)
    return [
        {
            "document": row["id"],
            "kind": row["kind"],
            "stage": row["stage"],
            "created": row["created"].isoformat(),
            "keep_until": row["keep_until"].isoformat(),
            "sha256": row["digest"].hex(),
        }
        for row in rows
    ]


async def read_document(vault: Vault, tenant: str, document: str) -> str:
    """The page as it was drawn up. Raises UnknownErasure when it is not there or was altered."""
    rows = await store.fetch(vault.pool, sql.DOCUMENT, document, await vault.tenants.key(tenant))
    if not rows:
        raise UnknownErasure("There is no such document. List them: larets subject prove")
    html: str = rows[0]["html"]
    if sha256(html.encode()).digest() != rows[0]["digest"]:
        raise UnknownErasure("This document was altered after it was drawn up. Restore it from a copy.")
    return html


def _fields(vault: Vault, erasure: Erasure, *, made: datetime, keep_until: datetime) -> dict[str, Any]:
    """The fields of the order, by its letters, and what else the reader needs."""
    dates = erasure.dates
    documents = vault.documents
    return {
        "number": erasure.id,
        "date": day(made),
        "keep_until": day(keep_until),
        "operator": documents.operator(erasure.tenant),
        "processor": documents.particulars.processor.model_dump(),
        "subject": erasure.subject_text,
        "requested_by": erasure.requested_by,
        "erased": titled(vault, erasure.counts),
        "kept": titled(vault, erasure.kept),
        "kept_until": day(erasure.kept_until) if erasure.kept_until else None,
        "kept_norm": vault.retention.norm["ru"],
        "norm_confirmed": bool(vault.retention.confirmed_by),
        "system": documents.particulars.system,
        "reason": REASONS.get(erasure.reason, erasure.reason),
        "live": moment(dates["live"]),
        "public": moment(dates["public"]) if "public" in dates else None,
        "final": moment(dates["final"]) if "final" in dates else None,
        "final_due": day(dates["shredded"] + vault.retention.trim_within),
        "journal_number": erasure.journal_number,
        "events": [{"at": moment(dates[step]), "what": EVENTS[step]} for step in STEPS if step in dates],
    }


def titled(vault: Vault, counts: Classes) -> list[dict[str, Any]]:
    """Counts with the classes' Russian titles."""
    found = []
    for class_id, count in counts.items():
        try:
            title = vault.classes.get(class_id).title["ru"]
        except UnknownClass:
            title = class_id
        found.append({"title": title, "count": count})
    return found


def day(at: datetime) -> str:
    return at.astimezone(MOSCOW).strftime("%d.%m.%Y")


def moment(at: datetime) -> str:
    return at.astimezone(MOSCOW).strftime("%d.%m.%Y %H:%M:%S")


def _years_later(at: datetime, years: int) -> datetime:
    """The same day years later; of the 29th of February the day after it."""
    try:
        return at.replace(year=at.year + years)
    except ValueError:
        return at.replace(year=at.year + years, month=3, day=1)


def _line(text: str) -> Markup | str:
    """The text, or a line to write on."""
    return text or Markup('<span class="blank">&nbsp;</span>')
