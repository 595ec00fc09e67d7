"""``@task.segment_events``: a function whose rows or events are sent as it yields them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import (
    AirflowFailException,
    DecoratedOperator,
    context_merge,
    determine_kwargs,
    task_decorator_factory,
)

from airflow_provider_segment.events.options import check_events
from airflow_provider_segment.operators.events import BulkEventsOperator

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context, TaskDecorator

    from airflow_provider_segment.events.report import SendReport


class SegmentEventsDecoratedOperator(  # pyright: ignore[reportIncompatibleVariableOverride]
    DecoratedOperator, BulkEventsOperator
):
    """Runs a function, and sends what it yields or returns.

    Its arguments are those of the function and, as the decorator's keywords, those of
    :class:`~airflow_provider_segment.operators.events.SegmentBatchEventsOperator` besides the input.
    """

    custom_operator_name = "@task.segment_events"
    template_fields = (*DecoratedOperator.template_fields, *BulkEventsOperator.template_fields)

    # Without one of its own, Declarative would make one, past that of DecoratedOperator.
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)

    def execute(self, context: Context) -> Any:
        """Run the function, and send the events."""
        self._context = context
        return super().execute(context)

    def send(self, arguments: dict[str, Any], **options: Any) -> SendReport:
        """Send what the function yields."""
        values: Any = self._context
        context_merge(values, self.op_kwargs)
        kwargs = determine_kwargs(self.python_callable, self.op_args, values)
        items = self.python_callable(*self.op_args, **kwargs)
        try:
            if items is None:
                raise ValueError
            check_events(items)
        except ValueError:
            raise AirflowFailException(
                f"{self.python_callable.__name__} must yield or return rows or events, not "
                f"{type(items).__name__}"
            ) from None
        return self.hook.send_events(items, **options)


def segment_events_task(python_callable: Callable[..., Any] | None = None, **kwargs: Any) -> TaskDecorator:
    """Make a task of a function whose rows or events are sent to Segment as it yields them.

    :param python_callable: the function: a generator, or one that returns a list or a table
    :param kwargs: of the operator: see :class:`SegmentEventsDecoratedOperator`
    """
    return task_decorator_factory(
        python_callable=python_callable,
        multiple_outputs=False,
        decorated_operator_class=SegmentEventsDecoratedOperator,
        **kwargs,
    )
