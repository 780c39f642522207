"""How a fleet is executed: how many targets at once, and how many may fail. Loads no driver: the command asks it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from sqlmigrate.errors import NOTHING_EXECUTED, ConfigError

DEFAULT_JOBS = 8
_ALL_PERCENT = 100
_SHARE = re.compile(r"(?P<number>[0-9]+(?:\.[0-9]+)?)(?P<percent>%?)")


@dataclass(frozen=True)
class FleetPolicy:
    """How a fleet is executed.

    Attributes:
        jobs: How many targets are executed at once.
        per_server: How many of them on one server (host and port) at once; None: all.
        max_failures: After so many failed targets no other is begun: a number, or a share such as ``5%``.
        canaries: How many targets are executed first, one by one, if none has the tag ``canary``.
        is_strict: Whether nothing is executed if a target is left out, or cannot be reached.
    """

    jobs: int = DEFAULT_JOBS
    per_server: int | None = None
    max_failures: str = "1"
    canaries: int = 0
    is_strict: bool = False


DEFAULT_POLICY = FleetPolicy()


def most_failures(text: str, targets: int) -> int:
    """Return how many of so many targets may fail before no other is begun; at least 1.

    Raises `ConfigError` for what is not a number and not a share.
    """
    found = _SHARE.fullmatch(text)
    if not found or (not found["percent"] and not found["number"].isdecimal()) or float(found["number"]) <= 0:
        raise ConfigError(
            f"--max-failures: `{text}` is not a number of targets",
            state=NOTHING_EXECUTED,
            hint="a number or a share: 3, 5%",
        )
    if found["percent"] and float(found["number"]) > _ALL_PERCENT:
        raise ConfigError(
            f"--max-failures: `{text}` is more than all targets",
            state=NOTHING_EXECUTED,
            hint="at most 100%",
        )
    if found["percent"]:
        return max(1, int(targets * float(found["number"]) / 100))
    return int(found["number"])
