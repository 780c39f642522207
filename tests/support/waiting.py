"""Waiting for an event, however long the machine takes: the time limit of the test is the only one."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def until(condition: Callable[[], T]) -> T:
    """Wait until a condition is true, and give its value."""
    while not (found := condition()):
        time.sleep(0.01)
    return found
