"""Through a real PgBouncer, in session mode and in transaction mode."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from pgbouncer import bouncer
from postgres_servers import Server
from psycopg.conninfo import conninfo_to_dict
from sample_size import examples
from waiting import until

from sqlmigrate.database import pooler
from sqlmigrate.database.session import connect
from sqlmigrate.errors import ServerError
from sqlmigrate.executor.events import Event, Failed, Finished
from sqlmigrate.files.folder import load
from sqlmigrate.history import read
from sqlmigrate.operations import up_down

RUNS = 8
ROUNDS = examples(20, least=4)


@pytest.fixture(scope="module")
def session_pool(pgbouncer: str, postgres: Server) -> Iterator[str]:
    with bouncer(pgbouncer, postgres, "session") as url:
        yield url


@pytest.fixture(scope="module")
def transaction_pool(pgbouncer: str, postgres: Server) -> Iterator[str]:
    with bouncer(pgbouncer, postgres, "transaction") as url:
        yield url


def _through(pool: str, direct: str) -> str:
    return f"{pool}{conninfo_to_dict(direct)['dbname']}"


def _look(url: str) -> tuple[bool, bool]:
    with connect(url) as session:
        server = read.read(session, "migrations").server
        return pooler.is_between(session, server), pooler.shares_sessions(session, server)


def test_no_pooler_is_seen_where_there_is_none(database: str) -> None:
    """A direct connection is told apart from a pooled one."""
    assert _look(database) == (False, False)


def test_a_session_pool_keeps_our_session(database: str, session_pool: str) -> None:
    """PgBouncer in session mode is recognised, and does not share."""
    assert _look(_through(session_pool, database)) == (True, False)


def test_a_transaction_pool_shares_our_session(database: str, transaction_pool: str) -> None:
    """PgBouncer in transaction mode is recognised, and shares."""
    assert _look(_through(transaction_pool, database)) == (True, True)


def _write(folder: Path) -> None:
    texts = [f"create table t{number} (); insert into counted values ({number});" for number in range(2, 7)]
    texts = [
        "create table counted (migration int);",
        *texts,
        "create temp table gone (); set search_path = pg_catalog;",
    ]
    for number, text in enumerate([*texts, "create table last (); select 1;"], start=1):
        (folder / f"{number:03}_t.up.sql").write_text(text)


def _eight_at_once(urls: list[str], folder: Path) -> list[list[Event]]:
    migrations = load(folder)
    ended: list[list[Event]] = [[] for _ in urls]

    def execute(index: int) -> None:
        ended[index] += up_down.up(urls[index], migrations)

    threads = [threading.Thread(target=execute, args=(index,)) for index in range(len(urls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return ended


def _no_lock_is_left(conn: psycopg.Connection) -> None:
    """A server process that was just released may live for a moment; a lock left in a pool stays."""
    held = """select count(*) from pg_locks where locktype = 'advisory'
                 and database = (select oid from pg_database where datname = current_database())"""
    until(lambda: conn.execute(held).fetchone() == (0,))


@pytest.mark.sampled(3)
@pytest.mark.parametrize("way", ["session", "transaction", "transaction and direct"])
def test_eight_runs_at_once_execute_each_migration_once(
    way: str, postgres: Server, session_pool: str, transaction_pool: str, tmp_path: Path
) -> None:
    """Eight runs, many times: each migration exactly once, no run fails, no lock and no setting is left."""
    _write(tmp_path)
    for _ in range(ROUNDS):
        with postgres.database() as direct:
            pool = session_pool if way == "session" else transaction_pool
            urls = [_through(pool, direct)] * RUNS
            if "direct" in way:
                urls[::2] = [direct] * (RUNS // 2)

            ended = _eight_at_once(urls, tmp_path)

            finished = [event.step.label for events in ended for event in events if isinstance(event, Finished)]
            assert sorted(finished) == [f"{number:03}_t" for number in range(1, 9)]
            assert [event for events in ended for event in events if isinstance(event, Failed)] == []
            with closing(psycopg.connect(direct)) as conn:
                assert conn.execute("select array_agg(migration order by 1) from counted").fetchone() == (
                    [2, 3, 4, 5, 6],
                )
                assert conn.execute("select count(*) from migrations where status = 'executed'").fetchone() == (8,)
                assert conn.execute("select count(*) from migrations_log").fetchone() == (8,)
                _no_lock_is_left(conn)
            with closing(psycopg.connect(_through(transaction_pool, direct))) as pooled:
                assert pooled.execute("show search_path").fetchone() == ('"$user", public',)


def test_a_migration_without_a_transaction_is_refused_through_a_transaction_pool(
    database: str, transaction_pool: str, tmp_path: Path
) -> None:
    """Nothing is executed, and the message has the reason and the cure."""
    (tmp_path / "001_t.up.sql").write_text("create table t (a int);")
    (tmp_path / "002_i.up.sql").write_text("create index concurrently i on t (a);")

    with pytest.raises(ServerError) as refused:
        list(up_down.up(_through(transaction_pool, database), load(tmp_path)))

    assert refused.value.message.startswith("002_i runs without a transaction and needs its own session")
    assert refused.value.hint is not None
    assert "to the server directly" in refused.value.hint
    with closing(psycopg.connect(database)) as conn:
        assert conn.execute("select to_regclass('t'), to_regclass('migrations')").fetchone() == (None, None)


def test_a_migration_without_a_transaction_runs_through_a_session_pool(
    database: str, session_pool: str, tmp_path: Path
) -> None:
    """A pool that keeps the session is as good as no pool."""
    (tmp_path / "001_t.up.sql").write_text("create table t (a int);")
    (tmp_path / "002_i.up.sql").write_text("create index concurrently i on t (a);")

    *_, last = up_down.up(_through(session_pool, database), load(tmp_path))

    assert isinstance(last, Finished)
