"""The locks of migrations: bounded, tried again, with who stands in the way."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg
import pytest

from sqlmigrate.executor.events import Blocked, Failed, Finished, Progress
from sqlmigrate.files import folder, migration
from sqlmigrate.operations import up_down
from sqlmigrate.plan.plan import Limits


@contextmanager
def _reader(url: str, seconds: float) -> Iterator[psycopg.Connection]:
    """Keep a table in a transaction for so long, as an application that forgot to commit."""
    with closing(psycopg.connect(url, application_name="reports")) as conn:
        conn.execute("select count(*) from t")
        timer = threading.Timer(seconds, conn.rollback)
        timer.start()
        yield conn
        timer.join()


@pytest.fixture
def migrations(database: str, tmp_path: Path) -> tuple[migration.Migration, ...]:
    """A table that is there, and a migration that alters it."""
    (tmp_path / "001_t.up.sql").write_text("create table t (a int); create table u (a int);")
    list(up_down.up(database, folder.load(tmp_path)))
    (tmp_path / "002_alter.up.sql").write_text("create table first ();\nalter table t add b int;")
    return folder.load(tmp_path)


def test_a_blocked_migration_is_tried_again_until_it_gets_through(
    database: str, migrations: tuple[migration.Migration, ...]
) -> None:
    """It is rolled back each time, says who stands in the way, and ends well once the reader is gone."""
    with _reader(database, 3.0) as reader:
        pid = reader.info.backend_pid
        events = list(up_down.up(database, migrations, limits=Limits(lock_timeout="1200ms")))

    blocked = [event for event in events if isinstance(event, Blocked)]
    assert isinstance(events[-1], Finished)
    assert blocked
    assert [event.tries for event in blocked] == [(number, 10) for number in range(1, len(blocked) + 1)]
    assert {event.number for event in blocked} == {2}
    assert blocked[0].message == "canceling statement due to lock timeout"
    (blocker,) = blocked[0].blockers
    assert (blocker.pid, blocker.application, blocker.state) == (
        pid,
        "reports",
        "idle in transaction",
    )
    assert blocker.statement == "select count(*) from t"
    assert 0 <= blocker.seconds < 10


def test_others_get_through_while_a_migration_is_blocked(
    database: str, migrations: tuple[migration.Migration, ...]
) -> None:
    """Nobody waits behind the migration longer than its lock timeout."""
    longest = 0.0
    with _reader(database, 3.0), closing(psycopg.connect(database, autocommit=True)) as client:
        thread = threading.Thread(
            target=lambda: list(up_down.up(database, migrations, limits=Limits(lock_timeout="500ms")))
        )
        thread.start()
        while thread.is_alive():
            start = time.monotonic()
            client.execute("select count(*) from t")
            longest = max(longest, time.monotonic() - start)
            time.sleep(0.005)
        thread.join()

    assert longest < 1.5


def test_a_migration_that_never_gets_its_lock_fails_with_who_was_in_the_way(
    database: str, migrations: tuple[migration.Migration, ...]
) -> None:
    """After the last try the failure is recorded, and nothing of the file is in the database."""
    with _reader(database, 4.5) as reader:
        *_, failed = up_down.up(database, migrations, limits=Limits(lock_timeout="1100ms", lock_retries=1))

        assert isinstance(failed, Failed)
        assert failed.error.sqlstate == "55P03"
        tried, in_the_way, doing = failed.error.detail
        assert tried == "tried 2 times, with pauses between"
        assert in_the_way == f"in the way: process {reader.info.backend_pid} (reports, user postgres)"
        assert re.fullmatch(r"idle in transaction, open for \d s: select count\(\*\) from t", doing)
    with closing(psycopg.connect(database)) as conn:
        assert conn.execute("select to_regclass('first'), status from migrations where version = '002'").fetchone() == (
            None, "failed",
        )  # fmt: skip


def test_the_files_own_lock_timeout_comes_first(database: str, tmp_path: Path) -> None:
    """The directive is what the statements of its file see, the run's limit what the others see."""
    (tmp_path / "001_own.up.sql").write_text(
        "-- sqlmigrate: lock-timeout 7s\ncreate table own as select current_setting('lock_timeout');"
    )
    (tmp_path / "002_other.up.sql").write_text("create table other as select current_setting('lock_timeout');")

    list(up_down.up(database, folder.load(tmp_path)))

    with closing(psycopg.connect(database)) as conn:
        assert conn.execute("table own union all table other").fetchall() == [("7s",), ("5s",)]


def test_a_deadlocks_victim_is_tried_again(database: str, tmp_path: Path) -> None:
    """PostgreSQL ends the migration that waited for the one that waits for it; the next try goes through."""
    (tmp_path / "001_t.up.sql").write_text("create table t (a int); create table u (a int);")
    list(up_down.up(database, folder.load(tmp_path)))
    (tmp_path / "002_two.up.sql").write_text(
        "set local deadlock_timeout = '100ms';\nalter table t add b int;\nselect pg_sleep(0.5);\n"
        "alter table u add b int;"
    )
    with closing(psycopg.connect(database)) as other:
        other.execute("set deadlock_timeout = '20s'")
        other.execute("lock table u")
        waits = threading.Timer(0.3, lambda: other.execute("lock table t in access share mode"))
        waits.start()
        freed = threading.Timer(2.0, other.rollback)
        freed.start()
        events = list(up_down.up(database, folder.load(tmp_path)))
        waits.join()
        freed.join()

    blocked = [event.message for event in events if isinstance(event, Blocked)]
    assert blocked[0] == "deadlock detected"
    assert isinstance(events[-1], Finished)


def test_a_long_statement_is_watched(database: str, tmp_path: Path) -> None:
    """Every second it is told which statement is under way, and since when."""
    (tmp_path / "001_t.up.sql").write_text("create table t (a int);\nselect pg_sleep(2.6);")

    seen = [event for event in up_down.up(database, folder.load(tmp_path)) if isinstance(event, Progress)]

    assert [(event.number, event.total) for event in seen] == [(2, 2), (2, 2)]
    assert 900 < seen[0].duration_ms < seen[1].duration_ms


def test_the_percentage_of_an_index_build_is_seen(database: str, tmp_path: Path) -> None:
    """A build that waits for an old transaction names its phase."""
    (tmp_path / "001_t.up.sql").write_text("create table t as select generate_series(1, 1000) as a;")
    list(up_down.up(database, folder.load(tmp_path)))
    (tmp_path / "002_i.up.sql").write_text("create index concurrently i on t (a);")
    with closing(psycopg.connect(database)) as reader:
        reader.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        reader.execute("select count(*) from t")
        pid = reader.info.backend_pid
        timer = threading.Timer(2.5, reader.rollback)
        timer.start()
        seen = [event.activity for event in up_down.up(database, folder.load(tmp_path)) if isinstance(event, Progress)]
        timer.join()

    assert seen[0].progress == "waiting for old snapshots"
    assert seen[0].waits_for == "Lock virtualxid"
    assert [blocker.pid for blocker in seen[0].blockers] == [pid]
