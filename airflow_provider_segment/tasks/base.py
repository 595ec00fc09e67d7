"""What all declared operators and sensors share: a connection, masked secrets, a link to Segment's app, asset
events."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, NoReturn, cast

from airflow.providers.common.compat.sdk import BaseOperator

from airflow_provider_segment.api.clock import Clock
from airflow_provider_segment.api.regions import Region, read_region
from airflow_provider_segment.arguments import Validator
from airflow_provider_segment.assets import emit
from airflow_provider_segment.errors import SegmentConfigurationError
from airflow_provider_segment.hooks.options import HookOptions
from airflow_provider_segment.references import is_made, references_in
from airflow_provider_segment.tasks.declarative import Arg, Declarative, option

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from airflow.providers.common.compat.sdk import BaseOperatorLink, Context
    from airflow.sdk.definitions.xcom_arg import PlainXComArg

    from airflow_provider_segment.hooks.references import References
    from airflow_provider_segment.hooks.segment import SegmentHook
    from airflow_provider_segment.resources import ResourceLocator
    from airflow_provider_segment.triggers.segment import CancelRequest
    from airflow_provider_segment.waiting.condition import Condition


OF_THE_HOOK = ("segment_conn_id", "region", "log_requests", "request_timeout")
"""The arguments that become the hook's, in the order of its options."""


class _Links:
    """The links of a task, imported when Airflow asks for them."""

    def __get__(self, task: Any, kind: Any) -> tuple[BaseOperatorLink, ...]:
        from airflow_provider_segment.tasks.links import SegmentLink

        return (SegmentLink(),)


def _values(given: Iterable[Any]) -> Iterator[Any]:
    for value in given:
        yield from value if isinstance(value, (list, tuple)) else (value,)


def _within_a_day(seconds: float) -> float:
    from airflow_provider_segment.api.settings import LONGEST_TIMEOUT

    if not 0 < seconds <= LONGEST_TIMEOUT:  # nor NaN
        raise ValueError(f"must be greater than 0 and at most {LONGEST_TIMEOUT:,.0f} seconds, not {seconds}")
    return seconds


