"""What a review waits for: a shadow server, a template of 180 tables, a clone of it."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg

from sqlmigrate.shadow import databases
from sqlmigrate.shadow.databases import Databases

_COPIES_FILES = 150000  # https://www.postgresql.org/docs/15/sql-createdatabase.html: STRATEGY


def times(home: Path, version: int, runs: int) -> Iterator[tuple[str, float]]:
    """Measure in milliseconds; the first call in a folder also makes the server's data and the template."""
    stopwatch = _Stopwatch()
    with databases.server(home, postgres=version) as server:
        yield f"{server.label}, started", stopwatch.lap()
        base = server.template("180 tables", _tables)
        yield "a template of 180 tables", stopwatch.lap()
        strategies = ["file_copy", "wal_log"] if server.version >= _COPIES_FILES else ["file_copy"]
        clones: dict[str, list[float]] = {strategy: [] for strategy in strategies}
        dropped: list[float] = []
        for strategy in strategies * runs:
            databases.STRATEGY = strategy
            stopwatch.lap()
            with server.clone(base):
                clones[strategy].append(stopwatch.lap())
            dropped.append(stopwatch.lap())
        databases.STRATEGY = "file_copy"
        for strategy, each in clones.items():
            yield f"a clone, made by {strategy}", statistics.median(each)
        yield "a clone, dropped", statistics.median(dropped)
        stopwatch.lap()
    yield "the server, stopped", stopwatch.lap()


class _Stopwatch:
    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._began = clock()

    def lap(self) -> float:
        """Give the milliseconds since the last lap."""
        before, self._began = self._began, self._clock()
        return (self._began - before) * 1000


def _tables(made: Databases) -> int:
    with psycopg.connect(made.owner_url, autocommit=True) as conn:
        for number in range(180):
            conn.execute(f"create table t{number} (id bigint primary key, name text)".encode())
    return 180
