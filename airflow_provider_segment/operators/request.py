"""Any request, for endpoints without an operator."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Literal

from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_segment.api.calls import AnswerFormat
from airflow_provider_segment.arguments import FilePath
from airflow_provider_segment.tasks.base import SegmentRequestingOperator
from airflow_provider_segment.tasks.declarative import NOT_GIVEN, Arg, option
from airflow_provider_segment.tasks.results import Filter, save_items

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_segment.api.calls import Answer

COPIED_AT_ONCE = 1 << 20


class SegmentRequestOperator(SegmentRequestingOperator):
    """Send a request to one of Segment's APIs, with the connection's credentials and the client's retries.

    Returns the ``data`` of the answer, or the whole answer if it has none. Requests go only to the
    connection's host.

    :param path: absolute path without host, percent-encoded: ``/sources/abc``; with ``path_params``, it has
        placeholders: ``/sources/{source_id}``
    :param path_params: what to fill into the path, percent-encoded; a value for each placeholder
    :param query: query parameters; objects and arrays are written as Segment documents them
    :param headers: further headers, names and texts. The credential, the host, the method and the transfer
        are not theirs to change
    :param json: the body, as JSON; none if not given
    :param data: instead of ``json``: the body as it is, text (sent as UTF-8) or bytes, which are no template;
        a template loses a newline at its end
    :param content_type: media type of ``data``; by default that of plain text, or of any bytes
    :param api: which of the APIs; each has its own credential in the connection
    :param media_type: a version of the API: ``application/vnd.segment.v1alpha+json``
    :param response_format: what the answer is: ``json``; ``text``, returned as text, in which secrets are
        hidden if it is JSON, or JSON Lines; or ``bytes``, which are written to ``to_path`` as they are. The
        task then returns ``{"path": ..., "size": ..., "media_type": ...}``
    :param to_path: the file for ``bytes`` or, with ``paginate``, for the items, one JSON document a line
        (compressed if the name ends with ``.gz``); the task then returns ``{"path": ..., "count": ...}``. In
        any storage that Airflow's ``ObjectStoragePath`` supports; overwritten, as a whole or not at all
    :param paginate: follow the pages of a list of the Public API, and return all items
    :param limit: with ``paginate``, return at most this many items
    :param page_size: with ``paginate``, items per request
    :param response_filter: called with the result, secrets hidden; what it returns is returned instead. With
        ``paginate`` and ``to_path``, called with the items of each page: it returns the list of what to write
    """

    may_hold_secrets = ("path", "path_params", "query", "headers", "json", "data")

    path: Arg[str]
    method: Arg[Literal["GET", "POST", "PUT", "PATCH", "DELETE"]] = "GET"
    path_params: Arg[dict[str, Any] | None] = None
    query: Arg[dict[str, Any] | None] = None
    headers: Arg[dict[str, str] | None] = None
    json: Arg[Any] = NOT_GIVEN
    data: Arg[str | bytes] = NOT_GIVEN
    content_type: Arg[str | None] = None
    api: Arg[Literal["public", "tracking", "profile"]] = "public"
    media_type: Arg[str | None] = None
    response_format: Arg[AnswerFormat] = "json"
    to_path: Arg[FilePath | None] = None
    paginate: Arg[bool] = False
    limit: Arg[int | None] = None
    page_size: Arg[int] = 200
    response_filter: Filter | None = option(default=None, templated=False)

    def arguments(self) -> dict[str, Any]:
        """The checked arguments, those that belong together as well."""
        arguments = super().arguments()
        paginate, format = arguments["paginate"], arguments["response_format"]
        if paginate and (
            (arguments["method"], arguments["api"], format) != ("GET", "public", "json")
            or not arguments.keys().isdisjoint(("json", "data"))
        ):
            raise AirflowFailException("only lists of the Public API have pages: a GET without a body")
        if "json" in arguments and "data" in arguments:
            raise AirflowFailException("give either json or data")
        if arguments["content_type"] is not None and "data" not in arguments:
            raise AirflowFailException("content_type is that of data, which is not given")
        if (format == "bytes") != (arguments["to_path"] is not None) and not paginate:
            raise AirflowFailException(
                "bytes are written to a file, and other answers are not: give response_format='bytes' and "
                "to_path together, or paginate=True"
            )
        return arguments

    def perform(self, arguments: dict[str, Any], context: Context) -> Any:
        """Send the request, follow the pages, filter the result."""
        from airflow_provider_segment.api.paths import fill_exactly

        path, response_filter = arguments["path"], arguments["response_filter"]
        if arguments["path_params"] is not None:
            path = fill_exactly(path, arguments["path_params"])
        options = {name: arguments[name] for name in ("query", "media_type")}
        options |= {"headers": arguments["headers"] or {}, "secrets": tuple(self._secrets_of(arguments))}
        if arguments["paginate"]:
            pages = self._pages(path, arguments, options)
            if arguments["to_path"] is not None:
                return save_items(arguments["to_path"], pages, self.hidden, response_filter)
            result: Any = [item for page in pages for item in page]
        else:
            result = self._answer(path, arguments, options)
        return response_filter(self.hidden(result)) if response_filter else result

    def _pages(self, path: str, arguments: dict[str, Any], options: dict[str, Any]) -> Iterator[list[Any]]:
        from airflow_provider_segment.api.pages import Pages

        pages = Pages(
            path,
            query=options["query"],
            media_type=options["media_type"],
            limit=arguments["limit"],
            page_size=arguments["page_size"],
        )
        while call := pages.next_call():
            asked = options | {"query": call.query, "shape": call.shape}
            yield pages.take(self.hook.request("GET", call.path, **asked).data)

    def _answer(self, path: str, arguments: dict[str, Any], options: dict[str, Any]) -> Any:
        method, format = arguments["method"], arguments["response_format"]
        if "json" in arguments:
            options |= {"json": arguments["json"]}
        elif "data" in arguments:
            data = arguments["data"]
            content = _as_bytes(data)
            kind = "text/plain; charset=utf-8" if isinstance(data, str) else "application/octet-stream"
            given = arguments["content_type"]
            options |= {"body": lambda _: content, "content_type": kind if given is None else given}
        options |= {"api": arguments["api"], "answer_format": format}
        if format == "bytes":
            return self._save(method, path, options, arguments["to_path"])
        answer = self._ask(method, path, options)
        if format == "text":
            from airflow_provider_segment.api.redaction import hide_in_text

            return hide_in_text(answer.body)
        return answer.data

    def _ask(self, method: str, path: str, options: dict[str, Any]) -> Answer:
        answer = self.hook.request(method, path, **options)
        if method != "GET":
            from airflow_provider_segment.api.calls import Call

            shown = self.hook.get_conn().scrub(Call(method, path, secrets=options["secrets"]).safe_path)
            self.log.info("%s %s: %s, request id %s", method, shown, answer.status, answer.request_id)
        return answer

    def _save(self, method: str, path: str, options: dict[str, Any], to_path: str) -> dict[str, Any]:
        from airflow_provider_segment.events.whole_files import WholeFile

        with WholeFile(to_path) as file:  # first, so that nothing is sent if it cannot be written
            answer = self._ask(method, path, options)
            with answer.body as content:
                while piece := content.read(COPIED_AT_ONCE):
                    file.write(piece)
                size = content.tell()
        return {"path": to_path, "size": size, "media_type": answer.headers.get("content-type")}


def _as_bytes(data: str | bytes) -> bytes:
    try:
        return data.encode() if isinstance(data, str) else data
    except UnicodeEncodeError:
        raise AirflowFailException("data holds half of a character (a lone surrogate)") from None
