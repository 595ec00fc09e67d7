"""Creating without doubling: Segment has no idempotency key, and Airflow retries tasks.

Where a resource has a natural key (a slug, a name within its parent), its list tells whether it is there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_segment.tasks.declarative import NOT_GIVEN, REQUIRED, Arg, option
from airflow_provider_segment.tasks.operation import SegmentListOperator, SegmentOperator

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow.providers.common.compat.sdk import Context

SENT = "create_sent"
"""Name of a note: this task instance found nothing, and sent its create."""


def _sends(operation: Any, *methods: str) -> bool:
    """Whether it is the class of an operator that sends a request with one of the methods."""
    is_operator = isinstance(operation, type) and issubclass(operation, SegmentOperator)
    return is_operator and getattr(operation, "endpoint", "").startswith(tuple(f"{m} " for m in methods))


class SegmentCreateOperator(SegmentOperator):
    """Creates something that has a natural key.

    If the answer is lost, a retry returns what the lost try created.

    :param if_exists: where there is one with the same natural key: ``fail`` (without a retry), ``skip``
        (return it as it is), or ``update`` (change it to the arguments given)
    """

    methods = ("POST",)

    natural_key: ClassVar[tuple[str, ...]]
    """The arguments that, with the path, tell two such resources apart."""

    listed_by: ClassVar[type[SegmentOperator]]
    updated_by: ClassVar[type[SegmentOperator]]

    if_exists: Arg[Literal["fail", "skip", "update"]] = option(default="fail")

    @classmethod
    def faults(cls) -> Iterator[str]:
        """No natural key, no list to look it up in, or no way to change what is found.

        A class with its own ``perform`` may need none of these, one with its own ``update`` not the last.
        """
        yield from super().faults()
        if hasattr(cls, "natural_key"):
            yield from cls.no_arguments("natural_key")
        if hasattr(cls, "endpoint") and cls.perform is SegmentCreateOperator.perform:
            for attribute in ("natural_key", "listed_by"):
                if not getattr(cls, attribute, None):
                    yield f"{attribute} is missing: without it, a retry would create a second one"
            yield from cls._faults_of_list()
            if cls.update is SegmentCreateOperator.update:
                yield from cls._faults_of_update()

    @classmethod
    def _faults_of_list(cls) -> Iterator[str]:
        lister = getattr(cls, "listed_by", None)
        if lister is None:
            return
        if not _sends(lister, "GET") or lister.endpoint.endswith("}") or not lister.returns:
            yield f"listed_by must be an operator that returns a list, and is {lister!r}"
        elif lacking := cls._lacks(lister):
            yield f"listed_by needs the arguments {', '.join(lacking)}"

    @classmethod
    def _faults_of_update(cls) -> Iterator[str]:
        updater = getattr(cls, "updated_by", None)
        if updater is None:
            if cls.fields["if_exists"] is SegmentCreateOperator.fields["if_exists"]:
                yield "updated_by is missing: declare it, or if_exists without 'update'"
        elif not _sends(updater, "PATCH", "PUT", "POST"):
            yield f"updated_by must be an operator that changes something, and is {updater!r}"
        elif len(ids := cls._lacks(updater)) != 1 or updater.fields[ids[0]].place != "path":
            yield (
                "updated_by must need one argument that the create lacks, the id in its path, and needs "
                f"{', '.join(ids) or 'none'}"
            )

    @classmethod
    def _lacks(cls, operation: type[SegmentOperator]) -> list[str]:
        """The required arguments of another operation that this one does not always have."""
        always = {name for name, field in cls.fields.items() if field.default is not NOT_GIVEN}
        return [name for name, f in operation.fields.items() if f.default is REQUIRED and name not in always]

    def perform(self, arguments: dict[str, Any], context: Context) -> Any:
        """Look whether it exists, then create, adopt, update or fail."""
        existing = self.find(arguments)
        if existing is None:
            return self.create(arguments, context)
        if arguments["if_exists"] == "update":
            return self.update(existing, arguments)
        if arguments["if_exists"] == "skip":
            self.log.info("It exists already, nothing created: id %s", existing.get("id"))
            return existing
        if self.was_sent(context):
            self.log.warning("Created by an earlier try of this task: id %s", existing.get("id"))
            return existing
        names = ", ".join(self.natural_key)
        raise AirflowFailException(
            f"{type(self).__name__}: one with the same {names} exists already (id {existing.get('id')}); "
            "if_exists='skip' returns it, if_exists='update' changes it"
        )

    def find(self, arguments: dict[str, Any]) -> dict[str, Any] | None:
        """The existing resource with the same natural key."""
        lister = self.listed_by
        if issubclass(lister, SegmentListOperator):
            _, path, options = lister.request(arguments)
            options |= {"page_size": lister.fields["page_size"].default, "media_type": lister.media_type}
            items = self.hook.paginate(path, key=lister.returns, **options)
        else:
            items = self.send(arguments, lister)
        return next((item for item in items if self.is_same(item, arguments)), None)

    def is_same(self, item: dict[str, Any], arguments: dict[str, Any]) -> bool:
        """Whether an item of the list has the natural key asked for."""
        return all(item.get(self.fields[name].wire_name) == arguments.get(name) for name in self.natural_key)

    def create(self, arguments: dict[str, Any], context: Context) -> Any:
        """Create, leaving a note for a retry that the answer may be lost."""
        from airflow_provider_segment.tasks.memory import Memory

        with Memory(context).before_request(**{SENT: True}):
            return self.send(arguments)

    def was_sent(self, context: Context) -> bool:
        """Whether an earlier try of this task instance sent its create.

        Before Airflow 3.3, which keeps no notes: whether this is a retry.
        """
        from airflow_provider_segment.tasks.memory import Memory

        memory = Memory(context)
        return bool(memory.get(SENT)) if memory.persistent else memory.is_retry

    def update(self, existing: dict[str, Any], arguments: dict[str, Any]) -> Any:
        """Change what exists to the arguments given."""
        fields = self.updated_by.fields
        id_name = next(name for name, f in fields.items() if f.place == "path" and name not in self.fields)
        return self.send({**arguments, id_name: existing["id"]}, self.updated_by)
