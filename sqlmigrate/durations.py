"""Durations as users write them: 5s, 500ms, 2min."""

from __future__ import annotations

import re

_DURATION = re.compile(r"(?P<count>[0-9]+) ?(?P<unit>us|ms|s|min|h|d)?")
_MILLISECONDS = {"us": 0.001, "ms": 1, None: 1, "s": 1000, "min": 60_000, "h": 3_600_000, "d": 86_400_000}
_WAIT = re.compile(r"(?P<count>[0-9]+(?:\.[0-9]+)?) ?(?P<unit>ms|s|min|h)?")
_LONGEST = 2**31 - 1  # milliseconds, the limit of lock_timeout and statement_timeout


def timeout_fault(value: str) -> str | None:
    """Say what is wrong with a duration for PostgreSQL's timeouts, which count milliseconds if there is no unit.

    https://www.postgresql.org/docs/current/config-setting.html#CONFIG-SETTING-NAMES-VALUES
    """
    match = _DURATION.fullmatch(value)
    if not match:
        return f"`{value}` is not a duration"
    if int(match["count"]) * _MILLISECONDS[match["unit"]] > _LONGEST:
        return f"`{value}` is longer than PostgreSQL can wait, which is 24 days"
    return None


def milliseconds(value: str) -> float:
    """Return the milliseconds of a duration for PostgreSQL's timeouts; 0 (no limit) if it is not one."""
    match = _DURATION.fullmatch(value)
    return int(match["count"]) * _MILLISECONDS[match["unit"]] if match else 0


def wait_fault(value: str) -> str | None:
    """Say what is wrong with a duration that we wait ourselves; it may have decimals, and no unit means seconds."""
    return None if _WAIT.fullmatch(value) else f"`{value}` is not a duration"


def seconds(value: str) -> float:
    """Return the seconds of a duration without a `wait_fault`."""
    match = _WAIT.fullmatch(value)
    if not match:
        raise AssertionError(f"{value} is not a duration")
    return float(match["count"]) * _MILLISECONDS[match["unit"] or "s"] / 1000
