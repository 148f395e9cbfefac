"""Why the witness does not cosign."""

from app.errors import AppError


class BrokenSubmission(AppError):
    """The submission is malformed: old size, proof lines, an empty line and a signed checkpoint are expected.

    For a new origin: its signed statement, and, if need be, an empty line and the cosigned checkpoint that it names.
    """

    status_code = 400
    code = "broken_submission"


class UnsignedCheckpoint(AppError):
    """The checkpoint bears no valid signature of the log that is witnessed here."""

    status_code = 403
    code = "unsigned_checkpoint"


class UnknownLog(AppError):
    """No log of this origin is witnessed here."""

    status_code = 404
    code = "unknown_log"


class ClosedOrigin(AppError):
    """This log goes on under a later origin: nothing is cosigned under the old one any more."""

    status_code = 409
    code = "closed_origin"


class UnfoundedOrigin(AppError):
    """The statement is not signed by the log, not the next origin's, or names another checkpoint than the last one.

    A checkpoint after the last one is taken if it is shown with the cosignature that was given here.
    """

    status_code = 409
    code = "unfounded_origin"


class OtherSize(AppError):
    """The old size is not the one last cosigned. Send the proof from the size in this answer."""

    status_code = 409
    code = "other_size"

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size


class ForkedLog(AppError):
    """Another root was cosigned for this very size: the log has forked."""

    status_code = 409
    code = "forked_log"


class InconsistentLog(AppError):
    """The proof does not hold: what was cosigned before is not the beginning of this log."""

    status_code = 422
    code = "inconsistent_log"
