"""The errors that operations of the Public API answer with."""

from __future__ import annotations

from typing import Any


class PublicApiError(Exception):
    """Raised by the handler of an operation; answered with this status and this error in the envelope."""

    def __init__(self, status: int, type: str, message: str, **more: Any) -> None:
        super().__init__(message)
        self.status = status
        self.errors = [{"type": type, "message": message, **more}]


def invalid(message: str, field: str) -> PublicApiError:
    return PublicApiError(422, "ValidationFailure", message, field=field)


def taken(message: str, field: str) -> PublicApiError:
    return PublicApiError(400, "bad-request", message, field=field)


def not_found(message: str) -> PublicApiError:
    return PublicApiError(404, "NotFound", message)
