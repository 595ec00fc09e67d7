"""Names instead of ids: ``ref("source", "shop")`` is the id of the source with the slug ``shop``.

A reference is text, ``ref:source:shop``, so it survives templates, XComs, params and Variables. No id of
Segment has a colon. It becomes an id in the task that it is given to, before that sends anything else.

``KINDS`` says what has a name: an operation that lists it, where the name is in the list, and the arguments
that hold its id. :mod:`airflow_provider_segment.hooks.references` looks names up.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple
from urllib.parse import unquote

PREFIX = "ref:"
OF_ANY_KIND = ("resource_id",)
"""Arguments that hold the id of anything."""

PATH_PARAMS = "path_params"
"""Argument whose members are ids whatever the endpoint: of ``SegmentRequestOperator``."""

Path = tuple[Any, ...]
"""An argument, and what leads from it to one of its members."""

_TYPE = "?type="
_TEMPLATE = re.compile(r"(\{\{.*?\}\}|\{%.*?%\})", re.DOTALL)


class Kind(NamedTuple):
    """Something that has a name.

    :param listed_by: module and class of the operator that lists it
    :param key: member of a listed item that is its name; a dot leads into a member
    :param takes: arguments that hold its id; ``id of /audiences/{id}`` only where the operator's endpoint has
        this part
    :param parent: kind within which the name is unique; None for the workspace
    :param above: the arguments of the list for the ids of the parents, from the outermost; what the list does
        not take selects from it instead, and "" is not needed
    :param type: member of an item that tells apart two of the same name
    """

    listed_by: str
    key: str
    takes: tuple[str, ...]
    parent: str | None = None
    above: tuple[str, ...] = ()
    type: str | None = None


KINDS = {
    "source": Kind(
        "sources.SegmentListSourcesOperator",
        "slug",
        (
            "source_id",
            "source_ids",
            "integration_id of /insert-function-instances",
            "forwarding_violations_to",
            "forwarding_blocked_events_to",
        ),
    ),
    "destination": Kind(
        "sources.SegmentListConnectedDestinationsFromSourceOperator",
        "name",
        (
            "destination_id",
            "destination_ids",
            "destination_config_id",
            "integration_id of /insert-function-instances",
        ),
        "source",
        ("source_id",),
        "metadata.slug",
    ),
    "subscription": Kind(
        "destinations.SegmentListSubscriptionsFromDestinationOperator",
        "name",
        ("subscription_id", "id of /subscriptions/{id}"),
        "destination",
        ("", "destination_id"),
        "actionSlug",
    ),
    "destination_filter": Kind(
        "destination_filters.SegmentListFiltersFromDestinationOperator",
        "title",
        ("filter_id",),
        "destination",
        ("", "destination_id"),
    ),
    "warehouse": Kind(
        "warehouses.SegmentListWarehousesOperator",
        "settings.name",
        ("warehouse_id",),
        type="metadata.slug",
    ),
    "profiles_warehouse": Kind(
        "profiles_sync.SegmentListProfilesWarehouseInSpaceOperator",
        "settings.name",
        ("warehouse_id of /profiles-warehouses/",),
        "space",
        ("space_id",),
        "schemaName",
    ),
    "credential": Kind(
        "credentials.SegmentListCredentialsOperator", "name", ("credential_id",), type="settings.type"
    ),
    "tracking_plan": Kind(
        "tracking_plans.SegmentListTrackingPlansOperator", "name", ("tracking_plan_id",), type="type"
    ),
    "transformation": Kind(
        "transformations.SegmentListTransformationsOperator",
        "name",
        ("transformation_id",),
        "source",
        ("source_id",),
    ),
    "function": Kind(
        "functions.SegmentListFunctionsOperator", "displayName", ("function_id",), type="resourceType"
    ),
    "insert_function_instance": Kind(
        "functions.SegmentListInsertFunctionInstancesOperator",
        "name",
        ("instance_id",),
        "function",
        ("function_id",),
    ),
    "reverse_etl_model": Kind(
        "reverse_etl.SegmentListReverseEtlModelsOperator",
        "name",
        ("model_id", "reverse_etl_model_id"),
        "source",
        ("source_id",),
    ),
    "user_group": Kind("iam_groups.SegmentListUserGroupsOperator", "name", ("user_group_id",)),
    "user": Kind(
        "iam_users.SegmentListUsersOperator", "email", ("user_id of /users/{userId}", "user_ids of /users")
    ),
    "role": Kind("iam_roles.SegmentListRolesOperator", "name", ("role_id",)),
    "space": Kind("spaces.SegmentListSpacesOperator", "slug", ("space_id", "integration_id of /filters")),
    "space_filter": Kind(
        "space_filters.SegmentListFiltersForSpaceOperator",
        "name",
        ("id of /filters/{id}",),
        "space",
        ("integration_id",),
    ),
    "audience": Kind(
        "audiences.SegmentListAudiencesOperator",
        "name",
        ("audience_id", "id of /audiences/{id}"),
        "space",
        ("space_id",),
    ),
    "activation": Kind(
        "activations.SegmentListActivationsFromAudienceOperator",
        "activationName",
        ("id of /activations/{id}",),
        "audience",
        ("space_id", "audience_id"),
        "connectionId",
    ),
    "computed_trait": Kind(
        "computed_traits.SegmentListComputedTraitsOperator",
        "name",
        ("id of /computed-traits/{id}",),
        "space",
        ("space_id",),
    ),
    "source_metadata": Kind(
        "catalog.SegmentGetSourcesCatalogOperator",
        "slug",
        ("source_metadata_id", "metadata_id of POST /sources"),
    ),
    "destination_metadata": Kind(
        "catalog.SegmentGetDestinationsCatalogOperator",
        "slug",
        ("destination_metadata_id", "metadata_id of POST /destinations"),
    ),
    "warehouse_metadata": Kind(
        "catalog.SegmentGetWarehousesCatalogOperator",
        "slug",
        (
            "warehouse_metadata_id",
            "metadata_id of POST /warehouses",
            "metadata_id of /profiles-warehouses",
        ),
    ),
    "destination_action": Kind(
        "catalog.SegmentGetDestinationMetadataOperator",
        "slug",
        ("action_id",),
        "destination_metadata",
        ("destination_metadata_id",),
    ),
}
"""By the name of the kind, as :func:`ref` takes it."""


_made: set[str] = set()
"""The texts that :func:`ref` made in this process. They are plain text: Airflow's DAG processor cannot send a
DAG with a subclass of it."""


def is_made(value: Any) -> bool:
    """Whether a value is a reference of :func:`ref`, and not text that looks like one."""
    return isinstance(value, str) and value in _made


class Name(NamedTuple):
    """One step of a reference: a name, and what tells it from others of the same name."""

    name: str
    type: str | None = None

    def __str__(self) -> str:
        return self.name if self.type is None else f"{self.name}{_TYPE}{self.type}"


def ref(kind: str, *names: str, type: str | None = None) -> Any:
    """What has this name, wherever an operator or a sensor takes its id.

    ::

        ref("source", "shop")
        ref("destination", "shop/Amplitude")
        ref("destination", "shop", "Clicks/Views", type="actions-amplitude")
        ref("subscription", ref("destination", "shop", "Amplitude", type="actions-amplitude"), "Orders")

    :param kind: one of ``KINDS``: ``source``, ``destination``, ...
    :param names: its name, after the names of what it belongs to: as one text with a ``/`` between them, or
        each by itself. Names may be templates. In one text, only the last name may contain a ``/``; write
        ``%2F`` for one in the others. The first may be the reference to the parent
    :param type: tells apart two of the same name; each kind says in ``KINDS`` what it is
    :raises ValueError: there is no such kind, a name is missing, or the kind has no type
    """
    declared = _kind(kind)
    if type is not None and declared.type is None:
        raise ValueError(f"a {kind} has no type: leave out type={type!r}")
    first, *others = names or ("",)
    path = ""
    if is_made(first):
        of, path = _split(first)
        if of != declared.parent:
            raise ValueError(f"a {kind} belongs to a {declared.parent}, not to a {of}: {first}")
    elif len(names) in (len(chain(kind)), 0):
        path = _escape(first)
    elif len(names) == 1:
        path = first
    else:
        raise ValueError(f"{_form(kind)}, not {names}")
    path = "/".join([path, *map(_escape, others)])
    text = f"{PREFIX}{kind}:{path}" + (f"{_TYPE}{type}" if type is not None else "")
    if not has_templates(text):
        read(text)
    _made.add(text)
    return text


def read(text: str) -> tuple[str, tuple[Name, ...]]:
    """The kind of a reference, and its names from the outermost parent.

    :raises ValueError: it is none
    """
    kind, path = _split(text)
    kinds = chain(kind)
    steps = path.split("/", len(kinds) - 1)
    names = []
    for step in steps:
        name, has_type, type = step.rpartition(_TYPE)
        names.append(Name(unquote(name), unquote(type)) if has_type else Name(unquote(step)))
    if len(names) < len(kinds) or not all(one.name for one in names):
        raise ValueError(f"{_form(kind)}, not {path!r}")
    for of, one in zip(kinds, names, strict=True):
        if one.type is not None and KINDS[of].type is None:
            raise ValueError(f"a {of} has no type: leave out {_TYPE}{one.type}")
    return kind, tuple(names)


def chain(kind: str) -> list[str]:
    """The kinds that a kind belongs to, from the outermost, and itself."""
    parent = KINDS[kind].parent
    return [*(chain(parent) if parent else ()), kind]


def has_templates(reference: str) -> bool:
    """Whether names of a reference are to be rendered first."""
    return _TEMPLATE.search(reference) is not None


def kinds_for(argument: str, endpoint: str = "") -> list[str]:
    """The kinds whose id an argument of an operation holds; the first is the one meant most.

    :param endpoint: of the operation; "" if it has none
    """
    if argument in OF_ANY_KIND:
        return list(KINDS)
    anywhere: list[str] = []
    here: list[str] = []
    for name, kind in KINDS.items():
        for taken in kind.takes:
            taken, _, part = taken.partition(" of ")
            if taken == argument and (not part or part in endpoint):
                (here if part else anywhere).append(name)
    return here or anywhere


def references_in(value: Any, endpoint: str, path: Path = ()) -> Iterator[tuple[Path, str]]:
    """Where references are in arguments, and their texts; only where ids are."""
    if isinstance(value, str):
        if value.startswith(PREFIX) and kinds_at(path, endpoint):
            yield path, value
    elif isinstance(value, Mapping) and (not path or endpoint or path == (PATH_PARAMS,)):
        for name, each in value.items():
            yield from references_in(each, endpoint, (*path, name))
    elif isinstance(value, (list, tuple)) and (endpoint or kinds_at(path, endpoint)):
        for number, each in enumerate(value):
            yield from references_in(each, endpoint, (*path, number))


def kinds_at(path: Path, endpoint: str) -> list[str]:
    """The kinds whose id belongs at a place."""
    names = [step for step in path if isinstance(step, str)]
    argument = snake_case(names[-1])
    if len(names) > 1 and argument == "id":  # of a resource, whose kind is beside it
        return list(KINDS)
    return kinds_for(argument, endpoint)


def snake_case(name: str) -> str:
    """The name of an argument for one in the API: ``source_id`` for ``sourceId``."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def _kind(kind: str) -> Kind:
    if kind not in KINDS:
        raise ValueError(f"nothing of the kind {kind!r} has a name; possible: {', '.join(KINDS)}")
    return KINDS[kind]


def _split(text: str) -> tuple[str, str]:
    kind, _, path = text.removeprefix(PREFIX).partition(":")
    _kind(kind)
    return kind, path


def _form(kind: str) -> str:
    kinds = chain(kind)
    names = ", ".join(f'"{one}"' for one in kinds)
    return f'a {kind} is named as ref("{kind}", {names})'


def _escape(name: str) -> str:
    """A name in which no ``/`` separates names; templates in it stay as they are."""
    parts = _TEMPLATE.split(name)
    return "".join(
        part if number % 2 else part.replace("%", "%25").replace("/", "%2F").replace("?", "%3F")
        for number, part in enumerate(parts)
    )
