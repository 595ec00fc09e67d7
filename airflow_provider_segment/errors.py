"""All errors of this package, as one tree.

::

    SegmentError
    ├── SegmentConfigurationError           wrong before a request is sent: in the connection or an argument
    ├── SegmentRequestError                 a request failed
    │   ├── SegmentTransportError           no answer: refused, reset, cut off
    │   │   └── SegmentTimeoutError         no answer in time
    │   ├── SegmentAnswerError              not an answer of Segment's: not JSON, or not the documented shape
    │   └── SegmentAPIError                 Segment answered with an error
    │       ├── SegmentBadRequestError      400
    │       ├── SegmentAuthenticationError  401
    │       ├── SegmentPermissionError      403
    │       ├── SegmentNotFoundError        404
    │       ├── SegmentConflictError        409
    │       ├── SegmentTooLargeError        413
    │       ├── SegmentValidationError      422
    │       ├── SegmentRateLimitError       429
    │       └── SegmentServerError          5xx
    ├── SegmentNotChangedError              Segment accepted a change, but does not show it
    ├── SegmentEventError                   an event that Segment would refuse or silently drop
    ├── SegmentInputError                   the input of a backfill cannot be read, or only in part
    ├── SegmentOutputError                  a result cannot be written to the file that it is for
    ├── SegmentStoppedError                 a backfill was stopped from outside before its end
    │   └── SegmentReplacedError            another try of its task has replaced it, or may at any moment
    ├── SegmentLimiterError                 the rate limiter does not answer
    ├── SegmentConnectionReadError          Airflow temporarily failed to read the connection
    ├── SegmentPollError                    too many consecutive polls failed
    ├── SegmentWaitTimeoutError             a state was not reached in time
    └── SegmentJobError                     a job of Segment's failed
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from typing_extensions import Self


class SegmentError(Exception):
    """Base of all errors of this package."""

    repeated = False
    """Whether an earlier attempt of the same request may have been carried out, but its answer was lost."""

    def scrub(self, scrub: Callable[[Any], Any]) -> None:
        """Remove secrets from the text and the attributes, and from those of the causes.

        :param scrub: returns a value without its secrets
        """
        error: BaseException | None = self
        seen: set[int] = set()
        while error is not None and id(error) not in seen:
            seen.add(id(error))
            error.args = tuple(map(scrub, error.args))
            for name, value in vars(error).items():
                setattr(error, name, scrub(value))
            error = error.__cause__ or error.__context__

    @property
    def may_have_run(self) -> bool:
        """Whether Segment may have carried the request out, in this attempt or an earlier one."""
        return self.repeated

    def bare(self) -> Self:
        """The error without the frames of retries and of the HTTP library, which would fill a task's log."""
        if self.__cause__ is not None:
            self.__cause__.__cause__ = None  # and no context is shown
            self.__cause__.with_traceback(None)
        return self.with_traceback(None)


class SegmentConfigurationError(SegmentError):
    """Something is wrong before a request is sent: a value in the connection, an argument, a certificate.

    Nothing was sent, and trying again does not help.
    """


class SegmentNotChangedError(SegmentError):
    """Segment accepted a change with 200, but still shows what was there before."""


class SegmentInputError(SegmentError):
    """The input of a backfill cannot be read, or only in part."""


class SegmentOutputError(SegmentError):
    """A result cannot be written to the file that it is for."""


class SegmentStoppedError(SegmentError):
    """A backfill was stopped from outside before its end."""


class SegmentReplacedError(SegmentStoppedError):
    """Another try of this task has replaced this one, or may at any moment, so this one stopped.

    A ``save_checkpoint`` raises it to stop the send at once: no further batch is sent.
    """


class SegmentLimiterError(SegmentError):
    """The rate limiter does not answer, and without it nobody knows how much may be sent."""


class SegmentConnectionReadError(SegmentError):
    """Airflow temporarily failed to read the connection, for instance because its secrets backend is down."""


class SegmentPollError(SegmentError):
    """Too many consecutive polls failed."""


