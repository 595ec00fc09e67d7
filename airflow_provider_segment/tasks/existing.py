"""What a create finds to exist already: compared with the arguments, and updated where it differs."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_segment.errors import SegmentNotChangedError
from airflow_provider_segment.tasks.comparison import (
    EMPTY,
    Difference,
    differences,
    is_setting,
    outcome,
)
from airflow_provider_segment.tasks.declarative import NOT_GIVEN, REQUIRED

if TYPE_CHECKING:
    from airflow_provider_segment.tasks.creation import SegmentCreateOperator
    from airflow_provider_segment.tasks.operation import SegmentOperator


class Existing:
    """A resource with the natural key of one that a task would create.

    :param operator: the create
    :param item: the resource, as Segment lists it
    :param arguments: of the create
    """

    def __init__(
        self, operator: SegmentCreateOperator, item: dict[str, Any], arguments: dict[str, Any]
    ) -> None:
        self._operator = operator
        self._item = item
        self._arguments = arguments

    @cached_property
    def fixed(self) -> list[Difference]:
        """The differences from the arguments that only a new resource could have."""
        return [one for one in self._differences if self._is_fixed(one)]

    def update(self) -> Any:
        """Make Segment change what differs, and nothing else.

        :raises AirflowFailException: something differs that Segment sets at creation only; nothing was sent
        :raises SegmentNotChangedError: Segment accepted a change, but does not show it
        """
        operator = self._operator
        if operator.read_by:
            self._item = self._read(operator.read_by)
        if self.fixed:
            raise AirflowFailException(
                f"{type(operator).__name__}: one with the same {', '.join(operator.natural_key)} exists (id "
                f"{self._id}), and what differs can be set at creation only: {self.describe(self.fixed)}. "
                "Nothing was sent. Delete it and run this task again, or accept it with if_exists='skip'"
            )
        if not self._differences:
            operator.log.info("It exists already, as asked for: nothing sent, id %s", self._id)
            return operator.adopted(self._item)
        operator.log.info(
            "It exists already, id %s; what differs is sent: %s",
            self._id,
            ", ".join(one.name for one in self._differences),
        )
        updated = operator.send(self._request(), operator.updated_by)
        if operator.read_by:
            updated = self._read(operator.read_by)
        self._check(updated)
        return {**operator.adopted(self._item), **updated} if operator.returns is None else updated

    def describe(self, found: list[Difference]) -> str:
        """Differences for a log or an error, without the values of what may be secret."""
        return "; ".join(one.describe(secret=self._may_be_secret(one)) for one in found)

    @property
    def _id(self) -> Any:
        return self._operator.id_of(self._item)

    @cached_property
    def _differences(self) -> list[Difference]:
        """All differences from the arguments; what the list was asked for need not be compared."""
        operator = self._operator
        known = {*operator.natural_key, *operator.instructions, *operator.listed_by.fields}
        return [
            one
            for name, field in operator.fields.items()
            if field.place == "body" and name in self._arguments and name not in known
            for one in differences((name,), self._arguments[name], operator.shown(self._item, name))
            if not self._is_default(one)
        ]

    def _is_fixed(self, difference: Difference) -> bool:
        operator = self._operator
        updater = getattr(operator, "updated_by", None)
        argument = difference.path[0]
        return (
            updater is None
            or operator.update_names.get(argument, argument) not in updater.fields
            or difference.name in operator.set_at_creation
        )

    def _is_default(self, difference: Difference) -> bool:
        """Whether the value is what Segment has for nothing.

        Of a setting that is unset, the catalog's default comes back.
        """
        if difference.asked is False and difference.there is NOT_GIVEN:
            return self._is_fixed(difference)
        if difference.asked is not None or not is_setting(difference.path):
            return False
        metadata = self._item.get("metadata")
        options = metadata.get("options") if isinstance(metadata, dict) else None
        return any(
            isinstance(option, dict)
            and option.get("name") == difference.path[-1]
            and option.get("defaultValue") == difference.there
            for option in options or ()
        )

    def _request(self) -> dict[str, Any]:
        """The arguments of the update: what differs, and what it cannot do without."""
        operator, arguments = self._operator, self._arguments
        sent: dict[str, Any] = {}
        for name, field in operator.updated_by.fields.items():
            if name in arguments and (
                field.place == "path" or field.default is REQUIRED or name in operator.instructions
            ):
                sent[name] = arguments[name]
            elif operator.replaces and field.place == "body" and name in operator.fields:
                shown = operator.shown(self._item, name)
                sent |= {} if shown in EMPTY else {name: shown}
        for argument in {one.path[0]: None for one in self._differences}:
            value = arguments[argument]
            paths = [one.path for one in self._differences if one.path[0] == argument]
            if argument in operator.merged and (argument,) not in paths:
                value = {path[1]: value[path[1]] for path in paths}
            sent[operator.update_names.get(argument, argument)] = value
        return {**sent, operator.id_argument(operator.updated_by): self._id}

    def _read(self, reader: type[SegmentOperator]) -> dict[str, Any]:
        operator = self._operator
        arguments = {**self._arguments, operator.id_argument(reader): self._id}
        one: dict[str, Any] = operator.send(arguments, reader)
        return one

    def _check(self, updated: dict[str, Any]) -> None:
        """Make sure that Segment did what it said it did."""
        operator = self._operator
        outcomes = self._outcomes(updated)
        if "missing" in outcomes.values() and operator.read_by is None:
            outcomes = self._outcomes(operator.find(self._arguments) or {})
        if other := [one.name for one in self._differences if outcomes[one.path] == "other"]:
            operator.log.warning("Segment keeps another value than was sent: %s", ", ".join(other))
        if same := [one for one in self._differences if outcomes[one.path] in ("unchanged", "missing")]:
            raise SegmentNotChangedError(
                f"{type(operator).__name__}: Segment accepted the update of {self._id}, but has not changed "
                f"{self.describe(same)}. If Segment keeps the value in a form of its own, pass that form; if "
                "it cannot be changed, delete the resource and run this task again, or accept it with "
                "if_exists='skip'"
            )

    def _outcomes(self, shown: dict[str, Any]) -> dict[tuple[str, ...], str]:
        """What became of each difference. What cannot be a secret is shown if it is there."""
        operator = self._operator
        outcomes: dict[tuple[str, ...], str] = {}
        for one in self._differences:
            argument = one.path[0]
            became: str = outcome(one, operator.shown(shown, argument))
            if became == "not shown" and not self._may_be_secret(one):
                became = "missing" if one.asked else "taken"
            outcomes[one.path] = became
        return outcomes

    def _may_be_secret(self, difference: Difference) -> bool:
        """Settings may be secrets whatever their names are."""
        return difference.path[0] in self._operator.secrets or is_setting(difference.path)
