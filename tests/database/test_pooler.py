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
from sqlmigrate.database.pooler_messages import cure_of
from sqlmigrate.database.session import connect
from sqlmigrate.errors import ServerError, SqlmigrateError
from sqlmigrate.executor.events import Event, Failed, Finished
from sqlmigrate.files.folder import load
from sqlmigrate.history import read
from sqlmigrate.operations import repair, status, up_down

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
        return not server.is_direct, pooler.sharing(session, server).is_shared


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


# -- what cannot be found out ------------------------------------------------------------------------------------------


def _alone(folder: Path) -> None:
    (folder / "001_t.up.sql").write_text("create table t (a int);")
    (folder / "002_i.up.sql").write_text("create index concurrently i on t (a);")


UNKNOWN = {
    "no second client": ("transaction", ["max_client_conn = 1"], "no more connections allowed (max_client_conn)"),
    "no second session": ("session", ["default_pool_size = 1"], "its pool is full"),
    "paused meanwhile": (
        "session", ["default_pool_size = 1", "query_wait_timeout = 1"], "query_wait_timeout",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", UNKNOWN.values(), ids=UNKNOWN)
def test_not_knowing_counts_as_sharing(
    case: tuple[str, list[str], str], pgbouncer: str, postgres: Server, database: str, tmp_path: Path
) -> None:
    """A file without a transaction is refused, nothing is executed, and no lock is left behind."""
    mode, settings, reason = case
    _alone(tmp_path)
    with bouncer(pgbouncer, postgres, mode, *settings) as pool, pytest.raises(ServerError) as refused:
        list(up_down.up(_through(pool, database), load(tmp_path)))

    assert refused.value.message == (
        "002_i runs without a transaction and needs its own session; "
        "this connection goes through a pooler that may share sessions"
    )
    assert refused.value.next_steps == ("or, for those before it: sqlmigrate up --to 001",)
    (detail,) = refused.value.detail
    assert detail.startswith("whether it shares them is not known: ")
    assert detail.endswith(reason)
    with closing(psycopg.connect(database)) as conn:
        assert conn.execute("select to_regclass('t'), to_regclass('migrations')").fetchone() == (None, None)
        _no_lock_is_left(conn)


def test_a_pooler_that_does_not_reset_its_sessions(
    pgbouncer: str, postgres: Server, database: str, tmp_path: Path
) -> None:
    """The run's lock is given back, because the session goes on when we have gone."""
    _alone(tmp_path)
    with bouncer(pgbouncer, postgres, "session", "server_reset_query =") as pool:
        *_, last = up_down.up(_through(pool, database), load(tmp_path))
        assert isinstance(last, Finished)
        with closing(psycopg.connect(database)) as conn:
            _no_lock_is_left(conn)


@pytest.mark.parametrize("mode", ["session", "transaction"])
def test_no_lock_of_a_repair_is_left_behind(
    mode: str, pgbouncer: str, postgres: Server, database: str, tmp_path: Path
) -> None:
    """`baseline` and `repair` change the history through a pooler, and the next run finds no lock."""
    _alone(tmp_path)
    with bouncer(pgbouncer, postgres, mode, "server_reset_query =") as pool:
        url = _through(pool, database)
        assert [row.label for row in repair.baseline(url, load(tmp_path), "001")[1]] == ["001_t"]
        row, _ = repair.repairable(url, load(tmp_path), "001")
        assert repair.repair(url, row)[1].startswith("the history has forgotten 001_t")
        with closing(psycopg.connect(database)) as conn:
            _no_lock_is_left(conn)


# -- what poolers say --------------------------------------------------------------------------------------------------


def _refusal(url: str) -> SqlmigrateError:
    with pytest.raises(SqlmigrateError) as refused:
        status.status(url, [])
    return refused.value


def test_a_pooler_that_refuses_options(session_pool: str, database: str) -> None:
    """The message is the pooler's; the hint says that a pooler is between, and not to let it ignore the options."""
    error = _refusal(f"{_through(session_pool, database)}?options=-csearch_path%3Dpublic")

    assert error.message.endswith("unsupported startup parameter: options")
    assert error.hint is not None
    assert error.hint.startswith("a pooler in between refuses what `options` of the URL or PGOPTIONS ask for")
    assert "do not let it ignore them" in error.hint


def test_a_pooler_without_room(pgbouncer: str, postgres: Server, database: str) -> None:
    """No more clients, or no free session in time: each is said, with what to do."""
    with bouncer(pgbouncer, postgres, "transaction", "default_pool_size = 1", "query_wait_timeout = 1") as pool:
        url = _through(pool, database)
        with closing(psycopg.connect(url)) as busy:
            busy.execute("select 1")
            waited = _refusal(url)
    with bouncer(pgbouncer, postgres, "transaction", "max_client_conn = 1") as pool:
        url = _through(pool, database)
        with closing(psycopg.connect(url)):
            full = _refusal(url)

    assert waited.message.startswith("the connection was lost: query_wait_timeout")
    assert waited.hint == (
        "the pooler had no free connection to the server in time, or is paused: try again later, "
        "or connect to the server directly (another host or port)"
    )
    assert full.message.endswith("no more connections allowed (max_client_conn)")
    assert full.hint == (
        "the pooler has no room for another connection: try again later, "
        "or connect to the server directly (another host or port)"
    )


def test_a_dry_run_through_statement_pooling(pgbouncer: str, postgres: Server, database: str, tmp_path: Path) -> None:
    """Its transaction takes several turns: refused, with the reason, whether or not the pooler's words arrive."""
    (tmp_path / "001_t.up.sql").write_text("create table t (a int);")
    with bouncer(pgbouncer, postgres, "statement") as pool, pytest.raises(ServerError) as refused:
        list(up_down.up(_through(pool, database), load(tmp_path), dry_run=True))

    assert refused.value.message == "the pooler in between has closed the connection, because a transaction was open"
    assert refused.value.hint == (
        "the pooler runs statement by statement, so no transaction is possible: "
        "connect to the server directly (another host or port)"
    )


SAID = {
    "odyssey: c1a2b3: route for 'shop.app' not found": "the pooler has no pool for that database and user",
    "odyssey: c1a2b3: failed to connect to remote server s4": "the pooler cannot reach the server",
    "could not get connection from the pool - AllServersDown": "the pooler cannot reach the server",
    "MaxClientsInSessionMode: max clients reached - in Session mode": "the pooler has no room for another connection",
    "Tenant or user not found": "the proxy does not know that user",
    "Feature not supported: RDS Proxy currently doesn't support command-line options.": "a proxy in between",
    "server login has been failing, try again later (server_login_retry)": "the pooler cannot reach the server",
    "unsupported startup parameter in options: search_path": "a pooler in between refuses",
    "no such database: shop": "the pooler does not know that database",
}


@pytest.mark.parametrize(("message", "start"), SAID.items())
def test_what_poolers_say(message: str, start: str) -> None:
    """Messages of other poolers and proxies have a cure too."""
    assert (cure_of(message) or "").startswith(start)


def test_what_a_server_says_is_no_message_of_a_pooler() -> None:
    """A server's own refusal keeps its own cure."""
    assert cure_of('database "shop" does not exist') is None
