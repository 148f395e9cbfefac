"""Approved texts and requests: what may be sent to a person, with whose values and to which destination.

Placeholders: `{{person.name}}` is a value of the person (its class), `{{given.number}}` a parameter of the sender, of
the kind that the template declares (parameters.py), `{{consent.link}}` where the person confirms the consent that the
message asks for, `{{shape.phone}}` of an API request a shaped token of the person's phone (docs/classes.md), which is
no value. A value is escaped for the place it stands in; in an API request it stands within a JSON string, an XML text
or one segment of a path, so that no value changes the shape of what the officer approved. Pure.
"""

import hashlib
import html
import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Annotated, Any, Final, Literal
from urllib.parse import quote
from xml.sax.saxutils import escape as escape_xml

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from pii_vault.core.kinds import NAME
from pii_vault.core.shapes import SHAPED_CLASSES
from pii_vault.relay.errors import BadTemplate, UnfitValue
from pii_vault.relay.parameters import MOST_PARAMETERS, Parameter

Channel = Literal["email", "sms", "api"]
_PLACE: Final = re.compile(r"\{\{\s*(person|given|consent|shape)\.([a-z_]{1,40})\s*\}\}")
_BRACES: Final = re.compile(r"\{\{|\}\}")
_ID: Final = r"[a-z][a-z0-9_-]{1,60}"
_POINTER: Final = re.compile(r"(?:/(?:[^~/]|~[01])*)+")
KEEP: Final = "keep"
MAX_VERSION: Final = 100_000
LINK: Final = ("consent", "link")
_DOTS: Final = frozenset({".", ".."})


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Email(_Part):
    """Plain text, and optionally the same as HTML."""

    subject: str = Field(max_length=200)
    text: str = Field(max_length=50_000)
    html: str = Field(default="", max_length=200_000)


class Sms(_Part):
    text: str = Field(max_length=1000)


class ApiRequest(_Part):
    """A request to the destination's own host: the template chooses the path, never the host."""

    method: Literal["POST", "PUT", "PATCH"] = "POST"
    path: str = Field(max_length=500, pattern=r"^/")
    json_body: Any = Field(default=None, alias="json")
    xml: str = Field(default="", max_length=100_000)
    answer: dict[str, str] = Field(default_factory=dict, max_length=50)  # JSON pointer → class, or `keep`

    @model_validator(mode="after")
    def _one_body(self) -> "ApiRequest":
        if (self.json_body is None) == (self.xml == ""):
            message = "give either `json` or `xml`"
            raise ValueError(message)
        if wrong := [pointer for pointer in self.answer if not _POINTER.fullmatch(pointer)]:
            message = f"answer: {wrong[0]!r} is no JSON pointer"
            raise ValueError(message)
        if not _DOTS.isdisjoint(_PLACE.sub("x", self.path).split("/")) or "\\" in self.path:
            message = "path: no step of it may be `.` or `..`, and it has no backslash"
            raise ValueError(message)
        return self


class Template(_Part):
    """One version. What is approved is its digest: any other letter is another template.

    With `consent`, the message asks the person to confirm a consent to that purpose through the channel it comes by.
    """

    id: str = Field(pattern=f"^{_ID}$")
    version: int = Field(ge=1, le=MAX_VERSION)
    title: str = Field(min_length=1, max_length=200)
    purpose: str = Field(max_length=60)
    destination: str = Field(pattern=f"^{_ID}$")
    consent: str | None = Field(default=None, max_length=60)
    parameters: dict[Annotated[str, Field(pattern=f"^{NAME.pattern}$")], Parameter] = Field(
        default_factory=dict, max_length=MOST_PARAMETERS
    )
    email: Email | None = None
    sms: Sms | None = None
    api: ApiRequest | None = None

    @model_validator(mode="after")
    def _one_channel(self) -> "Template":
        if sum(part is not None for part in (self.email, self.sms, self.api)) != 1:
            message = "a template has exactly one of `email`, `sms` and `api`"
            raise ValueError(message)
        for text in self.texts():
            if _BRACES.search(_PLACE.sub("", text)):
                message = "a placeholder is {{person.class}} or {{given.parameter}}; other double braces are none"
                raise ValueError(message)
        if (shapes := self.names("shape")) and (self.api is None or not shapes <= SHAPED_CLASSES):
            message = f"{{{{shape.class}}}} stands in requests only, for {', '.join(sorted(SHAPED_CLASSES))}"
            raise ValueError(message)
        return self

    @model_validator(mode="after")
    def _asks_for_a_consent(self) -> "Template":
        """A message with `consent` says in its text where to confirm it, and no other message has such a link."""
        places = {place for text in self.texts() for place in _PLACE.findall(text)}
        if any(kind == LINK[0] and (kind, name) != LINK for kind, name in places):
            message = "of `consent` there is only {{consent.link}}"
            raise ValueError(message)
        main = self.email.text if self.email is not None else self.sms.text if self.sms is not None else ""
        if (LINK in places) != (self.consent is not None) or (self.consent and LINK not in _PLACE.findall(main)):
            message = "{{consent.link}} stands in the text of a mail or SMS with `consent`, and nowhere else"
            raise ValueError(message)
        return self

    @property
    def channel(self) -> Channel:
        return "email" if self.email is not None else "sms" if self.sms is not None else "api"

    @property
    def recipient_class(self) -> str | None:
        """The class of the address it goes to; an API request goes to the destination itself."""
        return {"email": "email", "sms": "phone"}.get(self.channel)

    @property
    def digest(self) -> str:
        """SHA-256 of the canonical form, in hexadecimal."""
        content = self.model_dump(by_alias=True, exclude_defaults=True)
        text = json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    def texts(self) -> list[str]:
        """Everything in which a placeholder may stand."""
        if self.email is not None:
            return [self.email.subject, self.email.text, self.email.html]
        if self.sms is not None:
            return [self.sms.text]
        found = [self.api.path, self.api.xml] if self.api is not None else []
        return found + (list(_strings(self.api.json_body)) if self.api is not None else [])

    def names(self, kind: Literal["person", "given", "shape"]) -> set[str]:
        return set(names_in(kind, self.texts()))

    @property
    def is_typed(self) -> bool:
        """Whether each parameter is declared. What was approved before parameters had kinds is not: nothing is sent
        by it, and it is told apart from a text that somebody changed.
        """
        return self.names("given") == set(self.parameters)

    @property
    def values(self) -> set[str]:
        """Classes of the person's values that are read, the recipient's address included."""
        return self.names("person") | ({self.recipient_class} if self.recipient_class else set())

    @property
    def classes(self) -> set[str]:
        """Classes that the policies are asked for: also those of which a shaped token goes out."""
        return self.values | self.names("shape")


