"""Decides after which failure no other target is begun."""

from __future__ import annotations

from collections import Counter

from .results import Cause, Ended, State, cause_of

_COUNTED: dict[State, str] = {"failed": "failed", "unreachable": "cannot be reached", "not known": "not known"}
_SAME_CAUSE = 3  # targets with one and the same failure: the file is wrong, not the data of one target


class Brake:
    """Decides after which failure no other target is begun.

    Attributes:
        reason: Why no other is begun; empty as long as others are.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._failed: Counter[State] = Counter()
        self._causes: dict[Cause, int] = {}
        self.reason = ""

    def keep(self, ended: Ended) -> None:
        """Count a target that has ended."""
        if ended.state not in _COUNTED or ended.error is None:
            return
        self._failed[ended.state] += 1
        cause = cause_of(ended.error)
        self._causes[cause] = self._causes.get(cause, 0) + 1
        if self._failed.total() >= self._most:
            counts = [f"{self._failed[state]:,} {words}" for state, words in _COUNTED.items() if self._failed[state]]
            self.reason = f"{', '.join(counts)}, so the others were not begun (--max-failures)"
        elif self._causes[cause] >= _SAME_CAUSE:
            self.reason = (
                f"{_SAME_CAUSE} targets failed at the same place with the same error, so the others were not begun"
            )
