"""Times and durations as users read them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from sqlmigrate.times import duration, moment


def test_a_moment_is_given_in_utc_and_says_so() -> None:
    """The same moment is the same text, in whatever zone it is known."""
    time = datetime(2026, 2, 13, 1, 16, 28, 999_999, UTC)

    assert moment(time) == "2026-02-13 01:16:28 UTC"
    assert moment(time.astimezone(timezone(timedelta(hours=5, minutes=45)))) == "2026-02-13 01:16:28 UTC"


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0, "0 s"), (99, "99 s"), (100, "1 min 40 s"), (3_599, "59 min 59 s"), (3_600, "1 h 0 min"),
        (12_060, "3 h 21 min"), (86_399, "23 h 59 min"), (86_400, "1 d 0 h"), (190_000, "2 d 4 h"),
    ],
)  # fmt: skip
def test_a_duration_has_one_or_two_units(seconds: int, expected: str) -> None:
    """Seconds alone up to 99, then the two largest units, rounded down."""
    assert duration(seconds) == expected