class SegmentTask(Declarative, BaseOperator):
    """An operator or a sensor with a connection to Segment.

    :param segment_conn_id: id of the Airflow connection
    :param region: ``us`` or ``eu``, instead of the connection's
    :param log_requests: log each request of this task at INFO (method, path, status, milliseconds, request
        id), or with False at DEBUG only, whatever the connection says
    :param request_timeout: seconds for each step of a request (to connect, to send, to answer), instead of
        the connection's ``timeout``; all of a request takes at most three times as long
    """

    secrets: ClassVar[tuple[str, ...]] = ()
    """Arguments that are secret, or are settings: all that may be a secret in them is masked in logs, errors
    and rendered templates (see :mod:`airflow_provider_segment.api.secrets`)."""

    may_hold_secrets: ClassVar[tuple[str, ...]] = ()
    """Arguments in which the names decide what is secret."""

    segment_conn_id: Arg[str] = "segment_default"
    region: Arg[Annotated[Region | None, Validator(read_region, "before")]] = None
    log_requests: Arg[bool | None] = None
    request_timeout: Arg[Annotated[float, Validator(_within_a_day)] | None] = None

    _began: datetime | None = None

    ui_color = "#d5f2e3"
    operator_extra_links = cast("Any", _Links())

    if TYPE_CHECKING:
        # Type checkers see the attributes of BaseOperator as its arguments, which accept more.
        dag: Any = None
        on_execute_callback: Any = None
        on_failure_callback: Any = None
        on_retry_callback: Any = None
        on_skipped_callback: Any = None
        on_success_callback: Any = None
        post_execute: Any = None
        pre_execute: Any = None
        retry_delay: Any = None
        sla: Any = None
        task_display_name: Any = None
        trigger_rule: Any = None

        @property
        def output(self) -> PlainXComArg: ...

    @classmethod
    def faults(cls) -> Iterator[str]:
        """Secrets that are not arguments: nothing would mask them. Arguments of the hook that are sent."""
        yield from super().faults()
        for name in OF_THE_HOOK:
            if cls.fields[name].place != "option":
                yield f"{name!r} is the hook's: give the argument another name, and the API's as `name=`"
        yield from cls.no_arguments("secrets")
        yield from cls.no_arguments("may_hold_secrets")

    @classmethod
    def no_arguments(cls, attribute: str) -> Iterator[str]:
        """What is wrong with a class attribute that lists names of arguments."""
        names: Any = getattr(cls, attribute)
        if not isinstance(names, tuple):
            yield f"{attribute} must be a tuple of arguments, and is {names!r}"
        elif unknown := [name for name in names if name not in cls.fields]:
            yield f"{attribute} names what is no argument: {', '.join(map(str, unknown))}"

    @cached_property
    def hook(self) -> SegmentHook:
        """The hook of the task's connection."""
        from airflow_provider_segment.hooks.segment import SegmentHook

        return SegmentHook(**self.hook_options()._asdict())

    @cached_property
    def references(self) -> References:
        """The ids of what the arguments name, looked up once for the task."""
        from airflow_provider_segment.hooks.references import References

        return References(self.hook)

    def check_when_parsed(self) -> None:
        """Refuse a reference to something else than an argument holds the id of."""
        if any(is_made(each) for each in _values(vars(self).get(name) for name in self.fields)):
            from airflow_provider_segment.hooks.references import misplaced

            given = {name: getattr(self, name) for name in self.fields}
            if wrong := misplaced(given, getattr(self, "endpoint", "")):
                raise SegmentConfigurationError(f"{self.task_id}: {wrong}")

    @property
    def never_shown(self) -> tuple[str, ...]:
        """Those that are secret, or hold something that may be."""
        return (*self.secrets, *self.may_hold_secrets)

    def checked(self, names: Iterable[str]) -> dict[str, Any]:
        """Some arguments, rendered, each checked, with ids instead of references.

        :raises AirflowFailException: naming each wrong one, or that a name is unknown or ambiguous
        """
        given = super().checked(names)
        endpoint = getattr(self, "endpoint", "")
        if next(references_in(given, endpoint), None) is None:
            return given
        with self.wrong_configuration_is_final():
            return self.references.resolve(given, endpoint)

    def hook_options(self) -> HookOptions:
        """The arguments that the hook takes, checked.

        :raises AirflowFailException: one is wrong
        """
        given = self.checked(OF_THE_HOOK)
        return HookOptions(*(given[name] for name in OF_THE_HOOK))

    def defer_until(
        self,
        condition: Condition,
        *,
        poll_interval: float,
        max_poll_failures: int,
        timeout: float,
        on_kill_request: CancelRequest | None = None,
    ) -> NoReturn:
        """Hand the wait to the triggerer; the task goes on in its method ``resume``.

        :param poll_interval: seconds between polls
        :param max_poll_failures: consecutive failed polls tolerated
        :param timeout: seconds to wait in all
        :param on_kill_request: cancels the job: sent when the deferred task is ended by hand (Airflow 3.3 and
            later), or by its ``execution_timeout``
        """
        from airflow_provider_segment.triggers.segment import OVERTIME, SegmentTrigger

        self.log.info("Waiting in the triggerer for %s", condition.describe())
        trigger = SegmentTrigger.until(
            condition,
            **dict(zip(OF_THE_HOOK, self.hook_options(), strict=True)),
            poll_interval=poll_interval,
            max_poll_failures=max_poll_failures,
            timeout=timeout,
            on_kill_request=on_kill_request,
            execution_deadline=self._execution_deadline(),
        )
        known = self.references.known
        # The trigger keeps the deadline itself. Airflow's own timeout is for a triggerer that is gone.
        self.defer(
            trigger=trigger,
            method_name="resume_with_ids" if known else "resume",
            kwargs={"ids": known} if known else None,
            timeout=timedelta(seconds=timeout) + OVERTIME,
        )

    def resume_with_ids(
        self, context: Context, event: Any = None, *, ids: dict[str, str] | None = None
    ) -> Any:
        """Resume after the trigger's event, with the ids that were looked up before the wait.

        Airflow 2's ``dag.test()`` forgets them: then they are looked up again.
        """
        self.references.known.update(ids or {})
        task: Any = self
        return task.resume(context, event)

    def began(self) -> None:
        """Note the start of the try, from which Airflow counts ``execution_timeout``."""
        self._began = Clock().now()

    def _execution_deadline(self) -> str | None:
        limit: timedelta | None = self.execution_timeout
        return None if limit is None or self._began is None else (self._began + limit).isoformat()

    def __setattr__(self, name: str, value: Any) -> None:
        # Every value, given or rendered, mapped or not, is set here before Airflow shows it.
        if name in self.secrets or name in self.may_hold_secrets:
            from airflow_provider_segment.version_compat import mask_secrets

            mask_secrets(list(self._secrets_of({name: value})))
        super().__setattr__(name, value)

    def arguments(self) -> dict[str, Any]:
        """The arguments, each checked, and what is secret in them masked in every form."""
        arguments = super().arguments()
        if secrets := list(self._secrets_of(arguments)):
            from airflow_provider_segment.api.secrets import forms_of
            from airflow_provider_segment.version_compat import mask_secrets

            # Not earlier: in a DAG file that is parsed, all tasks together have too many forms.
            mask_secrets(forms_of(secrets))
        return arguments

    def _secrets_of(self, arguments: dict[str, Any]) -> Iterator[str]:
        """What is secret in some arguments."""
        from airflow_provider_segment.api.secrets import secrets_in

        for name in self.secrets:
            yield from secrets_in(arguments.get(name), name, declared=True)
        for name in self.may_hold_secrets:
            yield from secrets_in(arguments.get(name))


