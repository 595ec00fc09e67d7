"""The base of all operators of Segment's Public API: a class body declares a request.

::

    class SegmentUpdateSourceOperator(SegmentOperator):
        \"""Change a source.\"""

        endpoint = "PATCH /sources/{sourceId}"
        returns = "source"

        source_id: Arg[str] = path()
        name: Arg[str | None] = NOT_GIVEN

An argument is a member of the body by default. Anything else that an endpoint does is a method of its class.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_segment.api.media_types import ALPHA, BETA, STABLE
from airflow_provider_segment.api.resources import Resource
from airflow_provider_segment.arguments import FilePath
from airflow_provider_segment.references import snake_case
from airflow_provider_segment.tasks.base import SegmentRequestingOperator
from airflow_provider_segment.tasks.declarative import NOT_GIVEN, PLACES, REQUIRED, Arg, option
from airflow_provider_segment.tasks.results import Filter, save_items

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_segment.api.pages import Pages

__all__ = ["ALPHA", "BETA", "STABLE", "SegmentDeleteOperator", "SegmentListOperator", "SegmentOperator"]

# In a path, "." and ".." are resolved and lead to another endpoint; an empty list disappears from a query, so
# that a DELETE would name nothing.
NAMES_NOTHING: dict[str, tuple[Any, ...]] = {"path": ("", ".", ".."), "query": ([],)}

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
# Compiled when a declaration is checked: at import that would cost a scheduler time.
_ENDPOINT = rf"({'|'.join(METHODS)}) /\S*"
_PLACEHOLDER = r"{(\w*)}"


class SegmentOperator(SegmentRequestingOperator):
    """One request to Segment's Public API."""

    default_place = "body"
    places = PLACES

    methods: ClassVar[tuple[str, ...]] = METHODS
    """The HTTP methods that the class can handle."""

    endpoint: ClassVar[str]
    """Method and path, as Segment's reference writes them."""

    answers: ClassVar[Any] = Resource
    """The shape (see :mod:`.shapes`) of the member that is returned; where all of ``data`` is, a dict with
    the shapes of its members. An answer of another shape is an error."""

    media_type: ClassVar[str] = STABLE
    envelope: ClassVar[str | None] = None
    """The one member of the body that contains all others, if there is one."""

    @classmethod
    def faults(cls) -> Iterator[str]:
        """Why no request of it could be valid. A base class without an endpoint may be incomplete."""
        yield from super().faults()
        sent = [(f.place, f.wire_name) for f in cls.fields.values() if f.place != "option"]
        if len(set(sent)) < len(sent):
            place, name = next(one for one in sent if sent.count(one) > 1)
            yield f"{sent.count((place, name))} arguments have the name {name!r} in the {place}"
        endpoint = getattr(cls, "endpoint", None)
        if endpoint is None:
            return
        if not (isinstance(endpoint, str) and re.fullmatch(_ENDPOINT, endpoint)):
            yield f"endpoint must be a method and a path, as 'GET /sources/{{sourceId}}', and is {endpoint!r}"
            return
        method = endpoint.split()[0]
        if method not in cls.methods:
            yield f"it works with {' or '.join(cls.methods)}, not with {endpoint!r}"
        placeholders = re.findall(_PLACEHOLDER, endpoint)
        in_path = [name for place, name in sent if place == "path"]
        in_body = [name for place, name in sent if place == "body"]
        if missing := [name for name in placeholders if name not in in_path]:
            yield f"no argument for {', '.join(missing)} in {endpoint!r}: declare it with path()"
        no_parts = (NOT_GIVEN, None, *NAMES_NOTHING["path"])
        if empty := [n for n, f in cls.fields.items() if f.place == "path" and f.default in no_parts]:
            yield f"the default of {', '.join(empty)} is no part of a path"
        if homeless := [name for name in in_path if name not in placeholders]:
            yield f"no placeholder for {', '.join(homeless)} in {endpoint!r}"
        if in_body and method in ("GET", "DELETE"):
            yield f"a {method} has no body: declare {', '.join(in_body)} with query(), path() or option()"
        if cls.envelope is not None and not (isinstance(cls.envelope, str) and in_body):
            yield f"envelope must be the member that holds all others of the body, and is {cls.envelope!r}"

    def arguments(self) -> dict[str, Any]:
        """The arguments, each checked; a required path or query argument must not be empty."""
        arguments = super().arguments()
        for name, field in self.fields.items():
            if field.default is REQUIRED and arguments[name] in NAMES_NOTHING.get(field.place, ()):
                raise AirflowFailException(f"{type(self).__name__}: {name} must not be {arguments[name]!r}")
        return arguments

    def perform(self, arguments: dict[str, Any], context: Context) -> Any:
        """Send the request."""
        result = self.send(arguments)
        if self.endpoint.startswith("PATCH ") and isinstance(result, dict):
            self._tell_what_did_not_change(arguments, result)
        return result

    def _tell_what_did_not_change(self, arguments: dict[str, Any], shown: dict[str, Any]) -> None:
        """Log what Segment accepted but shows another value of: it ignores some settings, rewrites others."""
        from airflow_provider_segment.tasks.comparison import differences, outcome

        names = []
        for name, value in arguments.items():
            if self.fields[name].place == "body":
                there = shown.get(self.fields[name].wire_name, NOT_GIVEN)
                found = [one for one in differences((name,), value, there) if one.asked is not None]
                names += [one.name for one in found if outcome(one, there) == "unchanged"]
        if names:
            self.log.warning("Segment accepted the update, but shows another value of %s", ", ".join(names))

    def change(self, arguments: dict[str, Any], result: Any) -> dict[str, Any]:
        """The endpoint and the ids in its path, unless they are secrets. No other values: they may be."""
        if self.endpoint.startswith("GET "):
            return {}
        ids = {
            name: arguments[name]
            for name, field in self.fields.items()
            if field.place == "path" and name not in self.secrets
        }
        if isinstance(result, dict) and "id" in result:
            ids["id"] = result["id"]
        return {"operation": self.endpoint, **ids}

    def send(self, arguments: dict[str, Any], operation: type[SegmentOperator] | None = None) -> Any:
        """Send the request that this operator (or another) declares, and return what that returns."""
        operation = operation or type(self)
        method, path, options = operation.request(arguments)
        shape = {operation.returns: operation.answers} if operation.returns else operation.answers
        options |= {"media_type": operation.media_type, "shape": shape}
        options["secrets"] = tuple(self._secrets_of(arguments))
        answer = self.hook.request(method, path, **options)
        if method != "GET" or operation is type(self):
            self._tell(operation, method, path, options, answer)
        return answer.data[operation.returns] if operation.returns else answer.data

    @classmethod
    def request(cls, arguments: dict[str, Any]) -> tuple[str, str, dict[str, Any]]:
        """Method, path, and query and body as keyword arguments of the hook's ``request``."""
        from airflow_provider_segment.api.paths import fill_path

        parts: dict[str, dict[str, Any]] = {"path": {}, "query": {}, "body": {}, "option": {}}
        for name, field in cls.fields.items():
            if name in arguments:
                parts[field.place][field.wire_name] = arguments[name]
        method, template = cls.endpoint.split()
        options: dict[str, Any] = {"query": parts["query"]} if parts["query"] else {}
        # Declared members make a body, even if none is given. Without any, there is no body at all.
        if any(field.place == "body" for field in cls.fields.values()):
            options["json"] = {cls.envelope: parts["body"]} if cls.envelope else parts["body"]
        return method, fill_path(template, parts["path"]), options

    def pages(self, arguments: dict[str, Any], **options: Any) -> Pages:
        """The walk through a list, by the arguments ``limit`` and ``page_size``.

        :param options: further ones of :class:`.Pages`
        :raises AirflowFailException: the two make no sense; a retry would not help
        """
        from airflow_provider_segment.api.pages import Pages

        _, path, query = self.request(arguments)
        limits = {"page_size": arguments["page_size"], "limit": arguments["limit"]}
        with self.wrong_configuration_is_final():
            return Pages(path, **limits, **query, **options)

    def _tell(
        self, operation: type[SegmentOperator], method: str, path: str, options: dict[str, Any], answer: Any
    ) -> None:
        """Log what was done: the names of the arguments, never their values, which may be secrets."""
        from airflow_provider_segment.api.calls import Call
        from airflow_provider_segment.tasks.said import brief, called, done

        body = options.get("json", {})
        names = [*options.get("query", {}), *(body[operation.envelope] if operation.envelope else body)]
        # A resource with its id; or a string: the id of a regulation, or SUCCESS.
        data = self.hidden({name: brief(value) for name, value in answer.data.items()})
        self.log.info(
            "%s%s: %s %s%s, request id %s",
            done(operation.operation_name()),
            "".join(called(value) for value in data.values()),
            method,
            Call(method, path, secrets=options["secrets"]).safe_path,
            f" with {', '.join(names)}" if names else "",
            answer.request_id,
        )

    @classmethod
    def operation_name(cls) -> str:
        """The name of the operation in snake case: ``create_source``."""
        return snake_case(cls.__name__.removeprefix("Segment").removesuffix("Operator"))


