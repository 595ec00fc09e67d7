"""Operators and sensors whose arguments are declared: annotated names in the class body.

A declaration is checked when its class is made: a mistake is a TypeError where it is written, not a task that
fails. The operators of this package, which a scheduler imports all day, are checked by its tests instead.
:mod:`airflow_provider_segment.tasks.operation` turns declared arguments into requests.
"""

from __future__ import annotations

from contextlib import contextmanager
from copy import deepcopy
from enum import Enum
from functools import cache
from inspect import Parameter, Signature, get_annotations, signature
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, TypeAlias, TypeVar

from airflow.providers.common.compat.sdk import AirflowFailException
from typing_extensions import dataclass_transform

T = TypeVar("T")
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from airflow.providers.common.compat.sdk import XComArg

    Arg: TypeAlias = T | str | XComArg
else:
    Arg = Annotated[T, "itself, a template that renders to it, or the output of another task"]


class NotGiven(Enum):
    """The absence of an argument. ``None``, in contrast, is sent as null and removes a value."""

    NOT_GIVEN = "not given"

    def __repr__(self) -> str:
        return self.value

    __str__ = __repr__


NOT_GIVEN: Any = NotGiven.NOT_GIVEN
REQUIRED: Any = Parameter.empty

PLACES = ("path", "query", "body", "option")

_SELF = Parameter("self", Parameter.POSITIONAL_OR_KEYWORD)
_KWARGS = Parameter("kwargs", Parameter.VAR_KEYWORD, annotation="Any")


def wire_name(name: str) -> str:
    """The usual name of an argument in the API: ``sourceId`` for ``source_id``."""
    first, *others = name.split("_")
    return first + "".join(map(str.capitalize, others))


class Field:
    """A declared argument: its place, its default, and its name in the API if not the camelCase one.

    :param place: one of ``PLACES``: of the request; ``option`` for what is never sent
    :param templated: False for a function, which Airflow would call to render it
    """

    def __init__(
        self, place: str, default: Any = REQUIRED, name: str | None = None, *, templated: bool = True
    ) -> None:
        self.place = place
        self.default = default
        self.name = name
        self.templated = templated
        self.annotation: Any = None
        self.parameter: Any = None  # of the constructor
        self.wire_name = ""
        """Its name in the API: ``source_id`` is ``sourceId`` there."""

    def declare(self, name: str, annotation: Any) -> None:
        """Take the name and the annotation that the class body gives it."""
        self.wire_name = self.name or wire_name(name)
        self.annotation = annotation
        self.parameter = Parameter(name, Parameter.KEYWORD_ONLY, default=self.default, annotation=annotation)

    def new_default(self) -> Any:
        """The default for one instance: a list or a dict is copied, so that no two instances share it."""
        return deepcopy(self.default) if isinstance(self.default, (dict, list, set)) else self.default


def path(*, default: Any = REQUIRED) -> Any:
    """A part of the path."""
    return Field("path", default)


def query(*, default: Any = REQUIRED, name: str | None = None) -> Any:
    """A query parameter. ``None`` counts as not given: a query has no null."""
    return Field("query", default, name)


def body(*, default: Any = REQUIRED, name: str | None = None) -> Any:
    """A member of the body: the default for an argument of an operation."""
    return Field("body", default, name)


def option(*, default: Any = REQUIRED, templated: bool = True) -> Any:
    """An argument for the operator itself, never sent: the default for anything but an operation.

    :param templated: False for a function
    """
    return Field("option", default, templated=templated)


