"""Asks the other contour's witness to cosign a checkpoint, by C2SP tlog-witness."""

import logging
from collections.abc import Sequence
from typing import Final

import httpx

from pii_vault.audit import note as notes

logger = logging.getLogger(__name__)

SIZE_TYPE: Final = "text/x.tlog.size"
PATH: Final = "/witness/add-checkpoint"
ORIGIN_PATH: Final = "/witness/new-origin"


class WitnessSilent(Exception):
    """The witness cannot be reached or fails; the next checkpoint tries again."""


class WitnessRefuses(Exception):
    """The witness answered that it does not accept the checkpoint; a person has to look."""


class WitnessUnaware(WitnessRefuses):
    """The witness does not know the checkpoint's origin: it was not shown what founded it, or has forgotten."""


class WitnessElsewhere(Exception):
    """The witness last cosigned another size than was assumed."""

    def __init__(self, size: int) -> None:
        super().__init__(size)
        self.size = size


def submission(checkpoint: notes.Note, *, old: int, proof: Sequence[bytes]) -> bytes:
    """The body of an add-checkpoint request."""
    lines = [f"old {old}", *(notes.encode_base64(digest) for digest in proof), "", str(checkpoint)]
    return "\n".join(lines).encode()


def announcement(statement: str, witnessed: str) -> bytes:
    """The body of a new-origin request to a witness that has forgotten the checkpoint that the statement names."""
    return f"{statement}\n{witnessed}".encode()


class WitnessClient:
    """`client` is an HTTP client of the private contour with its certificate; its base is the app's intake."""

    def __init__(self, client: httpx.AsyncClient, key: notes.VerifierKey) -> None:
        self._client = client
        self.key = key

    async def add(self, checkpoint: notes.Note, *, old: int, proof: Sequence[bytes]) -> notes.Signature:
        """The witness's cosignature, verified.

        Raises:
            WitnessElsewhere, WitnessUnaware, WitnessRefuses, WitnessSilent.
        """
        try:
            response = await self._client.post(PATH, content=submission(checkpoint, old=old, proof=proof))
        except httpx.HTTPError as error:
            raise WitnessSilent(type(error).__name__) from error
        try:
            return self._read(response, checkpoint)
        except notes.NoteError as error:
            raise WitnessRefuses(f"its answer cannot be used: {error}") from error

    async def succeed(self, statement: str, *, witnessed: str | None = None) -> None:
        """Show the statement that founded a new origin; showing it again does nothing.

        `witnessed` is the checkpoint that it names, with both signatures. It is shown only where the statement alone
        is refused: a witness that remembers needs it not, and one of an older release cannot read it.

        Raises:
            WitnessRefuses, WitnessSilent.
        """
        try:
            await self._show(statement.encode())
        except WitnessRefuses:
            if witnessed is None:
                raise
            await self._show(announcement(statement, witnessed))

    async def _show(self, body: bytes) -> None:
        try:
            response = await self._client.post(ORIGIN_PATH, content=body)
        except httpx.HTTPError as error:
            raise WitnessSilent(type(error).__name__) from error
        if response.status_code >= httpx.codes.INTERNAL_SERVER_ERROR:
            raise WitnessSilent(str(response.status_code))
        if not response.is_success:
            raise WitnessRefuses(f"status {response.status_code} to a new origin")

    def _read(self, response: httpx.Response, checkpoint: notes.Note) -> notes.Signature:
        if response.status_code == httpx.codes.OK:
            signed = notes.Note(checkpoint.text, notes.parse_signatures(response.text))
            notes.verify_cosignature(signed, self.key)
            return signed.by(self.key)
        kind = response.headers.get("content-type", "").partition(";")[0]
        if response.status_code == httpx.codes.CONFLICT and kind == SIZE_TYPE:
            raise WitnessElsewhere(notes.parse_size(response.text.removesuffix("\n")))
        if response.status_code >= httpx.codes.INTERNAL_SERVER_ERROR:
            raise WitnessSilent(str(response.status_code))
        if response.status_code == httpx.codes.NOT_FOUND:
            raise WitnessUnaware("it does not know this origin")
        raise WitnessRefuses(f"status {response.status_code}")
