"""Eight processes execute the same folder at once: each migration is executed once, and each process succeeds."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import children
import psycopg
from in_flight import files, require_complete, seen_by
from points import Point, Site
from waiting import until

RUNS = 8
ROUNDS = 20
FILES = 30
_KEY = 7
_GATE = f"-- sqlmigrate: lock-timeout 60s\nselect pg_advisory_xact_lock_shared({_KEY});"
_GIVEN_AWAY = "select pg_advisory_unlock_all();"  # the next run gets in: directly, too, several execute the files
_ALL_ARE_HERE = """\
select count(*) filter (where wait_event_type = 'Lock') >= 1
       and count(*) filter (where wait_event_type = 'Lock' or query like '%pg_try_advisory_lock%') = 8
  from pg_stat_activity where datname = current_database() and application_name = 'sqlmigrate'"""
_LOCKS = "select count(*) from pg_locks where locktype = 'advisory'"


@dataclass(frozen=True)
class EightAtOnce:
    """Rounds of eight runs at once, directly or through PgBouncer in transaction mode.

    In every second round the first file waits until all eight are there.

    Attributes:
        name: Its name.
        sample: Every how many points are tried by `make check`.
    """

    name: str = "eight at once"
    texts: dict[str, str] = field(
        default_factory=lambda: files(FILES, {1: _GATE, 10: _GIVEN_AWAY, 20: _GIVEN_AWAY}, {}), repr=False
    )
    sample: int = 13

    def points(self, site: Site) -> Iterator[Point]:  # noqa: ARG002 - the points of others depend on it
        for how in ("direct", "pooled"):
            yield from (Point(self.name, how, number) for number in range(ROUNDS))

    def disturb(self, site: Site, point: Point) -> bool:
        folder = site.written(self.name, self.texts)
        with site.server.database() as url, closing(psycopg.connect(url, autocommit=True)) as conn:
            if waits := bool(point.number % 2):
                conn.execute("select pg_advisory_lock(%s)", [_KEY])
            through = site.pooled(url) if point.how == "pooled" else url
            begun = [_begin(folder, through) for _ in range(RUNS)]
            if waits:
                until(lambda: conn.execute(_ALL_ARE_HERE).fetchone() == (True,))
                conn.execute("select pg_advisory_unlock(%s)", [_KEY])
            ended = [process.communicate() for process in begun]
            failed = [ended[n] for n in range(RUNS) if begun[n].returncode]
            assert not failed, f"these runs failed: {failed}"
            told = [label for stdout, _ in ended for label in re.findall(r"✅ (\S+)", stdout)]
            assert sorted(told) == [f"{n:03}_n" for n in range(1, FILES + 1)], f"told: {told}"
            until(lambda: conn.execute(_LOCKS).fetchone() == (0,))
            require_complete(seen_by(conn), "up", FILES)
        return True


def _begin(folder: Path, url: str) -> subprocess.Popen[Any]:
    return children.start(
        [sys.executable, "-m", "sqlmigrate", "--directory", folder, "up"],
        env={**os.environ, "DATABASE_URL": url, "PYTHONUTF8": "1"},
        text=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
