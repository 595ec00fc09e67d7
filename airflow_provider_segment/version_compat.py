"""The one place that knows what moved between versions of Airflow and of its compatibility package."""

from __future__ import annotations

try:
    from airflow.providers.common.compat.sdk import mask_secret
except ImportError:  # common-compat before 1.22; 1.20 is the last one for Python 3.10
    try:
        from airflow.sdk.log import mask_secret
    except ImportError:  # Airflow 2
        from airflow.utils.log.secrets_masker import mask_secret  # type: ignore[import-not-found,no-redef]

__all__ = ["mask_secret"]
