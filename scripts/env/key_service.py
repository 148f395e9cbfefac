"""The key service that seals a contour's passphrase: a transit engine's two requests, and its refusals.

What is sealed names its contour, so the other contour's ciphertext opens nothing, whatever kind the key is of; a
derived key is given the contour as its context besides.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from hvac import exceptions as refused

from infra.lib.parts import SealedBy
from pii_vault.errors import KeyServiceError, KeyServiceUnavailable, SignInRefused, WrongPassphrase
from pii_vault.keys.transit_calls import Calls, parse_sealed, to_bytes, to_context, to_text
from pii_vault.keys.transit_session import TransitOptions, TransitSession
from scripts.env.errors import EnvProblem

FORM: Final = b"larets/state-passphrase/1\0"


class KeyServiceAway(EnvProblem):
    """The key service that seals this contour's passphrase does not answer; nothing was touched."""

    hint = "have it brought up and unsealed, compare `state.sealed_by` with it, then run the same command again"


class KeyServiceDenied(EnvProblem):
    """The key service refuses its key to this contour's role; nothing was touched."""

    hint = "compare role, secret id and policy with docs/guide-admin.md, “A passphrase sealed by a key service”"


class NotOpened(EnvProblem):
    """The sealed passphrase does not open: it was changed, is another contour's, or its key's version is gone."""

    hint = (
        "put its copy back; or, with a copy of the passphrase: remove passphrase.sealed, "
        "put the copy at `passphrase`, run `larets env seal`"
    )


@dataclass(frozen=True, slots=True)
class Seal:
    """Seals and opens the passphrase of one contour. Each call signs in anew; nothing of it is kept."""

    options: TransitOptions
    key: str
    stack: str

    def seal(self, passphrase: str) -> str:
        """`vault:v<version>:<base64>`. Raises KeyServiceAway, KeyServiceDenied."""
        item = {"plaintext": to_text(self._bound + passphrase.encode())}
        try:
            answer = self._asked("encrypt", item).get("ciphertext")
            parse_sealed(answer)
        except (refused.InvalidRequest, refused.InvalidPath, KeyServiceError):
            raise KeyServiceDenied(f"the key service does not seal by the key {self.key}: is it there?") from None
        return str(answer)

    def open(self, ciphertext: str) -> str:
        """Raises KeyServiceAway, KeyServiceDenied, NotOpened."""
        try:
            parse_sealed(ciphertext)
            plain = to_bytes(self._asked("decrypt", {"ciphertext": ciphertext}).get("plaintext"))
        except (refused.InvalidRequest, refused.InvalidPath, KeyServiceError):
            raise NotOpened from None
        if not plain.startswith(self._bound) or len(plain) == len(self._bound):
            raise NotOpened
        return plain.removeprefix(self._bound).decode()

    @property
    def _bound(self) -> bytes:
        return FORM + self.stack.encode() + b"\0"

    def _asked(self, verb: str, item: dict[str, str]) -> dict[str, str]:
        with _answering(), _session(self.options) as session:
            context = {"context": to_context(self.stack, FORM)}
            [result] = Calls(session, self.options.mount).batch(f"{verb}/{self.key}", [item | context])
        return dict(result)


def seal_of(sealed_by: SealedBy, *, folder: Path, stack: str) -> Seal:
    """Relative paths are read from `folder`."""
    options = TransitOptions(
        url=sealed_by.url,
        mount=sealed_by.mount,
        namespace=sealed_by.namespace,
        ca=folder / sealed_by.ca if sealed_by.ca else None,
        role=sealed_by.role,
        secret_file=folder / sealed_by.secret_id_file,
        who="the contour",
    )
    return Seal(options, sealed_by.key, stack)


def version_of(ciphertext: str) -> int:
    """The key's version that sealed it."""
    return parse_sealed(ciphertext).kek_version


@contextmanager
def _session(options: TransitOptions) -> Iterator[TransitSession]:
    session = TransitSession(options)
    try:
        yield session
    finally:
        session.close()


@contextmanager
def _answering() -> Iterator[None]:
    """The key service's errors as ours; none of them repeats what was sent. Those of a wrong request pass."""
    try:
        yield
    except WrongPassphrase as error:  # of the secret id's file: absent, empty, or others may read it
        raise KeyServiceDenied(error.detail, hint="correct `state.sealed_by.secret_id_file`, or the file") from None
    except SignInRefused as error:
        raise KeyServiceDenied(error.detail) from None
    except KeyServiceUnavailable as error:
        raise KeyServiceAway(f"{KeyServiceAway.__doc__} ({error.detail})") from None
    except KeyServiceError:
        raise KeyServiceDenied from None
    except OSError as error:  # as when the authority's file is not there
        raise KeyServiceAway(
            f"the key service cannot be asked ({type(error).__name__})", hint="correct `state.sealed_by.ca` and `url`"
        ) from None