class SegmentWaitTimeoutError(SegmentError):
    """A state was not reached in time."""


class SegmentJobError(SegmentError):
    """A job of Segment's (a sync, a deletion, a computation) failed."""


class SegmentEventError(SegmentError):
    """An event that Segment would reject, or answer 200 and drop.

    :param reason: one of the words of ``airflow_provider_segment.events.check.Reason``
    :param detail: what exactly is wrong with this event
    :param column: the column of the row that it comes from, if it is one's fault
    """

    def __init__(self, reason: str, detail: str, column: str | None = None) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail
        self.column = column


class SegmentApprovalError(SegmentInputError):
    """A send would have cost more than ``max_events`` or ``max_users`` allow; what they allow was sent."""


class SegmentViolationError(SegmentInputError):
    """An event violates the tracking plan, and ``on_violation`` is ``fail``; what was before it was sent."""


LONGEST_REASON = 2_000
"""Characters in which a message says what happened."""


class SegmentRequestError(SegmentError):
    """A request failed. The message says what to do, what was asked, and what happened.

    :param method: the HTTP method
    :param path: the path, without host and query
    :param said: what happened
    :param advice: what to do about it
    :param request_id: Segment's id of the request, for its support
    """

    advice = ""
    passing = False
    """Whether another attempt may succeed: the message then always says how many were made."""

    def __init__(
        self, method: str, path: str, said: str, *, advice: str | None = None, request_id: str | None = None
    ) -> None:
        if len(said) > LONGEST_REASON:
            said = f"{said[:LONGEST_REASON]}..."
        super().__init__(f"{method} {path}: {said}")
        self.method = method
        self.path = path
        self.request_id = request_id
        self.connection: str | None = None
        """The name of the connection that was used, if the client knows it."""
        self.attempts = 0
        """Attempts made; 0 if they were not counted."""
        if advice is not None:
            self.advice = advice

    @property
    def summary(self) -> str:
        """The message without the advice."""
        notes = [
            *([f"request id {self.request_id}"] if self.request_id else []),
            *([f"connection {self.connection!r}"] if self.connection else []),
            *([f"{self.attempts} attempts"] if self.attempts > 1 else []),
            *(["1 attempt"] if self.attempts == 1 and self.passing else []),
        ]
        return f"{super().__str__()} ({', '.join(notes)})" if notes else super().__str__()

    def __str__(self) -> str:
        """What to do, what was asked, what happened."""
        return f"{self.advice} {self.summary}" if self.advice else self.summary


class SegmentTransportError(SegmentRequestError):
    """No answer came.

    :param method: the HTTP method
    :param path: the path, without host and query
    :param detail: what the HTTP library said
    :param never_ran: True if the request certainly did not reach Segment, so that it is safe to send it again
    """

    passing = True

    def __init__(self, method: str, path: str, detail: str, *, never_ran: bool = False) -> None:
        super().__init__(method, path, f"no answer from Segment: {detail}")
        self.never_ran = never_ran

    @property
    def may_have_run(self) -> bool:
        """Unless it certainly did not reach Segment."""
        return self.repeated or not self.never_ran


class SegmentTimeoutError(SegmentTransportError):
    """No answer came in time."""


class SegmentAnswerError(SegmentRequestError):
    """The answer did not come from Segment, or has an unexpected shape.

    :param method: the HTTP method
    :param path: the path, without host and query
    :param status: the HTTP status of the answer
    :param detail: what was expected and what was received
    :param advice: what to do about it
    """

    advice = "Does a proxy or gateway answer instead of Segment?"

    def __init__(
        self, method: str, path: str, status: int, detail: str, *, advice: str | None = None
    ) -> None:
        advice = self.advice if advice is None else advice
        if method != "GET":
            advice += " The request may have been carried out: look before you send it again."
        super().__init__(method, path, f"unexpected answer (status {status}): {detail}", advice=advice)
        self.status = status

    @property
    def may_have_run(self) -> bool:
        """Somebody took the request; whether it went on to Segment is unknown."""
        return True


