"""Jobs of functions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowFailException
from typing_extensions import NotRequired

from airflow_provider_segment.api.resources import Identified
from airflow_provider_segment.tasks.base import SegmentBaseOperator
from airflow_provider_segment.tasks.declarative import Arg

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

INSTANCE = "sfn_"
"""Prefix of the id of a source function's instance, which Segment deploys; the id of its source follows."""


class SegmentDeployFunctionOperator(SegmentBaseOperator):
    """Deploys the latest code of a source function, to one source or to all that were created from it.

    Segment deploys instances of source functions, by an id that neither the function nor the source shows;
    this operator derives it. Destination and insert functions are not deployed this way.

    Returns ``{source id: status}``.

    :param function_id: the function (``sfnc_...``)
    :param source_id: instead of the function, a source that was created from it
    """

    function_id: Arg[str | None] = None
    source_id: Arg[str | None] = None

    def perform(self, arguments: dict[str, Any], context: Context) -> Any:
        """Deploy, one source after the other."""
        function_id, source_id = arguments["function_id"], arguments["source_id"]
        if bool(function_id) == bool(source_id):
            raise AirflowFailException("give a function_id or a source_id")
        source_ids = self._sources_of(function_id) if function_id else [source_id]
        return {source_id: self._deploy(source_id) for source_id in source_ids}

    def _sources_of(self, function_id: str) -> list[str]:
        from airflow_provider_segment.api.paths import fill_path
        from airflow_provider_segment.api.shapes import as_type

        path = fill_path("/functions/{id}", {"id": function_id})
        shape = {"resourceType": str, "catalogId": NotRequired[str | None]}
        answer = self.hook.request("GET", path, shape={"function": as_type(shape) | None})
        function = answer.data["function"]
        if function is None:
            raise AirflowFailException(f"there is no function {function_id}")
        if function["resourceType"] != "SOURCE":
            raise AirflowFailException(
                f"function {function_id} is of type {function['resourceType']}; only SOURCE can be deployed"
            )
        listed = {"id": str, "metadata": Identified}
        sources = self.hook.paginate("/sources", key="sources", item=listed)
        kind = function.get("catalogId")
        made_from_it = [each["id"] for each in sources if each["metadata"]["id"] == kind]
        if not made_from_it:
            raise AirflowFailException(f"no source was created from function {function_id}")
        return made_from_it

    def _deploy(self, source_id: str) -> str:
        from airflow_provider_segment.api.paths import fill_path

        instance = source_id if source_id.startswith(INSTANCE) else INSTANCE + source_id
        path = fill_path("/functions/{id}/deploy", {"id": instance})
        answer = self.hook.request("POST", path, shape={"functionDeployment": {"status": str}})
        status: str = answer.data["functionDeployment"]["status"]
        self.log.info("Deployed to source %s: %s", source_id, status)
        return status
