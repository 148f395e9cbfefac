"""Errors of subjects' rights."""

from pii_vault.errors import VaultError


class UnknownSubject(VaultError):
    """There is no such person in this tenant. Find them first: by phone, email, token or order."""

    status_code = 404
    code = "unknown_subject"


class SubjectErased(VaultError):
    """This person was erased. What remains is the act: see the proof of the erasure."""

    status_code = 409
    code = "erased"


class AlreadyBlocked(VaultError):
    """This person is blocked already. Unblock first, or change the term."""

    status_code = 409
    code = "already_blocked"


class NotBlocked(VaultError):
    """No block of the officer stands on this person, so there is nothing to lift."""

    status_code = 409
    code = "not_blocked"


class ErasureUnderWay(VaultError):
    """An erasure of this person was ordered and is not done yet: it goes on by itself and cannot be taken back."""

    status_code = 409
    code = "erasure_under_way"


class NothingToErase(VaultError):
    """What is left of this person is kept by law until its term ends, and stays blocked. See the proof for the date."""

    status_code = 409
    code = "nothing_to_erase"


class UnknownErasure(VaultError):
    """No erasure of this person was ever ordered here."""

    status_code = 404
    code = "unknown_erasure"


class RestorePending(VaultError):
    """This database is older than the erasure journal: it was restored. Replay: larets subject replay."""

    status_code = 503
    code = "restore_pending"


class JournalBroken(VaultError):
    """The erasure journal does not hold: a line was changed, lost or written under another key. Restore its file."""

    status_code = 503
    code = "erasure_journal_broken"


class JournalUnavailable(VaultError):
    """The erasure journal cannot be written, so nothing was erased. Make room or mend its file system; retry."""

    status_code = 503
    code = "erasure_journal_unavailable"


class GateBlind(VaultError):
    """Whether this database is up to the erasure journal cannot be told, so nothing is served. See the vault's log."""

    status_code = 503
    code = "restore_gate_blind"
