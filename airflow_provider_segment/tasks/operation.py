"""The base of all operators of Segment's Public API: a class body declares a request, nothing else.

::

    class SegmentUpdateSourceOperator(SegmentOperator):
        \"""Change a source.\"""

        endpoint = "PATCH /sources/{sourceId}"
        returns = "source"

        source_id: Arg[str] = path()
        name: Arg[str | None] = NOT_GIVEN

Whatever an endpoint does out of the ordinary is a method of its class.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_segment.api.media_types import ALPHA, BETA, STABLE
from airflow_provider_segment.tasks.base import SegmentBaseOperator
from airflow_provider_segment.tasks.declarative import REQUIRED, Arg, Field, option

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

__all__ = ["ALPHA", "BETA", "STABLE", "SegmentDeleteOperator", "SegmentListOperator", "SegmentOperator"]

# A path that climbs; a query that an empty list vanishes from, so that a DELETE names nothing.
NAMES_NOTHING: dict[str, tuple[Any, ...]] = {"path": ("", ".", ".."), "query": ([],)}


def wire_name(name: str, field: Field) -> str:
    """The API's name of an argument: ``source_id`` is ``sourceId`` there."""
    first, *others = name.split("_")
    return field.name or first + "".join(other.capitalize() for other in others)


class SegmentOperator(SegmentBaseOperator):
    """One request to Segment's Public API."""

    endpoint: ClassVar[str]
    """Method and path, as Segment's reference writes them."""

    media_type: ClassVar[str] = STABLE
    envelope: ClassVar[str | None] = None
    """The one member of the body that holds all others, where there is one."""

    def arguments(self) -> dict[str, Any]:
        """The arguments, each checked; what names the resources to act on must name some."""
        arguments = super().arguments()
        for name, field in self.fields.items():
            if field.default is REQUIRED and arguments[name] in NAMES_NOTHING.get(field.place, ()):
                raise AirflowFailException(f"{type(self).__name__}: {name} must not be {arguments[name]!r}")
        return arguments

    def perform(self, arguments: dict[str, Any], context: Context) -> Any:
        """Send the request."""
        return self.send(arguments)

    def change(self, arguments: dict[str, Any], result: Any) -> dict[str, Any]:
        """The operation, and the ids of what it was about. No values: they may be secrets."""
        if self.endpoint.startswith("GET "):
            return {}
        ids = {name: arguments[name] for name, field in self.fields.items() if field.place == "path"}
        if isinstance(result, dict) and "id" in result:
            ids["id"] = result["id"]
        return {"operation": self.endpoint, **ids}

    def send(self, arguments: dict[str, Any], operation: type[SegmentOperator] | None = None) -> Any:
        """Send the request that this operator (or another) declares, and return what that returns."""
        operation = operation or type(self)
        method, path, options = operation.request(arguments)
        answer = self.hook.request(method, path, media_type=operation.media_type, **options)
        if method != "GET":
            self.log_write(method, path, options, answer, operation.envelope)
        return answer.data[operation.returns] if operation.returns else answer.data

    @classmethod
    def request(cls, arguments: dict[str, Any]) -> tuple[str, str, dict[str, Any]]:
        """Method, path, and query and body as the hook takes them."""
        from airflow_provider_segment.api.paths import fill_path

        parts: dict[str, dict[str, Any]] = {"path": {}, "query": {}, "body": {}, "option": {}}
        for name, field in cls.fields.items():
            if name in arguments:
                parts[field.place][wire_name(name, field)] = arguments[name]
        method, template = cls.endpoint.split()
        options: dict[str, Any] = {"query": parts["query"]} if parts["query"] else {}
        # Where a body is declared there is one, though empty; some writes have none, not even an empty one.
        if any(field.place == "body" for field in cls.fields.values()):
            options["json"] = {cls.envelope: parts["body"]} if cls.envelope else parts["body"]
        return method, fill_path(template, parts["path"]), options

    def log_write(
        self, method: str, path: str, options: dict[str, Any], answer: Any, envelope: str | None
    ) -> None:
        """Log what was changed: names, never values, which may be secrets."""
        from airflow_provider_segment.api.calls import Call

        body = options.get("json", {})
        names = [*options.get("query", {}), *(body[envelope] if envelope else body)]
        # A resource with an id; or a word, as the id of a regulation, or SUCCESS.
        brought = [value.get("id") if isinstance(value, dict) else value for value in answer.data.values()]
        self.log.info(
            "%s %s (%s): %s, request id %s",
            method,
            Call(method, path).safe_path,
            ", ".join(names),
            ", ".join(word for word in brought if isinstance(word, str)) or answer.status,
            answer.request_id,
        )


class SegmentListOperator(SegmentOperator):
    """A list, all pages of it.

    :param limit: return so many items at most; None for all
    :param page_size: items per request
    """

    items: ClassVar[str]
    """The list's name under ``data``, where more than the list is returned."""

    pagination: ClassVar[str | None] = "pagination"
    """The query parameter that holds count and cursor; None where they stand by themselves."""

    limit: Arg[int | None] = option(default=None)
    page_size: Arg[int] = option(default=1000)

    def perform(self, arguments: dict[str, Any], context: Context) -> Any:
        """Ask for page after page; what lies beside the list is that of the last page."""
        if self.returns:
            return self.collect(arguments, self.returns, self.pagination)[self.returns]
        data = self.collect(arguments, self.items, self.pagination)
        return {name: value for name, value in data.items() if name != self.pagination}

    def collect(self, arguments: dict[str, Any], key: str, pagination: str | None) -> dict[str, Any]:
        """The answer's ``data``, with all pages' items in the list ``key``."""
        from airflow_provider_segment.api.pages import Pages, Paging

        _, path, options = self.request(arguments)
        limits = {"page_size": arguments["page_size"], "limit": arguments["limit"]}
        paging = Paging(pagination)
        pages = Pages(path, key=key, media_type=self.media_type, paging=paging, **limits, **options)
        data: dict[str, Any] = {}
        items: list[Any] = []
        while call := pages.next_call():
            data = self.hook.request("GET", path, query=call.query, media_type=self.media_type).data
            items += pages.take(data)
        return {**data, key: items}


class SegmentDeleteOperator(SegmentOperator):
    """Deletes something.

    Returns what Segment says, or None where an earlier attempt, whose answer was lost, had done it.

    :param missing_ok: count it as done where there is nothing (any more) to delete; returns None then
    """

    returns = "status"
    missing_ok: Arg[bool] = option(default=False)

    def perform(self, arguments: dict[str, Any], context: Context) -> Any:
        """Delete, and look away where told to."""
        from airflow_provider_segment.errors import SegmentNotFoundError

        try:
            return super().perform(arguments, context)
        except SegmentNotFoundError as error:
            # Sent again after a lost answer, a DELETE finds nothing because it did its work the first time.
            if not (error.repeated or arguments["missing_ok"]):
                raise
            self.log.info("Nothing to delete: it does not exist (any more)")
            return None
