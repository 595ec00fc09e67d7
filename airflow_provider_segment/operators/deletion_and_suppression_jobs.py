"""Deletion and suppression of users, as jobs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import datetime
from hashlib import blake2b
from itertools import chain
from typing import TYPE_CHECKING, Any, Literal, cast

from airflow.providers.common.compat.sdk import AirflowFailException, XComArg

from airflow_provider_segment.api.clock import CLOCKS_APART, Clock
from airflow_provider_segment.operators.deletion_and_suppression import RegulationType
from airflow_provider_segment.tasks.declarative import NOT_GIVEN, Arg
from airflow_provider_segment.tasks.jobs import Job, SegmentJobOperator
from airflow_provider_segment.tasks.memory import DEADLINE, Memory

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_segment.waiting.condition import Condition

MAX_IDS, MAX_BYTES = 5_000, 4_000_000
"""The maximum number of ids, and of bytes of ids, in one request to Segment."""

GROUPS, SINCE = "regulations", "regulations_since"
"""Names of notes: the regulation of each group (it holds no user ids), and when the first try began."""


class SegmentDeleteUsersDataOperator(SegmentJobOperator):
    """Deletes or suppresses any number of users, and waits until it is done.

    The ids are split into groups of at most 5,000; each group becomes one Segment regulation. A retry reuses
    the regulations that exist already; one whose answer was lost is found by its ids. Segment takes up to
    30 days, and has a monthly quota for deletions.

    No id is logged, returned or stored; a group is identified by the positions of its first and last id. Pass
    the ids in a file, or from another task: everyone who can see the DAG can read its file and its XComs.

    Returns, for each group, the positions ``first`` and ``last``, the number of ``ids``, ``regulate_id``,
    ``status``, ``finished_at``, how many destinations are ``done`` and ``running``, and which are ``undone``.
    If the task fails because of some groups, the same list is its XCom ``failed``.

    :param regulation_type: ``SUPPRESS_WITH_DELETE``, ``DELETE_ONLY``, ``SUPPRESS_ONLY``, ``UNSUPPRESS``...
    :param user_ids: the ids: a list of strings or integers, a template that renders to one (as JSON, where
        templates are not rendered as native objects), or the output of another task
    :param path: instead of ``user_ids``, files with one id per line, gzipped (``.gz``) or not, anywhere that
        Airflow's ``ObjectStoragePath`` can read; may be a glob
    :param subject_type: what the ids are: ``USER_ID``, ``ANONYMOUS_ID``, ``OBJECT_ID``
    :param source_id: only in this source, instead of the whole workspace
    :param on_unsupported: what to do about destinations that cannot delete: ``accept`` or ``fail``
    :param on_partial: what to do where some destinations failed: ``fail`` or ``accept``
    """

    regulation_type: Arg[RegulationType]
    user_ids: Arg[Any] = NOT_GIVEN
    path: Arg[str | None] = None
    subject_type: Arg[str] = "USER_ID"
    source_id: Arg[str | None] = None
    on_unsupported: Arg[Literal["accept", "fail"]] = "accept"
    on_partial: Arg[Literal["accept", "fail"]] = "fail"
    poll_interval: Arg[float] = 300.0
    timeout: Arg[float] = 31 * 24 * 60 * 60.0

    def __setattr__(self, name: str, value: Any) -> None:
        # Airflow shows the values of template fields, which must not be people's ids. What is set a second
        # time has been rendered: then "{{" is part of an id, or of one that could not be rendered.
        if name == "user_ids":
            value = hidden(value, rendered=name in vars(self))
        super().__setattr__(name, value)

    def perform(self, arguments: dict[str, Any], context: Context) -> Any:
        """Create one regulation per group, and wait for all of them."""
        groups = list(grouped(self._ids(arguments)))
        if not groups:
            self.log.info("There are no ids: nothing to do")
            return []
        memory = Memory(context)
        regulations = self._still_good(memory.get(GROUPS, {}), arguments)
        again, since = self._since(memory, context)
        job: Job = {"groups": [], **{name: arguments[name] for name in ("on_unsupported", "on_partial")}}
        made = self._made_since(since, arguments) if again else {}
        first = 1
        for ids in groups:
            key = self._key(ids, arguments)
            regulate_id = regulations.get(key) or made.get(frozenset(ids))
            if regulate_id is None:
                memory.note(**{DEADLINE: None})  # Segment's 30 days begin anew
                regulate_id = self._regulate(ids, arguments, since, sent=first - 1)
            regulations[key] = regulate_id
            memory.note(**{GROUPS: regulations})
            place = {"first": first, "last": first + len(ids) - 1, "ids": len(ids)}
            self.log.info("Ids %s to %s: regulation %s", place["first"], place["last"], regulate_id)
            job["groups"].append({**place, "regulate_id": regulate_id})
            first += len(ids)
        return self.wait(job, arguments, context)

    def condition(self, job: Job) -> Condition:
        """All regulations are carried out."""
        from airflow_provider_segment.waiting.regulations import AllRegulated

        return AllRegulated(**job)

    @staticmethod
    def _since(memory: Memory, context: Context) -> tuple[bool, datetime]:
        """Whether an earlier try may have created regulations, and since when.

        If no notes are kept (before Airflow 3.3): since the DAG run's start.
        """
        now = Clock().now()
        if noted := memory.get(SINCE):
            return True, datetime.fromisoformat(noted)
        if memory.is_retry:
            return True, cast("Any", context.get("dag_run")).start_date or now
        memory.note(**{SINCE: now.isoformat()})
        return False, now

    @staticmethod
    def _ids(arguments: dict[str, Any]) -> Iterator[str]:
        from airflow_provider_segment.values import ValueRejected, id_of

        given = arguments.get("user_ids")
        if (given is None) == (arguments["path"] is None):
            raise AirflowFailException("give user_ids or a path")
        seen: set[str] = set()
        for number, user_id in enumerate(listed(given) if given else lines_of(arguments["path"]), 1):
            try:
                text = user_id.strip() if isinstance(user_id, str) else id_of(user_id)
            except ValueRejected:
                text = None
            if text is None:
                raise AirflowFailException(
                    f"id {number} is a {type(user_id).__name__}, and no whole number; nothing was sent"
                )
            if "{{" in text:
                raise AirflowFailException(f"id {number} is a template; nothing was sent")
            if text and text not in seen:
                seen.add(text)
                yield text

    @staticmethod
    def _key(ids: list[str], arguments: dict[str, Any]) -> str:
        what = [arguments[name] for name in ("regulation_type", "subject_type", "source_id")]
        return blake2b(json.dumps([what, sorted(ids)]).encode(), digest_size=12).hexdigest()

    def _path(self, arguments: dict[str, Any]) -> str:
        from airflow_provider_segment.api.paths import fill_path

        source_id = arguments["source_id"]
        return fill_path("/regulations/sources/{id}", {"id": source_id}) if source_id else "/regulations"

    def _still_good(self, regulations: dict[str, str], arguments: dict[str, Any]) -> dict[str, str]:
        """Of the regulations of earlier tries, those that have not failed."""
        from airflow_provider_segment.waiting.regulations import Regulated
        from airflow_provider_segment.waiting.watch import look

        policy = {name: arguments[name] for name in ("on_unsupported", "on_partial")}
        client = self.hook.get_conn()
        return {
            key: regulate_id
            for key, regulate_id in regulations.items()
            if look(Regulated(regulate_id=regulate_id, **policy), client).state != "failed"
        }

    def _made_since(self, since: datetime, arguments: dict[str, Any]) -> dict[frozenset[str], str]:
        """The regulations of this kind that were created since then and have not failed, by their ids.

        They include one whose answer was lost.
        """
        from airflow_provider_segment.waiting.regulations import regulations_since
        from airflow_provider_segment.waiting.watch import ask_all
        from airflow_provider_segment.waiting.words import meaning_of

        kind = (arguments["regulation_type"], plain(arguments["subject_type"]))
        questions = regulations_since(since - CLOCKS_APART, self._path(arguments))
        return {
            frozenset(each["subjects"]): each["id"]
            for each in ask_all(questions, self.hook.get_conn())
            if (each["regulationType"], plain(each["subjectType"])) == kind
            and meaning_of(each["status"]) not in ("failed", "invalid")
        }

    def _regulate(self, ids: list[str], arguments: dict[str, Any], since: datetime, *, sent: int) -> str:
        """Create a regulation. If the answer is lost, look for it before creating another."""
        from airflow_provider_segment.errors import SegmentError

        body = {
            "regulationType": arguments["regulation_type"],
            "subjectType": arguments["subject_type"],
            "subjectIds": ids,
        }
        path = self._path(arguments)
        try:
            return self.start_or_find(
                lambda: str(
                    self.hook.request(
                        "POST", path, json=body, shape={"regulateId": str}, secrets=tuple(ids)
                    ).data["regulateId"]
                ),
                lambda: self._made_since(since, arguments).get(frozenset(ids)),
            )
        except SegmentError as error:
            rest = f"the next {len(ids)} may have been, " if error.may_have_run else ""
            self.log.error("The first %d ids were sent, %sall others were not", sent, rest)
            raise


class Hidden:
    """Holds a value without showing it."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __repr__(self) -> str:
        return "(ids, not shown)"