class SegmentAPIError(SegmentRequestError):
    """Segment answered with an error.

    :param method: the HTTP method
    :param path: the path, without host and query
    :param status: the HTTP status
    :param errors: Segment's ``errors``: dicts of ``type``, ``message`` and, if given, ``field``
    :param request_id: Segment's id of the request, for its support
    :param retry_after: seconds to wait before a retry, if Segment named them
    :param advice: what to do about it, instead of what the class says
    """

    def __init__(
        self,
        method: str,
        path: str,
        status: int,
        errors: list[dict[str, Any]],
        *,
        request_id: str | None = None,
        retry_after: float | None = None,
        advice: str | None = None,
    ) -> None:
        said = "; ".join(_describe(error) for error in errors) or "no reason given"
        super().__init__(
            method, path, f"Segment answered {status}: {said}", advice=advice, request_id=request_id
        )
        self.status = status
        self.errors = errors
        self.retry_after = retry_after
        self.answered_at: datetime | None = None
        """When Segment answered, by its own clock, if it said so."""


def _describe(error: dict[str, Any]) -> str:
    parts = [str(error[key]) for key in ("type", "message") if error.get(key)]
    if error.get("field"):
        parts.append(f"(field {error['field']})")
    return " ".join(parts) or "no reason given"


class SegmentBadRequestError(SegmentAPIError):
    """400: the request is malformed or breaks a rule of the resource."""

    advice = "Correct the request; sending it again as it is will not help."


class SegmentAuthenticationError(SegmentAPIError):
    """401: the credential is missing, wrong, revoked, of another region, or lacks the permission.

    Also, with whatever status, the authorization server's refusal of an OAuth token.
    """

    advice = (
        "Check the credential and the region of the Segment connection: a token is valid only in the region "
        "of its workspace, and Segment also answers 401 where a token lacks the permission."
    )


class SegmentPermissionError(SegmentAPIError):
    """403: the token does not permit this."""

    advice = "Give the token's role access to this resource, or use another token."


class SegmentNotFoundError(SegmentAPIError):
    """404: the resource does not exist, or is not visible to this token."""

    advice = "Check the id, and that the token belongs to the workspace (and region) that holds it."


class SegmentConflictError(SegmentAPIError):
    """409: the resource is in use or already exists."""

    advice = "Look the resource up: it already exists, or something still uses it."


class SegmentTooLargeError(SegmentAPIError):
    """413: the request is larger than Segment accepts."""

    advice = "Send less per request."


class SegmentValidationError(SegmentAPIError):
    """422: a field has a value that Segment does not accept."""

    advice = "Correct the named field."


class SegmentRateLimitError(SegmentAPIError):
    """429: too many requests."""

    advice = "The rate limit is still exceeded: run fewer tasks at once, for example in a pool."
    passing = True


class SegmentServerError(SegmentAPIError):
    """5xx: Segment failed."""

    advice = (
        "Segment failed. If its reason names a value, correct that; otherwise try again later, and see "
        "Segment's status page."
    )
    passing = True

    @property
    def may_have_run(self) -> bool:
        """It may have failed after the work was done."""
        return True


ERROR_OF_STATUS: dict[int, type[SegmentAPIError]] = {
    400: SegmentBadRequestError,
    401: SegmentAuthenticationError,
    403: SegmentPermissionError,
    404: SegmentNotFoundError,
    409: SegmentConflictError,
    413: SegmentTooLargeError,
    422: SegmentValidationError,
    429: SegmentRateLimitError,
}


REFUSALS = (
    SegmentAuthenticationError,
    SegmentBadRequestError,
    SegmentNotFoundError,
    SegmentPermissionError,
    SegmentValidationError,
)
"""Answers that mean that something is not to be had here: the token lacks the permission, the workspace the
feature, or it is too long ago."""


def error_of_status(status: int) -> type[SegmentAPIError]:
    """The class for a status that is not a success."""
    if status >= 500:
        return SegmentServerError
    return ERROR_OF_STATUS.get(status, SegmentAPIError)
