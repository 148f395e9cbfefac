"""A contour's passphrase: in a file that its owner alone reads, or sealed by a key service and opened in memory.

The engine is given a file either way. Of a sealed passphrase that file has no name and lies in memory: it is gone with
this process, however that ends, and stands in no environment that the engine's plugins inherit (ADR 0049).
"""

import hashlib
import hmac
import os
import resource
import secrets
import threading
import weakref
from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, Final

from infra.lib.settings import StackSettings
from scripts.env.errors import LOST, EnvProblem
from scripts.env.place import Contour
from scripts.files import write_whole

if TYPE_CHECKING:
    from scripts.env.key_service import Seal

PASSPHRASE_BYTES: Final = 32
PUT_BACK: Final = f"put its copy back there; if it is lost for good: {LOST}"


class HalfRotated(EnvProblem):
    """A new passphrase was begun and not finished: some stacks may be under it, others under the one of before."""

    hint = "`larets env rotate passphrase` goes on with it; both are kept until then"


class Passphrase(ABC):
    """What encrypts the engine's secrets and seals plans. Never print it."""

    def __init__(self, contour: Contour) -> None:
        self.contour = contour

    @abstractmethod
    def text(self) -> str:
        """Raises EnvProblem: it is not there, not safe, or does not open."""

    @property
    @abstractmethod
    def file(self) -> Path:
        """Where the engine reads it. Raises as `text` does."""

    @property
    @abstractmethod
    def resting(self) -> Path:
        """What stands in the contour's folder."""

    @abstractmethod
    def prepared(self, fresh: str) -> str:
        """What would stand there for another passphrase. Nothing is changed yet; raises EnvProblem."""

    @abstractmethod
    def read(self, prepared: str) -> str:
        """Which one was prepared. Raises EnvProblem."""

    @abstractmethod
    def adopt(self, fresh: str, prepared: str) -> None:
        """From now on it is this one."""

    @property
    @abstractmethod
    def told(self) -> str:
        """How it rests, once it was proved that it opens."""

    def make(self) -> None:
        """A fresh one, unless something is there. Raises EnvProblem: what is encrypted here wants its own."""
        if self.contour.passphrase.exists() or self.contour.sealed.exists():
            return
        if self.contour.encrypted:
            raise EnvProblem(
                f"the {self.contour.side} contour has secrets and no passphrase at {self.resting}", hint=PUT_BACK
            )
        fresh = fresh_passphrase()
        self.adopt(fresh, self.prepared(fresh))

    def key(self, purpose: str) -> bytes:
        """A key of this contour, derived from its passphrase. Raises as `text` does."""
        return hmac.new(self.text().encode(), f"larets {purpose}".encode(), hashlib.sha256).digest()


class InFile(Passphrase):
    """`passphrase`, mode 0600."""

    def text(self) -> str:
        path = self.resting
        if self.contour.sealed.exists():
            raise EnvProblem(
                f"{self.contour.sealed} is there, and the settings name no key service",
                hint=f"put `state.sealed_by` back; or remove it, if {path} is the right passphrase",
            )
        if not path.exists():
            raise EnvProblem(
                f"the {self.contour.side} contour has no passphrase at {path}",
                hint=PUT_BACK if self.contour.encrypted else "run `larets env init`",
            )
        return read_clear(path)

    @property
    def file(self) -> Path:
        self.text()
        return self.resting

    @property
    def resting(self) -> Path:
        return self.contour.passphrase

    def prepared(self, fresh: str) -> str:
        return fresh

    def read(self, prepared: str) -> str:
        return prepared

    def adopt(self, fresh: str, prepared: str) -> None:
        del prepared
        write_whole(self.resting, fresh + "\n", mode=0o600)

    @property
    def told(self) -> str:
        self.text()
        return "is in a file that its owner alone reads"


class Sealed(Passphrase):
    """`passphrase.sealed`: the key service is asked once per command, by whichever thread needs it first."""

    def __init__(self, contour: Contour, seal: "Seal") -> None:
        super().__init__(contour)
        self._seal = seal
        self._lock = threading.Lock()
        self._held: _InMemory | None = None

    def text(self) -> str:
        return self._opened().text

    @property
    def file(self) -> Path:
        return self._opened().path

    @property
    def resting(self) -> Path:
        return self.contour.sealed

    def prepared(self, fresh: str) -> str:
        ciphertext = self._seal.seal(fresh)
        if self._seal.open(ciphertext) != fresh:
            raise EnvProblem("the key service does not open what it has just sealed", hint="look at its log")
        return ciphertext

    def read(self, prepared: str) -> str:
        return self._seal.open(prepared)

    def adopt(self, fresh: str, prepared: str) -> None:
        write_whole(self.resting, prepared + "\n", mode=0o600)
        with self._lock:
            self._held = _InMemory(fresh)

    @property
    def told(self) -> str:
        self.text()
        return "is sealed by the key service, which opens it"

    def unsealed(self) -> str:
        """Asks the key service, whatever else lies in the folder."""
        if not self.resting.exists():
            raise EnvProblem(
                f"the {self.contour.side} contour has no sealed passphrase at {self.resting}",
                hint="put its copy back; a new contour gets one by `larets env init`",
            )
        return self._seal.open(self.resting.read_text("utf-8", errors="replace").strip())

    def _opened(self) -> "_InMemory":
        clear = self.contour.passphrase
        if clear.exists():
            raise EnvProblem(
                f"a passphrase lies in the clear at {clear}, and the settings have it sealed",
                hint="`larets env seal` seals it and removes that file",
            )
        with self._lock:
            if self._held is None:
                self._held = _InMemory(self.unsealed())
            return self._held


class _InMemory:
    """A passphrase and the nameless file that holds it, which ends with this object or with the process."""

    def __init__(self, text: str) -> None:
        # A dump of this process's memory, or of the engine's, would hold it.
        resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
        self.text = text
        number = os.memfd_create("larets")
        weakref.finalize(self, os.close, number)
        os.fchmod(number, 0o400)
        os.write(number, text.encode())
        # The engine opens it by this name: only this user's processes may, and it is not inherited.
        self.path = Path(f"/proc/{os.getpid()}/fd/{number}")


def passphrase_of(contour: Contour, settings: StackSettings) -> Passphrase:
    sealed_by = settings.state.sealed_by
    if sealed_by is None:
        return InFile(contour)
    from scripts.env.key_service import seal_of  # noqa: PLC0415  its client takes a tenth of a command's time to load

    return Sealed(contour, seal_of(sealed_by, folder=settings.folder, stack=contour.stack))


def fresh_passphrase() -> str:
    return secrets.token_urlsafe(PASSPHRASE_BYTES)


def refuse_half_rotated(contour: Contour) -> None:
    """Raises HalfRotated."""
    if contour.upcoming.exists():
        raise HalfRotated


def read_clear(path: Path) -> str:
    """Raises EnvProblem: others may read it."""
    if path.stat().st_mode & 0o077:
        raise EnvProblem(f"others may read {path}", hint=f"chmod 600 {path}")
    return path.read_text("utf-8").strip()
