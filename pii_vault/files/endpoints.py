"""POST /v1/files, GET and HEAD /v1/files/{token}: bodies are streams, so they pass the limit of other requests.

POST /v1/files?class=voice[&subject=sub_…]   Content-Type, Larets-File-Name (percent-encoded UTF-8)
     → 201 {"token", "subject", "size"}
GET  /v1/files/{token}                       Larets-Purpose, Range: bytes=first-last (one range)
     → 200 or 206 with the bytes
"""

import re
from typing import Annotated, Final
from urllib.parse import quote, unquote

import msgspec
from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.responses import StreamingResponse

from pii_vault.api.auth import Authenticator, Caller
from pii_vault.errors import Forbidden, InvalidRequest
from pii_vault.files.errors import RangeNotSatisfiable
from pii_vault.files.fetch import OpenedFile, open_file
from pii_vault.files.keep import keep_file
from pii_vault.files.metrics import BYTES, FILES
from pii_vault.files.port import FileStore
from pii_vault.operations.access import refuse
from pii_vault.vault import Vault, new_request_id

MAX_NAME: Final = 200
_MEDIA_TYPE: Final = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,63}/[a-z0-9][a-z0-9!#$&^_.+-]{0,63}")
_RANGE: Final = re.compile(r"bytes=(\d{0,12})-(\d{0,12})")
# A stranger's file is never shown by a browser as a page of the vault.
_HEADERS: Final = {
    "accept-ranges": "bytes",
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; sandbox",
    "x-content-type-options": "nosniff",
}


def build_files(vault: Vault, authenticator: Authenticator, files: FileStore) -> APIRouter:
    """For programs of the private contour and holders of a token of audience `vault`."""
    router = APIRouter(tags=["files"])

    @router.post("/v1/files", status_code=201)
    async def keep(
        request: Request,
        class_id: Annotated[str, Query(alias="class")] = "",
        subject: str | None = None,
        larets_file_name: Annotated[str, Header()] = "",
    ) -> Response:
        """Keeps the body as a file of this class and subject."""
        request_id = new_request_id()
        caller = await _admitted(vault, authenticator, request, "tokenise", request_id)
        kept = await keep_file(
            vault,
            files,
            caller.principal,
            request.stream(),
            class_id=class_id,
            media_type=_media_type(request),
            name=unquote(larets_file_name)[:MAX_NAME],
            subject=subject,
            request_id=request_id,
        )
        FILES.labels("keep").inc()
        BYTES.inc(kept.size)
        return Response(
            msgspec.json.encode({"token": kept.token, "subject": kept.subject, "size": kept.size}),
            status_code=201,
            media_type="application/json",
            headers={"larets-request-id": request_id},
        )

    @router.get("/v1/files/{token}")
    async def fetch(token: str, request: Request, larets_purpose: Annotated[str, Header()] = "") -> Response:
        """The file, or one range of it."""
        opened = await _open(token, request, larets_purpose)
        FILES.labels("fetch").inc()
        status, headers = _about(opened, request)
        return StreamingResponse(opened.pieces(), status, headers)

    @router.head("/v1/files/{token}")
    async def describe(token: str, request: Request, larets_purpose: Annotated[str, Header()] = "") -> Response:
        """Size and kind; a look like any other, since they are released."""
        opened = await _open(token, request, larets_purpose)
        status, headers = _about(opened, request)
        return Response(status_code=status, headers=headers)

    async def _open(token: str, request: Request, purpose: str) -> OpenedFile:
        request_id = new_request_id()
        caller = await _admitted(vault, authenticator, request, "reveal", request_id)
        if caller.purposes is not None and purpose in vault.purposes and purpose not in caller.purposes:
            error = Forbidden("This program is not registered for this purpose. Ask the operator of the vault.")
            await refuse(vault, caller.principal, error, verb="reveal", purpose=purpose, request_id=request_id)
        start, stop = _range(request)
        if start < 0:  # the last bytes: their place is known when the size is
            whole = await open_file(vault, files, caller.principal, token, purpose=purpose, request_id=request_id)
            return whole.from_end(-start)
        return await open_file(
            vault, files, caller.principal, token, purpose=purpose, request_id=request_id, start=start, stop=stop
        )

    return router


async def _admitted(vault: Vault, authenticator: Authenticator, request: Request, verb: str, request_id: str) -> Caller:
    """The caller; nobody of the public contour, whatever a policy may come to say."""
    caller = await authenticator.caller(request.scope)
    if caller.principal.contour != "private":
        await refuse(vault, caller.principal, Forbidden(), verb=verb, purpose="", request_id=request_id)
    return caller


def _media_type(request: Request) -> str:
    given = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if _MEDIA_TYPE.fullmatch(given) is None:
        raise InvalidRequest("Say what the file is in Content-Type, such as audio/ogg.")
    return given


def _ranged(request: Request) -> bool:
    return "range" in request.headers


def _range(request: Request) -> tuple[int, int | None]:
    """First byte and the one after the last; a negative first counts from the end.

    Raises RangeNotSatisfiable for several ranges, other units and empty ones (RFC 9110 §14).
    """
    if not _ranged(request):
        return 0, None
    found = _RANGE.fullmatch(request.headers["range"].replace(" ", ""))
    first, last = found.groups() if found is not None else ("", "")
    if not first and not last:
        raise RangeNotSatisfiable("Ask for one range of bytes, such as bytes=0-1023.")
    if not first:
        if int(last) == 0:
            raise RangeNotSatisfiable
        return -int(last), None
    if last and int(last) < int(first):
        raise RangeNotSatisfiable
    return int(first), int(last) + 1 if last else None


def _about(opened: OpenedFile, request: Request) -> tuple[int, dict[str, str]]:
    """Status and headers. A range that is the whole file is a range all the same (RFC 9110 §15.3.7)."""
    headers = _HEADERS | {
        "content-type": opened.label.media_type,
        "content-length": str(opened.stop - opened.start),
        "content-disposition": "attachment",
    }
    if opened.label.name:
        headers["content-disposition"] += f"; filename*=UTF-8''{quote(opened.label.name, safe='')}"
    if not _ranged(request) or opened.start == opened.stop:
        return 200, headers
    return 206, headers | {"content-range": f"bytes {opened.start}-{opened.stop - 1}/{opened.label.size}"}
