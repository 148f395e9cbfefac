"""Errors of the public contour. The docstring of a class is its message and says what to do.

No message repeats what the caller sent: it might be personal data.
"""

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """What is wrong with one field; `pointer` is a JSON Pointer into the request's body."""

    pointer: str
    detail: str


class AppError(Exception):
    """The CRM failed to do this. Try again; if it lasts, tell the administrator."""

    status_code: ClassVar[int] = 500
    code: ClassVar[str] = "internal_error"
    retry_after: ClassVar[int | None] = None

    def __init__(self, detail: str | None = None, *, errors: Sequence[FieldProblem] = ()) -> None:
        super().__init__(detail if detail is not None else default_detail(type(self)))
        self.errors = tuple(errors)

    @property
    def detail(self) -> str:
        return str(self.args[0])


def default_detail(error: type[AppError]) -> str:
    """The docstring of an error class as one line."""
    return " ".join((inspect.getdoc(error) or error.code).split())


class BrokenRequest(AppError):
    """The body cannot be read. Send one JSON document or form in UTF-8."""

    status_code = 400
    code = "broken_request"


class BodyTooLarge(AppError):
    """The body is over 1 MiB. Send less at once."""

    status_code = 413
    code = "body_too_large"


class UnsupportedBody(AppError):
    """Only JSON and form bodies without a content encoding are taken."""

    status_code = 415
    code = "unsupported_body"


class InvalidRequest(AppError):
    """A field is missing, unknown or of the wrong form. Compare the request with the API description."""

    status_code = 422
    code = "invalid_request"


class InvalidCursor(AppError):
    """This cursor is not one this service gave. Start from the first page."""

    status_code = 422
    code = "invalid_cursor"


class PersonalDataInClear(AppError):
    """The request holds personal data in clear. Enter persons and texts about them in a collect frame."""

    status_code = 422
    code = "personal_data_in_clear"


class NotFound(AppError):
    """There is no such thing here. Check the address."""

    status_code = 404
    code = "not_found"


class MethodNotAllowed(AppError):
    """This address does not take that method. See the API description."""

    status_code = 405
    code = "method_not_allowed"


class MisdirectedRequest(AppError):
    """This listener does not serve the host named in the request. Use the configured origin."""

    status_code = 421
    code = "misdirected_request"


class Unauthenticated(AppError):
    """No valid session or access token came with the request. Sign in."""

    status_code = 401
    code = "unauthenticated"


class Forbidden(AppError):
    """Your role may not do this. Ask the owner of the shop."""

    status_code = 403
    code = "forbidden"


class CrossSite(AppError):
    """The request did not come from a page of the CRM. Open the CRM and repeat it there."""

    status_code = 403
    code = "cross_site"


class Conflict(AppError):
    """This cannot be done in the present state. Load it again and decide anew."""

    status_code = 409
    code = "conflict"


class LostRace(Conflict):
    """Somebody else changed this at the same moment. Load it again and repeat the change."""

    code = "lost_race"


class RequestRunning(AppError):
    """A request with this idempotency key is still running. Wait for its answer."""

    status_code = 409
    code = "request_running"


class VersionMismatch(AppError):
    """Somebody changed this meanwhile. Load it again and repeat the change."""

    status_code = 412
    code = "version_mismatch"


class VersionRequired(AppError):
    """Name the version you saw: repeat the request with its ETag in If-Match."""

    status_code = 428
    code = "version_required"


class IdempotencyConflict(AppError):
    """This idempotency key was used with another request. Take a new key for a new request."""

    status_code = 422
    code = "idempotency_conflict"


class DatabaseUnavailable(AppError):
    """The database does not answer. Nothing was lost; try again in a moment."""

    status_code = 503
    code = "database_unavailable"
    retry_after = 2


class IssuerUnavailable(AppError):
    """The sign-in service does not answer. Open sessions stay; try again in a moment."""

    status_code = 503
    code = "issuer_unavailable"
    retry_after = 5


class VaultUnavailable(AppError):
    """The vault does not answer. Nothing was sent; try again in a moment."""

    status_code = 503
    code = "vault_unavailable"
    retry_after = 5


class SigninFailed(AppError):
    """The sign-in could not be completed. Start it again."""

    status_code = 400
    code = "signin_failed"
