"""Makes llms.txt: the documentation for programs that read, from the pages and the catalogue of operations.

python -m docs.make_llms_txt
"""

from __future__ import annotations

import inspect
import re
from itertools import groupby
from pathlib import Path

from airflow_provider_segment.catalogue import Operation, operations
from airflow_provider_segment.catalogue.declarations import class_of
from docs.make_operator_pages import WORDS

DOCS = Path(__file__).parent
FILE = DOCS / "llms.txt"

HEAD = """\
# airflow-provider-segment

> Work with Segment (Twilio's customer data platform) from Apache Airflow: every operation of its Public API
> as an operator, backfills of events that lose and double nothing, sensors, jobs, a hook, a command line.

Operators are imported from `airflow_provider_segment.operators`, sensors from
`airflow_provider_segment.sensors`. The arguments of one, with an example to paste:
`python -m airflow_provider_segment operations NAME`. The operators that answer a question:
`python -m airflow_provider_segment operations WORDS` (`--json` for programs).
"""


def text() -> str:
    """The whole file."""
    return "\n".join([HEAD, "## Guides", "", *guides(), "", *families()])


def guides() -> list[str]:
    """A line for each page: what the index says of it, or its own first sentence."""
    index = (DOCS / "README.md").read_text()
    said = dict(re.findall(r"^\| \[[^\]]+\]\((\w+\.md)\) \| (.+) \|$", index, re.MULTILINE))
    lines = ["- [README](../README.md): installation, connection, backfills, promises, tests of your DAGs"]
    for page in sorted(DOCS.glob("*.md")):
        title, _, rest = page.read_text().removeprefix("# ").partition("\n")
        prose = re.sub(r"<!--.*?-->|\]\([^)]*\)|\[", "", rest, flags=re.DOTALL)
        sentence = re.sub(r"\s+", " ", prose.strip()).partition(". ")[0]
        lines.append(f"- [{title}]({page.name}): {said.get(page.name, sentence)}")
    return lines


def families() -> list[str]:
    """The operations by what they are about, as the modules are."""
    lines = []
    for module, found in groupby(sorted(operations().values(), key=_order), key=_module):
        title = " ".join(WORDS.get(word, word) for word in module.rpartition(".")[2].split("_"))
        kind = module.split(".")[1]
        heading = title if kind == "operators" else f"{kind}: {title}"
        lines += [f"## {heading[0].upper()}{heading[1:]}", "", *map(_line, found), ""]
    return lines


def _module(operation: Operation) -> str:
    module = inspect.getmodule(class_of(operation))
    return module.__name__ if module else ""


def _order(operation: Operation) -> tuple[str, str]:
    return _module(operation), operation.name


def _line(operation: Operation) -> str:
    facts = ", ".join(fact for fact in (operation.endpoint, operation.limit) if fact)
    return f"- {operation.name}: {operation.summary}{f' ({facts})' if facts else ''}"


if __name__ == "__main__":
    FILE.write_text(text())
