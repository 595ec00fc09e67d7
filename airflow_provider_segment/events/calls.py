"""A call to send or preview events: its arguments are checked, its input opened, its plan read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from airflow_provider_segment.arguments import check_arguments
from airflow_provider_segment.errors import SegmentConfigurationError
from airflow_provider_segment.events.options import all_options, send_checker

if TYPE_CHECKING:
    from airflow_provider_segment.events.sources.source import Source
    from airflow_provider_segment.events.tracking_plan import PlanRules


def check_call(given: Mapping[str, Any], options: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """What a method is called with, checked: its own arguments, and all options.

    :raises SegmentConfigurationError: names each that is invalid
    """
    checked = check_arguments(send_checker(frozenset(given)), {**given, **options})
    return {name: checked[name] for name in given}, all_options(checked)


def open_input(own: Mapping[str, Any], options: dict[str, Any]) -> tuple[Source, dict[str, Any]]:
    """The source of ``events``, ``path`` or ``part``, and the options, among them its format's mapping."""
    from airflow_provider_segment.events.sources.open import open_source

    source, mapping = open_source(
        own["events"],
        own["path"],
        own["part"],
        format=own["format"],
        csv=own["csv"],
        message_ids=own["message_ids"],
        mapping=options["mapping"],
        keys=options["message_id_fields"],
        rejects_path=options["rejects_path"],
    )
    return source, {**options, "mapping": mapping}


def plan_rules(
    options: Mapping[str, Any], paginate: Callable[..., Iterable[Any]], log: Any
) -> PlanRules | None:
    """The rules of the tracking plan that the options name, if they name one.

    :param paginate: of the client or the hook, for a plan in Segment
    :raises SegmentConfigurationError: there is no such plan, or no rule of it can be used
    """
    if options["tracking_plan_id"] is None and options["tracking_plan_path"] is None:
        if options["on_violation"] != "reject":
            raise SegmentConfigurationError(
                "on_violation needs a plan: give tracking_plan_id or tracking_plan_path"
            )
        return None
    from airflow_provider_segment.events.tracking_plan import load_rules

    rules = load_rules(paginate, plan_id=options["tracking_plan_id"], path=options["tracking_plan_path"])
    for fault in rules.faults:
        log.warning("The tracking plan has a rule that is not checked: %s", fault)
    return rules
