"""What hurts in a workspace."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any, cast

from airflow.providers.common.compat.sdk import AirflowFailException, AirflowTaskTimeout

from airflow_provider_segment.arguments import Validator
from airflow_provider_segment.events.options import within
from airflow_provider_segment.tasks.base import SegmentBaseOperator
from airflow_provider_segment.tasks.declarative import Arg

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_segment.audit.audit import Audit


def _known_checks(names: list[str]) -> list[str]:
    from airflow_provider_segment.audit.checks import CHECKS

    if not names:
        raise ValueError("must name a check, or be left out")
    return _among(names, [*CHECKS])


def _known_reasons(names: list[str]) -> list[str]:
    from airflow_provider_segment.audit.kinds import KINDS, SEVERITIES
    from airflow_provider_segment.audit.report import NOT_CHECKED

    return _among(names, [*SEVERITIES, *KINDS, NOT_CHECKED])


def _among(names: list[str], known: list[str]) -> list[str]:
    if unknown := [name for name in names if name not in known]:
        raise ValueError(f"there is no {', '.join(unknown)}; there are {', '.join(known)}")
    return names


def _named(path: str) -> str:
    if not path:
        raise ValueError("must not be empty: is a param of the DAG not given?")
    return path


class SegmentAuditWorkspaceOperator(SegmentBaseOperator):
    """Finds what hurts in a workspace: one report on sources, plans, destinations, warehouses, usage, people.

    ::

        SegmentAuditWorkspaceOperator(task_id="audit", to_path="s3://reports/segment/{{ ds }}.json")

    The checks are ``silent_sources``, ``sources_without_plan``, ``unplanned_events``,
    ``disabled_destinations``, ``mappings``, ``mtu``, ``api_calls``, ``users``, ``functions``,
    ``failing_destinations`` and ``warehouses``. ``docs/auditing.md`` says what each reads, and when it finds
    something. Nothing is changed at Segment.

    Returns ``{"counts": {"high": ..., "medium": ..., "low": ...}, "findings": [...], "not_checked": [...],
    ...}``, with no more than 50 findings, and pushes the same in Markdown as the XCom ``note``. A finding has
    its ``check``, ``kind`` and ``severity``, ``what`` (type, id, name), ``facts``, ``why`` it hurts, and the
    ``action`` to take. What Segment refuses to show, because the token lacks the permission or the workspace
    the feature, is ``not_checked``, with Segment's answer; only if the workspace itself cannot be read, the
    task fails.

    The log says how many requests there will be, and how long they take at least: Segment shows the syncs of
    two warehouses a minute. If ``execution_timeout`` ends the task, the report of what was done until then is
    written first. The report has no settings, but names and e-mail addresses of users without a group.

    :param checks: which checks to make; by default all, ``mtu`` and ``api_calls`` if they have an allowance
    :param to_path: file for the whole report, as JSON, such as ``s3://bucket/audit.json``; it is overwritten.
        Markdown goes beside it, to a file that ends in ``.md`` instead of ``.json``. Only its owner can read
        a local file
    :param silent_days: a source is silent if it received nothing for so many days, to the minute
    :param event_days: so many days of events are compared with tracking plans and mappings
    :param delivery_days: so many days of deliveries are counted, in whole hours; Segment counts up to 14
    :param max_failure_rate: the share (0 to 1) of deliveries that may fail; a destination that fails more is
        found
    :param min_failures: a destination with fewer failed deliveries is not found, whatever their share
    :param max_sync_age_hours: a source of a warehouse lags if no sync that began in the last so many hours
        has succeeded
    :param max_function_age_days: a function is old if it was deployed longer ago
    :param mtu_allowance: monthly tracked users of the contract
    :param api_calls_allowance: API calls a month of the contract
    :param exclude: names or ids of what is left out, with ``*`` and ``?``: ``["test *"]``;
        upper and lower case differ
    :param fail_on: fail the task, without a retry, if there are findings of these severities (``medium``
        includes ``high``) or kinds, or, with ``not_checked``, if something could not be checked. The report
        is written before, and is the XCom ``report``
    :raises AirflowFailException: ``fail_on`` says so, or an argument is invalid
    :raises SegmentError: the workspace cannot be read
    """

    checks: Arg[Annotated[list[str], Validator(_known_checks)] | None] = None
    to_path: Arg[Annotated[str, Validator(_named)] | None] = None
    silent_days: Arg[Annotated[int, within(1, 365)]] = 7
    event_days: Arg[Annotated[int, within(1, 365)]] = 30
    delivery_days: Arg[Annotated[int, within(1, 14)]] = 7
    max_failure_rate: Arg[Annotated[float, within(0, 1)]] = 0.05
    min_failures: Arg[Annotated[int, within(1)]] = 10
    max_sync_age_hours: Arg[Annotated[float, within(0, 8_760, exclusive=True)]] = 26.0
    max_function_age_days: Arg[Annotated[int, within(1, 36_500)]] = 365
    mtu_allowance: Arg[Annotated[int, within(0)] | None] = None
    api_calls_allowance: Arg[Annotated[int, within(0)] | None] = None
    exclude: Arg[list[str] | None] = None
    fail_on: Arg[Annotated[list[str], Validator(_known_reasons)] | None] = None

    def arguments(self) -> dict[str, Any]:
        """The checked arguments."""
        from airflow_provider_segment.audit.checks import CHECKS

        arguments = super().arguments()
        without = [name for name, check in CHECKS.items() if check.needs and arguments[check.needs] is None]
        chosen = arguments["checks"]
        if impossible := [name for name in chosen or () if name in without]:
            needed = ", ".join(f"{name} needs {CHECKS[name].needs}" for name in impossible)
            raise AirflowFailException(f"checks: {needed}")
        if chosen is None:
            arguments["checks"] = [name for name in CHECKS if name not in without]
        return arguments

    def perform(self, arguments: dict[str, Any], context: Context) -> Any:
        """Make the checks, write the report."""
        from airflow_provider_segment.audit.audit import Audit
        from airflow_provider_segment.audit.files import check_path
        from airflow_provider_segment.audit.limits import Limits
        from airflow_provider_segment.audit.report import bounded, reasons_to_fail

        if arguments["to_path"]:
            check_path(arguments["to_path"])
        given = {**arguments, "exclude": arguments["exclude"] or []}
        limits = Limits(**{name: given[name] for name in Limits._fields})
        audit = Audit(self.hook.get_conn(), arguments["checks"], limits)
        try:
            self._announce(audit)
            audit.run()
        except AirflowTaskTimeout:
            audit.end_early(f"the task's execution_timeout, {self.execution_timeout}, was over")
            self._publish(audit, arguments, context, failed=True)
            raise
        report = self._publish(audit, arguments, context, failed=False)
        if reasons := reasons_to_fail(report, arguments["fail_on"] or []):
            self._push(context, "report", bounded(report))
            where = arguments["to_path"] or "the XCom note"
            raise AirflowFailException(f"The audit found: {', '.join(reasons)}. See {where}")
        return bounded(report)

    def change(self, arguments: dict[str, Any], result: Any) -> dict[str, Any]:
        """How many findings there are, and where they are."""
        return {
            "counts": result["counts"],
            "not_checked": len(result["not_checked"]) + result["left_out"]["not_checked"],
            "path": arguments["to_path"],
        }

    def _announce(self, audit: Audit) -> None:
        outlook = audit.begin()
        self.log.info("Auditing the workspace %s: %s", audit.workspace.about["name"], outlook)
        allowed: timedelta | None = self.execution_timeout
        if allowed and outlook.seconds > allowed.total_seconds():
            self.log.warning("That is longer than the task's execution_timeout, %s", allowed)

    def _publish(
        self, audit: Audit, arguments: dict[str, Any], context: Context, *, failed: bool
    ) -> dict[str, Any]:
        """Log the report, push it, write it."""
        from airflow_provider_segment.api.redaction import hide_secrets
        from airflow_provider_segment.audit.files import write_report
        from airflow_provider_segment.audit.note import headline, note
        from airflow_provider_segment.audit.report import bounded, report_of

        report: dict[str, Any] = self.hook.get_conn().scrub(hide_secrets(report_of(audit)))
        self._push(context, "note", note(bounded(report)))
        if failed:
            self._push(context, "report", bounded(report))
        said = headline(report).replace("*", "")
        self.log.info("%s %d requests were made", said, report["requests"])
        if path := arguments["to_path"]:
            write_report(path, report, note(report))
            self.log.info("The whole report is in %s", path)
        return report

    def _push(self, context: Context, key: str, value: Any) -> None:
        ti: Any = cast("Any", context).get("ti")
        if ti and self.do_xcom_push:
            ti.xcom_push(key=key, value=value)
