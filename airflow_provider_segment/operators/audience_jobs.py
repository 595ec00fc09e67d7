"""Jobs of audiences."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal

from airflow_provider_segment.api.clock import Clock, timestamp
from airflow_provider_segment.api.resources import Identified
from airflow_provider_segment.operators.audiences import AudienceDefinition, PreviewOptions
from airflow_provider_segment.tasks.declarative import Arg
from airflow_provider_segment.tasks.jobs import Job, SegmentJobOperator

if TYPE_CHECKING:
    from airflow_provider_segment.waiting.condition import Condition


class SegmentRunAudienceOperator(SegmentJobOperator):
    """Runs a linked audience, and waits until it is computed.

    Segment reports the state of the audience (live, or being computed), not of a run. Right after the start
    the audience may still be live from the previous run. So the run counts as done when the audience is live,
    and as failed when it has failed, ``settle`` seconds after the start or later.

    Returns the audience's ``id``, ``status`` and ``size``.

    :param space_id: the space
    :param audience_id: the audience, of type ``LINKED``
    :param settle: seconds after the start before which a final status is ignored
    """

    space_id: Arg[str]
    audience_id: Arg[str]
    settle: Arg[float] = 120.0

    def start(self, arguments: dict[str, Any]) -> Job:
        """Start a run."""
        from airflow_provider_segment.api.paths import fill_path

        path = fill_path("/spaces/{space_id}/audiences/{audience_id}/runs", arguments)
        self.hook.request("POST", path, shape={"run": Identified})
        not_before = timestamp(Clock().now() + timedelta(seconds=arguments["settle"]))
        ids = {name: arguments[name] for name in ("space_id", "audience_id")}
        return {**ids, "not_before": not_before}

    def condition(self, job: Job) -> Condition:
        """The audience is computed."""
        from airflow_provider_segment.waiting.audiences import AudienceComputed
        from airflow_provider_segment.waiting.condition import moment

        return AudienceComputed(**{**job, "not_before": moment(job["not_before"])})


class SegmentPreviewAudienceOperator(SegmentJobOperator):
    """Computes how large an audience would be.

    Segment limits previews to 5 a minute and 700 a month per space. Returns the preview's ``id``, ``status``
    and ``size``, but no members: everyone who can see the DAG can see what a task returns.

    :param space_id: the space
    :param definition: Segment's definition of the audience: ``{"query": ..., "targetEntity": ...}``
    :param audience_type: ``USERS``, ``ACCOUNTS`` or ``LINKED``
    :param options: Segment's options of the audience
    """

    space_id: Arg[str]
    definition: Arg[AudienceDefinition]
    audience_type: Arg[Literal["USERS", "ACCOUNTS", "LINKED"]]
    options: Arg[PreviewOptions | None] = None

    def start(self, arguments: dict[str, Any]) -> Job:
        """Start a preview."""
        from airflow_provider_segment.api.paths import fill_path

        body = {"definition": arguments["definition"], "audienceType": arguments["audience_type"]}
        if arguments["options"]:
            body["options"] = arguments["options"]
        path = fill_path("/spaces/{space_id}/audiences/previews", arguments)
        shape = {"audiencePreview": Identified}
        preview = self.hook.request("POST", path, json=body, shape=shape).data["audiencePreview"]
        return {"space_id": arguments["space_id"], "preview_id": preview["id"]}

    def condition(self, job: Job) -> Condition:
        """The preview is ready."""
        from airflow_provider_segment.waiting.audiences import AudiencePreviewed

        return AudiencePreviewed(**job)
