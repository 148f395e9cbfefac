"""After a restore the log goes on under a new origin: what the statement says that founds one. Pure.

The first origin is the log's own name; the second is `name/2`, and so on, all under the same key. A statement is a
note signed by that key. It names the last checkpoint the witness cosigned, how much of that history is still held, the
two persons who approved, and why. The first record under the new origin carries the statement's digest; the witness
cosigns nothing under a new origin before it has such a statement, and nothing under the old one afterwards.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from typing import Final

from pii_vault.audit import note as notes
from pii_vault.core import primitives

TITLE: Final = "larets audit origin 1"
VERB: Final = "new_origin"
LOG_TENANT: Final = "larets-audit"  # of records and alarms about the log itself, which is of all tenants
MAX_REASON: Final = 200
_LINES: Final = re.compile(
    r"larets audit origin 1\n(?P<origin>\S+)\nafter (?P<after>\S+)\nkept (?P<kept>\d+)\ncommon (?P<common>\d+)\n"
    r"witnessed (?P<size>\d+) (?P<root>\S+)\napproved (?P<first>\S+) (?P<second>\S+)\nat (?P<at>\S+)\n"
    r"reason (?P<reason>[^\n]{1,200})\n"
)


@dataclass(frozen=True, slots=True)
class Succession:
    """`witnessed` is the last cosigned checkpoint of the origin before. Of its records at least `common` are held.

    The new origin begins with record `kept`: those before it stand in the log, whoever witnessed them.
    """

    origin: str
    kept: int
    common: int
    witnessed: notes.Checkpoint
    approvers: tuple[str, str]
    at: datetime
    reason: str

    @property
    def after(self) -> str:
        return self.witnessed.origin

    @property
    def lost(self) -> int:
        """How many witnessed records may be gone, at most."""
        return max(0, self.witnessed.size - self.common)

    @property
    def text(self) -> str:
        root = notes.encode_base64(self.witnessed.root)
        return (
            f"{TITLE}\n{self.origin}\nafter {self.after}\nkept {self.kept}\ncommon {self.common}\n"
            f"witnessed {self.witnessed.size} {root}\napproved {' '.join(self.approvers)}\n"
            f"at {self.at.isoformat()}\nreason {self.reason}\n"
        )

    @property
    def digest(self) -> str:
        """What the first record under the new origin carries as its request."""
        return sha256(self.text.encode()).hexdigest()


def number_of(origin: str, *, log: str) -> int:
    """1 for the log's own name, 2 for `name/2`. Raises NoteError for another log's."""
    if origin == log:
        return 1
    prefix, _, number = origin.rpartition("/")
    if prefix != log or not number.isascii() or not number.isdigit() or number.startswith("0") or int(number) < 2:  # noqa: PLR2004  the second is the first that is numbered
        raise notes.NoteError("the origin is of another log")
    return int(number)


def next_origin(origin: str, *, log: str) -> str:
    return f"{log}/{number_of(origin, log=log) + 1}"


def key_of(origin: str, log_key: notes.VerifierKey) -> notes.VerifierKey:
    """The log's key under this origin's name. Raises NoteError for another log's."""
    number_of(origin, log=log_key.name)
    return replace(log_key, name=origin)


def open_succession(note: notes.Note, log_key: notes.VerifierKey) -> Succession:
    """The statement of a note that the log itself signed. Raises NoteError."""
    signature = note.by(log_key)
    if not primitives.signature_holds(log_key.public_key, note.text.encode(), signature.value):
        raise notes.NoteError("the log's signature does not hold")
    found = _LINES.fullmatch(note.text)
    if found is None:
        raise notes.NoteError("this is not a statement of a new origin")
    witnessed = notes.parse_checkpoint(f"{found['after']}\n{found['size']}\n{found['root']}\n")
    try:
        at = datetime.fromisoformat(found["at"])
    except ValueError:
        raise notes.NoteError("a statement's time is not one") from None
    said = Succession(
        found["origin"],
        notes.parse_size(found["kept"]),
        notes.parse_size(found["common"]),
        witnessed,
        (found["first"], found["second"]),
        at,
        found["reason"],
    )
    if said.text != note.text or said.origin != next_origin(said.after, log=log_key.name):
        raise notes.NoteError("a statement names the origin that follows the one before, in one spelling")
    if said.approvers[0] == said.approvers[1]:
        raise notes.NoteError("a new origin is approved by two different persons")
    return said


class Origins:
    """Under which name a tree of some size has to be signed."""

    def __init__(self, log_key: notes.VerifierKey, successions: Sequence[Succession] = ()) -> None:
        self._log_key = log_key
        self._successions = sorted(successions, key=lambda each: number_of(each.origin, log=log_key.name))

    @property
    def lost(self) -> int:
        return sum(each.lost for each in self._successions)

    @property
    def newest(self) -> str:
        return self._successions[-1].origin if self._successions else self._log_key.name

    def key_at(self, size: int) -> notes.VerifierKey:
        """The key that a checkpoint of this size bears."""
        founded = [each.origin for each in self._successions if each.kept < size]
        return replace(self._log_key, name=founded[-1]) if founded else self._log_key

    def gave_up(self, checkpoint: notes.Checkpoint) -> bool:
        """Whether a later statement says that what was witnessed here is lost."""
        number = number_of(checkpoint.origin, log=self._log_key.name)
        later = [each for each in self._successions if number_of(each.origin, log=self._log_key.name) > number]
        if not later:
            return False
        first = later[0]
        said = checkpoint.size <= first.witnessed.size or checkpoint.origin != first.after
        return said and checkpoint.size > first.common
