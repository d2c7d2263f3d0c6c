"""Errors that are meant for the person: each is a sentence, and says what to do.

Anything else that is raised is a bug and keeps its traceback.
"""

from __future__ import annotations

DISK_FULL = (
    "The server's disk is full, so nothing can be saved. Nothing was changed; try again when there is space."
)


class WellplateError(Exception):
    """Something that the person can understand and mend."""

    kind = "error"
    status = 400

    def __init__(self, message: str, *, field: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.field = field


class BadInput(WellplateError):
    kind, status = "input", 422


class NotSignedIn(WellplateError):
    kind, status = "not_signed_in", 401


class Forbidden(WellplateError):
    kind, status = "forbidden", 403


class NotFound(WellplateError):
    """Also for what the caller may not know exists."""

    kind, status = "not_found", 404


class WrongState(WellplateError):
    kind, status = "wrong_state", 409


class Conflict(WellplateError):
    kind, status = "conflict", 409


class NotEnoughCredits(WellplateError):
    kind, status = "credits", 402


class TooLarge(WellplateError):
    kind, status = "too_large", 413


class TooMany(WellplateError):
    kind, status = "too_many", 429


class Unavailable(WellplateError):
    """The disk is full, the store is read-only, or a program is missing."""

    kind, status = "unavailable", 503
