"""The calls themselves: SMTP and HTTP to one pinned address, bounded in time and size, with nothing followed."""

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.utils import formatdate
from typing import Any, Final, Literal
from urllib.parse import urlsplit

import aiosmtplib
import httpx

from pii_vault.relay.addresses import Lookup, Reach, look_up, pinned
from pii_vault.relay.errors import OutcomeUnknown, SendingFailed

SECONDS: Final = 20.0
CONNECT_SECONDS: Final = 5.0
MOST_ANSWER_BYTES: Final = 256 * 1024
_OK: Final = 200
_AGAIN: Final = frozenset({408, 425, 429})
_SERVER_ERROR: Final = 500


@dataclass(frozen=True, slots=True)
class Destination:
    """One host outside, as the shop's officer listed it.

    `url`: `https://host[:port][/prefix]`, `smtps://host[:port]` (TLS at once) or `smtp://host[:port]` (STARTTLS,
    which is demanded). `login` and `secret` sign in: SMTP AUTH, or for HTTP a bearer or basic authorization.
    """

    id: str
    kind: Literal["smtp", "http"]
    url: str
    sender: str = ""  # From of mails, or the name SMS come from
    login: str = ""
    secret: str = field(default="", repr=False)

    @property
    def host(self) -> str:
        return urlsplit(self.url).hostname or ""

    @property
    def port(self) -> int:
        parts = urlsplit(self.url)
        return parts.port or {"https": 443, "http": 80, "smtps": 465, "smtp": 587}[parts.scheme]


@dataclass(frozen=True, slots=True)
class Mail:
    """One mail to one person; nothing of it is shown where it is printed."""

    recipient: str = field(repr=False)
    subject: str = field(repr=False)
    text: str = field(repr=False)
    html: str = field(repr=False)


class _Handing(aiosmtplib.SMTP):
    """Says when it is about to give the mail away; `handed` from then on, until the server has answered."""

    def __init__(self, hand_over: Callable[[], Awaitable[None]], **options: Any) -> None:
        super().__init__(**options)
        self._hand_over = hand_over
        self.handed = False

    async def data(self, message: str | bytes, /, **options: Any) -> aiosmtplib.SMTPResponse:
        await self._hand_over()
        self.handed = True
        return await super().data(message, **options)


@dataclass(frozen=True, slots=True)
class Outside:
    """How the relay reaches out. `plain`: without TLS, for tests on loopback alone."""

    reach: Reach
    plain: bool = False
    lookup: Lookup = look_up
    tls: ssl.SSLContext = field(default_factory=ssl.create_default_context)

    async def mail(
        self, destination: Destination, mail: Mail, *, key: str, hand_over: Callable[[], Awaitable[None]]
    ) -> str:
        """Sends one mail; gives the name in its Message-ID, by which a bounce is recognised.

        `hand_over` is awaited right before the server is given the mail: what fails before it may be repeated.

        Raises SendingFailed, OutcomeUnknown, and what `hand_over` raises.
        """
        scheme = urlsplit(destination.url).scheme
        # The socket goes to the address that was looked at; the certificate must be the name's.
        client = _Handing(
            hand_over,
            hostname=destination.host,
            sock=await self._connected(destination),
            use_tls=scheme == "smtps",
            start_tls=False,
            tls_context=self.tls,
            timeout=SECONDS,
        )
        taken = False  # from then on it must not be sent again, whatever becomes of the connection
        try:
            async with asyncio.timeout(SECONDS), client:
                if scheme == "smtp" and not self.plain:
                    await client.starttls(tls_context=self.tls)
                if destination.login:
                    await client.login(destination.login, destination.secret)
                await client.send_message(_message(destination, mail, key=key))
                taken = True
        except aiosmtplib.SMTPResponseException as error:
            raise SendingFailed(f"smtp_{error.code}", again=error.code < _SERVER_ERROR) from None
        except aiosmtplib.SMTPRecipientsRefused as error:
            again = all(each.code < _SERVER_ERROR for each in error.recipients)
            raise SendingFailed("recipient_refused", again=again) from None
        except (aiosmtplib.SMTPException, OSError, TimeoutError, ValueError):
            if client.handed and not taken:
                raise OutcomeUnknown from None
            if not taken:
                raise SendingFailed("no_answer", again=True) from None
        return key

    async def _connected(self, destination: Destination) -> socket.socket:
        """To the one address that was looked at, whatever the name says a moment later. Raises SendingFailed."""
        address = await pinned(destination.host, destination.port, self.reach, lookup=self.lookup)
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        made = socket.socket(family, socket.SOCK_STREAM)
        made.setblocking(False)
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                await asyncio.get_running_loop().sock_connect(made, (address, destination.port))
        except (OSError, TimeoutError):
            made.close()
            raise SendingFailed("no_answer", again=True) from None
        return made

    async def request(
        self, destination: Destination, *, method: str, path: str, content: bytes, media_type: str, key: str
    ) -> bytes:
        """One HTTP request; gives the answer's body. Redirects are not followed: they lead where nobody looked.

        Raises SendingFailed.
        """
        parts = urlsplit(destination.url)
        address = await pinned(destination.host, destination.port, self.reach, lookup=self.lookup)
        shown = f"[{address}]" if ":" in address else address
        headers = {"content-type": media_type, "host": parts.netloc, "idempotency-key": key, "user-agent": "larets"}
        if destination.secret and not destination.login:
            headers["authorization"] = f"Bearer {destination.secret}"
        auth = httpx.BasicAuth(destination.login, destination.secret) if destination.login else None
        url = f"{parts.scheme}://{shown}:{destination.port}{parts.path.rstrip('/')}{path}"
        try:
            async with (
                asyncio.timeout(SECONDS),
                httpx.AsyncClient(verify=self.tls, trust_env=False, follow_redirects=False, timeout=SECONDS) as client,
                client.stream(
                    method,
                    url,
                    content=content,
                    headers=headers,
                    auth=auth,
                    extensions={"sni_hostname": destination.host},
                ) as answer,
            ):
                body = await _bounded(answer)
        except (httpx.HTTPError, httpx.InvalidURL, OSError, TimeoutError):
            raise SendingFailed("no_answer", again=True) from None
        status = answer.status_code
        if not _OK <= status < _OK + 100:
            raise SendingFailed(f"http_{status}", again=status in _AGAIN or status >= _SERVER_ERROR)
        return body


def _message(destination: Destination, mail: Mail, *, key: str) -> EmailMessage:
    domain = destination.sender.rpartition("@")[2].strip(">") or destination.host
    message = EmailMessage()
    message["From"] = destination.sender
    message["To"] = mail.recipient
    message["Subject"] = mail.subject
    message["Date"] = formatdate()
    message["Message-ID"] = f"<{key}@{domain}>"
    message.set_content(mail.text)
    if mail.html:
        message.add_alternative(mail.html, subtype="html")
    return message


async def _bounded(answer: httpx.Response) -> bytes:
    body = bytearray()
    async for piece in answer.aiter_bytes():
        body += piece
        if len(body) > MOST_ANSWER_BYTES:
            raise SendingFailed("answer_too_large", again=False)
    return bytes(body)
