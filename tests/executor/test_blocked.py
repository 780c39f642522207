"""The locks of migrations: bounded waits, retries, and the sessions that block them."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import database_state
import psycopg
import pytest
from psycopg.pq import TransactionStatus

from sqlmigrate.executor import batch, step_run
from sqlmigrate.executor.events import Blocked, Event, Failed, Finished, Progress, StatementDone
from sqlmigrate.files import folder, migration
from sqlmigrate.operations import up_down
from sqlmigrate.parsing.script import read
from sqlmigrate.plan.plan import Limits, Step
from sqlmigrate.source import Source


@contextmanager
def _reader(url: str) -> Iterator[psycopg.Connection]:
    """Keep a table locked in a transaction, like an application that forgot to commit."""
    with closing(psycopg.connect(url, application_name="reports")) as conn:
        conn.execute("select count(*) from t")
        yield conn


@pytest.fixture
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shorten the pauses between two tries."""
    monkeypatch.setattr(step_run, "_LONGEST_PAUSE", 0.02)


@pytest.fixture
def migrations(database: str, tmp_path: Path) -> tuple[migration.Migration, ...]:
    """An existing table, and a migration that alters it."""
    (tmp_path / "001_t.up.sql").write_text("create table t (a int); create table u (a int);")
    list(up_down.up(database, folder.load(tmp_path)))
    (tmp_path / "002_alter.up.sql").write_text("create table first ();\nalter table t add b int;")
    return folder.load(tmp_path)


@pytest.mark.usefixtures("_short_pauses")
def test_a_blocked_migration_is_tried_again_until_it_gets_through(
    database: str, migrations: tuple[migration.Migration, ...]
) -> None:
    """It is rolled back each time, names the session that blocks it, and succeeds once the reader is gone."""
    events: list[Event] = []
    limits = Limits(lock_timeout="400ms", lock_retries=50)
    with _reader(database) as reader:
        pid = reader.info.backend_pid
        for event in up_down.up(database, migrations, limits=limits):
            events.append(event)
            if isinstance(event, Blocked) and event.repetition > 1 and event.blockers:
                reader.rollback()

    blocked = [event for event in events if isinstance(event, Blocked)]
    assert isinstance(events[-1], Finished)
    assert len(blocked) > 1
    assert [event.repetition for event in blocked] == [*range(1, len(blocked) + 1)]
    assert {event.repetitions for event in blocked} == {50}
    assert {event.number for event in blocked} == {2}
    assert {event.message for event in blocked} == {"canceling statement due to lock timeout"}
    (blocker,) = blocked[-1].blockers
    assert (blocker.pid, blocker.application, blocker.state) == (pid, "reports", "idle in transaction")
    assert blocker.statement == "select count(*) from t"
    assert blocker.seconds >= 0


@pytest.mark.usefixtures("_short_pauses")
def test_others_get_through_while_a_migration_is_blocked(
    database: str, migrations: tuple[migration.Migration, ...]
) -> None:
    """The lock timeout lets sessions pass that wait behind the migration, although the reader is still there."""
    events: list[Event] = []
    limits = Limits(lock_timeout="1s", lock_retries=50)
    behind: Future[psycopg.Cursor] | None = None
    with (
        _reader(database) as reader,
        closing(psycopg.connect(database, autocommit=True)) as client,
        ThreadPoolExecutor(1) as pool,
    ):
        for event in up_down.up(database, migrations, limits=limits):
            events.append(event)
            if isinstance(event, Progress) and event.activity.blockers and behind is None:
                behind = pool.submit(client.execute, "select count(*) from t")
            if isinstance(event, Blocked) and behind is not None:
                assert behind.result().fetchone() == (0,)
                assert reader.info.transaction_status == TransactionStatus.INTRANS
                reader.rollback()

    assert behind is not None
    assert isinstance(events[-1], Finished)


@pytest.mark.usefixtures("_short_pauses")
def test_a_migration_that_never_gets_its_lock_fails_with_who_was_in_the_way(
    database: str, migrations: tuple[migration.Migration, ...]
) -> None:
    """After the last try the failure is recorded, and the file has left nothing in the database."""
    with _reader(database) as reader:
        *_, failed = up_down.up(database, migrations, limits=Limits(lock_timeout="800ms", lock_retries=2))

        assert isinstance(failed, Failed)
        assert failed.error.sqlstate == "55P03"
        tried, blocked_by, doing, ending, command = failed.error.detail
        assert tried == "tried 3 times, with pauses between"
        assert blocked_by == f"blocked by process {reader.info.backend_pid} (reports, user postgres, local socket)"
        assert re.fullmatch(r"idle in transaction, open for \d+ s: select count\(\*\) from t", doing)
        assert ending == "if its program is gone, end the session:"
        ours = f"select pg_terminate_backend(pid) from pg_stat_activity where pid = {reader.info.backend_pid} and "
        assert command.startswith(f"{ours}backend_start = '")
        assert database_state.ask(database, command) == [(True,)]
    with closing(psycopg.connect(database)) as conn:
        assert conn.execute("select to_regclass('first'), status from migrations where version = '002'").fetchone() == (
            None, "failed",
        )  # fmt: skip


