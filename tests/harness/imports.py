"""What a source imports, as far as its text says: statements, ``import_module("...")``, and attributes."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator

import airflow_provider_segment

PACKAGE = airflow_provider_segment.__name__


def imports_of(
    source: str, package: str, modules: Collection[str], *, for_type_checkers: bool = False
) -> list[str]:
    """The full names of the modules that a source imports, anywhere in it.

    :param package: where its relative imports start from
    :param modules: all modules of the package ``PACKAGE``
    :param for_type_checkers: whether to list also what is imported under ``if TYPE_CHECKING``
    """
    tree = ast.parse(source)
    nodes = list(ast.walk(tree) if for_type_checkers else run_time_nodes(tree))
    bound = {}  # what a name is by an `import`
    found: list[str] = []
    for node in nodes:
        if isinstance(node, ast.Import):
            for alias in node.names:
                found.append(alias.name)
                top = alias.name.partition(".")[0]
                bound[alias.asname or top] = alias.name if alias.asname else top
        elif isinstance(node, ast.ImportFrom):
            module = absolute("." * node.level + (node.module or ""), package)
            for alias in node.names:
                name = f"{module}.{alias.name}"
                found.append(name if module_in(name, modules) == name else module)
        elif isinstance(node, ast.Call):
            found += [absolute(name, package) for name in imported_by(node)]
    for node in nodes:
        if isinstance(node, ast.Attribute):
            top, _, rest = ast.unparse(node).partition(".")
            if module_name := module_in(f"{bound.get(top, '')}.{rest}", modules):
                found.append(module_name)
    return list(dict.fromkeys(found))


def run_time_nodes(tree: ast.AST) -> Iterator[ast.AST]:
    """All nodes but those under ``if TYPE_CHECKING``."""
    yield tree
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING"):
            for other in node.orelse:
                yield from run_time_nodes(other)
        else:
            yield from run_time_nodes(node)


def imported_by(call: ast.Call) -> Iterator[str]:
    """The module that a call imports, if it is named there."""
    if ast.unparse(call.func).rpartition(".")[2] in ("import_module", "__import__"):
        arguments = [*call.args[:1], *(word.value for word in call.keywords if word.arg == "name")]
        for argument in arguments:
            if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                yield argument.value


def absolute(name: str, package: str) -> str:
    """The full name of a module; each dot that it begins with leads one package up."""
    rest = name.lstrip(".")
    level = len(name) - len(rest)
    parts = package.split(".")
    return ".".join([*parts[: len(parts) - level + 1], *filter(None, [rest])]) if level else name


def module_in(name: str, modules: Collection[str]) -> str | None:
    """The module of the package that a dotted name begins with; None if it is only the package itself.

    What is directly in the package is a module, known or not, except for ``__version__`` and its like.
    """
    parts = name.split(".")
    if parts[0] != PACKAGE or len(parts) < 2 or parts[1].startswith("__"):
        return None
    prefixes = (".".join(parts[:count]) for count in range(len(parts), 1, -1))
    return next((prefix for prefix in prefixes if prefix in modules), ".".join(parts[:2]))
