"""Conditions on any resource: it exists, or one of its fields has a value."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from airflow_provider_segment.api.redaction import hide_secrets
from airflow_provider_segment.waiting.condition import Ask, Check, Condition, Verdict

_EXISTS = {True: "exists", False: "does not exist"}


class ResourceHas(Condition, frozen=True, kw_only=True):
    """A resource exists (or not), or one of its fields has a value.

    :param field: dotted path below the answer's ``data``; None for the resource itself
    :param value: expected value of the field
    :param any_value: the field only has to exist; null counts as missing
    :param exists: False to wait until the resource or the field is gone
    """

    path: str
    query: dict[str, Any] = {}
    field: str | None = None
    value: Any = None
    any_value: bool = True
    exists: bool = True

    def check(self, now: datetime) -> Check:
        """Read the resource."""
        data = yield Ask(self.path, self.query, missing_ok=True)
        what = self.field or "the resource"
        found, shown = self._found_in(data), self._found_in(hide_secrets(data))
        there = found is not None or (self.field is not None and not self.any_value and data is not None)
        if not self.exists or not there:
            return Verdict("done" if there == self.exists else "waiting", f"{what} {_EXISTS[there]}")
        if self.any_value:
            return Verdict("done", f"{what} exists", shown)
        same = found == self.value
        return Verdict("done" if same else "waiting", f"{what} is {'' if same else 'not '}as expected", shown)

    def _found_in(self, data: Any) -> Any:
        found = data
        for name in self.field.split(".") if self.field and data is not None else []:
            found = _member(found, name)
        return found

    def describe(self) -> str:
        """The condition in a few words, for logs and errors."""
        return f"{self.field or 'a resource'} at {self.path}" + ("" if self.exists else " to be gone")


def _member(of: Any, name: str) -> Any:
    if isinstance(of, dict):
        return of.get(name)
    if isinstance(of, list) and name.isdecimal() and int(name) < len(of):
        return of[int(name)]
    return None