def test_the_files_own_lock_timeout_comes_first(database: str, tmp_path: Path) -> None:
    """The statements of a file with the directive see its value, those of other files see the run's limit."""
    (tmp_path / "001_own.up.sql").write_text(
        "-- sqlmigrate: lock-timeout 7s\ncreate table own as select current_setting('lock_timeout');"
    )
    (tmp_path / "002_other.up.sql").write_text("create table other as select current_setting('lock_timeout');")

    list(up_down.up(database, folder.load(tmp_path)))

    with closing(psycopg.connect(database)) as conn:
        assert conn.execute("table own union all table other").fetchall() == [("7s",), ("5s",)]


def test_a_deadlocks_victim_is_tried_again(database: str, tmp_path: Path) -> None:
    """PostgreSQL ends one of two sessions that wait for each other; the next try of the migration succeeds."""
    (tmp_path / "001_t.up.sql").write_text("create table t (a int); create table u (a int);")
    list(up_down.up(database, folder.load(tmp_path)))
    (tmp_path / "002_two.up.sql").write_text(
        "set local deadlock_timeout = '100ms';\nalter table t add b int;\n"
        "do $$ begin while not exists (select from pg_locks where not granted and relation = 't'::regclass) loop\n"
        "  perform pg_sleep(0.01); end loop; end $$;\n"
        "alter table u add b int;"
    )
    events: list[Event] = []
    with closing(psycopg.connect(database)) as other, ThreadPoolExecutor(1) as pool:
        other.execute("set deadlock_timeout = '1h'")
        other.execute("lock table u")
        for event in up_down.up(database, folder.load(tmp_path)):
            events.append(event)
            if isinstance(event, StatementDone) and event.number == 2:
                waits = pool.submit(other.execute, "lock table t in access share mode")
            if isinstance(event, Blocked):
                waits.result()
                other.rollback()

    assert [event.message for event in events if isinstance(event, Blocked)] == ["deadlock detected"]
    assert isinstance(events[-1], Finished)


def test_a_long_statement_is_watched(database: str, tmp_path: Path) -> None:
    """`Progress` tells which statement is being executed and for how long: every second by default."""
    (tmp_path / "001_t.up.sql").write_text("create table t (a int);\nselect pg_advisory_xact_lock_shared(7);")
    seen: list[Progress] = []
    with closing(psycopg.connect(database)) as gate:
        gate.execute("select pg_advisory_xact_lock(7)")
        for event in up_down.up(database, folder.load(tmp_path), tick=0.1):
            if isinstance(event, Progress):
                seen.append(event)
                if len(seen) == 3:
                    gate.rollback()

    durations = [event.duration_ms for event in seen]
    assert {(event.number, event.total) for event in seen} == {(2, 2)}
    assert durations == sorted(set(durations))
    assert durations[0] >= 100
    assert inspect.signature(up_down.up).parameters["tick"].default == 1.0


@pytest.mark.parametrize(
    ("lock_timeout", "longest", "expected"),
    [("5s", 1.0, 1.0), ("500ms", 1.0, 0.25), ("10ms", 1.0, 0.05), ("0", 1.0, 1.0), ("5s", 0.005, 0.005)],
)
def test_how_often_a_step_is_looked_at(lock_timeout: str, longest: float, expected: float) -> None:
    """A blocker is seen during half of a wait for a lock; whoever asks for more looks is given them."""
    source = Source("sql/001_t.up.sql", "create table t (a int);")
    step = Step("up", "001", "001_t", read(source), migration.Migration("001", "001_t", source, None))
    assert batch.tick(step, lock_timeout, longest) == expected


def test_the_percentage_of_an_index_build_is_seen(database: str, tmp_path: Path) -> None:
    """An index build that waits for an old transaction shows its phase."""
    (tmp_path / "001_t.up.sql").write_text("create table t as select generate_series(1, 1000) as a;")
    list(up_down.up(database, folder.load(tmp_path)))
    (tmp_path / "002_i.up.sql").write_text("create index concurrently i on t (a);")
    seen = []
    with closing(psycopg.connect(database)) as reader:
        reader.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        reader.execute("select count(*) from t")
        pid = reader.info.backend_pid
        for event in up_down.up(database, folder.load(tmp_path), tick=0.1):
            if isinstance(event, Progress):
                seen.append(event.activity)
                if event.activity.blockers:
                    reader.rollback()

    sight = next(sight for sight in seen if sight.blockers)
    assert sight.progress == "waiting for old snapshots"
    assert sight.waits_for == "Lock virtualxid"
    assert [blocker.pid for blocker in sight.blockers] == [pid]
