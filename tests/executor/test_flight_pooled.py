"""Files on their way through a real PgBouncer in transaction mode: what was sent arrives although we have gone."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import psycopg
import pytest
from pgbouncer import bouncer
from postgres_servers import Server
from project import Project, failure, finished, succeeded
from proxies import Proxy
from psycopg.conninfo import conninfo_to_dict
from waiting import until

from sqlmigrate.database.session import COMMIT, Request, Session, connect
from sqlmigrate.errors import ConnectError
from sqlmigrate.executor.events import Event, Finished, NotTried
from sqlmigrate.files.folder import load
from sqlmigrate.history import read, write
from sqlmigrate.history.state import State
from sqlmigrate.history.write import Condition, missing_row
from sqlmigrate.operations import up_down

GATE = "select pg_advisory_xact_lock_shared(7);"  # a test that has the lock 7 says when it is passed


class Cuttable(Proxy):
    def cut(self) -> None:
        """Hang up on the client, as a network does."""
        for one in self._sockets[::2]:
            one.shutdown(2)


@pytest.fixture(scope="module")
def pool(pgbouncer: str, postgres: Server) -> Iterator[str]:
    with bouncer(pgbouncer, postgres, "transaction") as url:
        yield url


@pytest.fixture
def project(database: str, tmp_path: Path) -> Project:
    return Project(tmp_path / "sql", database)


@pytest.fixture
def pooled(pool: str, database: str) -> str:
    return f"{pool}{conninfo_to_dict(database)['dbname']}"


def _waits(project: Project, locktype: str) -> bool:
    waiting = f"select count(*) from pg_locks where locktype = '{locktype}' and not granted"
    return project.query(
        f"{waiting} and database = (select oid from pg_database where datname = current_database())"
    ) == [(1,)]


def _is_idle(project: Project) -> bool:
    active = "select count(*) from pg_stat_activity where datname = current_database() and state <> 'idle'"
    return project.query(f"{active} and pid <> pg_backend_pid()") == [(0,)]


def _state(project: Project) -> tuple[list[str], list[tuple[object, ...]]]:
    return _tables(project), project.query("select version, status, error from migrations order by 1")


def _tables(project: Project) -> list[str]:
    return [name for (name,) in project.query("select relname from pg_class where relname ~ '^.$' order by 1")]


# -- what arrives late -------------------------------------------------------------------------------------------------


def _late(project: Project, version: str, direction: str) -> tuple[State, Request]:
    """Give what begins a step, as the plan of now has it."""
    migration = next(each for each in load(project.folder) if each.version == version)
    with connect(project.url) as session:
        state = read.read(session, "migrations")
    row = next((each for each in state.executions if each.version == version), None)
    only = Condition(written_by=row.written_by if row else "")
    if direction == "up":
        return state, write.begin_up(state.history, migration, 1, only)
    return state, write.begin_down(state.history, version, only)


def _why(session: Session, request: Request) -> str:
    with pytest.raises(psycopg.DataError) as caught:
        session.ask(Request("begin"), request, COMMIT)
    session.abort()
    missing = missing_row(caught.value)
    assert missing
    return missing.why


def test_an_up_that_arrives_late(project: Project) -> None:
    """Its row was written since: its failure is known. As the plan of now has it, it begins."""
    project.add_tables("a").up()
    project.add("002_b", "create table b ();")
    state, late = _late(project, "002", "up")
    with connect(project.url) as session:
        migration = load(project.folder)[1]
        for _ in range(2):
            session.ask(write.fail_up(state.history, migration, 1, 0, "the connection was lost"))
            assert _why(session, late) == "taken"
            _, late = _late(project, "002", "up")
        session.ask(Request("begin"), late, Request("rollback"))


def test_a_down_that_arrives_late(project: Project) -> None:
    """The row of a failed down stays as it was, but it is written again."""
    project.add_tables("a").up()
    state, late = _late(project, "001", "down")
    before = project.query("select * from migrations")
    with connect(project.url) as session:
        for _ in range(2):
            session.ask(write.fail_down(state.history, "001", "the connection was lost"))
            assert _why(session, late) == "taken"
            _, late = _late(project, "001", "down")
        session.ask(Request("begin"), late, Request("rollback"))
    assert project.query("select * from migrations") == before


def test_what_arrives_while_the_history_is_closed_waits(project: Project) -> None:
    """It finds the row as the closing transaction has left it."""
    project.add_tables("a").up()
    project.add("002_b", "create table b ();")
    state, late = _late(project, "002", "up")
    found: list[str] = []
    with connect(project.url) as closing_, connect(project.url) as other:
        closing_.ask(*write.close(state.history))
        thread = threading.Thread(target=lambda: found.append(_why(other, late)))
        thread.start()
        until(lambda: _waits(project, "relation"))
        closing_.ask(write.fail_up(state.history, load(project.folder)[1], 1, 0, "the connection was lost"), COMMIT)
        thread.join()

    assert found == ["taken"]


@pytest.mark.parametrize("direction", ["up", "down"])
def test_nothing_happens_after_it_was_told(direction: str, project: Project, pooled: str) -> None:
    """We are cut off while 002 is executed, and 003 has been sent: what the run leaves stays as it is."""
    project.add("001_a", "create table a ();", f"drop table a; {GATE}").add(
        "002_b", "create table b ();", "drop table b;"
    )
    project.add("003_c", f"create table c (); {GATE}", "drop table c;").add(
        "004_d", "create table d ();", "drop table d;"
    )
    if direction == "down":
        project.up()
    events: list[Event] = []

    def execute(url: str) -> None:
        migrations = load(project.folder)
        with suppress(ConnectError):
            events.extend(up_down.up(url, migrations) if direction == "up" else up_down.down(url, migrations, all=True))

    with Cuttable(pooled) as proxy, closing(psycopg.connect(project.url, autocommit=True)) as other:
        other.execute("select pg_advisory_lock(7)")
        thread = threading.Thread(target=execute, args=(proxy.url,))
        thread.start()
        until(lambda: _waits(project, "advisory"))
        proxy.cut()
        until(lambda: _waits(project, "relation"))  # when 003 ends, only this transaction can write the history
        other.execute("select pg_advisory_unlock(7)")
        thread.join()
        left = _state(project)
        until(lambda: _is_idle(project))

    assert _state(project) == left
    tables, rows = left
    executed = [str(version) for version, status, _ in rows if status == "executed"]
    told = [event.step.version for event in events if isinstance(event, Finished)]
    if direction == "up":
        assert executed in (["001", "002"], ["001", "002", "003"])
        assert (told, tables) == (executed[: len(told)], ["a", "b", "c"][: len(executed)])
        assert [status for *_, status, _ in rows][len(executed) :] == ["failed"]
        assert succeeded(project.up()) == ["003_c", "004_d"][-(4 - len(executed)) :]
    else:
        assert executed in (["001"], [])
        assert tables == ["a"][: len(executed)]
        assert not set(told) & set(executed)
        assert succeeded(project.up())


def test_a_failure_among_many(project: Project, pooled: str) -> None:
    """Nothing behind it is executed, and the pool's session is given back as it was."""
    project.add("001_a", "create table a ();").add("002_b", "create table b (); select 1 / 0;")
    project.add("003_c", "create table c ();").add("004_d", "create table d ();")
    pooled_project = Project(project.folder, pooled)

    assert failure(pooled_project.up()).error.message == "division by zero"

    assert _tables(project) == ["a"]
    assert project.recorded() == [("001", "executed"), ("002", "failed")]
    project.add("002_b", "create table b ();")
    assert succeeded(pooled_project.up()) == ["002_b", "003_c", "004_d"]


def test_an_open_cursor_on_a_temporary_table(project: Project, pooled: str) -> None:
    """Both are gone with the file, before its COMMIT: the pool's session is that of the next client."""
    text = "create temporary table seen (what text); declare c cursor for select * from seen;"
    project.add("001_opens", text).add("002_again", text)

    assert succeeded(Project(project.folder, pooled).up()) == ["001_opens", "002_again"]

    left = "select count(*) from pg_class where relpersistence = 't'"
    with closing(psycopg.connect(pooled)) as conn:
        assert conn.execute(left).fetchone() == (0,)


def test_a_dry_run_does_not_try_a_file_without_a_transaction(project: Project, pooled: str) -> None:
    """As without a pooler: it is not executed, so it needs no session of its own."""
    project.add_tables("a").add("002_b", "create index concurrently on a (id);")

    events = Project(project.folder, pooled).up(dry_run=True)

    assert [each.step.label for each in events if isinstance(each, NotTried)] == ["002_b"]
    assert finished(events) == ["001_a"]
    assert project.relations() == set()
