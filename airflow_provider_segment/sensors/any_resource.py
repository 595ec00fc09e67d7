"""The sensor for any resource."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_segment.tasks.declarative import NOT_GIVEN, Arg
from airflow_provider_segment.tasks.sensor import SegmentSensor

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_segment.waiting.condition import Condition


class SegmentResourceSensor(SegmentSensor):
    """Waits until a resource exists or is gone, or until one of its fields exists or has a value.

    ::

        SegmentResourceSensor(task_id="enabled", path="/sources/{{ params.id }}", field="source.enabled",
        value=True)

    Returns the value of the field, or the whole resource if no field is given.

    :param path: path in the Public API, without host: ``/destinations/abc``
    :param query: query parameters
    :param field: dotted path below the answer's ``data``; a number is an index into a list
    :param value: expected value of the field. By default the field only has to exist; null counts as missing
    :param exists: False to wait until the resource or the field is gone
    """

    path: Arg[str]
    query: Arg[dict[str, Any]] = {}
    field: Arg[str | None] = None
    value: Arg[Any] = NOT_GIVEN
    exists: Arg[bool] = True

    def condition(self, arguments: dict[str, Any], context: Context) -> Condition:
        """The state of the resource."""
        from airflow_provider_segment.waiting.any_resource import ResourceHas

        if "value" in arguments and not (arguments["exists"] and arguments["field"]):
            raise AirflowFailException("value needs a field, and exists=True")
        names = ("path", "query", "field", "exists")
        return ResourceHas(
            **{name: arguments[name] for name in names},
            value=arguments.get("value"),
            any_value="value" not in arguments,
        )
