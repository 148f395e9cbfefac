"""Errors of streams. The docstring is the message."""

from pii_vault.errors import InvalidRequest


class BadColumns(InvalidRequest):
    """Say what each column is: columns=name:class,… with a class of policies/classes.yaml, `keep` or `subject`."""

    code = "bad_columns"


class BadFormat(InvalidRequest):
    """Send application/x-ndjson or text/csv; charset=utf-8."""

    code = "bad_format"
