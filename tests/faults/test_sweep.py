"""A sample of the points at which `make faults` cuts the connection and kills the process."""

from __future__ import annotations

from pathlib import Path

import pytest
import sweep
from postgres_servers import Server

SAMPLE = {"in transactions": 37, "without": 61, "half-done down": 53, "lock given away": 53, "folded": 19}


@pytest.mark.slow
@pytest.mark.parametrize("name", sweep.HISTORIES)
def test_a_cut_connection_loses_nothing(name: str, postgres: Server, tmp_path: Path) -> None:
    """After a cut at any message, the next run ends as an undisturbed run does."""
    migrations = sweep.write(tmp_path, sweep.HISTORIES[name])
    expected, counts = sweep.undisturbed(postgres, migrations)
    tried = sweep.points(counts, SAMPLE[name])

    found = {point: sweep.cut_once(postgres, migrations, *point) for point in tried}

    assert found == dict.fromkeys(tried, expected)
    assert len(tried) > 10


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("in transactions", 4),
        ("without", 4),
        ("without", 8),
        ("without", 12),
        ("lock given away", 7),
        ("half-done down", 4),
        ("half-done down", 9),
        ("half-done down", 13),
        ("folded", 6),
        ("folded", 11),
        ("folded", 12),
    ],
)
def test_a_killed_process_loses_nothing(name: str, number: int, postgres: Server, tmp_path: Path) -> None:
    """After `kill -9` at an event, the next run ends as an undisturbed run does."""
    migrations = sweep.write(tmp_path, sweep.HISTORIES[name])
    expected, _ = sweep.undisturbed(postgres, migrations)

    assert sweep.kill_once(postgres, tmp_path, number, "watched") == (expected, True)
