"""Keys in a transit engine: HashiCorp Vault, OpenBao, Deckhouse Stronghold. KEKs never leave it.

    kek-<tenant>    aes256-gcm96, derived: wraps DEKs, each under a key derived from its own context
    index-<tenant>  hmac: a tenant's index root is the HMAC of a constant under a version of it
    audit           hmac: the audit key likewise, always under version 1
    checkpoint      ed25519: signs the log's checkpoints inside the engine, always by version 1

What the engine cannot do per value (millions of HMACs) is thus derived from what it keeps: nothing of it is stored
anywhere else, and trimming `index-<tenant>` destroys an index root in every backup there is (ADR 0012).

hvac blocks, so calls run in threads of their own, in chunks of CHUNK, with a time limit that a slow answer cannot
stretch. A wrapped DEK is the engine's ciphertext without its prefix: nonce ‖ ciphertext ‖ tag, 60 bytes.
"""

import asyncio
import base64
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, TypeVar

from hvac import exceptions as refused

from pii_vault.core.primitives import KEY_BYTES, derive_key
from pii_vault.errors import (
    KeyServiceError,
    KeyServiceUnavailable,
    KeyStepRefused,
    TenantKeyExists,
    UnknownTenantKey,
    UnwrapFailed,
)
from pii_vault.keys.service import WrappedKey
from pii_vault.keys.tenant_keys import LABEL_INDEX, WRAPPED_BYTES
from pii_vault.keys.transit_calls import Calls, parse_sealed, to_bytes, to_context, to_text
from pii_vault.keys.transit_session import CONNECTIONS, DEADLINE_SECONDS, TransitOptions, TransitSession
from pii_vault.keys.versions import FIRST, KINDS, Kind, Versions

T = TypeVar("T")

CHUNK: Final = 249  # items with a context that an engine takes by default: 1,000 strings a request (OpenBao)
CALL_SECONDS: Final = 2 * DEADLINE_SECONDS
SIGNATURE_BYTES: Final = 64
_KEY_TYPES: Final[dict[Kind, dict[str, Any]]] = {
    "kek": {"type": "aes256-gcm96", "derived": True},
    "index": {"type": "hmac", "key_size": KEY_BYTES},
}


def create_transit_keys(options: TransitOptions) -> None:
    """Makes the keys that belong to no tenant, or those of them that an interrupted run did not come to.

    Once, by the operator. Raises TenantKeyExists when all are there.
    """
    session = TransitSession(options)
    try:
        calls = Calls(session, options.mount)
        kinds: dict[str, dict[str, Any]] = {
            "audit": {"type": "hmac", "key_size": KEY_BYTES},
            "checkpoint": {"type": "ed25519"},
        }
        lacking = [name for name in kinds if calls.read(name) is None]
        if not lacking:
            raise TenantKeyExists("the key service already holds the audit log's keys; nothing was changed")
        for name in lacking:
            calls.post(f"keys/{name}", kinds[name])
    finally:
        session.close()


