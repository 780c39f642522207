"""The number of random examples: `make test` is run often and takes a fifth of those of `make check`."""

from __future__ import annotations

import os


def examples(number: int, least: int = 10) -> int:
    """Give how many examples a property is tried with: all of them where everything is demanded."""
    return number if "TESTS_DEMAND_ALL" in os.environ else max(number // 5, least)
