"""Decides after which failure no other target is begun."""

from __future__ import annotations

from sqlmigrate.spelling import plural

from .results import Cause, Ended, cause_of

_SAME_CAUSE = 3  # targets with one and the same failure: the file is wrong, not the data of one target


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
            self.reason = f"{plural(self._failed, 'target')} failed, so the others were not begun (--max-failures)"
        elif self._causes[cause] >= _SAME_CAUSE:
            self.reason = (
                f"{_SAME_CAUSE} targets failed at the same place with the same error, so the others were not begun"
            )
