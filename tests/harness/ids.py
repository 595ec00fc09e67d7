"""Ids in the arguments of a task, where names could be."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from airflow_provider_segment.references import PREFIX, references_in


def ids_given(task: Any) -> list[str]:
    """Where a task, a mapped one, or the trigger of an asset watcher is given the id of something that has a
    name, and the id.

    References are none, nor is what another task returned, or a template that pulls it.
    """
    operator = getattr(task, "operator_class", type(task))
    fields = getattr(operator, "fields", getattr(operator, "arguments", ()))
    endpoint = getattr(operator, "endpoint", "")
    return [
        f"{'.'.join(map(str, path))}: {text}"
        for given in _arguments(task)
        for path, marked in references_in(
            {name: _marked(value) for name, value in given.items() if name in fields}, endpoint
        )
        if not (text := marked.removeprefix(PREFIX)).startswith(PREFIX) and "ti.xcom_pull(" not in text
    ]


def triggers_of(dag: Any) -> list[Any]:
    """The triggers of the asset watchers that start a DAG."""
    return [watcher.trigger for watcher in _watchers(getattr(dag.timetable, "asset_condition", None))]


def _watchers(schedule: Any) -> Iterator[Any]:
    for part in getattr(schedule, "objects", ()):  # of several assets
        yield from _watchers(part)
    yield from getattr(schedule, "watchers", ())  # Airflow 2 has none


def _arguments(task: Any) -> Iterator[Mapping[str, Any]]:
    if not hasattr(task, "expand_input"):
        yield vars(task)
        return
    yield task.partial_kwargs
    expanded = task.expand_input.value
    yield from (
        each for each in (expanded if isinstance(expanded, list) else [expanded]) if isinstance(each, Mapping)
    )


def _marked(value: Any) -> Any:
    """The same with each text marked as a reference: so those are found that could be one."""
    if isinstance(value, str):
        return PREFIX + value
    if isinstance(value, Mapping):
        return {name: _marked(each) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_marked(each) for each in value]
    return value
