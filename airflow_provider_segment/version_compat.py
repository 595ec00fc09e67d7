"""The one place that knows what moved between versions of Airflow and of its compatibility package."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

try:
    from airflow.providers.common.compat.sdk import mask_secret
except ImportError:  # common-compat before 1.22; 1.20 is the last one for Python 3.10
    try:
        from airflow.sdk.log import mask_secret
    except ImportError:  # Airflow 2
        from airflow.utils.log.secrets_masker import mask_secret  # type: ignore[import-not-found,no-redef]

if TYPE_CHECKING:
    from airflow.triggers.shared_stream import SharedStreamProducer

__all__ = ["SharedStreamProducer", "mask_secret"]


def __getattr__(name: str) -> Any:
    # Only triggers need it, and it takes a second to import.
    if name == "SharedStreamProducer":
        try:
            from airflow.triggers.shared_stream import SharedStreamProducer
        except ImportError:  # Airflow before 3.3
            return object
        return SharedStreamProducer
    raise AttributeError(name)
