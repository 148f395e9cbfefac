from enum import StrEnum


class Status(StrEnum):
    """The statuses staff may set. A shop may send others of its own; they are shown as they are."""

    PENDING = "pending"
    PROCESSING = "processing"
    ON_HOLD = "on-hold"
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    REFUNDED = "refunded"
    FAILED = "failed"
