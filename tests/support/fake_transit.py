"""A transit engine for the tests: the answers of HashiCorp Vault 1.21 to what the vault asks, and its faults on demand.

The same contract suite runs on it (make test) and on the real one (make test-keys).
"""

import base64
import hashlib
import hmac
import json
import os
import ssl
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag

from pii_vault.core.primitives import AesGcmCipher, derive_key, public_key, sign

ROLE, SECRET = "larets-vault-role", "a-secret-id-of-the-tests"
MOST_STRINGS = 1000


@dataclass
class Key:
    type: str
    versions: dict[int, bytes]
    minimum: int = 1
    encrypts_from: int = 0
    available: int = 0

    @property
    def latest(self) -> int:
        return max(self.versions)

    def public(self) -> dict[str, Any]:
        shown: dict[str, Any] = {str(version): 1 for version in self.versions}
        if self.type == "ed25519":
            raw = {version: base64.b64encode(public_key(seed)).decode() for version, seed in self.versions.items()}
            shown = {str(version): {"public_key": text} for version, text in raw.items()}
        return {
            "latest_version": self.latest,
            "min_decryption_version": self.minimum,
            "min_encryption_version": self.encrypts_from,
            "min_available_version": self.available,
            "keys": shown,
        }


class HungUp(Exception):
    """The connection ends without an answer."""


class Refused(Exception):
    def __init__(self, status: int, *errors: str, data: dict[str, Any] | None = None) -> None:
        self.status, self.body = status, {"errors": list(errors), **({"data": data} if data else {})}