def hidden(value: Any, *, rendered: bool) -> Any:
    """The value, hidden; of what is still to be rendered, all but the templates."""
    if value is None or value is NOT_GIVEN or isinstance(value, (Hidden, XComArg)):
        return value
    if not rendered:
        if isinstance(value, str) and "{{" in value:
            return value
        if isinstance(value, (list, tuple, set, frozenset)) and any(_is_template(part) for part in value):
            return [part if _is_template(part) else Hidden(part) for part in value]
    return Hidden(value)


def _is_template(part: Any) -> bool:
    return isinstance(part, XComArg) or (isinstance(part, str) and "{{" in part)


def shown(value: Any) -> Any:
    """The value that :func:`hidden` hid."""
    return value.value if isinstance(value, Hidden) else value


def listed(given: Any) -> list[Any]:
    """The ids that were given, as a list."""
    value = shown(given)
    if isinstance(value, str):
        with suppress(json.JSONDecodeError):
            value = json.loads(value)
    if isinstance(value, (str, bytes, dict)) or not isinstance(value, Iterable):
        raise AirflowFailException("user_ids is not a list; nothing was sent")
    return [shown(each) for each in value]


def plain(word: object) -> str:
    """A normalised constant of Segment's, which writes ``OBJECT_ID`` also as ``objectId``."""
    return str(word).replace("_", "").lower()