class TransitKeys:
    """KeyService over a transit engine. Opening it proves the sign-in and that the audit log's keys are there."""

    def __init__(self, options: TransitOptions) -> None:
        """Blocks, for some seconds at most. Raises KeyServiceUnavailable or KeyServiceError."""
        self._options = options
        self._process = 0
        self._calls: Calls
        self._threads: ThreadPoolExecutor
        self._known: set[str] = set()
        session = TransitSession(options)  # not kept: the process may fork before it serves
        try:
            calls = Calls(session, options.mount)
            checkpoint = calls.read("checkpoint")
            if checkpoint is None:
                raise KeyServiceError("the key service holds no key for the audit log; run: larets keys init")
            self._public = base64.b64decode(checkpoint["keys"][str(FIRST)]["public_key"])
            self._audit_key = calls.root("audit", FIRST)
        finally:
            session.close()

    async def generate(self, tenant: str, contexts: Sequence[bytes]) -> list[tuple[bytes, WrappedKey]]:
        if tenant not in self._known:
            await self.versions(tenant, "kek")  # an engine makes a key that it does not know, where policy lets it
            self._known.add(tenant)
        noise = os.urandom(KEY_BYTES * len(contexts))
        deks = [noise[at : at + KEY_BYTES] for at in range(0, len(noise), KEY_BYTES)]
        items = [
            {"plaintext": to_text(dek), "context": to_context(tenant, context)}
            for dek, context in zip(deks, contexts, strict=True)
        ]
        answers = await self._chunked(f"encrypt/kek-{tenant}", items)
        return [(dek, parse_sealed(answer["ciphertext"])) for dek, answer in zip(deks, answers, strict=True)]

    async def unwrap(self, tenant: str, wrapped: Sequence[tuple[bytes, WrappedKey]]) -> list[bytes]:
        answers = await self._opened(f"decrypt/kek-{tenant}", tenant, wrapped)
        deks = [to_bytes(answer["plaintext"]) for answer in answers]
        if any(len(dek) != KEY_BYTES for dek in deks):
            raise UnwrapFailed("the key service returned a key of a wrong length")
        return deks

    async def rewrap(self, tenant: str, wrapped: Sequence[tuple[bytes, WrappedKey]]) -> list[WrappedKey]:
        """Inside the engine: the DEKs do not leave it."""
        answers = await self._opened(f"rewrap/kek-{tenant}", tenant, wrapped)
        return [parse_sealed(answer["ciphertext"]) for answer in answers]

    async def index_key(self, tenant: str, class_id: str, version: int) -> bytes:
        try:
            root = await self._threaded(lambda calls: calls.root(f"index-{tenant}", version))
        except refused.InvalidRequest:
            await self.versions(tenant, "index")
            raise UnknownTenantKey(f"the key service holds no index key version {version} of this tenant") from None
        return derive_key(root, LABEL_INDEX + class_id.encode())

    async def audit_key(self) -> bytes:
        return self._audit_key

    async def sign_checkpoint(self, message: bytes) -> bytes:
        body = {"input": to_text(message), "key_version": FIRST}
        answer = await self._threaded(lambda calls: calls.post("sign/checkpoint", body))
        signature = parse_sealed(answer["signature"]).blob
        if len(signature) != SIGNATURE_BYTES:
            raise KeyServiceError("the key service returned a signature of a wrong length")
        return signature

    def checkpoint_public_key(self) -> bytes:
        return self._public

    async def create_tenant(self, tenant: str) -> None:
        """Repeating an interrupted call makes what is lacking."""

        def create(calls: Calls) -> None:
            lacking = [kind for kind in KINDS if calls.read(f"{kind}-{tenant}") is None]
            if not lacking:
                raise TenantKeyExists
            for kind in lacking:
                calls.post(f"keys/{kind}-{tenant}", _KEY_TYPES[kind])

        await self._threaded(create)

    async def versions(self, tenant: str, kind: Kind) -> Versions:
        return await self._threaded(lambda calls: calls.versions(f"{kind}-{tenant}"))

    async def rotate(self, tenant: str, kind: Kind) -> int:
        def turn(calls: Calls) -> int:
            calls.versions(f"{kind}-{tenant}")
            calls.post(f"keys/{kind}-{tenant}/rotate", {})
            return calls.versions(f"{kind}-{tenant}").current

        return await self._threaded(turn)

    async def raise_minimum(self, tenant: str, kind: Kind, version: int) -> None:
        """The engine itself would also lower it; that is refused here."""

        def lift(calls: Calls) -> None:
            held = calls.versions(f"{kind}-{tenant}")
            if not held.minimum <= version <= held.current:
                raise KeyStepRefused(
                    f"the minimum {kind} version may be set between {held.minimum} and {held.current}, not to {version}"
                )
            # Encryption first: in between, the engine refuses one that is above the other.
            calls.post(f"keys/{kind}-{tenant}/config", {"min_encryption_version": version})
            calls.post(f"keys/{kind}-{tenant}/config", {"min_decryption_version": version})

        await self._threaded(lift)

    async def trim(self, tenant: str, kind: Kind) -> Versions:
        def destroy(calls: Calls) -> Versions:
            held = calls.versions(f"{kind}-{tenant}")
            if held.oldest < held.minimum:
                calls.post(f"keys/{kind}-{tenant}/trim", {"min_available_version": held.minimum})
            return calls.versions(f"{kind}-{tenant}")

        return await self._threaded(destroy)

    async def ready(self) -> None:
        await self._threaded(lambda calls: calls.read("checkpoint"))

    # --- calls, in threads ---------------------------------------------------------------------------

    async def _opened(self, path: str, tenant: str, wrapped: Sequence[tuple[bytes, WrappedKey]]) -> list[Any]:
        """Raises UnwrapFailed, or UnknownTenantKey naming the version."""
        if any(len(key.blob) != WRAPPED_BYTES for _, key in wrapped):
            raise UnwrapFailed("a wrapped key has a wrong length")
        items = [
            {"ciphertext": f"vault:v{version}:{to_text(blob)}", "context": to_context(tenant, context)}
            for context, (version, blob) in wrapped
        ]
        try:
            return await self._chunked(path, items)
        except refused.InvalidRequest:
            held = await self.versions(tenant, "kek")
            for version in {key.kek_version for _, key in wrapped}:
                if not held.opens(version):
                    raise UnknownTenantKey(f"the key service holds no KEK version {version} of this tenant") from None
            raise UnwrapFailed from None

    async def _chunked(self, path: str, items: list[dict[str, str]]) -> list[Any]:
        """Several chunks travel at once, as many as there are connections."""
        parts = [items[at : at + CHUNK] for at in range(0, len(items), CHUNK)]
        answers = await asyncio.gather(
            *(self._threaded(lambda calls, part=part: calls.batch(path, part)) for part in parts)  # type: ignore[misc]
        )
        return [answer for part in answers for answer in part]

    async def _threaded(self, use: Callable[[Calls], T]) -> T:
        if self._process != os.getpid():
            self._calls = Calls(TransitSession(self._options), self._options.mount)
            self._threads = ThreadPoolExecutor(CONNECTIONS, thread_name_prefix="keys")
            self._process = os.getpid()
        loop = asyncio.get_running_loop()
        try:
            return await asyncio.wait_for(loop.run_in_executor(self._threads, use, self._calls), CALL_SECONDS)
        except TimeoutError:
            raise KeyServiceUnavailable from None
