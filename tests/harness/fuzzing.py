"""How many examples hypothesis makes: few and always the same by default, very many in `make fuzz`."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, Phase, settings

EXAMPLES = 100
LONGER = 100
"""How many times as many examples `make fuzz` makes."""


def register_profiles() -> None:
    """The short form, which is loaded, and the long one: `--hypothesis-profile=fuzz`."""
    # Machines are noisy: nothing is judged by its time.
    unhurried: dict[str, Any] = {"deadline": None, "suppress_health_check": list(HealthCheck)}
    settings.register_profile(
        "tests",
        max_examples=EXAMPLES,
        derandomize=True,
        database=None,
        phases=[Phase.explicit, Phase.generate, Phase.shrink],
        **unhurried,
    )
    settings.register_profile("fuzz", max_examples=EXAMPLES * LONGER, **unhurried)
    settings.load_profile("tests")


def examples(number: int) -> settings:
    """For a test with slow examples: make this many in the short form, instead of `EXAMPLES`."""
    return settings(max_examples=number * settings.default.max_examples // EXAMPLES)