def lines_of(path: str) -> Iterator[str]:
    """The lines of files, without a byte order mark.

    :raises SegmentInputError: a file is not UTF-8, or is damaged
    """
    from airflow_provider_segment.errors import SegmentInputError
    from airflow_provider_segment.events.compression import Corrupt, blocks_of
    from airflow_provider_segment.events.sources.byte_ranges import BLOCK_BYTES
    from airflow_provider_segment.events.sources.files import list_files
    from airflow_provider_segment.events.sources.json_lines import split_lines
    from airflow_provider_segment.events.sources.source import Overlong

    stream: Any
    for file in list_files(path):
        number = 0
        try:
            with file.open("rb") as stream:
                for line in chain.from_iterable(split_lines(blocks_of(stream, BLOCK_BYTES))):
                    number += 1
                    if isinstance(line, Overlong):
                        raise SegmentInputError(f"{file}, line {number}: too long; nothing was sent")
                    yield line.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError as error:
            raise SegmentInputError(f"{file}, line {number}: not UTF-8; nothing was sent") from error
        except Corrupt as error:
            raise SegmentInputError(
                f"{file} cannot be read beyond line {number}: {error}; nothing was sent"
            ) from error


def grouped(ids: Iterable[str]) -> Iterator[list[str]]:
    """The ids in groups that fit into one request to Segment."""
    group: list[str] = []
    size = 0
    for user_id in ids:
        length = len(json.dumps(user_id)) + 1
        if group and (len(group) == MAX_IDS or size + length > MAX_BYTES):
            yield group
            group, size = [], 0
        group.append(user_id)
        size += length
    if group:
        yield group
