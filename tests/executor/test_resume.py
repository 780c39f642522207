"""A file without a transaction is continued by the catalog: nothing is done twice, half made objects are repaired."""

from __future__ import annotations

import threading
from contextlib import closing
from pathlib import Path
from typing import Any

import database_state
import psycopg
import pytest
from waiting import until

from sqlmigrate.errors import HistoryError
from sqlmigrate.executor.events import Event, Failed, Finished, Recovered, Waiting
from sqlmigrate.files.folder import load
from sqlmigrate.files.migration import Migration
from sqlmigrate.history import read
from sqlmigrate.operations import up_down

TABLE = "create table t (a int); insert into t values (1), (1);"
INDEXED = TABLE + "create index i on t (a);"
BUILDING = """\
select 1 from pg_stat_progress_create_index
 where datname = current_database() and phase = 'waiting for old snapshots'"""
PARTITIONS = "create table p (a int) partition by list (a); create table p1 partition of p for values in (1);"


def _migrations(folder: Path, setup: str, text: str) -> tuple[Migration, ...]:
    (folder / "001_setup.up.sql").write_text(setup)
    (folder / "002_alone.up.sql").write_text(f"-- sqlmigrate: no-transaction\n{text}")
    return load(folder)


def _one(conn: psycopg.Connection, query: str) -> Any:
    return (conn.execute(query).fetchone() or (None,))[0]


def _killed(url: str, migrations: tuple[Migration, ...], done: int, unfinished: str | None) -> None:
    """Leave the history as a run does that is killed in the statement after the first `done` ones."""
    list(up_down.up(url, migrations[:1]))
    migration = migrations[1]
    with closing(psycopg.connect(url, autocommit=True)) as conn:
        conn.execute(
            "insert into migrations (version, name, status, checksum, up_sql, statements, statements_done, unfinished, "
            "executed_at) values (%s, %s, 'running', %s, %s, 9, %s, %s, now())",
            (migration.version, migration.name, migration.checksum, migration.up.text, done, unfinished),
        )


def _go_on(url: str, migrations: tuple[Migration, ...]) -> tuple[list[str], list[Event]]:
    events = list(up_down.up(url, migrations))
    return [event.message for event in events if isinstance(event, Recovered)], events


def _hold_snapshot(conn: psycopg.Connection) -> None:
    """Begin a transaction that a concurrent index build has to wait for."""
    conn.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    conn.execute("select 1 from t limit 1")


