"""Makes errors.md: every error with what to do about it, and every reason for which an event is rejected.

python -m docs.make_error_page
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

from airflow_provider_segment import errors
from airflow_provider_segment.api.advice import ADVICE
from airflow_provider_segment.docstrings import plain, unmarked
from airflow_provider_segment.events.check import Reason

PAGE = Path(__file__).with_name("errors.md")

HEAD = """\
# Errors and what to do

<!-- Made by docs/make_error_page.py (make docs): change the classes of errors, not this page. -->

The message of a failed task begins with what to do, says what was asked (method and path, never a credential
or a body) and what Segment answered, and ends with the request's id, the connection and the number of
attempts. What may pass was retried before: [Networks](network.md), [how operators
behave](README.md#how-operators-behave). What Segment refuses without saying so in its documentation is in
[What Segment refuses](refusals.md).

All are in `airflow_provider_segment.errors`, and are subclasses of `SegmentError`.
"""

WITHOUT_ADVICE = {
    "SegmentConfigurationError": "Correct the argument, or the connection's field, that the message names.",
    "SegmentTransportError": "Look whether a proxy or firewall is in the way; then run the task again.",
    "SegmentTimeoutError": "Run the task again; raise *Timeout* of the connection, or `request_timeout`.",
    "SegmentAPIError": "Do what Segment's answer says.",
    "SegmentNotChangedError": "Leave the argument out: Segment keeps it read-only.",
    "SegmentEventError": "Correct the event: [reasons](#why-events-are-rejected).",
    "SegmentInputError": "Correct the file, the query or the path, and run the task again.",
    "SegmentApprovalError": "Raise the limit: [approving](sending_events.md#previewing-and-approving).",
    "SegmentViolationError": "Correct the event or the plan: [tracking plans](tracking_plans.md).",
    "SegmentOutputError": "Look at the path, and at who may write there.",
    "SegmentStoppedError": "Run the task again: it goes on where it stopped.",
    "SegmentReplacedError": "Nothing: the other try goes on.",
    "SegmentLimiterError": "Start the Redis or database of the limiter; the task is retried.",
    "SegmentConnectionReadError": "Look at the secrets backend; the task is retried.",
    "SegmentPollError": "Look at the last error that the message names.",
    "SegmentWaitTimeoutError": "Raise `timeout`, or look at Segment why it lasts: [Waiting](waiting.md).",
    "SegmentJobError": "Look at the job in Segment; the message has its id and Segment's reason.",
}
"""What to do about the errors whose class has no advice."""

REASONS = {
    "not_json": ("The line is no JSON.", "Correct the line; it is kept as text."),
    "not_an_object": ("It is JSON, but no object.", "Send one object for each event."),
    "unknown_type": ("`type` is none of Segment's.", "track, identify, page, screen, group or alias."),
    "missing_id": ("It has neither a `userId` nor an `anonymousId`.", "Add one."),
    "missing_field": ("A field that its type needs is missing.", "Add what the message names."),
    "invalid_field": ("A field has another type than Segment takes.", "See [What values become](values.md)."),
    "invalid_message_id": ("`messageId` is empty, too long or no text.", "1 to 100 characters."),
    "invalid_timestamp": ("`timestamp` is no time, or has no time zone.", "Write it with a zone: RFC 3339."),
    "too_large": ("It has more than 32 KB.", "Leave properties out."),
    "refused": ("Segment answered 400 or 413 to this event alone.", "Read Segment's answer in the message."),
    "malformed_row": ("The row of a table cannot be read.", "Correct the file."),
    "invalid_value": ("A value cannot become what the mapping says.", "Correct the value or the mapping."),
    "mapping_failed": ("The function that maps rows raised an error.", "Correct the function."),
    "same_message_id": ("Another event of the same row has its id.", "Give each an id of its own."),
    "tracking_plan": ("It violates the tracking plan.", "See [Tracking plans](tracking_plans.md)."),
}

APIS = {"tracking": "Tracking API", "profile": "Profile API"}


def page() -> str:
    """The whole page."""
    parts = [HEAD, "## Errors of tasks", "", "| Error | What happened | What to do |", "|---|---|---|"]
    parts += [f"| `{error.__name__}` | {happened(error)} | {to_do(error)} |" for error in all_errors()]
    parts += ["", "The advice on other APIs than the Public API is more specific:", ""]
    parts += ["| API | Status | What to do |", "|---|---|---|"]
    parts += [f"| {APIS[api]} | {status} | {advice} |" for (api, status), advice in ADVICE.items()]
    parts += ["", "## Why events are rejected", ""]
    parts += ["The words in the report, in `rejects_path` and in the log. [Correct the rejected"]
    parts += ["events](sending_events.md#rejected-rows), and send that file.", ""]
    parts += ["| Reason | What is wrong | What to do |", "|---|---|---|"]
    parts += [f"| `{reason}` | {' | '.join(REASONS[reason])} |" for reason in get_args(Reason)]
    return "\n".join([*parts, ""])


def all_errors(base: type[errors.SegmentError] = errors.SegmentError) -> Iterator[type[errors.SegmentError]]:
    """The errors of the package that are raised, each after its base."""
    for error in base.__subclasses__():
        if error.__module__ == errors.__name__:
            if error is not errors.SegmentRequestError:
                yield error
            yield from all_errors(error)


def happened(error: type[Any]) -> str:
    """The first paragraph of its docstring."""
    return unmarked(plain((inspect.getdoc(error) or "").partition("\n\n")[0]))


def to_do(error: type[Any]) -> str:
    """Its advice."""
    return getattr(error, "advice", "") or WITHOUT_ADVICE[error.__name__]


if __name__ == "__main__":
    PAGE.write_text(page())