class SegmentPagedOperator(SegmentOperator):
    """A list, with the items of all its pages.

    :param limit: number of items to return at most; None for all
    :param page_size: items per request
    :param response_filter: called with the result, secrets hidden; what it returns is returned instead. With
        ``to_path`` it is called with the items of each page, and returns the list of what to write of them
    :param to_path: write the items to this file instead, one JSON object a line, page by page, so that the
        list may be of any length; compressed if the name ends with ``.gz``. In any storage that Airflow's
        ``ObjectStoragePath`` supports; overwritten, as a whole or not at all. The task returns the ``path``
        and the ``count`` of lines, and what it returns beside the list
    """

    limit: Arg[int | None] = option(default=None)
    page_size: Arg[int] = option(default=1000)
    response_filter: Filter | None = option(default=None, templated=False)
    to_path: Arg[FilePath | None] = option(default=None)

    def filtered(self, arguments: dict[str, Any], result: Any) -> Any:
        """What the filter makes of a result, if there is one."""
        response_filter = arguments["response_filter"]
        return response_filter(self.hidden(result)) if response_filter else result

    def save(self, arguments: dict[str, Any], pages: Iterable[list[Any]]) -> dict[str, Any]:
        """Write the items of some pages to the file."""
        return save_items(arguments["to_path"], pages, self.hidden, arguments["response_filter"])


