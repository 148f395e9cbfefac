# ruff: noqa: PLR2004  the figures are the formats themselves
"""Mail addresses, also hidden from robots or said aloud, and names in messengers."""

import re
from collections.abc import Iterator
from typing import Final

from pii_vault.classify.spans import Span
from pii_vault.classify.spoken import NUMBER
from pii_vault.classify.words import word_set
from pii_vault.core.detect import find_personal_data

_AT = r"(?:\s*[\[({<]\s*(?:собака|собачка|at|эт|dog)\s*[\])}>]\s*|\s+(?:собака|собачк[аеи]|at|эт|эд)\s+|\s+@\s*|@\s+)"
_DOT = r"(?:\s*[\[({<]\s*(?:точка|dot)\s*[\])}>]\s*|\s+(?:точка|dot)\s+|\s?\.\s?)"
_PART = r"[\w][\w+\-]{0,63}"
_MAIL_HOSTS = (
    r"mail|мэйл|мейл|майл|маил|yandex|яндекс|ya|gmail|джимейл|джимэйл|гмейл|гмаил|жмейл|bk|бк|list|лист|inbox|инбокс|"
    r"rambler|рамблер|icloud|айклауд|hotmail|outlook|proton|протон"
)
_TOP = r"(?:ru|ру|com|ком|рф|net|нет|org|орг|su|me|io|info|инфо|by|kz)"
_SPELLED = r"(?:[\w]\s){2,24}[\w](?![\w])"  # letter by letter
_SAID_SIGN = r"\s+(?:тире|дефис|минус|(?:нижнее\s+)?подч[её]ркивание)\s+"
_BY_NUMBER = rf"\s(?={NUMBER}(?!\w))|(?<=\w)\s(?=\d)"  # `кира восемьдесят семь`
_LOCAL_WORDS = rf"(?:{_SPELLED}|{_PART}(?:(?:{_DOT}|{_SAID_SIGN}|{_BY_NUMBER}|(?<=[a-z\d])\s(?=[a-z])){_PART}){{0,6}})"
_HIDDEN: Final = re.compile(
    rf"(?<![\w@.])(?P<local>{_LOCAL_WORDS}){_AT}(?P<host>{_PART}(?:{_DOT}{_PART})*?){_DOT}{_TOP}(?!\w)", re.IGNORECASE
)
_NO_TOP: Final = re.compile(
    rf"(?<![\w@.])(?P<local>{_LOCAL_WORDS}){_AT}(?:{_MAIL_HOSTS})(?:\s+{_TOP})?(?!\w)", re.IGNORECASE
)
_COMMA: Final = re.compile(
    rf"(?<![\w@.+-])[\w.+\-]{{1,64}}@(?:{_MAIL_HOSTS})(?:,\s?|\s)(?:ru|com|ру)(?!\w)", re.IGNORECASE
)
_NOT_LOCAL: Final = word_set("not_local")

_AT_HANDLE = re.compile(
    r"(?<![\w@.\\/])@(?P<name>[A-Za-z][\w.]{2,31}|[\w.]{0,20}[A-Za-z_][\w.]{2,20})(?![\w(])", re.ASCII
)
_NOT_HANDLES = frozenset(
    {
        "media",
        "import",
        "font",
        "all",
        "here",
        "channel",
        "everyone",
        "keyframes",
        "supports",
        "support",
        "admin",
        "help",
        "sha256",
    }
)
_PROFILE = re.compile(
    r"(?<![\w.@])(?:https?://)?(?:www\.|m\.)?"
    r"(?:t\.me|telegram\.me|vk\.com|vk\.ru|vkontakte\.ru|ok\.ru|ok\.ru/profile|instagram\.com|wa\.me|facebook\.com|fb\.com|tiktok\.com)"
    r"/@?[\w.\-]{2,40}",
    re.IGNORECASE,
)
_MESSENGER = (
    r"телег\w*|телеграм\w*|тг|tg|telegram|ник(?:нейм)?|никнейм\w*|инст\w*|instagram|вк|vk|вконтакте|скайп\w*|skype|"
    r"дискорд\w*|discord|юзернейм\w*|username|nickname|login|аккаунт\w*|логин\w*|профил\w*"
)
_NAMED_HANDLE = re.compile(
    rf"(?<!\w)(?:{_MESSENGER})\.?(?:\s+(?:мой|моя|у меня|есть|тоже|ник|это|в\s+(?:тг|телеграме|инсте)|—|-))*"
    r"\s*[:\-–—=]?\s*(?P<name>[A-Za-z][A-Za-z0-9]*(?:[._\-]?[A-Za-z0-9]+)*)(?![\w@.]*@)",
    re.IGNORECASE,
)
_ENGLISH = re.compile(r"(?:login|username|nickname) ", re.IGNORECASE)  # `login page`
_FIELD = re.compile(r"(?:[^@]*[?&])?[A-Za-zА-Яа-яЁё_\-]{1,30}=(?=[^=@]*$)")
_SKYPE = re.compile(r"(?<![\w:])live:[\w.]{3,40}", re.IGNORECASE)
_PRODUCTS: Final = word_set("products")


def find_emails(text: str) -> Iterator[Span]:
    """Mail addresses as they are, as `ivan собака mail точка ru`, `ivan(at)mail.ru`, and mistyped as `ivan@mail,ru`."""
    for finding in find_personal_data(text):
        if finding.class_id == "email":
            start = _box_begins(text, finding.start)
            if start is not None:
                yield Span(start, finding.end, "email")
    for match in _COMMA.finditer(text):
        yield Span(match.start(), match.end(), "email")
    for pattern in (_HIDDEN, _NO_TOP):
        for match in pattern.finditer(text):
            start = match.start()
            # The words before the name of the box were caught only because blanks may stand in it.
            for word in re.finditer(r"[\w.+-]+\s+", match["local"]):
                if word[0].strip().lower() in _NOT_LOCAL:
                    start = match.start() + word.end()
            yield Span(start, match.end(), "email")


def _box_begins(text: str, start: int) -> int | None:
    """Behind a path and the name of a field, which are not of the box: `почта/anna@…`, `?email=anna@…`.

    None where nothing is left: `tiktok.com/@lera.bakes` is a profile. `bounces+anna=shop.ru@…` is one box.
    """
    at = text.index("@", start)
    start = max(start, text.rfind("/", start, at) + 1)
    field = _FIELD.match(text, start, at)
    start = field.end() if field else start
    return start if start < at else None


def find_handles(text: str) -> Iterator[Span]:
    """`@name`, addresses of profiles, and Latin names after the name of a messenger."""
    for match in _AT_HANDLE.finditer(text):
        name = match["name"].rstrip(".")
        if name.lower() not in _NOT_HANDLES and len(name) >= 3:
            yield Span(match.start(), match.start() + 1 + len(name), "handle")
    for match in _PROFILE.finditer(text):
        end = match.end() - (len(match[0]) - len(match[0].rstrip(".-")))
        yield Span(match.start(), end, "handle")
    for match in _SKYPE.finditer(text):
        yield Span(match.start(), match.end() - (match[0][-1] == "."), "handle")
    for match in _NAMED_HANDLE.finditer(text):
        name = match["name"]
        if _ENGLISH.fullmatch(text[match.start() : match.start("name")]) and name.isalpha():
            continue
        if len(name) >= 4 and name.lower() not in _PRODUCTS:
            yield Span(match.start("name"), match.end("name"), "handle")
