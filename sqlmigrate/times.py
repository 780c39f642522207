"""Times and durations as users read them: `2026-02-13 01:16:28 UTC`, `12 min 5 s`."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

_IN_SECONDS = 100  # a duration below this is given in seconds alone
_MINUTE, _HOUR, _DAY = 60, 3600, 86_400


def now() -> datetime:
    """Return the time of this machine, in UTC."""
    return datetime.now(UTC)


def after(seconds: float) -> datetime:
    """Return the time in so many seconds, in UTC."""
    return now() + timedelta(seconds=seconds)


def seconds_until(time: datetime) -> float:
    """Return how many seconds it is until a time; 0 for one that is over."""
    return max(0.0, (time - now()).total_seconds())


def moment(time: datetime) -> str:
    """Return a time in UTC, to the second, with its zone: the text is the same on every machine."""
    return time.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def duration(seconds: int) -> str:
    """Return whole seconds in one or two units: ``95 s``, ``12 min 5 s``, ``3 h 20 min``, ``2 d 4 h``."""
    if seconds < _IN_SECONDS:
        return f"{seconds} s"
    if seconds < _HOUR:
        return f"{seconds // _MINUTE} min {seconds % _MINUTE} s"
    if seconds < _DAY:
        return f"{seconds // _HOUR} h {seconds % _HOUR // _MINUTE} min"
    return f"{seconds // _DAY} d {seconds % _DAY // _HOUR} h"
