"""Several processes at once: each migration is executed once, and every process succeeds."""

from __future__ import annotations

import re
from collections.abc import Iterator

import psycopg
import pytest
from in_process import Quick
from pgbouncer import bouncer
from postgres_servers import Server
from processes import Beginning, beginning
from project import Project
from psycopg.conninfo import conninfo_to_dict
from waiting import until

from sqlmigrate import load

BUILDING = "select count(*) from pg_stat_progress_create_index where phase like 'waiting%'"
INDEX = "select indisvalid from pg_index where indexrelid = to_regclass('i')"


@pytest.fixture
def begin(project: Project) -> Iterator[Beginning]:
    project.folder.parent.mkdir(exist_ok=True)
    with beginning(project.folder.parent, project.url) as begin:
        yield begin


@pytest.mark.slow
def test_eight_processes_at_once(project: Project, begin: Beginning) -> None:
    """Files in a transaction and a concurrently built index: each is executed once, the index is valid, all exit with
    0.
    """
    project.add("001_a", "create table a as select generate_series(1, 20000) as n;")
    project.add("002_b", "insert into a values (0); select pg_sleep(0.2);")
    project.add("003_i", "create index concurrently i on a (n);").add("004_c", "insert into a values (-1);")

    ended = [running.ended() for running in [begin("up") for _ in range(8)]]

    assert [(one.code, re.findall("error.*", one.stderr)) for one in ended] == [(0, [])] * 8
    executed = [label for one in ended for label in re.findall(r"✅ (\S+)", one.stdout)]
    assert sorted(executed) == ["001_a", "002_b", "003_i", "004_c"]
    assert project.logged() == [("up", f"00{number}") for number in range(1, 5)]
    assert project.query("select count(*) from a") == [(20_002,)]
    assert project.query(INDEX) == [(True,)]
    assert project.value("select count(*) from pg_locks where locktype = 'advisory'") == 0


def test_two_processes_while_one_builds_an_index(project: Project, begin: Beginning) -> None:
    """The second waits without a snapshot, so the build of the first can end; then it has nothing to do."""
    project.add("001_a", "create table a as select generate_series(1, 1000) as n;").up()
    project.add("002_i", "create index concurrently i on a (n);")
    with psycopg.connect(project.url) as reader:
        reader.execute("set transaction isolation level repeatable read")
        reader.execute("select count(*) from a")
        first = begin("up")
        until(lambda: project.value(BUILDING) == 1)
        second = begin("up")
        second.says("another run holds the lock")
        said = second.says(" (")
        reader.rollback()
        ended = [first.ended(), second.ended()]

    assert "(sqlmigrate, user postgres, local socket, since " in said
    assert [one.code for one in ended] == [0, 0]
    assert "✅ 002_i" in ended[0].stdout
    assert "✅" not in ended[1].stdout
    assert project.query(INDEX) == [(True,)]
    assert project.logged() == [("up", "001"), ("up", "002")]


@pytest.fixture(scope="module")
def transaction_pool(pgbouncer: str, postgres: Server) -> Iterator[str]:
    with bouncer(pgbouncer, postgres, "transaction") as url:
        yield url


def test_the_wait_behind_a_pooler_is_bounded_too(project: Project, transaction_pool: str) -> None:
    """If only the history row keeps a second run out, exit code 4 names the session that holds the row."""
    project.add_tables("a").up()
    project.add("002_b", "create table b ();")
    checksum = load(project.folder)[1].checksum
    row = "insert into migrations (version, name, status, checksum) values ('002', 'b', 'running', %s)"
    pooled = f"{transaction_pool}{conninfo_to_dict(project.url)['dbname']}"
    with psycopg.connect(project.url, application_name="deploy 7") as other:
        other.execute(row, [checksum])
        pid = other.info.backend_pid
        ended = Quick(project.folder.parent, {"DATABASE_URL": pooled})(
            "up", "--lock-wait", "500ms", "--lock-timeout", "600ms"
        )
        other.rollback()

    holder = rf"process {pid} \(deploy 7, user postgres, local socket, since [-0-9: ]{{19}} UTC\)"
    assert ended.code == 4
    assert re.search(
        "error: another run is still executing 002_b after 0\\.5 s\n"
        f"   {holder}\n"
        "   idle in transaction, open for \\d s: insert into migrations [^\n]*\n"
        "   if its program is gone, end the session:\n"
        f"   select pg_terminate_backend\\(pid\\) from pg_stat_activity where pid = {pid} and backend_start = '.+';\n"
        "   nothing was executed by this run\n"
        "   next    sqlmigrate up\n\n$",
        ended.stderr,
    ), ended.stderr
    assert project.relations() == {"a"}
    assert project.states() == {"001_a": "executed", "002_b": "pending"}
