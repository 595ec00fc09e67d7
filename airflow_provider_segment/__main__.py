"""``python -m airflow_provider_segment``: the command line where there is no ``airflow segment``."""

from __future__ import annotations

from airflow_provider_segment.commands import main

if __name__ == "__main__":
    main()
