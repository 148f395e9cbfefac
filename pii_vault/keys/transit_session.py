"""A logged-in connection to a transit engine: blocking, for a thread of its own, and never for long.

Sign-in (AppRole or Kubernetes), renewal before the token ends, another sign-in when the service has forgotten it, a
few tries while it throttles, restarts or is sealed; then one plain error. Nothing is remembered from the environment:
no proxy, no token file, no address.
"""

import logging
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, TypeVar

import hvac
import requests
from hvac import exceptions as refused
from requests.adapters import HTTPAdapter

from pii_vault.errors import KeyServiceError, KeyServiceUnavailable, SignInRefused
from pii_vault.keys.root_seal import read_secret_file

logger = logging.getLogger(__name__)

T = TypeVar("T")

DEADLINE_SECONDS: Final = 3.0  # for all tries of one call
TIMEOUTS: Final = (1.0, 2.0)  # to connect; between two bytes of an answer
FIRST_PAUSE_SECONDS: Final = 0.05
DOWN_SECONDS: Final = 1.0  # after a call was given up: the next ones fail at once instead of queueing up
RENEW_AT: Final = 2 / 3  # of a token's time
CONNECTIONS: Final = 8
POD_TOKEN: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount/token")

_AWAY = (
    requests.ConnectionError,
    requests.Timeout,
    refused.RateLimitExceeded,
    refused.InternalServerError,
    refused.BadGateway,
    refused.VaultDown,
    refused.VaultNotInitialized,
    refused.UnexpectedError,
    refused.PreconditionFailed,
)


@dataclass(frozen=True, slots=True)
class TransitOptions:
    """Where the engine is and as whom the vault signs in there.

    `secret_file` holds AppRole's secret id or the pod's own token; it is read at each sign-in, as both are replaced.
    """

    url: str
    mount: str = "larets"
    namespace: str = ""
    ca: Path | None = None
    fingerprint: str = ""
    auth: Literal["approle", "kubernetes"] = "approle"
    auth_mount: str = ""
    role: str = ""
    secret_file: Path = POD_TOKEN
    who: str = "the vault"  # signs in, as messages call it


@dataclass(frozen=True, slots=True)
class _Login:
    client: hvac.Client
    renew_at: float
    ends_at: float


class _Pinned(HTTPAdapter):
    """Accepts one certificate only, beside the chain that is checked anyway."""

    def __init__(self, fingerprint: str, **more: Any) -> None:
        self._fingerprint = fingerprint
        super().__init__(**more)

    def init_poolmanager(self, *args: Any, **more: Any) -> None:
        super().init_poolmanager(*args, assert_fingerprint=self._fingerprint or None, **more)


class TransitSession:
    """One per process. Threads share its connections and its token."""

    def __init__(self, options: TransitOptions) -> None:
        self._options = options
        self._lock = threading.Lock()
        self._login: _Login | None = None
        self._down_until = 0.0
        self._http = requests.Session()
        self._http.trust_env = False
        self._http.verify = str(options.ca) if options.ca else True
        adapter = _Pinned(options.fingerprint, pool_connections=1, pool_maxsize=CONNECTIONS)
        self._http.mount("https://", adapter)
        self._http.mount("http://", HTTPAdapter(pool_connections=1, pool_maxsize=CONNECTIONS))

    def close(self) -> None:
        self._http.close()

    def run(self, use: Callable[[hvac.Client], T]) -> T:
        """`use` with a client that is signed in; again after a pause while the service is away.

        Raises:
            KeyServiceUnavailable: it was away for the whole of DEADLINE_SECONDS, or a moment ago.
            KeyServiceError: it refuses this to the vault.
            hvac.exceptions.InvalidRequest, InvalidPath: what was asked is wrong; for the caller to read.
        """
        now = time.monotonic()
        if now < self._down_until:
            raise KeyServiceUnavailable
        until, pause, again = now + DEADLINE_SECONDS, FIRST_PAUSE_SECONDS, True
        while True:
            login: _Login | None = None
            try:
                login = self._signed_in()
                return use(login.client)
            except refused.Forbidden:
                if not again or login is None or not self._forgotten(login):
                    raise KeyServiceError(
                        f"the key service refuses this to {self._options.who}'s role; "
                        "compare its policy with docs/guide-keys.md"
                    ) from None
                again = False
            except _AWAY as error:
                # Only the class is told: an answer of the service may quote what was sent.
                logger.warning("the key service did not answer: %s", type(error).__name__)
                if time.monotonic() + pause > until:
                    self._down_until = time.monotonic() + DOWN_SECONDS
                    raise KeyServiceUnavailable(_what_is_wrong(error)) from None
                time.sleep(pause * (0.5 + random.random()))  # noqa: S311  jitter, not a secret
                pause *= 2

    def _signed_in(self) -> _Login:
        with self._lock:
            login, now = self._login, time.monotonic()
            if login is None or now >= login.ends_at:
                self._login = login = self._sign_in()
            elif now >= login.renew_at:
                self._login = login = self._renew(login)
            return login

    def _sign_in(self) -> _Login:
        options = self._options
        client = self._client()
        mount = options.auth_mount or options.auth
        secret = read_secret_file(options.secret_file, projected=options.auth == "kubernetes")
        try:
            if options.auth == "approle":
                answer = client.auth.approle.login(options.role, secret, use_token=False, mount_point=mount)
            else:
                answer = client.auth.kubernetes.login(options.role, secret, use_token=False, mount_point=mount)
        except (refused.InvalidRequest, refused.Forbidden, refused.Unauthorized, refused.InvalidPath):
            raise SignInRefused(
                f"the key service does not accept {options.who}'s sign-in by {options.auth}; "
                "renew its role, secret id or service account"
            ) from None
        return _logged_in(client, answer)

    def _renew(self, login: _Login) -> _Login:
        try:
            return _logged_in(self._client(), login.client.auth.token.renew_self())
        except (refused.InvalidRequest, refused.Forbidden):  # not renewable any more, or forgotten
            return self._sign_in()

    def _forgotten(self, login: _Login) -> bool:
        """Whether the token is what is refused: after a restart, a revocation. The next use signs in anew."""
        try:
            login.client.auth.token.lookup_self()
        except (refused.Forbidden, refused.InvalidRequest, refused.InvalidPath):
            with self._lock:
                if self._login is login:
                    self._login = None
            return True
        except _AWAY:
            return True
        return False

    def _client(self) -> hvac.Client:
        client = hvac.Client(
            url=self._options.url,
            session=self._http,
            verify=self._http.verify,
            timeout=TIMEOUTS,
            allow_redirects=False,
            namespace=self._options.namespace or None,
        )
        client.token = None  # hvac looks into the environment and the home folder for one
        return client


def _logged_in(client: hvac.Client, answer: Any) -> _Login:
    try:
        auth = answer["auth"]
        client.token, seconds = auth["client_token"], auth["lease_duration"]
    except (KeyError, TypeError):
        raise KeyServiceUnavailable("the key service answered a sign-in with something else") from None
    now = time.monotonic()
    if not seconds:  # it never ends
        return _Login(client, float("inf"), float("inf"))
    return _Login(client, now + seconds * RENEW_AT, now + seconds)


def _what_is_wrong(error: Exception) -> str | None:
    if isinstance(error, refused.VaultDown):
        return "the key service is sealed or in maintenance; unseal it"
    if isinstance(error, refused.RateLimitExceeded):
        return "the key service is throttling the vault; raise its quota, or retry later"
    if isinstance(error, requests.exceptions.SSLError):
        return "the key service's certificate is not the expected one; check its CA and its fingerprint"
    return None