class SegmentListOperator(SegmentPagedOperator):
    """A list, with the items of all its pages."""

    items: ClassVar[str]
    """The list's name under ``data`` if ``returns`` is None: more than the list is returned then."""

    beside: ClassVar[dict[str, Any]] = {}
    """Shapes of members that are returned with the list."""

    pagination: ClassVar[str | None] = "pagination"
    """The query parameter that contains count and cursor; None if they are separate parameters."""

    methods = ("GET",)

    @classmethod
    def faults(cls) -> Iterator[str]:
        """A list without a name."""
        yield from super().faults()
        if not hasattr(cls, "endpoint"):
            return
        # An operator with its own `perform` may read several lists.
        own = cls.perform is not SegmentListOperator.perform
        items = getattr(cls, "items", None)
        if not isinstance(items, str) and not (items is None and (own or cls.returns)):
            yield f"returns or items must be the name of the list, and items is {items!r}"
        if not (cls.pagination is None or isinstance(cls.pagination, str)):
            yield f"pagination must be the name of a query parameter, and is {cls.pagination!r}"

    def perform(self, arguments: dict[str, Any], context: Context) -> Any:
        """Read all pages; members other than the list are those of the last page."""
        key = self.returns or self.items
        if arguments["to_path"] is not None:
            beside: dict[str, Any] = {}
            written = self.save(arguments, self._noting(beside, self.walk(arguments, key, self.pagination)))
            return written if self.returns else beside | written
        data = self.collect(arguments, key, self.pagination)
        result = data[key] if self.returns else self._without_pagination(data)
        return self.filtered(arguments, result)

    def _without_pagination(self, data: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in data.items() if name != self.pagination}

    def _noting(
        self, beside: dict[str, Any], pages: Iterable[tuple[dict[str, Any], list[Any]]]
    ) -> Iterator[list[Any]]:
        """The items of pages; what else is on them goes into ``beside``."""
        for data, items in pages:
            others = self._without_pagination(data)
            others.pop(self.returns or self.items, None)
            beside.update(others)
            yield items

    def collect(self, arguments: dict[str, Any], key: str, pagination: str | None) -> dict[str, Any]:
        """The answer's ``data``, with all pages' items in the list ``key``."""
        data: dict[str, Any] = {}
        items: list[Any] = []
        for data, page in self.walk(arguments, key, pagination):  # noqa: B007
            items += page
        return {**data, key: items}

    def walk(
        self, arguments: dict[str, Any], key: str, pagination: str | None
    ) -> Iterator[tuple[dict[str, Any], list[Any]]]:
        """The pages of the list ``key``: the ``data`` of each answer, and the items in it."""
        from airflow_provider_segment.api.pages import Paging
        from airflow_provider_segment.tasks.said import done

        pages = self.pages(
            arguments, key=key, media_type=self.media_type, beside=self.beside, paging=Paging(pagination)
        )
        count = requests = 0
        while call := pages.next_call():
            data = self.hook.request(
                "GET", call.path, query=call.query, media_type=self.media_type, shape=call.shape
            ).data
            items = pages.take(data)
            count, requests = count + len(items), requests + 1
            yield data, items
        times = f"{requests:,} request{'s' if requests > 1 else ''}"
        self.log.info("%s: %s, in %s", done(self.operation_name()), f"{count:,}", times)


class SegmentDeleteOperator(SegmentOperator):
    """Deletes something.

    Returns the status in Segment's answer, or None if an earlier attempt whose answer was lost deleted it.

    :param missing_ok: succeed, and return None, if there is nothing to delete
    """

    methods = ("DELETE",)
    returns = "status"
    answers: ClassVar[Any] = str

    missing_ok: Arg[bool] = option(default=False)

    def perform(self, arguments: dict[str, Any], context: Context) -> Any:
        """Delete; finding nothing is an error, unless ``missing_ok`` or a repeated attempt explains it."""
        from airflow_provider_segment.errors import SegmentNotFoundError

        try:
            return super().perform(arguments, context)
        except SegmentNotFoundError as error:
            # After a lost answer, a repeated DELETE finds nothing because the first one succeeded.
            if not (error.repeated or arguments["missing_ok"]):
                raise
            self.log.info("Nothing to delete: it does not exist (any more)")
            return None
