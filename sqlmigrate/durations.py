"""Durations as users write them: 5s, 500ms, 2min."""

from __future__ import annotations

import re

_DURATION = re.compile(r"(?P<count>[0-9]+) ?(?P<unit>us|ms|s|min|h|d)?")
_MILLISECONDS = {"us": 0.001, "ms": 1, None: 1, "s": 1000, "min": 60_000, "h": 3_600_000, "d": 86_400_000}
WAIT = re.compile(r"(?P<count>[0-9]+(?:\.[0-9]+)?) ?(?P<unit>ms|s|min|h)?")
_LONGEST = 2**31 - 1  # milliseconds, of lock_timeout and statement_timeout


def timeout_fault(value: str) -> str | None:
    """Say what is wrong with a duration for PostgreSQL's timeouts, which count milliseconds where no unit is given.

    https://www.postgresql.org/docs/current/config-setting.html#CONFIG-SETTING-NAMES-VALUES
    """
    match = _DURATION.fullmatch(value)
    if not match:
        return f"`{value}` is no duration"
    if int(match["count"]) * _MILLISECONDS[match["unit"]] > _LONGEST:
        return f"`{value}` is longer than PostgreSQL can wait, which is 24 days"
    return None


def milliseconds(value: str) -> float:
    """Give the milliseconds of a duration for PostgreSQL's timeouts; 0, which is no bound, where it is none."""
    match = _DURATION.fullmatch(value)
    return int(match["count"]) * _MILLISECONDS[match["unit"]] if match else 0


def seconds(value: str) -> float:
    """Give the seconds of a duration that `SETTINGS` has found right; a number alone counts them."""
    match = WAIT.fullmatch(value)
    if not match:
        raise AssertionError(f"{value} is no duration")
    return float(match["count"]) * _MILLISECONDS[match["unit"] or "s"] / 1000
