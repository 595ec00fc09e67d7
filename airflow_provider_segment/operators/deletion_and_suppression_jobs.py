"""Jobs of deletion and suppression."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Literal, cast

from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_segment.clock import Clock
from airflow_provider_segment.declarative import NOT_GIVEN, Arg, option
from airflow_provider_segment.jobs import Job, SegmentJobOperator
from airflow_provider_segment.operators.deletion_and_suppression import RegulationType

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_segment.waiting.condition import Condition

MAX_IDS, MAX_BYTES = 5_000, 4_000_000
"""Ids, and bytes of them, that Segment takes in one request."""

CLOCKS_APART = timedelta(minutes=5)
"""By how much Segment's clock and this machine's may differ."""

GROUPS = "segment_regulations"
"""Key in the task state store (Airflow 3.3 and later): which groups have a regulation. It holds no ids."""


class SegmentDeleteUsersDataOperator(SegmentJobOperator):
    """Deletes or suppresses people, however many, and waits until it is done.

    The ids are cut into groups of at most 5,000; each becomes a regulation of Segment's. A retry goes on with
    the regulations that there are: one whose answer was lost is found again by its ids. Segment takes up to
    30 days, and has a monthly quota for deletions.

    No id is logged, returned or kept; a group is told by the places of its first and last id. Give ids by a
    file, or by another task: what stands in the DAG file, or comes as an XCom, everyone can read who sees the
    DAG.

    Returns, for each group, ``first`` and ``last`` place, ``ids``, ``regulate_id``, ``status``,
    ``finished_at``, how many destinations are ``done``, and which are ``undone``.

    :param regulation_type: ``SUPPRESS_WITH_DELETE``, ``DELETE_ONLY``, ``SUPPRESS_ONLY``, ``UNSUPPRESS``...
    :param user_ids: the ids
    :param path: instead of ``user_ids``, files of ids, one a line, ``.gz`` or not, wherever Airflow's
        ``ObjectStoragePath`` reaches; may be a glob
    :param subject_type: what the ids are: ``USER_ID``, ``ANONYMOUS_ID``, ``OBJECT_ID``
    :param source_id: only in this source, instead of the whole workspace
    :param on_unsupported: what to do about destinations that cannot delete: ``accept`` or ``fail``
    :param on_partial: what to do where some destinations failed: ``fail`` or ``accept``
    """

    regulation_type: Arg[RegulationType] = option()
    user_ids: Arg[Any] = option(default=NOT_GIVEN)
    path: Arg[str | None] = option(default=None)
    subject_type: Arg[str] = option(default="USER_ID")
    source_id: Arg[str | None] = option(default=None)
    on_unsupported: Arg[Literal["accept", "fail"]] = option(default="accept")
    on_partial: Arg[Literal["accept", "fail"]] = option(default="fail")
    poll_interval: Arg[float] = option(default=300.0)
    timeout: Arg[float] = option(default=31 * 24 * 60 * 60.0)

    def __setattr__(self, name: str, value: Any) -> None:
        # What Airflow shows of a template field must not be people.
        super().__setattr__(name, Hidden(value) if name == "user_ids" and isinstance(value, list) else value)

    def perform(self, arguments: dict[str, Any], context: Context) -> Any:
        """Make a regulation of each group, and wait for all of them."""
        groups = list(grouped(self._ids(arguments)))
        if not groups:
            self.log.info("There are no ids: nothing to do")
            return []
        store: Any = context.get("task_state_store")
        done: dict[str, str] = (store.get(GROUPS) if store else None) or {}
        ti, run = cast("Any", context["ti"]), cast("Any", context["dag_run"])
        again, since = ti.try_number > 1, run.start_date or Clock().now()
        job: Job = {"groups": [], **{name: arguments[name] for name in ("on_unsupported", "on_partial")}}
        first = 1
        for ids in groups:
            key = self._key(ids, arguments)
            regulate_id = done.get(key)
            if regulate_id is None and again:
                regulate_id = self._find(ids, arguments, since)
            if regulate_id is None:
                regulate_id = self._regulate(ids, arguments, since, sent=first - 1)
            done[key] = regulate_id
            if store:
                store.set(GROUPS, done)
            place = {"first": first, "last": first + len(ids) - 1, "ids": len(ids)}
            self.log.info("Ids %s to %s: regulation %s", place["first"], place["last"], regulate_id)
            job["groups"].append({**place, "regulate_id": regulate_id})
            first += len(ids)
        return self.wait(job, arguments, context)

    def condition(self, job: Job) -> Condition:
        """All of them are carried out."""
        from airflow_provider_segment.waiting.regulations import AllRegulated

        return AllRegulated(**job)

    def _ids(self, arguments: dict[str, Any]) -> Iterator[str]:
        given = arguments.get("user_ids")
        if (given is None) == (arguments["path"] is None):
            raise AirflowFailException("give user_ids or a path")
        seen: set[str] = set()
        lines: Iterable[Any] = given if given is not None else lines_of(arguments["path"])
        for line in lines:
            if (user_id := str(line).strip()) and user_id not in seen:
                seen.add(user_id)
                yield user_id

    @staticmethod
    def _key(ids: list[str], arguments: dict[str, Any]) -> str:
        what = [arguments[name] for name in ("regulation_type", "subject_type", "source_id")]
        return blake2b(json.dumps([what, sorted(ids)]).encode(), digest_size=12).hexdigest()

    def _path(self, arguments: dict[str, Any]) -> str:
        from airflow_provider_segment.wire import fill_path

        source_id = arguments["source_id"]
        return fill_path("/regulations/sources/{id}", {"id": source_id}) if source_id else "/regulations"

    def _find(self, ids: list[str], arguments: dict[str, Any], since: datetime) -> str | None:
        """A regulation of exactly these ids that was made since the DAG run began: its answer was lost."""
        from airflow_provider_segment.waiting.condition import moment

        wanted = set(ids)
        kind = (arguments["regulation_type"], arguments["subject_type"])
        for each in self.hook.paginate(self._path(arguments), key="regulations"):
            alike = (each["regulationType"], each["subjectType"]) == kind
            recent = moment(each["createdAt"]) >= since - CLOCKS_APART
            if alike and recent and set(each["subjects"]) == wanted:
                return str(each["id"])
        return None

    def _regulate(self, ids: list[str], arguments: dict[str, Any], since: datetime, *, sent: int) -> str:
        """Make a regulation. Where the answer is lost, look for it before making another."""
        from airflow_provider_segment.errors import SegmentError
        from airflow_provider_segment.waiting.watch import may_have_run

        body = {
            "regulationType": arguments["regulation_type"],
            "subjectType": arguments["subject_type"],
            "subjectIds": ids,
        }
        path = self._path(arguments)
        try:
            return str(self.hook.request("POST", path, json=body).data["regulateId"])
        except SegmentError as error:
            self.log.error("The first %d ids are sent; the next %d perhaps not: %s", sent, len(ids), error)
            if not may_have_run(error):
                raise
        found = self._find(ids, arguments, since)
        return found or str(self.hook.request("POST", path, json=body).data["regulateId"])


class Hidden:
    """A list that does not show what it holds."""

    def __init__(self, items: list[Any]) -> None:
        self._items = items

    def __iter__(self) -> Iterator[Any]:
        return iter(self._items)

    def __repr__(self) -> str:
        return f"({len(self._items)} ids, not shown)"


def lines_of(path: str) -> Iterator[str]:
    """The lines of files."""
    from airflow_provider_segment.events.compression import decompressed
    from airflow_provider_segment.events.files import list_files

    for file in list_files(path):
        with file.open("rb") as stream:  # type: ignore[no-untyped-call]
            for line in decompressed(stream) if file.name.endswith(".gz") else stream:
                yield line.decode()


def grouped(ids: Iterable[str]) -> Iterator[list[str]]:
    """The ids in groups that Segment takes in one request."""
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
