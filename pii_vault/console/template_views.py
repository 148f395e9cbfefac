"""What the console shows of a template and of a destination."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pii_vault.access.conditions import MOSCOW
from pii_vault.access.principal import Principal
from pii_vault.console.template_form import body
from pii_vault.console.template_parameters import describe
from pii_vault.console.words import CHANNELS, TEMPLATE_STATES, word
from pii_vault.relay.template import Template, read_stored
from pii_vault.relay.templates import DECIDERS
from pii_vault.vault import Vault
from pii_vault.web import Language

Names = Mapping[str, str]  # staff id → alias
_COLOURS = {
    "proposed": "yellow",
    "approved": "green",
    "rejected": "red",
    "retired": "secondary",
    "broken": "red",
    "untyped": "yellow",
}

_STANDING = frozenset({"proposed", "approved", "broken", "untyped"})


@dataclass(frozen=True, slots=True)
class VersionView:
    """A line of the list."""

    id: str
    version: int
    title: str
    digest: str
    purpose: str
    channel: str
    destination: str
    state: str
    state_word: str
    colour: str
    proposed: str

    @property
    def link(self) -> str:
        return f"/relay/templates/{self.id}/{self.version}"


@dataclass(frozen=True, slots=True)
class TemplateView:
    """The whole version. `text` is None where what is stored is not what was proposed."""

    line: VersionView
    is_request: bool
    subject: str
    text: str | None
    html: str
    values: str
    given: tuple[str, ...]
    asks_for: str
    decided: str
    note: str
    may_decide: bool
    may_retire: bool


@dataclass(frozen=True, slots=True)
class DestinationView:
    """Without its secret."""

    id: str
    kind: str
    url: str
    sender: str
    signs_in: bool
    created: str

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> "DestinationView":
        return cls(row["id"], row["kind"], row["url"], row["sender"], row["signs_in"], _at(row["created"]))


def see_version(vault: Vault, row: Mapping[str, Any], names: Names, lang: Language) -> VersionView:
    return _line(vault, row, read_stored(row["content"], digest=row["digest"]), names, lang)


def see_template(vault: Vault, row: Mapping[str, Any], names: Names, reader: Principal, lang: Language) -> TemplateView:
    template = read_stored(row["content"], digest=row["digest"])
    line = _line(vault, row, template, names, lang)
    decider = not DECIDERS.isdisjoint(reader.roles)
    mine = row["proposed_by"] == reader.id
    by = next((row[name] for name in ("retired_by", "rejected_by", "approved_by") if row[name]), "")
    at = row["retired"] or row["rejected"] or row["approved"]
    email = template.email if template is not None else None
    titles = [vault.classes.get(id_).title[lang] for id_ in sorted(template.classes)] if template is not None else []
    asks_for = template.consent if template is not None else None
    return TemplateView(
        line=line,
        is_request=template is not None and template.api is not None,
        subject=email.subject if email is not None else "",
        text=body(template) if template is not None else None,
        html=email.html if email is not None else "",
        values=", ".join(titles),
        given=describe(template, lang) if template is not None else (),
        asks_for=vault.purposes.get(asks_for, {lang: asks_for})[lang] if asks_for else "",
        decided=f"{names.get(by, by)}, {_at(at)}" if by and at else "",
        note=row["note"] or "",
        may_decide=line.state == "proposed" and decider and not mine,
        may_retire=line.state in _STANDING and (decider or (mine and not row["approved"])),
    )


def _line(vault: Vault, row: Mapping[str, Any], template: Template | None, names: Names, lang: Language) -> VersionView:
    state = _state(row, template)
    purpose = template.purpose if template is not None else ""
    return VersionView(
        id=row["id"],
        version=row["version"],
        title=template.title if template is not None else row["id"],
        digest=row["digest"],
        purpose=vault.purposes.get(purpose, {lang: purpose})[lang],
        channel=word(CHANNELS, template.channel, lang) if template is not None else "",
        destination=template.destination if template is not None else "",
        state=state,
        state_word=word(TEMPLATE_STATES, state, lang),
        colour=_COLOURS[state],
        proposed=", ".join(filter(None, (names.get(row["proposed_by"], row["proposed_by"]), _at(row["proposed"])))),
    )


def _state(row: Mapping[str, Any], template: Template | None) -> str:
    if row["retired"]:
        return "retired"
    if row["rejected"]:
        return "rejected"
    if template is None:
        return "broken"
    if not template.is_typed:
        return "untyped"
    return "approved" if row["approved"] else "proposed"


def _at(moment: datetime | None) -> str:
    return "" if moment is None else f"{moment.astimezone(MOSCOW):%d.%m.%Y %H:%M}"
