"""Which destinations receive an event: where the event and the DAG both say, those that both want.

``integrations`` maps destinations to true, false or an object of options; ``All`` stands for those it does
not name, and is true by default. Source: Segment's Spec, "Common fields".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

ALL = "All"


def check_integrations(wanted: Mapping[str, Any]) -> Mapping[str, Any]:
    """The same value, if each destination is true, false or an object.

    :raises ValueError: names the others
    """
    wrong = [name for name, choice in wanted.items() if not isinstance(choice, (bool, Mapping))]
    if wrong:
        raise ValueError(f"{', '.join(wrong)} must be true, false or an object of options")
    return wanted


def restrict(wanted: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """The intersection of two ``integrations``.

    A destination is enabled if both enable it, by name or by ``All``; then it gets the options of both, the
    event's first. An event's null or other value that is neither an object nor a boolean counts as not given.

    :param wanted: the DAG's, which restricts the event's
    :param own: the event's
    """
    own = {name: choice for name, choice in own.items() if isinstance(choice, (bool, Mapping))}
    wanted_rest, own_rest = (each.get(ALL, True) is not False for each in (wanted, own))
    both: dict[str, Any] = {ALL: wanted_rest and own_rest}
    for name in {**wanted, **own}:
        if name != ALL:
            both[name] = _restrict_one(wanted.get(name, wanted_rest), own.get(name, own_rest))
    return both


def _restrict_one(wanted: Any, own: Any) -> Any:
    if wanted is False or own is False:
        return False
    options = {
        **(wanted if isinstance(wanted, Mapping) else {}),
        **(own if isinstance(own, Mapping) else {}),
    }
    return options if isinstance(wanted, Mapping) or isinstance(own, Mapping) else True


def reached(destinations: Iterable[Mapping[str, Any]], allowed: Mapping[str, Any] | None) -> list[str]:
    """The names of the connected destinations that events reach.

    :param destinations: as Segment lists those of a source
    :param allowed: the option ``integrations``
    """
    names = []
    for destination in destinations:
        kind = str((destination.get("metadata") or {}).get("name", ""))
        is_allowed = (allowed or {}).get(kind, (allowed or {}).get(ALL, True)) is not False
        if is_allowed and destination.get("enabled", True):
            names.append(str(destination.get("name") or kind or destination.get("id")))
    return names