INDEX = "create index concurrently i on t (a);"
CASES = {
    "index not begun": (TABLE, INDEX, "1 none", "", []),
    "index made": (TABLE, INDEX, "1 none", "create index i on t (a)", ["the last run had created i already"]),
    "index left invalid": (
        TABLE, INDEX, "1 none",
        "create index i on t (a); update pg_index set indisvalid = false where indexrelid = 'i'::regclass",
        ["the last run left the index i invalid: it is dropped and built again"],
    ),
    "index dropped": (
        INDEXED,
        "drop index concurrently i;",
        "1 valid",
        "drop index i",
        ["the last run had dropped i already"],
    ),
    "index not dropped": (INDEXED, "drop index concurrently i;", "1 valid", "", []),
    "partition detached": (
        PARTITIONS, "alter table p detach partition p1 concurrently;", "1 valid", "alter table p detach partition p1",
        ["the last run had detached p1 already"],
    ),
    "partition not detached": (PARTITIONS, "alter table p detach partition p1 concurrently;", "1 valid", "", []),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_a_killed_statement_is_continued_by_the_catalog(name: str, database: str, tmp_path: Path) -> None:
    """However far the killed statement came, the rerun ends with the result of an undisturbed run."""
    setup, text, unfinished, reached, said = CASES[name]
    migrations = _migrations(tmp_path, setup, text)
    _killed(database, migrations, 0, unfinished)
    with closing(psycopg.connect(database, autocommit=True)) as conn:
        for statement in filter(None, reached.split("; ")):
            conn.execute(statement)

    messages, events = _go_on(database, migrations)

    assert messages == said
    assert isinstance(events[-1], Finished)
    with closing(psycopg.connect(database)) as conn:
        assert _one(conn, "select count(*) from pg_index where indrelid = to_regclass('t') and indisvalid") == (
            "create" in text
        )
        assert _one(conn, "select count(*) from pg_index where not indisvalid") == 0
        assert _one(conn, "select count(*) from pg_inherits where inhrelid = to_regclass('p1')") == 0
        assert (
            _one(conn, "select status || coalesce(unfinished, '') from migrations where version = '002'") == "executed"
        )


def test_a_pending_detach_is_finished(database: str, tmp_path: Path) -> None:
    """A DETACH CONCURRENTLY that was interrupted between its two transactions is finalized, not begun again."""
    migrations = _migrations(tmp_path, PARTITIONS, "alter table p detach partition p1 concurrently;")
    _killed(database, migrations, 0, "1 valid")
    with closing(psycopg.connect(database)) as reader, closing(psycopg.connect(database, autocommit=True)) as conn:
        reader.execute("select * from p")
        conn.execute("set lock_timeout = '200ms'")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            conn.execute("alter table p detach partition p1 concurrently")
        reader.rollback()
        assert _one(conn, "select inhdetachpending from pg_inherits") is True

    messages, events = _go_on(database, migrations)

    assert messages == ["the last run began to detach p1: this is finished now"]
    assert isinstance(events[-1], Finished)


def test_an_invalid_index_that_existed_before_is_not_touched(database: str, tmp_path: Path) -> None:
    """Only an index that our own statement has left behind is dropped."""
    invalid = "update pg_index set indisvalid = false where indexrelid = 'i'::regclass;"
    migrations = _migrations(tmp_path, INDEXED + invalid, INDEX)

    events = list(up_down.up(database, migrations))

    assert isinstance(events[-1], Failed)
    assert events[-1].error.message == 'relation "i" already exists'
    again, events = _go_on(database, migrations)
    assert again == []
    assert isinstance(events[-1], Failed)


def test_if_not_exists_on_an_invalid_index_is_an_error(database: str, tmp_path: Path) -> None:
    """`IF NOT EXISTS` succeeds on an invalid index; this is an error, and the statement does not count as done."""
    invalid = "update pg_index set indisvalid = false where indexrelid = 'i'::regclass;"
    migrations = _migrations(tmp_path, INDEXED + invalid, "create index concurrently if not exists i on t (a);")

    *_, failed = up_down.up(database, migrations)

    assert isinstance(failed, Failed)
    assert failed.error.message == "the index i existed before, and is invalid: no query uses it"
    assert failed.error.next_steps == ("psql: drop index concurrently i;", "sqlmigrate up")


def test_a_failed_unique_index_is_built_again_when_its_data_are_fixed(database: str, tmp_path: Path) -> None:
    """The next `up` drops the invalid index that the failure left, without a manual step."""
    migrations = _migrations(tmp_path, TABLE, "select 1;\ncreate unique index concurrently u on t (a);\nselect 2;")
    *_, failed = up_down.up(database, migrations)
    assert isinstance(failed, Failed)
    assert failed.kept == (
        "statement 1 is executed and stays",
        "the index u is left behind, marked invalid: the next up drops it and builds it again",
    )
    with closing(psycopg.connect(database, autocommit=True)) as conn:
        conn.execute("delete from t")

    messages, events = _go_on(database, migrations)

    assert messages == ["the last run left the index u invalid: it is dropped and built again"]
    assert isinstance(events[-1], Finished)


def test_an_index_in_another_schema_is_found(database: str, tmp_path: Path) -> None:
    """An index is in the schema of its table, whatever the search_path is."""
    setup = 'create schema "S x"; create table "S x".t (a int); insert into "S x".t values (1), (1);'
    migrations = _migrations(tmp_path, setup, 'create unique index concurrently "U i" on only "S x".t (a);')
    *_, failed = up_down.up(database, migrations)
    assert isinstance(failed, Failed)
    with closing(psycopg.connect(database, autocommit=True)) as conn:
        conn.execute('delete from "S x".t')

    messages, events = _go_on(database, migrations)

    assert messages == ['the last run left the index "S x"."U i" invalid: it is dropped and built again']
    assert isinstance(events[-1], Finished)


def test_a_statement_that_can_is_committed_together_with_its_record(database: str, tmp_path: Path) -> None:
    """An INSERT of a file without a transaction is never executed twice, whenever the run is killed."""
    migrations = _migrations(tmp_path, TABLE, "insert into t values (2);\nvacuum t;\ninsert into t values (3);")
    migrations_seen = []
    with closing(up_down.up(database, migrations)) as events:
        for event in events:
            migrations_seen.append(event)
            if type(event).__name__ == "StatementDone" and event.step.version == "002":  # type: ignore[union-attr]
                break

    assert isinstance(list(up_down.up(database, migrations))[-1], Finished)
    with closing(psycopg.connect(database)) as conn:
        assert _one(conn, "select array_agg(a order by a) from t") == [1, 1, 2, 3]


def test_a_done_statement_that_was_edited_stops_the_rerun(database: str, tmp_path: Path) -> None:
    """The rerun says which statement has changed, and executes nothing."""
    migrations = _migrations(tmp_path, TABLE, "insert into t values (2);\nselect 1/0;")
    list(up_down.up(database, migrations))
    migrations = _migrations(tmp_path, TABLE, "insert into t values (22);\nselect 1;")

    with pytest.raises(HistoryError) as refused:
        list(up_down.up(database, migrations))

    assert refused.value.message == "002_alone: statement 1 was executed already, and its text has changed since"
    assert str(refused.value.span).endswith("002_alone.up.sql:2:1")


def test_a_changed_rest_is_recorded_with_its_new_text(database: str, tmp_path: Path) -> None:
    """The statements after the failed one may be changed; the new text is recorded as the one that was executed."""
    list(up_down.up(database, _migrations(tmp_path, TABLE, "insert into t values (2);\nselect 1/0;")))
    migrations = _migrations(tmp_path, TABLE, "insert into t values (2);\nselect 1;")

    events = list(up_down.up(database, migrations))

    assert isinstance(events[-1], Finished)
    again = list(up_down.up(database, migrations))
    assert len(again) == 1


def test_two_runs_while_one_builds_an_index_concurrently(database: str, tmp_path: Path) -> None:
    """The waiting run polls without a snapshot, so there is no deadlock: both runs succeed, the index is valid."""
    (tmp_path / "001_t.up.sql").write_text("create table t as select generate_series(1, 100000) as a;")
    (tmp_path / "002_i.up.sql").write_text("create index concurrently i on t (a);")
    migrations = load(tmp_path)
    list(up_down.up(database, migrations[:1]))
    events: list[Event] = []

    def run() -> None:
        for event in up_down.up(database, migrations):
            events.append(event)  # noqa: PERF402 - looked at while it goes on

    with closing(psycopg.connect(database)) as reader:
        _hold_snapshot(reader)
        threads = [threading.Thread(target=run) for _ in range(2)]
        for thread in threads:
            thread.start()
        until(lambda: database_state.ask(database, BUILDING))
        until(lambda: [event for event in events if isinstance(event, Waiting)])
        reader.rollback()
        for thread in threads:
            thread.join()

    assert [type(event).__name__ for event in events].count("Finished") == 1
    assert not [event for event in events if isinstance(event, Failed)]
    with closing(psycopg.connect(database)) as conn:
        assert _one(conn, "select indisvalid from pg_index where indexrelid = 'i'::regclass") is True
        assert _one(conn, "select count(*) from migrations where status = 'executed'") == 2


def test_the_history_keeps_what_was_there_before(database: str, tmp_path: Path) -> None:
    """While a statement runs outside of a transaction, the row says how its object was found before."""
    migrations = _migrations(tmp_path, TABLE, INDEX)
    list(up_down.up(database, migrations[:1]))
    seen: list[str | None] = []
    with closing(psycopg.connect(database)) as reader, closing(psycopg.connect(database, autocommit=True)) as conn:
        _hold_snapshot(reader)
        thread = threading.Thread(target=lambda: list(up_down.up(database, migrations)))
        thread.start()
        until(lambda: database_state.ask(database, BUILDING))
        seen.append(_one(conn, "select unfinished from migrations where version = '002'"))
        reader.rollback()
        thread.join()
        seen.append(_one(conn, "select unfinished from migrations where version = '002'"))

    assert seen == ["1 none", None]
    assert read.Execution.__dataclass_fields__["unfinished"].type == "str | None"
