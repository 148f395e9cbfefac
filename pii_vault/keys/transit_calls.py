"""The requests of a transit engine, one at a time, and the form of what it answers. Blocking, as hvac is."""

import base64
import binascii
import re
from typing import Any, Final

import hvac
from hvac import exceptions as refused

from pii_vault.errors import KeyServiceError, UnknownTenantKey
from pii_vault.keys.service import WrappedKey
from pii_vault.keys.transit_session import TransitSession
from pii_vault.keys.versions import FIRST, Versions

LABEL: Final = b"larets/transit/1\0"
_PREFIXED: Final = re.compile(r"vault:v([1-9][0-9]{0,8}):([A-Za-z0-9+/]+=*)")


class Calls:
    """Errors as of TransitSession.run, and KeyServiceError for an answer that makes no sense."""

    def __init__(self, session: TransitSession, mount: str) -> None:
        self._session = session
        self._mount = mount

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        return self._session.run(lambda client: self._request(client, "post", path, body))

    def batch(self, path: str, items: list[dict[str, str]]) -> list[Any]:
        results = self.post(path, {"batch_input": items}).get("batch_results", [])
        if len(results) != len(items):
            raise KeyServiceError("the key service answered a batch with another number of results")
        if any(result.get("error") for result in results):
            raise refused.InvalidRequest
        return list(results)

    def read(self, name: str) -> dict[str, Any] | None:
        try:
            return self._session.run(lambda client: self._request(client, "get", f"keys/{name}", None))
        except refused.InvalidPath:
            return None

    def versions(self, name: str) -> Versions:
        key = self.read(name)
        if key is None:
            raise UnknownTenantKey
        minimum = max(FIRST, key["min_decryption_version"])
        return Versions(max(FIRST, key.get("min_available_version") or FIRST), minimum, key["latest_version"])

    def root(self, name: str, version: int) -> bytes:
        """32 bytes that only this version of this key gives. Raises InvalidRequest for one that is not held."""
        body = {"input": to_text(LABEL + name.encode()), "key_version": version, "algorithm": "sha2-256"}
        return parse_sealed(self.post(f"hmac/{name}", body)["hmac"]).blob

    def _request(self, client: hvac.Client, method: str, path: str, body: dict[str, Any] | None) -> dict[str, Any]:
        answer = client.adapter.request(method, f"/v1/{self._mount}/{path}", json=body)
        if isinstance(answer, dict):
            return dict(answer.get("data") or {})
        if getattr(answer, "status_code", 0) == 204:  # noqa: PLR2004  done, and nothing to say
            return {}
        raise refused.UnexpectedError  # a redirect, or a proxy's page


def to_context(tenant: str, context: bytes) -> str:
    return to_text(LABEL + tenant.encode() + b"\0" + context)


def to_text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def to_bytes(text: object) -> bytes:
    try:
        return base64.b64decode(str(text), validate=True)
    except binascii.Error:
        raise KeyServiceError("the key service answered with something that is not base64") from None


def parse_sealed(text: object) -> WrappedKey:
    """`vault:v<version>:<base64>` taken apart. Raises KeyServiceError."""
    match = _PREFIXED.fullmatch(str(text))
    if match is None:
        raise KeyServiceError("the key service answered in a form that this release does not know")
    return WrappedKey(int(match[1]), to_bytes(match[2]))
