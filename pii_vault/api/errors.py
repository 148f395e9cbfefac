"""Errors of the API."""

from pii_vault.errors import InvalidRequest, default_detail


class InvalidFields(InvalidRequest):
    """A field is missing, unknown or of the wrong type. Compare the request with the API description.

    `fields` are JSON pointers with reasons, none of which repeats what was sent.
    """

    def __init__(self, fields: list[tuple[str, str]]) -> None:
        super().__init__(default_detail(InvalidRequest))
        self.fields = fields
