"""Any request, for endpoints without an operator."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_segment.tasks.base import OF_THE_HOOK, SegmentBaseOperator
from airflow_provider_segment.tasks.declarative import NOT_GIVEN, Arg

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context


class SegmentRequestOperator(SegmentBaseOperator):
    """Send a request to one of Segment's APIs, with the connection's credentials and the client's retries.

    Returns the ``data`` of the answer, or the whole answer if it has none. Requests go only to the
    connection's host.

    :param path: absolute path without host, percent-encoded: ``/sources/abc``
    :param query: query parameters; objects and arrays are written as Segment documents them
    :param json: the body; none if not given
    :param api: which of the APIs; each has its own credential in the connection
    :param media_type: a version of the API: ``application/vnd.segment.v1alpha+json``
    :param paginate: follow the pages of a list of the Public API, and return all items
    :param limit: with ``paginate``, return at most this many items
    :param page_size: with ``paginate``, items per request
    :param response_filter: called with the result; what it returns is returned instead
    """

    may_hold_secrets = ("path", "query", "json")
    # Not the filter: Airflow would call it.
    template_fields = (
        *("method", "path", "query", "json", "api", "media_type"),
        *("paginate", "limit", "page_size", *OF_THE_HOOK),
    )

    path: Arg[str]
    method: Arg[Literal["GET", "POST", "PUT", "PATCH", "DELETE"]] = "GET"
    query: Arg[dict[str, Any] | None] = None
    json: Arg[Any] = NOT_GIVEN
    api: Arg[Literal["public", "tracking", "profile"]] = "public"
    media_type: Arg[str | None] = None
    paginate: Arg[bool] = False
    limit: Arg[int | None] = None
    page_size: Arg[int] = 200
    response_filter: Callable[[Any], Any] | None = None

    def perform(self, arguments: dict[str, Any], context: Context) -> Any:
        """Send the request, follow the pages, filter the result."""
        options = {name: arguments[name] for name in ("query", "json", "media_type") if name in arguments}
        method, path, api = arguments["method"], arguments["path"], arguments["api"]
        if arguments["paginate"]:
            if (method, api) != ("GET", "public") or "json" in options:
                raise AirflowFailException("only lists of the Public API have pages: a GET without a body")
            limits = {"limit": arguments["limit"], "page_size": arguments["page_size"]}
            result: Any = list(self.hook.paginate(path, **options, **limits))
        else:
            answer = self.hook.request(method, path, api=api, **options)
            result = answer.data
            if method != "GET":
                from airflow_provider_segment.api.calls import safe_path

                shown = self.hook.get_conn().scrub(safe_path(path))
                self.log.info("%s %s: %s, request id %s", method, shown, answer.status, answer.request_id)
        response_filter = arguments["response_filter"]
        return response_filter(result) if response_filter else result