def names_in(kind: Literal["person", "given", "shape"], texts: Iterable[str]) -> list[str]:
    """Names of the placeholders of a kind, in the order in which they come first."""
    return list(dict.fromkeys(name for text in texts for found, name in _PLACE.findall(text) if found == kind))


def read_template(content: Mapping[str, Any]) -> Template:
    """Raises BadTemplate, which names the field and quotes no text."""
    try:
        template = Template.model_validate(content)
    except ValidationError as error:
        lines = [f"{'.'.join(map(str, each['loc'])) or 'template'}: {each['msg']}" for each in error.errors()]
        raise BadTemplate("; ".join(lines)) from None
    given = template.names("given")
    lines = [f"parameters.{name}: say of which kind it is" for name in sorted(given - set(template.parameters))]
    lines += [f"parameters.{name}: it stands nowhere in the text" for name in sorted(set(template.parameters) - given)]
    if lines:
        raise BadTemplate("; ".join(lines))
    return template


def read_stored(content: str, *, digest: str) -> Template | None:
    """What was kept, if it still has the digest under which it was proposed; None where somebody changed a letter."""
    found = Template.model_validate(json.loads(content))
    return found if found.digest == digest else None


Values = Mapping[tuple[str, str], str]  # ("person" or "shape", class) or ("given", parameter) → text


def fill(text: str, values: Values, escape: Callable[[str], str] = str) -> str:
    """The text with its placeholders filled. Raises KeyError for one without a value."""
    return _PLACE.sub(lambda found: escape(values[found[1], found[2]]), text)


def fill_line(text: str, values: Values) -> str:
    """For a header: a line break in a value would begin another header."""
    return " ".join(fill(text, values).split())


def fill_html(text: str, values: Values) -> str:
    return fill(text, values, html.escape)


def fill_xml(text: str, values: Values) -> str:
    """For texts and attributes of XML; characters that XML cannot hold are dropped."""
    return fill(text, values, lambda value: escape_xml(_printable(value), {'"': "&quot;", "'": "&apos;"}))


def fill_path(text: str, values: Values) -> str:
    """A value is one segment or a part of it: it adds no step, no query and no `..`. Raises UnfitValue."""
    path = fill(text, values, lambda value: quote(_segment(value), safe=""))
    if not _DOTS.isdisjoint(path.partition("?")[0].split("/")):
        raise UnfitValue("values make a step of the path into `.` or `..`")
    return path


def _segment(value: str) -> str:
    """What servers and proxies read as structure however it is escaped is not sent at all."""
    if not value or value in _DOTS or not value.isprintable() or not {"/", "\\", "%"}.isdisjoint(value):
        raise UnfitValue("a value does not fit into a path")
    return value


def fill_json(content: Any, values: Values) -> Any:
    """A JSON value whose strings are filled; its keys and its shape stay."""
    if isinstance(content, str):
        return fill(content, values)
    if isinstance(content, list):
        return [fill_json(each, values) for each in content]
    if isinstance(content, dict):
        return {key: fill_json(each, values) for key, each in content.items()}
    return content


def pointed(content: Any, pointer: str) -> Any:
    """What a JSON pointer (RFC 6901) leads to; None where there is nothing."""
    for step in pointer.split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")
        if isinstance(content, dict):
            content = content.get(name)
        elif isinstance(content, list) and name.isdigit() and int(name) < len(content):
            content = content[int(name)]
        else:
            return None
    return content


def _printable(value: str) -> str:
    return "".join(char for char in value if char in "\t\n\r" or char >= " ")


def _strings(content: Any) -> "list[str]":
    if isinstance(content, str):
        return [content]
    if isinstance(content, dict):
        return [text for each in content.values() for text in _strings(each)]
    return [text for each in content for text in _strings(each)] if isinstance(content, list) else []
