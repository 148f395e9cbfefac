"""What the vault's answers mean to a program that calls it: tried again on the way, and a problem as an error."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import ClassVar, Final

import httpx
import msgspec

from pii_vault.errors import VaultError

ATTEMPTS: Final = 3
_TEMPORARY: Final = frozenset((502, 503, 504))
_FIRST_PAUSE: Final = 0.1


class VaultUnreachable(VaultError):
    """The vault does not answer. Nothing was lost: retry later."""

    status_code: ClassVar[int] = 503
    code: ClassVar[str] = "vault_unreachable"


class VaultRefused(VaultError):
    """The vault refused the request. The problem's code and detail say why; repeating it does not help."""

    def __init__(self, status: int, code: str, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.problem = code


async def answer_of(send: Callable[[], Awaitable[httpx.Response]], *, seconds: float) -> httpx.Response:
    """The answer to a call that may be repeated, tried up to three times within `seconds` with growing random pauses.

    Raises:
        VaultRefused, VaultUnreachable.
    """
    try:
        async with asyncio.timeout(seconds):
            response = await _sent(send)
    except (TimeoutError, httpx.HTTPError):
        # The cause is not chained: a transport's error may quote the request.
        raise VaultUnreachable from None
    if response.is_success:
        return response
    raise _refusal(response)


async def _sent(send: Callable[[], Awaitable[httpx.Response]]) -> httpx.Response:
    pause = _FIRST_PAUSE
    for left in reversed(range(ATTEMPTS)):
        try:
            response = await send()
        except httpx.TransportError:
            if not left:
                raise
        else:
            if response.status_code not in _TEMPORARY or not left:
                return response
        await asyncio.sleep(pause * (0.5 + random.random()))  # noqa: S311  jitter, not a secret
        pause *= 3
    raise AssertionError("unreachable")


def _refusal(response: httpx.Response) -> VaultError:
    """The vault's problem as an error."""
    if response.status_code in _TEMPORARY:
        return VaultUnreachable()
    try:
        body = msgspec.json.decode(response.content, type=dict[str, object])
    except msgspec.DecodeError:
        body = {}
    code, detail = str(body.get("code", "http_error")), str(body.get("detail", "The vault refused the request."))
    return VaultRefused(response.status_code, code, detail)
