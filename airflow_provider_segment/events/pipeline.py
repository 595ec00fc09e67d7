"""What a run is made of besides its input: how its options say that rows become events, and are checked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow_provider_segment.errors import SegmentConfigurationError
from airflow_provider_segment.events.check import Check, Checker
from airflow_provider_segment.events.formats import ProductFormat, format_function
from airflow_provider_segment.events.mapping.function_mapper import FunctionMapper
from airflow_provider_segment.events.mapping.mapped import Mapper
from airflow_provider_segment.events.mapping.rows import Compiling
from airflow_provider_segment.events.mapping.template import read_mapping
from airflow_provider_segment.events.mapping.template_mapper import TemplateMapper
from airflow_provider_segment.events.message_ids import IdOfEvent
from airflow_provider_segment.events.report import SendReport

if TYPE_CHECKING:
    from airflow_provider_segment.events.tracking_plan import PlanRules


class Pipeline(NamedTuple):
    """The stages between an input and its batches.

    :param mapper: makes events of rows
    :param checker: turns each event into what is sent
    """

    mapper: Mapper
    checker: Checker


def make_pipeline(
    write_key: str,
    options: Mapping[str, Any],
    report: SendReport,
    rules: PlanRules | None,
    *,
    events_before: int = 0,
) -> Pipeline:
    """The stages that the options of a run ask for.

    :param options: all options of a bulk send, checked
    :param report: gets what is counted on the way
    :param rules: of the tracking plan, if there is one
    :param events_before: how many events earlier tries sent that this one does not read again
    """
    mapping, keys = options["mapping"], options["message_id_fields"]
    checks: list[Check] = []
    if rules is not None:
        from airflow_provider_segment.events.tracking_plan import PlanCheck

        checks.append(PlanCheck(rules, options["on_violation"], report.violations).check)
    if options["max_events"] is not None or options["max_users"] is not None:
        from airflow_provider_segment.events.approval import Approval

        checks.append(Approval(options["max_events"], options["max_users"], events_before).admit)
    compiling = Compiling(
        nulls=options["nulls"],
        naive_timezone=options["naive_timezone"],
        timestamp_may_be_null=options["timestamp"] is not None,
    )
    mapper: Mapper
    if mapping is None:
        mapper = TemplateMapper(None, compiling, identified=bool(keys))
        return Pipeline(mapper, Checker(write_key, checks=checks, **options))
    compiling = compiling._replace(keys=tuple(keys or ()), id_of_event=IdOfEvent(write_key))
    if isinstance(mapping, ProductFormat):
        if keys:
            raise SegmentConfigurationError(
                f"the format {mapping.name} has ids of its own: leave out message_id_fields"
            )
        function = format_function(
            mapping.name,
            write_key,
            message_ids=mapping.message_ids,
            naive_timezone=options["naive_timezone"],
        )
        mapper = FunctionMapper(function, compiling)
    elif callable(mapping):
        mapper = FunctionMapper(mapping, compiling)
    else:
        mapper = TemplateMapper(read_mapping(mapping), compiling, identified=bool(keys))
    # The keys are columns, of which the mapper knows.
    without_keys: Any = {**options, "message_id_fields": None}
    return Pipeline(mapper, Checker(write_key, checks=checks, **without_keys))
