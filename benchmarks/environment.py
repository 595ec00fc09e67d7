"""What benchmarks leave behind, and the Airflow they run in: one that has nothing of the user's."""

from __future__ import annotations

import os
from pathlib import Path

CACHE = Path(".cache/bench").absolute()

WITH_AIRFLOW = {
    **os.environ,
    "AIRFLOW_HOME": str(CACHE / "airflow"),
    "AIRFLOW__CORE__LOAD_EXAMPLES": "False",  # their plugins would be loaded, too
    "PYTHONDONTWRITEBYTECODE": "",  # where a shell forbids it, each process would compile anew
}
"""Environment variables for a process that imports Airflow."""