@dataclass_transform(kw_only_default=True, field_specifiers=(path, query, body, option))
class Declarative:
    """Makes the constructor and the template fields of an operator, or a sensor, from its annotations.

    A class that writes its own ``__init__`` keeps it and declares nothing; its subclasses may declare again.
    An argument that is declared again, with another type or default, keeps its place.

    :raises TypeError: when a class is made whose declaration is wrong
    """

    default_place: ClassVar[str] = "option"
    """The place of an argument whose declaration names none."""

    places: ClassVar[tuple[str, ...]] = ("option",)
    """The other places that an argument may have: what is declared for any other would never be sent."""

    fields: ClassVar[dict[str, Field]] = {}  # all declared arguments, inherited ones last
    _own: ClassVar[dict[str, Field]] = {}

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        bases: Any = cls.__bases__
        inherited = bases[0].fields if len(bases) == 1 else _fields_of(cls.__mro__[1:])
        cls._own = {} if "__init__" in vars(cls) else _declare(cls, inherited)
        cls.fields = cls._own | {name: field for name, field in inherited.items() if name not in cls._own}
        if "template_fields" not in vars(cls):
            cls.template_fields = tuple(n for n, field in cls.fields.items() if field.templated)  # type: ignore[attr-defined]
        if "__init__" not in vars(cls):
            # Airflow's metaclass wraps it after this, and reads its signature.
            cls.__init__ = _constructor(cls)  # type: ignore[method-assign]
        if cls.__module__.partition(".")[0] != __name__.partition(".")[0]:
            cls.check_declaration()

    @classmethod
    def check_declaration(cls) -> None:
        """Make sure that the declaration of this class makes sense.

        :raises TypeError: it does not
        """
        from airflow_provider_segment.tasks.annotations import evaluate

        for name, field in cls._own.items():
            try:
                evaluate(field.annotation, cls.__module__, vars(cls))
            except Exception as error:
                raise TypeError(
                    f"{cls.__name__}: the type of {name!r}, {field.annotation}, cannot be evaluated: "
                    f"{error}. Import or define what it needs above the class, not under `if TYPE_CHECKING:`"
                ) from error
        if faults := "; ".join(cls.faults()):
            raise TypeError(f"{cls.__name__}: {faults}")

    @classmethod
    def faults(cls) -> Iterator[str]:
        """What is wrong with the declaration as a whole. Subclasses add their own checks."""
        if untyped := [name for name, value in vars(cls).items() if isinstance(value, Field)]:
            yield f"{', '.join(untyped)} has no type, as in `{untyped[0]}: Arg[str] = ...`"
        inherited = _fields_of(cls.__mro__[1:])
        foreign: Any = next(base for base in cls.__mro__ if not issubclass(base, Declarative))
        taken = signature(foreign).parameters
        for name in cls._own:
            if name not in inherited and (name in taken or hasattr(super(cls, cls), name)):
                yield f"Airflow, or a base class, has the name {name!r} for itself"
        if cls.default_place not in PLACES:
            yield f"default_place must be one of {', '.join(PLACES)}, and is {cls.default_place!r}"
        places = {cls.default_place, *cls.places}
        for name, field in cls.fields.items():
            if field.place not in places:
                yield f"{name} has the place {field.place!r}; possible here: {', '.join(sorted(places))}"

    @classmethod
    @cache
    def _checker(cls, names: tuple[str, ...]) -> Any:
        from airflow_provider_segment.arguments import make_checker

        required = [name for name in names if cls.fields[name].default is REQUIRED]
        return make_checker(cls.__name__, cls.types_of(names), required=required, unknown="allow")

    @classmethod
    def types_of(cls, names: Iterable[str]) -> dict[str, Any]:
        """The types of some arguments, in this order."""
        from airflow_provider_segment.tasks.annotations import evaluate

        types: dict[str, Any] = {}
        for name in names:
            home = next(base for base in cls.__mro__ if name in vars(base).get("_own", ()))
            types[name] = evaluate(cls.fields[name].annotation, home.__module__, vars(home))
        return types

    def check_when_parsed(self) -> None:
        """Check what can be checked before templates are rendered; an error shows as one of the DAG."""

    def arguments(self) -> dict[str, Any]:
        """The arguments that were given, rendered, each checked against its annotation.

        :raises AirflowFailException: naming each wrong one; a retry would not help
        """
        return self.checked(self.fields)

    @property
    def never_shown(self) -> tuple[str, ...]:
        """Arguments whose values no error shows."""
        return ()

    def checked(self, names: Iterable[str]) -> dict[str, Any]:
        """The same of some arguments.

        :raises AirflowFailException: naming each wrong one
        """
        from airflow_provider_segment.arguments import check_arguments

        names = tuple(names)
        given = {name: value for name in names if (value := getattr(self, name)) is not NOT_GIVEN}
        with self.wrong_configuration_is_final():
            return check_arguments(self._checker(names), given, secrets=self.never_shown)

    @contextmanager
    def wrong_configuration_is_final(self) -> Iterator[None]:
        """Fail the task without a retry if the connection or an argument is wrong: nothing was sent.

        :raises AirflowFailException: instead of SegmentConfigurationError
        """
        from airflow_provider_segment.errors import SegmentConfigurationError

        try:
            yield
        except SegmentConfigurationError as error:
            raise AirflowFailException(f"{type(self).__name__}: {error}") from None


def _fields_of(mro: tuple[type, ...]) -> dict[str, Field]:
    fields: dict[str, Field] = {}
    for base in mro:
        for name, field in vars(base).get("_own", {}).items():
            fields.setdefault(name, field)
    return fields


def _declare(cls: type[Declarative], inherited: dict[str, Field]) -> dict[str, Field]:
    """The fields that a class body declares; assigned values become plain defaults."""
    fields = {}
    for name, annotation in get_annotations(cls).items():
        if name.startswith("_") or "ClassVar" in str(annotation):
            continue
        value = vars(cls).get(name, REQUIRED)
        field = value if isinstance(value, Field) else _plain(cls, inherited.get(name), value)
        field.declare(name, annotation)
        fields[name] = field
        if field.default is not REQUIRED:
            setattr(cls, name, field.default)
        elif value is not REQUIRED:
            delattr(cls, name)
    return fields


def _plain(cls: type[Declarative], before: Field | None, default: Any) -> Field:
    """The field of an argument that is declared by its type and default alone."""
    if before is None:
        return Field(cls.default_place, default)
    return Field(before.place, default, before.name, templated=before.templated)


def _constructor(cls: type[Declarative]) -> Callable[..., None]:
    # Straight to the nearest constructor written by hand (Airflow's, or that of a user's class in between).
    mro: tuple[Any, ...] = cls.__mro__
    parent = next(b for b in mro[1:] if "__init__" in vars(b) and not hasattr(b.__init__, "declared"))
    of_parent = getattr(parent, "fields", {})
    fields = _fields_of(mro[: mro.index(parent)]) if of_parent else cls.fields
    again = fields.keys() & of_parent.keys()

    def __init__(self: Declarative, **kwargs: Any) -> None:
        values = {
            name: kwargs.pop(name) if name in kwargs else field.new_default()
            for name, field in fields.items()
        }
        parent.__init__(self, **kwargs, **{name: values[name] for name in again})
        for name, value in values.items():
            setattr(self, name, value)
        self.check_when_parsed()

    parameters = [_SELF, *(field.parameter for field in fields.values()), _KWARGS]
    __init__.__signature__ = Signature(parameters)  # type: ignore[attr-defined]
    __init__.declared = True  # type: ignore[attr-defined]
    return __init__
