"""Mutations of the facts, each of which a judge must notice."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from tests.public_api.facts import PLACES, Json, words

Way = tuple[Any, ...]
Changed = tuple[str, Any]


class Member(NamedTuple):
    """A member of an object schema in the facts, and the path to the object."""

    way: Way
    name: str
    notation: Any
    value: Any = None  # its value in a recorded answer


def renamed(member: Member) -> Changed | None:
    plain = member.name.rstrip("!?")
    return f"{plain}X{member.name.removeprefix(plain)}", member.notation


def another_type(member: Member) -> Changed | None:
    if member.notation in ("any", {"*": "any"}):
        return None
    return member.name, "string" if member.notation == "boolean" else "boolean"


def no_longer_required(member: Member) -> Changed | None:
    return (member.name.replace("!", ""), member.notation) if "!" in member.name else None


def no_longer_nullable(member: Member) -> Changed | None:
    return (member.name.replace("?", ""), member.notation) if "?" in member.name else None


def dropped_enum_value(member: Member) -> Changed | None:
    if not str(member.notation).startswith("="):
        return None
    values = member.notation[1:].split("|")
    values.remove(values[-1] if member.value is None else member.value)
    return (member.name, "=" + "|".join(values)) if values else None


Change = Callable[[Member], "Changed | None"]


def in_request(facts: Json, operation: str) -> Iterator[Member]:
    """The members of an operation's parameters and body."""
    for place in (*PLACES, "body"):
        way = ("operations", operation, place)
        yield from members(facts, way, facts["operations"][operation].get(place, {}))


def members(facts: Json, way: Way, notation: Any, value: Any = None) -> Iterator[Member]:
    """All members inside a schema; given a value, only those that it has and that are not null."""
    while isinstance(notation, list):
        way, notation = (*way, 0), notation[0]
        if value is not None:
            value = next(iter(value), {})
    if isinstance(notation, str) and notation in facts["shapes"]:
        yield from members(facts, ("shapes", notation), facts["shapes"][notation], value)
    elif isinstance(notation, dict) and not any(name[0] in "$*" for name in notation):
        for name, inner in notation.items():
            plain = name.rstrip("!?")
            if plain.lower().endswith("pagination") or (value is not None and value.get(plain) is None):
                continue
            its_value = None if value is None else value[plain]
            yield Member(way, name, inner, its_value)
            yield from members(facts, (*way, name), inner, its_value)


def applied(facts: Json, member: Member, changed: Changed) -> Json:
    """A copy of the facts with one member changed."""
    name, notation = changed
    return edited(
        facts,
        member.way,
        lambda found: {
            (name if each == member.name else each): (notation if each == member.name else inner)
            for each, inner in found.items()
        },
    )


def edited(facts: Any, way: Way, edit: Callable[[Any], Any]) -> Any:
    """A copy of the facts with the part at the end of a path edited."""
    if not way:
        return edit(facts)
    copy = facts.copy()
    copy[way[0]] = edited(facts[way[0]], way[1:], edit)
    return copy


def only(facts: Json, operation: str) -> Json:
    """The facts of one operation, with the shapes that it uses."""
    shapes: Json = {}
    found = words(facts["operations"][operation])
    while more := found & facts["shapes"].keys() - shapes.keys():
        shapes |= {name: facts["shapes"][name] for name in more}
        found = {name for each in more for name in words(shapes[each])}
    return {**facts, "operations": {operation: facts["operations"][operation]}, "shapes": shapes}
