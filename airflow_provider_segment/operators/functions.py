"""Functions, their versions, and the instances of insert functions."""

from __future__ import annotations

from functools import cached_property
from typing import Any, Literal

from typing_extensions import NotRequired, TypedDict

from airflow_provider_segment.api.resources import Resource
from airflow_provider_segment.operators.workspaces import SegmentGetWorkspaceOperator
from airflow_provider_segment.tasks.creation import SegmentCreateOperator
from airflow_provider_segment.tasks.declarative import NOT_GIVEN, Arg, path, query
from airflow_provider_segment.tasks.operation import (
    ALPHA,
    SegmentDeleteOperator,
    SegmentListOperator,
    SegmentOperator,
)


class FunctionSetting(TypedDict):
    """A setting that the code of a function reads."""

    name: str
    label: str
    description: str
    type: Literal["ARRAY", "BOOLEAN", "STRING", "TEXT_MAP"]
    required: bool
    sensitive: bool


class SegmentListFunctionsOperator(SegmentListOperator):
    """Return all functions of one kind, without their code."""

    endpoint = "GET /functions"
    returns = "functions"

    resource_type: Arg[Literal["DESTINATION", "SOURCE"]] = query()


class SegmentGetFunctionOperator(SegmentOperator):
    """Return a function, with its code."""

    endpoint = "GET /functions/{functionId}"
    returns = "function"
    answers = Resource | None

    function_id: Arg[str] = path()


class SegmentUpdateFunctionOperator(SegmentOperator):
    """Update a function. Running instances change only when it is deployed."""

    endpoint = "PATCH /functions/{functionId}"
    returns = "function"

    function_id: Arg[str] = path()
    code: Arg[str | None] = NOT_GIVEN
    settings: Arg[list[FunctionSetting] | None] = NOT_GIVEN
    display_name: Arg[str | None] = NOT_GIVEN
    logo_url: Arg[str | None] = NOT_GIVEN
    description: Arg[str | None] = NOT_GIVEN


class SegmentCreateFunctionOperator(SegmentCreateOperator):
    """Create a function.

    Segment appends the workspace's name to the display name of all but source functions; ``if_exists``
    allows for this. If Segment refuses to list insert functions, nothing is looked up, and a warning is
    logged.
    """

    endpoint = "POST /functions"
    returns = "function"
    answers = Resource
    natural_key = ("resource_type", "display_name")
    listed_by = SegmentListFunctionsOperator
    listed = {
        "id": NotRequired[str | None],
        "displayName": NotRequired[str | None],
        "resourceType": NotRequired[str | None],
    }
    updated_by = SegmentUpdateFunctionOperator
    read_by = SegmentGetFunctionOperator

    code: Arg[str]
    settings: Arg[list[FunctionSetting] | None] = NOT_GIVEN
    display_name: Arg[str]
    logo_url: Arg[str | None] = NOT_GIVEN
    resource_type: Arg[
        Literal["SOURCE", "DESTINATION", "INSERT_SOURCE", "INSERT_DESTINATION", "INSERT_TRANSFORMATION"]
    ]
    description: Arg[str | None] = NOT_GIVEN

    def find(self, arguments: dict[str, Any]) -> dict[str, Any] | None:
        """As usual, if Segment lists functions of this kind: its reference says so for two kinds only."""
        from airflow_provider_segment.errors import SegmentBadRequestError, SegmentValidationError

        try:
            return super().find(arguments)
        except (SegmentBadRequestError, SegmentValidationError) as error:
            if not arguments["resource_type"].startswith("INSERT_"):
                raise
            self.log.warning("Not looked up, so it may exist already: %s", error)
            return None

    def is_same(self, item: dict[str, Any], arguments: dict[str, Any]) -> bool:
        """By kind and display name, with or without the workspace's name after it."""
        shown, name = item.get("displayName") or "", arguments["display_name"]
        if item.get("resourceType") != arguments["resource_type"] or not shown.startswith(name):
            return False
        return bool(shown == name or shown[len(name) :].strip(" ()-") == self.workspace["name"])

    @cached_property
    def workspace(self) -> dict[str, Any]:
        """The workspace of the connection's token."""
        workspace: dict[str, Any] = self.send({}, SegmentGetWorkspaceOperator)
        return workspace


