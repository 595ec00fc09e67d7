"""An operator, run for a model: its arguments checked, its answer redacted, its errors sorted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_segment.arguments import check_arguments
from airflow_provider_segment.errors import SegmentConfigurationError, SegmentError, SegmentRequestError
from airflow_provider_segment.hooks.references import misfit
from airflow_provider_segment.references import references_in
from airflow_provider_segment.toolsets.answers import guarded
from airflow_provider_segment.toolsets.offer import Operator, arguments_for, is_read
from airflow_provider_segment.toolsets.schemas import checker_of

if TYPE_CHECKING:
    from airflow_provider_segment.hooks.segment import SegmentHook


class WrongCallError(Exception):
    """A call that the model can correct."""


class RefusedCallError(Exception):
    """A call that was made, and that trying again as it is does not help."""


def check(operator: Operator, arguments: Mapping[str, Any]) -> None:
    """Make sure that arguments are valid, as far as that is known without a request.

    :raises WrongCallError: naming each wrong one
    """
    known = arguments_for(operator)
    faults = [
        f"{operator.operation_name()} has no argument {name!r}; it takes {', '.join(known) or 'none'}"
        for name in arguments
        if name not in known
    ]
    try:
        secrets = (*operator.secrets, *operator.may_hold_secrets)
        check_arguments(checker_of(operator), arguments, secrets=secrets)
    except SegmentConfigurationError as error:
        faults.append(f"{operator.operation_name()}: {error}")
    places = references_in(dict(arguments), operator.endpoint)
    faults += filter(None, (misfit(path, text, operator.endpoint) for path, text in places))
    if faults:
        raise WrongCallError("; ".join(faults))


def perform(operator: Operator, arguments: Mapping[str, Any], hook: SegmentHook) -> Any:
    """What an operator returns, without secrets.

    :raises WrongCallError: an argument is wrong, or a name is unknown or ambiguous
    :raises RefusedCallError: Segment refuses the request, or the connection lacks a token; or a write failed
    :raises SegmentError: a field of the connection is invalid; or Segment does not answer a read
    """
    client = hook.get_conn()  # an invalid field of the connection is nothing that a model could correct
    try:
        task = operator(task_id=operator.operation_name(), segment_conn_id=hook.segment_conn_id, **arguments)
        task.hook = hook
        # Not through execute(): there is no task of Airflow's with links and asset events here.
        return guarded(task.hidden(task.perform(task.arguments(), {})))
    except AirflowFailException as error:
        raise WrongCallError(client.scrub(str(error))) from None
    except SegmentError as error:
        passing = isinstance(error, SegmentRequestError) and error.passing
        if passing and is_read(operator):
            raise
        unknown = " It may have been carried out: look before you try again." if error.may_have_run else ""
        raise RefusedCallError(f"{client.scrub(str(error))}{unknown}") from None
