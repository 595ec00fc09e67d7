"""The packages of operators and sensors: their classes are found without importing their modules."""

from __future__ import annotations

import ast
import compileall
import inspect
import shutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

import pytest

from airflow_provider_segment import operators, sensors
from airflow_provider_segment.lazy import classes_of_modules

pytestmark = pytest.mark.core

PACKAGES = pytest.mark.parametrize("package", [operators.__name__, sensors.__name__])


@PACKAGES
def test_all_public_classes_are_found(package: str) -> None:
    """A base that is not for users has a name that does not begin with ``Segment``."""
    defined = {}
    for module in iter_modules(import_module(package).__path__):
        members = vars(import_module(f"{package}.{module.name}"))
        here = {
            n for n, v in members.items() if inspect.isclass(v) and v.__module__.endswith(f".{module.name}")
        }
        defined[module.name] = {name for name in here if name.startswith("Segment")}
    assert {module: set(names) for module, names in classes_of_modules(package).items()} == defined
    assert dir(import_module(package)) == sorted(name for names in defined.values() for name in names)


@PACKAGES
def test_type_checkers_see_every_module(package: str) -> None:
    module = import_module(package)
    stars = [
        node.module
        for node in ast.walk(ast.parse(Path(str(module.__file__)).read_text()))
        if isinstance(node, ast.ImportFrom) and node.names[0].name == "*"
    ]
    assert stars == sorted(f"{package}.{each.name}" for each in iter_modules(module.__path__))


def test_one_operator_imports_one_module() -> None:
    script = (
        "import sys; from airflow_provider_segment.operators import SegmentGetWorkspaceOperator as operator;"
        "print(operator.__name__, *[name for name in sys.modules if 'segment.operators.' in name])"
    )
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert found.stdout.split() == [
        "SegmentGetWorkspaceOperator",
        "airflow_provider_segment.operators.workspaces",
    ]


@pytest.mark.parametrize("name", ["SegmentNothingOperator", "nothing", "__path_of__"])
def test_an_unknown_name(name: str) -> None:
    with pytest.raises(AttributeError, match=name):
        getattr(operators, name)


@pytest.mark.parametrize("form", ["zip", "byte code"])
def test_other_forms_of_a_package(tmp_path: Path, form: str) -> None:
    folder = tmp_path / "tree" / "lazy_package"
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text(
        "from airflow_provider_segment.lazy import lazy_classes\n"
        "__getattr__, __dir__ = lazy_classes(__name__)\n"
    )
    (folder / "first.py").write_text("import os\n\nclass SegmentOne: ...\n\nclass _Base: ...\n")
    (folder / "second.py").write_text("from lazy_package.first import SegmentOne\n\nclass SegmentTwo: ...\n")
    place = folder.parent
    if form == "zip":
        place = Path(shutil.make_archive(str(tmp_path / "package"), "zip", folder.parent))
    else:
        compileall.compile_dir(folder, legacy=True, quiet=1)
        for source in folder.glob("*.py"):
            source.unlink()
    script = (
        f"import sys; sys.path.insert(0, {str(place)!r}); import lazy_package as package;"
        "from lazy_package import SegmentTwo; print(SegmentTwo.__module__, *dir(package))"
    )
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert found.stdout.split() == ["lazy_package.second", "SegmentOne", "SegmentTwo"]
