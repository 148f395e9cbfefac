"""Errors of files. The docstring is the message."""

from pii_vault.errors import VaultError


class FileStoreUnavailable(VaultError):
    """The store of files cannot be reached or is full. Nothing was lost: retry later, and look at the store."""

    status_code = 503
    code = "file_store_unavailable"


class FileMissing(VaultError):
    """The file's bytes are not in the store any more. Restore them from a backup of the store."""

    status_code = 500
    code = "file_missing"


class FileTooLarge(VaultError):
    """The file is over 2 GiB. Send it in parts."""

    status_code = 413
    code = "file_too_large"


class FileGone(VaultError):
    """The person's data were erased, and this file with them."""

    status_code = 410
    code = "erased"


class RangeNotSatisfiable(VaultError):
    """The range lies outside the file. Ask for its size first: HEAD, or a range from 0."""

    status_code = 416
    code = "range_not_satisfiable"
