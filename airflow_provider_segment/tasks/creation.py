"""Creating without doubling: Segment has no idempotency key, and Airflow retries tasks.

Where a resource has a natural key (a slug, a name within its parent), its list tells whether it is there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_segment.api.resources import Identified
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

    ``if_exists="update"`` compares each argument given with what Segment shows, and sends what differs; if
    nothing does, nothing is sent. Secrets cannot be compared, so they are sent each time. It fails if
    something differs that Segment sets at creation only; nothing is sent then.

    :param if_exists: where there is one with the same natural key: ``fail`` (without a retry), ``skip``
        (return it as it is), or ``update`` (change what differs from the arguments given)
    """

    methods = ("POST",)
    answers: ClassVar[Any] = Identified

    natural_key: ClassVar[tuple[str, ...]]
    """The arguments that, with the path, tell two such resources apart."""

    listed_by: ClassVar[type[SegmentOperator]]
    listed: ClassVar[dict[str, Any]] = {}
    """The shapes of the members by which a listed resource is recognized; by default its id and its natural
    key, as text. If one is missing in the list, nothing is created: it might be there already."""

    updated_by: ClassVar[type[SegmentOperator]]
    read_by: ClassVar[type[SegmentOperator] | None] = None
    """Returns one in full, where the list or the answer to an update shows less."""

    merged: ClassVar[tuple[str, ...]] = ()
    """Arguments of which an update may contain some members only: Segment keeps the others."""

    replaces: ClassVar[bool] = False
    """Whether an update removes what it does not contain."""

    set_at_creation: ClassVar[tuple[str, ...]] = ()
    """Members, as ``settings.type``, that no update changes; nor does it change arguments that it lacks."""

    instructions: ClassVar[tuple[str, ...]] = ()
    """Arguments that say what to do once, and not what to keep."""

    update_names: ClassVar[dict[str, str]] = {}
    """Arguments that have another name in the update."""

    if_exists: Arg[Literal["fail", "skip", "update"]] = option(default="fail")

    @classmethod
    def faults(cls) -> Iterator[str]:
        """No natural key, no list to look it up in, or no way to change what is found.

        A class with its own ``perform`` may need none of these.
        """
        yield from super().faults()
        for attribute in ("natural_key", "merged", "instructions"):
            if hasattr(cls, attribute):
                yield from cls.no_arguments(attribute)
        if hasattr(cls, "endpoint") and cls.perform is SegmentCreateOperator.perform:
            for attribute in ("natural_key", "listed_by"):
                if not getattr(cls, attribute, None):
                    yield f"{attribute} is missing: without it, a retry would create a second one"
            yield from cls._faults_of_list()
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
        elif updater.returns == "status" and cls.read_by is None:
            yield "read_by is missing: the answer to an update is only a status"
        elif unknown := set(cls.update_names.values()) - updater.fields.keys():
            yield f"update_names names what updated_by lacks: {', '.join(unknown)}"

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
        from airflow_provider_segment.tasks.existing import Existing

        if arguments["if_exists"] == "update":
            return Existing(self, existing, arguments).update()
        if arguments["if_exists"] == "skip":
            self.log.info("It exists already, nothing created: id %s", self.id_of(existing))
            one = Existing(self, existing, arguments)
            if one.fixed:
                self.log.warning(
                    "It differs in what can be set at creation only: %s", one.describe(one.fixed)
                )
            return self.adopted(existing)
        if self.was_sent(context):
            self.log.warning("Created by an earlier try of this task: id %s", self.id_of(existing))
            return self.adopted(existing)
        names = ", ".join(self.natural_key)
        raise AirflowFailException(
            f"{type(self).__name__}: one with the same {names} exists already (id {self.id_of(existing)}); "
            "if_exists='skip' returns it, if_exists='update' changes it"
        )

    def find(self, arguments: dict[str, Any]) -> dict[str, Any] | None:
        """The existing resource with the same natural key."""
        lister = self.listed_by
        if issubclass(lister, SegmentListOperator):
            _, path, options = lister.request(arguments)
            options |= {"page_size": lister.fields["page_size"].default, "media_type": lister.media_type}
            items = self.hook.paginate(path, key=lister.returns, item=self._listed(), **options)
        else:
            items = self.send(arguments, lister)
        return next((item for item in items if self.is_same(item, arguments)), None)

    @classmethod
    def _listed(cls) -> Any:
        names = [cls.fields[name].wire_name for name in cls.natural_key]
        return cls.listed or dict.fromkeys(("id", *names), str)

    def is_same(self, item: dict[str, Any], arguments: dict[str, Any]) -> bool:
        """Whether an item of the list has the natural key asked for."""
        return all(self.shown(item, name) == arguments.get(name, NOT_GIVEN) for name in self.natural_key)

    def shown(self, item: dict[str, Any], name: str) -> Any:
        """What Segment shows for an argument; ``NOT_GIVEN`` if it shows nothing."""
        wire_name = self.fields[name].wire_name
        if wire_name == "metadataId":
            return (item.get("metadata") or {}).get("id", NOT_GIVEN)
        return item.get(wire_name, NOT_GIVEN)

    def id_of(self, item: dict[str, Any]) -> Any:
        """The id by which other operations name an item of the list."""
        return item.get("id")

    def adopted(self, item: dict[str, Any]) -> Any:
        """What the task returns for an item of the list: the same as for a new one."""
        return item

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

    @classmethod
    def id_argument(cls, operation: type[SegmentOperator]) -> str:
        """The argument by which another operation takes the id of such a resource."""
        return next(
            name for name, f in operation.fields.items() if f.place == "path" and name not in cls.fields
        )