@dataclass
class FakeTransit:
    """`fault` plays `sealed`, `throttled`, `broken`, `slow`, `redirect` or `gone`; `fail_times` limits it to the next
    calls, and `spare` are those before them that are answered as ever; `only`: to paths that hold this. `faulted`
    counts what befell.
    """

    url: str = ""
    fault: str = ""
    spare: int = 0
    only: str = ""
    faulted: int = 0
    fail_times: int = 1_000_000
    slow_seconds: float = 0.0
    lease_seconds: int = 3600
    renewable: bool = True
    keys: dict[str, Key] = field(default_factory=dict)
    tokens: dict[str, float] = field(default_factory=dict)
    seen: Counter[str] = field(default_factory=Counter)
    batches: list[int] = field(default_factory=list)
    namespaces: set[str] = field(default_factory=set)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def restart(self) -> None:
        """It keeps its keys and forgets its tokens."""
        self.tokens.clear()

    # --- routes --------------------------------------------------------------------------------------

    def answer(self, path: str, token: str, body: dict[str, Any]) -> dict[str, Any]:
        self.seen[path] += 1
        self._maybe_fail(path)
        parts = path.removeprefix("/v1/").split("/")
        if parts[0] == "auth" and parts[-1] == "login":
            return self._login(parts[1], body)
        if self.tokens.get(token, 0) < time.monotonic():
            raise Refused(403, "permission denied")
        if parts[:2] == ["auth", "token"]:
            return self._token(parts[2], token)
        if parts[0] != "larets":
            raise Refused(404)
        return {"data": self._transit(parts[1], parts[2], parts[3:], body)}

    def _maybe_fail(self, path: str) -> None:
        if not self.fault or self.fail_times <= 0 or self.only not in path:
            return
        if self.spare > 0:
            self.spare -= 1
            return
        self.fail_times -= 1
        self.faulted += 1
        if self.fault == "gone":
            raise HungUp
        if self.fault == "slow":
            time.sleep(self.slow_seconds)
            return
        status, text = {
            "sealed": (503, "Vault is sealed"),
            "throttled": (429, "request path is rate limited"),
            "broken": (500, "internal error"),
            "redirect": (307, "elsewhere"),
        }[self.fault]
        raise Refused(status, text)

    def _login(self, method: str, body: dict[str, Any]) -> dict[str, Any]:
        given = (body.get("role_id"), body.get("secret_id")) if method == "approle" else (body["role"], body["jwt"])
        if given != (ROLE, SECRET):
            raise Refused(400, "invalid role or secret ID")
        token = os.urandom(12).hex()
        self.tokens[token] = time.monotonic() + self.lease_seconds
        return self._auth(token)

    def _auth(self, token: str) -> dict[str, Any]:
        return {"auth": {"client_token": token, "lease_duration": self.lease_seconds, "renewable": self.renewable}}

    def _token(self, what: str, token: str) -> dict[str, Any]:
        if what == "lookup-self":
            return {"data": {"ttl": 1}}
        if not self.renewable:
            raise Refused(400, "lease is not renewable")
        self.tokens[token] = time.monotonic() + self.lease_seconds
        return self._auth(token)

    def _transit(self, verb: str, name: str, more: list[str], body: dict[str, Any]) -> dict[str, Any]:
        with self.lock:
            if verb == "keys":
                return self._key(name, more[0] if more else "", body)
            key = self.keys.get(name)
            if key is None:
                raise Refused(400, "encryption key not found")
            if "batch_input" in body:
                return self._batch(verb, key, body["batch_input"])
            version = int(body.get("key_version") or key.latest)
            if version not in key.versions or version < key.minimum:
                raise Refused(400, "key version disallowed by policy")
            data = base64.b64decode(body["input"])
            if verb == "hmac":
                return {"hmac": _told(version, hmac.digest(key.versions[version], data, hashlib.sha256))}
            return {"signature": _told(version, sign(key.versions[version], data))}

    def _key(self, name: str, action: str, body: dict[str, Any]) -> dict[str, Any]:
        key = self.keys.get(name)
        if not action and body:
            self.keys.setdefault(name, Key(body["type"], {1: os.urandom(32)}))
            return {}
        if key is None:
            raise Refused(404)
        if action == "rotate":
            key.versions[key.latest + 1] = os.urandom(32)
        elif action == "config":
            key.minimum = body.get("min_decryption_version", key.minimum)
            key.encrypts_from = body.get("min_encryption_version", key.encrypts_from)
        elif action == "trim":
            floor = body["min_available_version"]
            if floor > key.minimum or floor > key.encrypts_from:
                raise Refused(400, "min_available_version cannot be above the minimums")
            key.available = floor
            key.versions = {version: bits for version, bits in key.versions.items() if version >= floor}
        return key.public()

    def _batch(self, verb: str, key: Key, items: list[dict[str, str]]) -> dict[str, Any]:
        self.batches.append(len(items))
        if sum(2 * len(item) for item in items) > MOST_STRINGS:
            raise Refused(413, "too many JSON strings")
        results = [self._one(verb, key, item) for item in items]
        if any("error" in result for result in results):
            raise Refused(400, data={"batch_results": results})
        return {"batch_results": results}

    def _one(self, verb: str, key: Key, item: dict[str, str]) -> dict[str, Any]:
        context = base64.b64decode(item["context"])
        if verb == "encrypt":
            return {"ciphertext": _sealed(key, base64.b64decode(item["plaintext"]), context)}
        _, version_text, text = item["ciphertext"].split(":")
        version, blob = int(version_text[1:]), base64.b64decode(text)
        if version not in key.versions or version < key.minimum:
            return {"error": "ciphertext or signature version is disallowed by policy (too old)"}
        try:
            plain = AesGcmCipher(derive_key(key.versions[version], context)).decrypt(blob[:12], blob[12:], b"")
        except InvalidTag:
            return {"error": "cipher: message authentication failed"}
        if verb == "rewrap":
            return {"ciphertext": _sealed(key, plain, context)}
        return {"plaintext": base64.b64encode(plain).decode()}


def _sealed(key: Key, plain: bytes, context: bytes) -> str:
    nonce = os.urandom(12)
    return _told(
        key.latest, nonce + AesGcmCipher(derive_key(key.versions[key.latest], context)).encrypt(nonce, plain, b"")
    )


def _told(version: int, blob: bytes) -> str:
    return f"vault:v{version}:{base64.b64encode(blob).decode()}"


def _handler(fake: FakeTransit) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # head and body in one packet: else each answer waits for an acknowledgement

        def _serve(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length) or b"{}") or {}
            fake.namespaces.add(self.headers.get("X-Vault-Namespace") or "")
            try:
                status, answer = 200, fake.answer(self.path, self.headers.get("X-Vault-Token") or "", body)
            except Refused as refusal:
                status, answer = refusal.status, refusal.body
            except HungUp:
                self.close_connection = True
                return
            content = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            if status == 307:
                self.send_header("Location", "http://127.0.0.1:1/")
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PUT = _serve  # noqa: N815  the library's names

        def log_message(self, *_: Any) -> None:
            """Silence."""

    return Handler


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: Any) -> None:
        """A client that hung up is part of the tests."""


@contextmanager
def fake_transit(*, certificate: Path | None = None, key: Path | None = None) -> Iterator[FakeTransit]:
    """Listens on loopback; with a certificate by TLS."""
    fake = FakeTransit()
    server = _Server(("127.0.0.1", 0), _handler(fake))
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    fake.url = f"{'https' if certificate else 'http'}://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield fake
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
