"""What the log shows to go on under a new origin: a statement, and for a witness that forgot, its own cosignature.

On the wire: the statement's note; then, if the witness may have been restored, an empty line and the note of the
checkpoint that the statement names, with both signatures. Pure.
"""

from dataclasses import dataclass
from typing import Final

from app.witness.errors import BrokenSubmission
from app.witness.keys import WitnessKeys
from pii_vault.client import (
    Note,
    NoteError,
    Succession,
    key_of,
    open_checkpoint,
    parse_note,
    verify_cosignature,
)

_PARTS: Final = (2, 4)  # text and signatures, of one note or two


@dataclass(frozen=True, slots=True)
class Announcement:
    statement: Note
    witnessed: Note | None = None


def parse_announcement(body: bytes) -> Announcement:
    """Raises BrokenSubmission."""
    try:
        parts = body.decode("utf-8").split("\n\n")
        if len(parts) not in _PARTS:
            raise BrokenSubmission
        if len(parts) == min(_PARTS):
            return Announcement(parse_note("\n\n".join(parts)))
        return Announcement(parse_note("\n\n".join(parts[:2]) + "\n"), parse_note("\n\n".join(parts[2:])))
    except (NoteError, UnicodeDecodeError) as error:
        raise BrokenSubmission from error


def remembered(note: Note, said: Succession, keys: WitnessKeys) -> Note:
    """The checkpoint that a statement names, as it once stood here: nobody else can have made this cosignature.

    Raises:
        NoteError: it is another checkpoint, or not signed by the log, or not cosigned here.
    """
    log_key, own = key_of(said.after, keys.log), keys.public
    if open_checkpoint(note, log_key) != said.witnessed:
        raise NoteError("this is not the checkpoint that the statement names")
    verify_cosignature(note, own)
    return Note(note.text, (note.by(log_key), note.by(own)))
