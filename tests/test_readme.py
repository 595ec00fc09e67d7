"""The README shows what is in the repository."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
QUOTE = re.compile(r"<!-- (example_dags/\S+): (\w+) -->\n```python\n(.*?)```", re.DOTALL)


def marked(file: str, name: str) -> str:
    """The part of an example between its [START] and [END] marks."""
    text = (ROOT / file).read_text()
    return text.partition(f"# [START {name}]\n")[2].partition(f"# [END {name}]")[0]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_quoted_examples_are_the_examples(page: Path) -> None:
    for file, name, quoted in QUOTE.findall(page.read_text()):
        assert quoted == marked(file, name), f"{page.name} should quote {file} as it is"


def test_the_readme_quotes_the_backfill() -> None:
    assert "SegmentBatchEventsOperator" in QUOTE.findall((ROOT / "README.md").read_text())[0][2]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    text = page.read_text()
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if target.startswith("#"):
            headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
            slugs = {
                re.sub(r"[^\w -]", "", heading).strip().lower().replace(" ", "-") for heading in headings
            }
            assert target[1:] in slugs, target
        elif "://" not in target:
            assert (page.parent / target.partition("#")[0]).exists(), target
