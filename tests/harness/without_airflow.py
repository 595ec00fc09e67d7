"""Programs for a Python in which there is no Airflow."""

from __future__ import annotations

WITHOUT_AIRFLOW = """
import sys
from importlib.abc import MetaPathFinder

class NoAirflow(MetaPathFinder):
    def find_spec(self, fullname, path, target=None):
        if fullname.partition(".")[0] in ("airflow", "upath", "fsspec"):
            raise ModuleNotFoundError(f"No module named {fullname!r}", name=fullname)

sys.meta_path.insert(0, NoAirflow())
"""
"""How such a program begins."""
