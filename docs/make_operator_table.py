"""Makes operators.md: every operator, from the declared classes and the facts of Segment's operations.

python -m docs.make_operator_table
"""

from __future__ import annotations

import inspect
from importlib import import_module
from pathlib import Path
from typing import Any

from airflow_provider_segment import operators
from airflow_provider_segment.lazy import classes_of_modules
from airflow_provider_segment.tasks.operation import ALPHA, BETA, STABLE
from tests.public_api.table import TABLE

PAGE = Path(__file__).with_name("operators.md")

VERSIONS = {STABLE: "", BETA: " (beta)", ALPHA: " (alpha)"}
TYPES = {"array": "list", "object": "dict", "string": "text", "boolean": "boolean"}

WORDS = {"api": "API", "etl": "ETL", "iam": "IAM"}

HEAD = """\
# All operators

<!-- Made by docs/make_operator_table.py (make docs): change the operators' classes, not this page. -->

Each can be imported from `airflow_provider_segment.operators`; its arguments are those of Segment's
operation, in snake_case, and in `help(operator)`. [How they behave](README.md#how-operators-behave) is the
same for all.

All that ask Segment take `segment_conn_id`, and `region`, `log_requests` and `request_timeout` to have them
other than the connection says; those of an endpoint take `raise_on_error`, and lists take `limit`,
`page_size`, `response_filter` and `to_path`.

*Returns* is what the task returns, with its name in Segment's answer. *A minute* is how many requests Segment
takes, as far as it publishes that; all others share a limit of the token that it does not publish. *Alpha*
and *beta* are Segment's words: such an operation may change or go.
"""


def page() -> str:
    """The whole page."""
    operations = {entry["endpoint"]: entry for entry in TABLE.values()}
    parts = [HEAD]
    for name, names in classes_of_modules(operators.__name__).items():
        module = import_module(f"{operators.__name__}.{name}")
        title = " ".join(WORDS.get(word, word) for word in name.split("_"))
        parts += [f"## {title[0].upper()}{title[1:]}", "", as_markdown(module), ""]
        parts += ["| Operator | What it does | Endpoint | Returns | A minute |", "|---|---|---|---|---|"]
        parts += [*(row(getattr(module, each), operations) for each in names), ""]
    return "\n".join(parts)


def row(operator: Any, operations: dict[str, Any]) -> str:
    """The line of an operator."""
    endpoint = getattr(operator, "endpoint", None)
    entry = operations.get(endpoint, {})
    cells = (
        f"`{operator.__name__}`",
        as_markdown(operator),
        f"`{endpoint}`{VERSIONS[operator.media_type]}" if endpoint else "",
        returned(operator, entry.get("answer", {})),
        (entry.get("rate_limit") or "").replace("/minute", "").replace("/day", " a day"),
    )
    return f"| {' | '.join(cells)} |"


def returned(operator: Any, answer: dict[str, Any]) -> str:
    """What an operator returns, with the name that it has in the answer."""
    if part := getattr(operator, "part", None):  # of the Profile API
        return "list" if part == "data" else f"dict `{part}`"
    name = getattr(operator, "returns", None)
    if name is None:
        return f"dict of {', '.join(f'`{each}`' for each in answer)}" if answer else ""
    kind = answer[name]
    if isinstance(kind, list):  # an enum
        return " or ".join(f"`{value}`" for value in kind)
    return f"{TYPES[kind.split()[0]]} `{name}`"


def as_markdown(documented: Any) -> str:
    """The first sentence of a docstring."""
    return (inspect.getdoc(documented) or "").splitlines()[0].replace("``", "`").replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(page())
