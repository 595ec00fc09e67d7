"""No operator without a scenario."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.public_api import scenario
from tests.public_api.declarations import DECLARED

FILES = [Path(scenario.__file__), *Path(__file__).parent.glob("test_*.py")]
# These run an operator that need not succeed.
UNCERTAIN = {"try_", "gone", "operator"}


def run_by(node: ast.AST) -> Iterator[str]:
    """The names of operators in a piece of code that fails unless they succeed."""
    children = list(ast.iter_child_nodes(node))
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in UNCERTAIN:
        children.remove(node.args[0])
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield f"Segment{node.value}Operator"
    for child in children:
        yield from run_by(child)


def test_every_operator_has_a_scenario() -> None:
    """Read from the scenarios' code, so that it holds whichever of them ran, and in whatever order."""
    run = {name for file in FILES for name in run_by(ast.parse(file.read_text()))}
    assert set(DECLARED) - run == set()


def test_an_operator_that_only_fails_has_none() -> None:
    code = 'go("GetSource")\ngo.gone("GetSpace")\ngo.try_("Echo").run\nname = "ListSources"\ngo.lists(name)'
    names = {name for name in run_by(ast.parse(code)) if name in DECLARED}
    assert names == {"SegmentGetSourceOperator", "SegmentListSourcesOperator"}
