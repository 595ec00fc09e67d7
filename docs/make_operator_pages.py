"""Makes operators.md, and operators/ with a page for each family, from the catalogue and facts of answers.

python -m docs.make_operator_pages
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

from airflow_provider_segment.catalogue import Argument, Operation, operations
from airflow_provider_segment.catalogue.declarations import class_of
from airflow_provider_segment.docstrings import unmarked
from tests.public_api.table import TABLE

DOCS = Path(__file__).parent
INDEX = "operators.md"

TYPES = {"array": "list", "object": "dict", "string": "text", "boolean": "boolean"}
WORDS = {"api": "API", "etl": "ETL", "iam": "IAM", "dbt": "dbt"}
FAMILIES = {
    "audience_jobs": "audiences",
    "dbt_jobs": "dbt",
    "deletion_and_suppression_jobs": "deletion_and_suppression",
    "function_jobs": "functions",
    "reverse_etl_jobs": "reverse_etl",
    "sql_to_segment": "events",
    "write_key_jobs": "sources",
}
"""Modules that share the page of another one."""
SHARED = {
    "All that ask Segment anything": ("segment_conn_id", "region", "log_requests", "request_timeout"),
    "Those of an endpoint": ("raise_on_error",),
    "Lists": ("limit", "page_size", "response_filter", "to_path"),
}
"""Arguments that are described once, in the index."""
LISTED = operations()["SegmentListSourcesOperator"].arguments
DESCRIBED = [one for one in LISTED if any(one.name in names for names in SHARED.values())]
PACKAGE = "airflow_provider_segment"
PACKAGES = {
    "notifications": "What tells Segment how DAGs and tasks end.",
    "sensors": "What waits until something has happened at Segment.",
    "triggers": "What starts a DAG when something happens at Segment: the triggers of asset watchers.",
}
"""Packages that have one page."""

MADE = (
    "<!-- Made by docs/make_operator_pages.py (make docs): change the operators' classes, not this page. -->"
)

HEAD = f"""\
# All operators

{MADE}

Operators, sensors, triggers of assets and the notifier, by what they are about, with endpoint, arguments,
result and an example. [How they behave](README.md#how-operators-behave) is the same for all.
`airflow segment operations` prints the same: [the command line](command_line.md).

The arguments are those of Segment's operation, in snake_case. *Returns* is what the task returns, with its
name in Segment's answer. The *rate limit* is how many requests Segment takes, as far as it publishes that;
all others share a limit of the token that it does not publish. *Alpha* and *beta* are Segment's words: such
an operation may change or go.

## Arguments of many

The pages of the families do not repeat these.
"""


def pages() -> dict[str, str]:
    """The text of each page, by its path in docs/."""
    found = families()
    return {INDEX: index(found)} | {
        f"operators/{family}.md": "\n".join(page(family, members)) for family, members in found.items()
    }


def families() -> dict[str, list[Operation]]:
    """The operations of each page."""
    found: dict[str, list[Operation]] = {}
    for operation in operations().values():
        found.setdefault(family_of(operation), []).append(operation)
    return dict(sorted(found.items()))


def family_of(operation: Operation) -> str:
    """What an operation is about: its module or, if it is no operator of Segment's resources, its package."""
    _, package, module = class_of(operation).__module__.split(".")
    return FAMILIES.get(module, module if package == "operators" else package)


def index(found: dict[str, list[Operation]]) -> str:
    """The page that lists all."""
    lines = [HEAD]
    for which, names in SHARED.items():
        lines += [f"{which}:", "", *(line(one) for one in LISTED if one.name in names), ""]
    for family, members in found.items():
        lines += [f"## [{title(family)}](operators/{family}.md)", ""]
        lines += [
            f"- [`{one.name}`](operators/{family}.md#{one.name.lower()}): {one.summary}" for one in members
        ]
        lines += [""]
    return "\n".join(lines)


def page(family: str, members: list[Operation]) -> Iterator[str]:
    """The lines of a family's page."""
    about = PACKAGES.get(family) or first_sentence(import_module(f"{PACKAGE}.operators.{family}"))
    yield from (f"# {title(family)}", "", MADE, "", about, "")
    shared = f"[Arguments of many](../{INDEX}#arguments-of-many) are left out below."
    yield from (f"Each is imported as in its example. {shared}", "")
    for operation in members:
        yield from (f"## {operation.name}", "", operation.summary, "", *facts(operation), "")
        if operation.description:
            yield from (as_markdown(operation.description), "")
        if arguments := [line(one) for one in operation.arguments if one not in DESCRIBED]:
            yield from ("Arguments:", "", *arguments, "")
        yield from ("Example:", "", "```py", operation.example.rstrip(), "```", "")


def facts(operation: Operation) -> Iterator[str]:
    """Endpoint, rate limit, what is returned, whether it waits."""
    if operation.endpoint:
        stability = "" if operation.stability == "stable" else f" ({operation.stability})"
        yield f"- Endpoint: `{operation.endpoint}`{stability}"
        if operation.limit:
            yield f"- Rate limit: {operation.limit}"
    if result := returned(class_of(operation)):
        yield f"- Returns: {result}"
    if operation.waits:
        yield f"- Waits{', also in the triggerer (`deferrable=True`)' if operation.deferrable else ''}"


def line(argument: Argument) -> str:
    """What an argument is."""
    need = "required" if argument.required else f"default `{argument.default}`"
    if not argument.required and argument.default in (None, "None"):
        need = "optional"
    return f"- `{argument.name}` (`{argument.type}`, {need}): {argument.description}"


def returned(operator: Any) -> str:
    """What an operator returns, with the name that it has in the answer."""
    answer: dict[str, Any] = _ANSWERS.get(getattr(operator, "endpoint", None), {})
    if part := getattr(operator, "part", None):  # of the Profile API
        return "list" if part == "data" else f"dict `{part}`"
    name = getattr(operator, "returns", None)
    if name is None:
        return f"dict of {', '.join(f'`{each}`' for each in answer)}" if answer else ""
    kind = answer[name]
    if isinstance(kind, list):  # an enum
        return " or ".join(f"`{value}`" for value in kind)
    return f"{TYPES[kind.split()[0]]} `{name}`"


_ANSWERS = {entry["endpoint"]: entry["answer"] for entry in TABLE.values()}


def title(family: str) -> str:
    """A family in words."""
    words = " ".join(WORDS.get(word, word) for word in family.split("_"))
    return words if words in WORDS.values() else words[0].upper() + words[1:]


def first_sentence(documented: Any) -> str:
    """The first line of a docstring."""
    return unmarked((inspect.getdoc(documented) or "").splitlines()[0])


def as_markdown(text: str) -> str:
    """A docstring's text, with the blocks of code that it announces by ``::``."""
    return re.sub(r"(?m)^::$\n", "", re.sub(r" ::$|(?<=\w:):$", "", text, flags=re.MULTILINE)).strip("\n")


if __name__ == "__main__":
    made = pages()
    (DOCS / "operators").mkdir(exist_ok=True)
    for old in (DOCS / "operators").iterdir():
        old.unlink()
    for path, text in made.items():
        (DOCS / path).write_text(text)
