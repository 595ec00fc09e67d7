"""What is hidden of Segment's answers before others see them."""

from __future__ import annotations

from typing import Any


def without_write_keys(value: Any) -> Any:
    """The same, where it holds sources, with the write keys hidden but for their last four characters.

    What an operator returns is kept, and shown, by Airflow.
    """
    if isinstance(value, list):
        return [without_write_keys(item) for item in value]
    if isinstance(value, dict):
        return {
            name: [f"•••{key[-4:]}" for key in item or []]
            if name == "writeKeys"
            else without_write_keys(item)
            for name, item in value.items()
        }
    return value