class SegmentDeleteFunctionOperator(SegmentDeleteOperator):
    """Delete a function."""

    endpoint = "DELETE /functions/{functionId}"

    function_id: Arg[str] = path()


class SegmentCreateFunctionDeploymentOperator(SegmentOperator):
    """Deploy the latest code to an instance of a source function.

    :class:`.SegmentDeployFunctionOperator` finds the instances by the function or source: prefer it in DAGs.

    :param function_id: the id of the instance, ``sfn_`` and the id of its source; not the function's
        (``sfnc_``)
    """

    endpoint = "POST /functions/{functionId}/deploy"
    returns = "functionDeployment"

    function_id: Arg[str] = path()


class SegmentListFunctionVersionsOperator(SegmentListOperator):
    """Return all versions of a function, with their code."""

    endpoint = "GET /functions/{functionId}/versions"
    media_type = ALPHA
    returns = "versions"

    function_id: Arg[str] = path()


class SegmentGetFunctionVersionOperator(SegmentOperator):
    """Return one version of a function, with its code."""

    endpoint = "GET /functions/{functionId}/versions/{versionId}"
    media_type = ALPHA
    returns = "version"

    function_id: Arg[str] = path()
    version_id: Arg[str] = path()


class SegmentRestoreFunctionVersionOperator(SegmentOperator):
    """Restore an old version of a function as the latest."""

    endpoint = "POST /functions/{functionId}/versions"
    media_type = ALPHA
    returns = "version"

    function_id: Arg[str] = path()
    version_id: Arg[str]


class SegmentListInsertFunctionInstancesOperator(SegmentListOperator):
    """Return all instances of an insert function."""

    endpoint = "GET /insert-function-instances"
    media_type = ALPHA
    returns = "instances"

    function_id: Arg[str] = query()


class SegmentGetInsertFunctionInstanceOperator(SegmentOperator):
    """Return an instance of an insert function, with secrets masked."""

    endpoint = "GET /insert-function-instances/{instanceId}"
    media_type = ALPHA
    returns = "insertFunctionInstance"

    instance_id: Arg[str] = path()


class SegmentUpdateInsertFunctionInstanceOperator(SegmentOperator):
    """Update an instance of an insert function. The settings are always required."""

    endpoint = "PATCH /insert-function-instances/{instanceId}"
    media_type = ALPHA
    returns = "insertFunctionInstance"
    secrets = ("settings",)

    instance_id: Arg[str] = path()
    enabled: Arg[bool | None] = NOT_GIVEN
    name: Arg[str | None] = NOT_GIVEN
    settings: Arg[dict[str, Any]]


class SegmentCreateInsertFunctionInstanceOperator(SegmentCreateOperator):
    """Put an insert function in front of a destination.

    :param function_id: the function's id, with or without ``ifnd_``
    :param integration_id: the destination
    """

    endpoint = "POST /insert-function-instances"
    media_type = ALPHA
    returns = "insertFunctionInstance"
    secrets = ("settings",)
    natural_key = ("integration_id", "name")
    listed_by = SegmentListInsertFunctionInstancesOperator
    listed = {"id": str, "integrationId": str, "name": NotRequired[str | None]}
    updated_by = SegmentUpdateInsertFunctionInstanceOperator

    function_id: Arg[str]
    integration_id: Arg[str]
    enabled: Arg[bool | None] = NOT_GIVEN
    name: Arg[str]
    settings: Arg[dict[str, Any]]


class SegmentDeleteInsertFunctionInstanceOperator(SegmentDeleteOperator):
    """Delete an instance of an insert function."""

    endpoint = "DELETE /insert-function-instances/{instanceId}"
    media_type = ALPHA

    instance_id: Arg[str] = path()