class SegmentBaseOperator(SegmentTask):
    """An operator: checks its arguments, does its work, publishes the result to Airflow and returns it."""

    returns: ClassVar[str | None] = None
    """The member of the answer's ``data`` that the operator returns; None for all of ``data``."""

    waits: ClassVar[bool] = False
    """Whether the task waits long enough for its link to be worth a request."""

    @classmethod
    def faults(cls) -> Iterator[str]:
        """A ``returns`` that is not the name of a member."""
        yield from super().faults()
        if not (cls.returns is None or isinstance(cls.returns, str)):
            yield f"returns must be the name of a member, and is {cls.returns!r}"

    def execute(self, context: Context) -> Any:
        """Check the arguments, do the work, return its result."""
        from airflow_provider_segment.tasks.links import linked

        self.began()
        arguments = self.arguments()
        with self.wrong_configuration_is_final():
            with linked(context, self.hook, self.about(arguments), look_up=self.waits):
                result = self.perform(arguments, context)
            return self.finish(arguments, result, context)

    def hidden(self, result: Any) -> Any:
        """A result without what is secret in it."""
        from airflow_provider_segment.api.redaction import hide_secrets

        return self.hook.get_conn().scrub(hide_secrets(result))

    def finish(self, arguments: dict[str, Any], result: Any, context: Context) -> Any:
        """Hide what is secret in the result, and publish it: link, asset events, the XCom ``id``."""
        from airflow_provider_segment.resources import resource_in
        from airflow_provider_segment.tasks.links import leave_link

        result = self.hidden(result)
        made = resource_in(self.returns, result)
        if made and (made.page or made.in_sandbox):
            leave_link(context, self.hook, [made])
        if change := self.change(arguments, result):
            resource = made or next(self.about(arguments), None)
            emit(self.outlets, context, change, resource, arguments.get("partition_key"))
        ti = context.get("ti")
        if ti and self.do_xcom_push and isinstance(result, dict) and "id" in result:
            # `create.output["id"]` is the XCom of that key, not an item of the returned dict.
            ti.xcom_push(key="id", value=result["id"])
        return result

    def about(self, arguments: dict[str, Any]) -> Iterator[ResourceLocator]:
        """The resources that the operator is about, the main one first."""
        from airflow_provider_segment.resources import resources_in

        return resources_in(arguments)

    def change(self, arguments: dict[str, Any], result: Any) -> dict[str, Any]:
        """The extra of the outlets' asset events: what was changed. Empty if nothing was."""
        return result if isinstance(result, dict) else {"result": result}

    def perform(self, arguments: dict[str, Any], context: Context) -> Any:
        """Do the work.

        :param arguments: rendered and checked
        :returns: what the task returns, secrets still visible
        """
        raise NotImplementedError


class SegmentRequestingOperator(SegmentBaseOperator):
    """An operator whose result is that of a request, or of a few.

    :param raise_on_error: False to return ``{"success": False, "error": ..., "error_type": ...}`` instead of
        failing when Segment refuses the request or does not answer; with the ``status`` and ``request_id`` of
        its answer, if there is one. A wrong argument or connection fails the task all the same
    """

    raise_on_error: Arg[bool] = option(default=True)

    def execute(self, context: Context) -> Any:
        """Check the arguments, do the work, return its result, or the error."""
        from airflow_provider_segment.errors import SegmentError, SegmentOutputError

        try:
            return super().execute(context)
        except SegmentError as error:  # one of the configuration has become Airflow's own
            if isinstance(error, SegmentOutputError) or self.checked(["raise_on_error"])["raise_on_error"]:
                raise
            self.log.error("The error is the task's result: %s", error)
            return self.hidden(as_result(error))


def as_result(error: Exception) -> dict[str, Any]:
    """What a task returns that returns its error instead of failing."""
    facts = {name: getattr(error, name, None) for name in ("status", "request_id")}
    given = {name: value for name, value in facts.items() if value is not None}
    return {"success": False, "error": str(error), "error_type": type(error).__name__, **given}
