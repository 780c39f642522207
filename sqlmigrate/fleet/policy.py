"""How a fleet is executed: how many targets at once, and what ends it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from sqlmigrate.errors import NOTHING_EXECUTED, ConfigError
from sqlmigrate.spelling import plural

from .results import Cause, Ended, cause_of

DEFAULT_JOBS = 8
_SAME_CAUSE = 3  # targets with one and the same failure: the file is wrong, not the data of one target
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
    if found["percent"]:
        return max(1, int(targets * float(found["number"]) / 100))
    return int(found["number"])


class Brake:
    """Decides after which failure no other target is begun.

    Attributes:
        reason: Why no other is begun; empty as long as others are.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._failed = 0
        self._causes: dict[Cause, int] = {}
        self.reason = ""

    def keep(self, ended: Ended) -> None:
        """Count a target that has ended."""
        if ended.state not in ("failed", "unreachable") or ended.error is None:
            return
        self._failed += 1
        cause = cause_of(ended.error)
        self._causes[cause] = self._causes.get(cause, 0) + 1
        if self._failed >= self._most:
            self.reason = f"no other target is begun after {plural(self._failed, 'failure')} (--max-failures)"
        elif self._causes[cause] >= _SAME_CAUSE:
            self.reason = f"{_SAME_CAUSE} targets have failed at the same place with the same error"
