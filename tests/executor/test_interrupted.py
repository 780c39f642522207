"""Interrupted runs: Ctrl-C and other signals, a lost connection, a full disk. Nothing is lost or hidden."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import children
import database_state
import postgres_servers
import psycopg
import pytest
from in_process import Quick, said
from processes import Beginning, Running, beginning
from proxies import Connection, Proxy
from psycopg.conninfo import conninfo_to_dict
from waiting import until

from sqlmigrate.database import session
from sqlmigrate.executor.events import Event, Failed
from sqlmigrate.files import folder
from sqlmigrate.operations import up_down

SLOW = "select pg_sleep(60);"
FILES = {
    "001_a.up.sql": "create table a ();",
    "002_b.up.sql": f"create table b ();\n{SLOW}\ncreate table c ();\n",
    "003_d.up.sql": "create table d ();",
}
ALONE = {**FILES, "002_b.up.sql": f"-- sqlmigrate: no-transaction\n{FILES['002_b.up.sql']}"}
SIGNALS = {"Ctrl-C": (signal.SIGINT, 130), "SIGTERM": (signal.SIGTERM, 143), "SIGHUP": (signal.SIGHUP, 129)}
INTERRUPTED = "interrupted: the statement was cancelled on the server"
BOTH_TABLES = ["public.a", "public.b"]


@pytest.fixture
def quick(tmp_path: Path, database: str) -> Quick:
    return Quick(tmp_path, {"DATABASE_URL": database})


@pytest.fixture
def begin(quick: Quick, database: str) -> Iterator[Beginning]:
    with beginning(quick.folder, database) as begin:
        yield begin


# -- signals -----------------------------------------------------------------------------------------------------------

INTERRUPTED_SCREEN = f"""\
DATABASE · 3 pending

✅ 001_a   1 statement N ms
❌ 002_b   statement 2 of 3 N ms

1 executed · 1 failed
error: {INTERRUPTED}
  ──▶ sql/002_b.up.sql:2:1
   │
 1 │ create table b ();
 2 │ select pg_sleep(60);
   │ ^^^^^^^^^^^^^^^^^^^
 3 │ create table c ();
   │

what happened   002_b was rolled back: nothing of it is in the database
                001_a before it stays executed
what now        sqlmigrate up

"""


@pytest.mark.parametrize(("number", "code"), SIGNALS.values(), ids=SIGNALS)
def test_a_signal_in_mid_statement(
    number: signal.Signals, code: int, quick: Quick, begin: Beginning, database: str
) -> None:
    """The statement is cancelled on the server, its file is rolled back, the row is written; the exit code is the
    signal's.
    """
    quick.write(**FILES)
    running = begin("up")
    running.when("pg_sleep")
    ended = running.signalled(number)

    assert said(ended) == INTERRUPTED_SCREEN
    assert ended.code == code
    assert database_state.sessions(database) == []
    assert database_state.relations(database) == ["public.a"]
    assert database_state.history(database) == [("001", "executed", 1, None), ("002", "failed", 0, INTERRUPTED)]
    assert database_state.log(database) == [("up", "001", None), ("failure", "002", INTERRUPTED)]

    quick.write(**{"002_b.up.sql": FILES["002_b.up.sql"].replace("60", "0")})
    assert quick("up").code == 0
    assert database_state.relations(database) == [f"public.{name}" for name in "abcd"]


def test_a_signal_while_many_files_are_on_their_way(quick: Quick, begin: Beginning, database: str) -> None:
    """Executed are the first files, without a gap, and the screen names all of them; none behind it is executed."""
    count = 300
    quick.write(**{f"{number:03}_n.up.sql": "select pg_sleep(0.02);\nselect 1;" for number in range(1, count + 1)})
    running = begin("up")
    running.when("pg_sleep")
    until(lambda: database_state.ask(database, "select 1 from migrations where version = '020'"))
    ended = running.signalled(signal.SIGINT)

    rows = database_state.history(database)
    executed = [version for version, status, *_ in rows if status == "executed"]
    assert executed == [f"{number:03}" for number in range(1, len(executed) + 1)]
    assert 20 <= len(executed) < count
    assert [(version, status) for version, status, *_ in rows][len(executed) :] in (
        [],
        [(f"{len(executed) + 1:03}", "failed")],
    )
    assert re.findall(r"✅ (\d+)_n", ended.stdout) == executed
    assert ended.code == 130
    assert database_state.sessions(database) == []
    assert quick("up").code == 0


@pytest.mark.slow
def test_ctrl_c_while_many_notices_arrive(quick: Quick, begin: Beginning, database: str) -> None:
    """Each notice is a call from libpq: most of the time a signal arrives in one."""
    noise = "do $$ begin for number in 1..60000 loop raise notice 'x %', number; end loop; end $$;"
    quick.write(**{"001_a.up.sql": f"create table a ();\n{noise}\nselect pg_sleep(60);\n"})
    running = begin("up")
    running.says("x 20000")

    ended = running.signalled(signal.SIGINT)

    assert ended.code == 130
    assert [row[:2] for row in database_state.history(database)] == [("001", "failed")]


def test_a_signal_for_programs(quick: Quick, begin: Beginning) -> None:
    """In JSON, the interrupted step is an event like any failure."""
    quick.write(**FILES)
    running = begin("up", "--format", "json")
    running.when("pg_sleep")
    ended = running.signalled(signal.SIGINT)

    event = json.loads(ended.stdout.splitlines()[-1])
    assert (event["event"], event["migration"], event["statement"]) == ("failed", "002_b", 2)
    assert event["error"]["message"] == INTERRUPTED
    assert event["error"]["next"] == ["sqlmigrate up"]
    assert (ended.stderr, ended.code) == ("", 130)


def test_a_signal_without_a_transaction(quick: Quick, begin: Beginning, database: str) -> None:
    """Finished statements stay and are recorded, the current one is cancelled, and the next `up` continues there."""
    quick.write(**ALONE)
    running = begin("up")
    running.when("pg_sleep")
    ended = running.signalled(signal.SIGINT)

    assert said(ended).endswith(
        "what happened   002_b runs without a transaction; it stopped at statement 2 of 3\n"
        "                statement 1 is executed and stays\n"
        "                001_a before it stays executed\n"
        "what now        sqlmigrate up\n\n"
    )
    assert ended.code == 130
    assert database_state.sessions(database) == []
    assert database_state.relations(database) == BOTH_TABLES
    assert database_state.history(database) == [("001", "executed", 1, None), ("002", "failed", 1, INTERRUPTED)]

    quick.write(**{"002_b.up.sql": ALONE["002_b.up.sql"].replace("60", "0")})
    assert quick("up").code == 0
    assert database_state.relations(database) == [f"public.{name}" for name in "abcd"]


def test_a_signal_while_an_index_is_built(quick: Quick, begin: Beginning, database: str) -> None:
    """What the cancelled statement has left behind is named, and the next `up` repairs it."""
    quick.write(**{"001_a.up.sql": "create table a (i int);"})
    assert quick("up").code == 0
    quick.write(**{"002_i.up.sql": "create index concurrently a_i on a (i);"})
    with psycopg.connect(database) as writer:
        writer.execute("insert into a values (1)")
        running = begin("up")
        running.when("concurrently")
        until(lambda: database_state.ask(database, "select 1 from pg_class where relname = 'a_i'"))
        ended = running.signalled(signal.SIGINT)

    assert said(ended).endswith(
        "what happened   002_i runs without a transaction; it stopped at statement 1 of 1\n"
        "                the index a_i is left behind, marked invalid: the next up drops it and builds it again\n"
        "what now        sqlmigrate up\n\n"
    )
    assert ended.code == 130
    assert database_state.ask(database, "select indisvalid from pg_index where indexrelid = 'a_i'::regclass") == [
        (False,)
    ]

    assert quick("up").code == 0
    assert database_state.ask(database, "select indisvalid from pg_index where indexrelid = 'a_i'::regclass") == [
        (True,)
    ]


def test_a_signal_while_data_are_copied(quick: Quick, begin: Beginning, database: str) -> None:
    """None of the data stays, however much was sent."""
    trigger = "create function wait() returns trigger language plpgsql as 'begin perform pg_sleep(60); return new; end'"
    quick.write(**{
        "001_a.up.sql": f"create table a (i int);\n{trigger};\n"
        "create trigger w after insert on a for each statement execute function wait();",
        "002_b.up.sql": "copy a from stdin;\n" + "1\n" * 100_000 + "\\.\nselect 1;\n",
    })  # fmt: skip
    running = begin("up")
    running.when("copy")
    ended = running.signalled(signal.SIGINT)

    assert f"error: {INTERRUPTED}\n  ──▶ sql/002_b.up.sql:1:1\n" in ended.stderr
    assert ended.code == 130
    assert database_state.sessions(database) == []
    assert database_state.ask(database, "select count(*) from a") == [(0,)]


def test_a_signal_while_a_lock_is_waited_for(quick: Quick, begin: Beginning, database: str) -> None:
    """The wait for another session's lock ends at once, also between two tries."""
    database_state.ask(database, "create table a ()")
    quick.write(**{"001_a.up.sql": "-- sqlmigrate: lock-timeout 100ms\nalter table a add column b int;"})
    with psycopg.connect(database) as other:
        other.execute("lock table a")
        running = begin("up", "--into-existing")
        running.says("again in")
        ended = running.signalled(signal.SIGINT)

    assert ended.stderr.endswith(
        "what happened   001_a was rolled back: nothing of it is in the database\nwhat now        sqlmigrate up\n\n"
    )
    assert ended.code == 130
    assert database_state.history(database) == [("001", "failed", 0, INTERRUPTED)]


def test_a_signal_while_another_run_is_waited_for(quick: Quick, begin: Beginning) -> None:
    """A run that is interrupted before it began says that nothing was executed, and does not disturb the other run."""
    quick.write(**FILES)
    first = begin("up")
    first.when("pg_sleep")
    second = begin("up")
    second.says("another run holds the lock")
    ended = second.signalled(signal.SIGINT)

    assert ended.stderr == "error: interrupted\n   nothing was executed\n   next    sqlmigrate up\n\n"
    assert ended.code == 130
    assert first.process.poll() is None
    assert said(first.signalled(signal.SIGINT)) == INTERRUPTED_SCREEN


def test_a_signal_in_a_down(quick: Quick, begin: Beginning, database: str) -> None:
    """A down that is interrupted leaves the whole migration executed."""
    quick.write(**{"001_a.up.sql": "create table a ();", "001_a.down.sql": f"drop table a;\n{SLOW}\n"})
    assert quick("up").code == 0
    running = begin("down")
    running.when("pg_sleep")
    ended = running.signalled(signal.SIGINT)

    assert said(ended).endswith(
        "what happened   the down file of 001_a was rolled back: the migration stays executed\n"
        "what now        sqlmigrate down\n\n"
    )
    assert ended.code == 130
    assert database_state.relations(database) == ["public.a"]
    assert database_state.history(database) == [("001", "executed", 1, None)]
    assert database_state.log(database) == [("up", "001", None), ("failure", "001", f"down: {INTERRUPTED}")]


def test_a_signal_in_a_down_without_a_transaction(quick: Quick, begin: Beginning, database: str) -> None:
    """What is undone stays undone and is recorded, and the next `down` goes on there."""
    down = f"-- sqlmigrate: no-transaction\ndrop table a;\n{SLOW}\ncreate table c ();\n"
    quick.write(**{"001_a.up.sql": "create table a ();", "001_a.down.sql": down})
    assert quick("up").code == 0
    running = begin("down")
    running.when("pg_sleep")
    ended = running.signalled(signal.SIGINT)

    assert said(ended).endswith(
        "what happened   001_a runs without a transaction; it stopped at statement 2 of 3\n"
        "                statement 1 is executed and stays\n"
        "what now        sqlmigrate down\n\n"
    )
    assert ended.code == 130
    assert database_state.history(database) == [("001", "executed", 1, INTERRUPTED)]
    assert database_state.log(database) == [("up", "001", None), ("failure", "001", f"down: {INTERRUPTED}")]

    quick.write(**{"001_a.down.sql": down.replace("60", "0")})
    assert quick("down").code == 0
    assert database_state.relations(database) == ["public.c"]
    assert database_state.history(database) == []


SLOW_LOG = """\
create sequence tries;
create function wait() returns trigger language plpgsql as $$
begin
  if new.action = 'failure' and nextval('tries') = 1 then perform pg_sleep(60); end if;
  return new;
end $$;
create trigger wait before insert on migrations_log for each row execute function wait();
"""


@pytest.mark.parametrize("head", ["", "-- sqlmigrate: no-transaction\n"], ids=["one transaction", "none"])
def test_a_signal_while_a_failure_is_recorded(head: str, quick: Quick, begin: Beginning, database: str) -> None:
    """The failure is recorded after all, and it is PostgreSQL's error, not the signal."""
    quick.write(**{"001_a.up.sql": SLOW_LOG, "002_b.up.sql": f"{head}select 1;\ncreate sequence tries;\n"})
    running = begin("up")
    running.when("logged as")
    ended = running.signalled(signal.SIGINT)

    error = 'relation "tries" already exists'
    assert f"error: {error}" in ended.stderr
    assert ended.code == 130
    assert database_state.history(database)[1] == ("002", "failed", int(head != ""), error)
    assert database_state.log(database) == [("up", "001", None), ("failure", "002", error)]


def test_a_signal_in_a_dry_run(quick: Quick, begin: Beginning, database: str) -> None:
    """A dry run is cancelled on the server too, and leaves nothing behind."""
    quick.write(**FILES)
    running = begin("up", "--dry-run")
    running.when("pg_sleep")
    ended = running.signalled(signal.SIGINT)

    assert said(ended) == (
        "DATABASE · 3 pending\n\n"
        "✅ 001_a   1 statement N ms\n\n"
        "1 tried and rolled back\n"
        "error: interrupted\n"
        "   the dry run was rolled back: the database is unchanged\n"
        "   next    sqlmigrate up\n\n"
    )
    assert ended.code == 130
    assert database_state.sessions(database) == []
    assert database_state.is_untouched(database)


def test_a_signal_while_connecting(quick: Quick, begin: Beginning) -> None:
    """Waiting for a server that does not answer can be interrupted."""
    quick.write(**FILES)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        running = begin("up", url=f"postgresql://app@127.0.0.1:{silent.getsockname()[1]}/shop")
        with silent.accept()[0]:
            ended = running.signalled(signal.SIGTERM)

    assert said(ended) == "error: interrupted\n   nothing was executed\n   next    sqlmigrate up\n\n"
    assert ended.code == 143


def test_a_signal_to_a_command_that_only_looks(begin: Beginning) -> None:
    """A command that executes nothing says nothing about the state of the database."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        running = begin("log", url=f"postgresql://app@127.0.0.1:{silent.getsockname()[1]}/shop")
        with silent.accept()[0]:
            ended = running.signalled(signal.SIGINT)

    assert (said(ended), ended.code) == ("error: interrupted\n\n", 130)


def test_a_hangup_that_is_ignored(quick: Quick, database: str) -> None:
    """Under nohup, closing the terminal does not interrupt the run."""
    quick.write(**{"001_a.up.sql": "select pg_advisory_xact_lock_shared(7); create table a ();"})
    with psycopg.connect(database) as gate:
        gate.execute("select pg_advisory_xact_lock(7)")
        process = children.start(
            ["sh", "-c", f"trap '' HUP; exec '{sys.executable}' -m sqlmigrate up"], cwd=quick.folder,
            env={**os.environ, "DATABASE_URL": database}, stdout=subprocess.DEVNULL,
        )  # fmt: skip
        Running(process, database).when("pg_advisory_xact_lock_shared")
        process.send_signal(signal.SIGHUP)

    assert process.wait() == 0
    assert database_state.relations(database) == ["public.a"]


STUBBORN = """\
do $$ begin
  loop
    begin
      perform pg_sleep(60);
    exception when query_canceled then perform pg_advisory_xact_lock(7);
    end;
  end loop;
end $$;
"""
IS_ASLEEP = "select 1 from pg_stat_activity where datname = current_database() and wait_event = 'PgSleep'"
IS_CANCELLED = "select 1 from pg_locks where locktype = 'advisory' and (classid, objid, objsubid) = (0, 7, 1)"


def test_a_second_signal_leaves_at_once(quick: Quick, begin: Beginning, database: str) -> None:
    """A second signal ends the program without waiting for the cancellation; the message says that the outcome is
    unknown.
    """
    quick.write(**{"001_a.up.sql": "create table a ();", "002_b.up.sql": STUBBORN})
    running = begin("up")
    running.when("pg_sleep")
    running.process.send_signal(signal.SIGINT)
    until(lambda: database_state.ask(database, IS_CANCELLED))
    ended = running.signalled(signal.SIGINT)

    assert said(ended) == (
        "DATABASE · 2 pending\n\n"
        "✅ 001_a   1 statement N ms\n\n"
        "1 executed\n"
        "error: interrupted\n"
        "   002_b was being executed and may still be: the history shows how it ended\n"
        "   next    sqlmigrate status\n\n"
    )
    assert ended.code == 130
    assert database_state.history(database) == [("001", "executed", 1, None)]


def test_a_statement_that_cannot_be_cancelled(quick: Quick, database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A statement that ignores a cancel request is ended together with its session: it neither continues unseen nor
    commits.
    """
    monkeypatch.setattr(session, "_CANCEL_TRIES", 2)
    monkeypatch.setattr(session, "_CANCEL_SECONDS", 0.2)
    quick.write(**{"001_a.up.sql": STUBBORN})
    events: list[Event] = []

    def interrupt() -> None:
        until(lambda: database_state.ask(database, IS_ASLEEP))
        os.kill(os.getpid(), signal.SIGINT)

    interrupting = threading.Thread(target=interrupt)
    interrupting.start()
    with pytest.raises(KeyboardInterrupt):
        events.extend(up_down.up(database, folder.load(quick.folder / "sql")))
    interrupting.join()

    assert isinstance(events[-1], Failed)
    assert events[-1].error.message == INTERRUPTED
    assert database_state.sessions(database) == []
    assert database_state.history(database) == [("001", "failed", 0, INTERRUPTED)]


# -- the server ends it ------------------------------------------------------------------------------------------------

ENDED_SCREEN = """\
DATABASE · 3 pending

✅ 001_a   1 statement N ms
❌ 002_b   statement 2 of 3 N ms

1 executed · 1 failed
error: {message}
  ──▶ sql/002_b.up.sql:2:1
   │
 1 │ create table b ();
 2 │ select pg_sleep(60);
   │ {mark}
 3 │ create table c ();
   │
   code    {code}

what happened   002_b was rolled back: nothing of it is in the database
                001_a before it stays executed
what now        {cure}, then: sqlmigrate up

"""
BY_THE_SERVER = {
    "pg_terminate_backend": (
        "terminating connection due to administrator command", "57P01 admin_shutdown", "^^^^^^^^^^^^^^^^^^^",
        "wait until the server can be reached",
    ),
    "pg_cancel_backend": (
        "canceling statement due to user request", "57014 query_canceled", "^^^^^^",
        "find out who or what cancelled it (a statement_timeout?)",
    ),
}  # fmt: skip


@pytest.mark.parametrize("function", BY_THE_SERVER)
def test_a_session_or_a_statement_that_is_ended(function: str, quick: Quick, begin: Beginning, database: str) -> None:
    """A session that another session has ended is rolled back, and recorded over a new connection; the file is not
    blamed.
    """
    message, code, mark, cure = BY_THE_SERVER[function]
    quick.write(**FILES)
    running = begin("up")
    database_state.ask(database, f"select {function}({running.when('pg_sleep')})")
    ended = running.ended()

    assert said(ended) == ENDED_SCREEN.format(message=message, code=code, mark=mark, cure=cure)
    assert ended.code == 1
    assert database_state.relations(database) == ["public.a"]
    recorded = f"the connection was lost: {message}" if code.startswith("57P") else message
    assert database_state.history(database) == [("001", "executed", 1, None), ("002", "failed", 0, recorded)]
    assert database_state.log(database) == [("up", "001", None), ("failure", "002", recorded)]


def test_a_session_that_is_ended_without_a_transaction(quick: Quick, begin: Beginning, database: str) -> None:
    """The row tells which statements are done, and `up` continues after them."""
    quick.write(**ALONE)
    running = begin("up")
    database_state.ask(database, f"select pg_terminate_backend({running.when('pg_sleep')})")
    ended = running.ended()

    assert said(ended).endswith(
        "what happened   002_b runs without a transaction; it stopped at statement 2 of 3\n"
        "                statement 1 is executed and stays\n"
        "                001_a before it stays executed\n"
        "what now        wait until the server can be reached (it goes on at statement 2), then: sqlmigrate up\n\n"
    )
    assert ended.code == 1
    assert database_state.history(database)[1][:3] == ("002", "failed", 1)


def test_a_statement_that_takes_too_long(quick: Quick, database: str) -> None:
    """A statement that exceeds its statement_timeout is cancelled by the server."""
    quick.write(**{"001_a.up.sql": f"-- sqlmigrate: statement-timeout 500ms\ncreate table a ();\n{SLOW}\n"})

    ended = quick("up")

    assert "error: canceling statement due to statement timeout\n  ──▶ sql/001_a.up.sql:3:1\n" in ended.stderr
    assert ended.stderr.endswith(
        "what now        find out who or what cancelled it (a statement_timeout?), then: sqlmigrate up\n\n"
    )
    assert ended.code == 1
    assert database_state.relations(database) == []


# -- the connection is lost --------------------------------------------------------------------------------------------


@dataclass
class Line(Proxy):
    """A connection that can be cut, with or without the possibility to reconnect."""

    upstream: str
    is_open: bool = True
    ends: list[socket.socket] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(self.upstream)

    def connection(self, client: socket.socket, server: socket.socket) -> Connection:
        if not self.is_open:
            raise ConnectionRefusedError
        self.ends += [client, server]
        return Connection(client, server)

    def cut(self) -> None:
        """Cut the existing connections; later ones succeed if the line is open."""
        for end in self.ends[:2]:
            end.shutdown(socket.SHUT_RDWR)


LOST = "the connection was lost: server closed the connection unexpectedly"
LOST_SCREEN = f"""\
DATABASE · 3 pending

✅ 001_a   1 statement N ms
❌ 002_b   statement 2 of 3 N ms

1 executed · 1 failed
error: {LOST}
  ──▶ sql/002_b.up.sql:2:1
   │
 1 │ create table b ();
 2 │ select pg_sleep(60);
   │ ^^^^^^^^^^^^^^^^^^^
 3 │ create table c ();
   │
{{more}}
what happened   {{happened}}
                001_a before it stays executed
what now        {{now}}, then: sqlmigrate up

"""
SILENT = r" after \d+ s in which nothing was sent"
CUT = (
    "   hint    something in between, a proxy or a balancer, has closed the connection: "
    "the server was still executing the file\n"
)
PAST = "connect past it, to another host or port"
WAIT = "wait until the server can be reached"


def test_a_connection_that_is_cut(quick: Quick, begin: Beginning, database: str) -> None:
    """The old session, which would have gone on to its COMMIT, is ended over a new connection; then the failure is
    reported, and that neither the server nor its process has closed the connection.
    """
    quick.write(**FILES)
    with Line(database) as line:
        running = begin("up", url=line.url)
        running.when("pg_sleep")
        line.cut()
        ended = running.ended()

    rolled_back = "002_b was rolled back: nothing of it is in the database"
    screen = re.sub(SILENT, "", said(ended))
    assert screen == LOST_SCREEN.format(more=CUT, happened=rolled_back, now=PAST)
    assert ended.code == 1
    assert database_state.sessions(database) == []
    assert database_state.relations(database) == ["public.a"]
    assert database_state.history(database) == [("001", "executed", 1, None), ("002", "failed", 0, LOST)]


@pytest.mark.slow
def test_a_connection_that_is_cut_for_good(quick: Quick, begin: Beginning, database: str) -> None:
    """If the history cannot be read, the outcome is reported as unknown."""
    quick.write(**FILES)
    with Line(database) as line:
        running = begin("up", url=line.url)
        pid = running.when("pg_sleep")
        line.is_open = False
        line.cut()
        ended, port = running.ended(), line.port

    gone = f"cannot connect: 127.0.0.1:{port}: server closed the connection unexpectedly"
    unknown = "it is not known whether 002_b was committed or rolled back: its history row will tell"
    unread = f"   the history could not be read: {gone}\n"
    assert said(ended) == LOST_SCREEN.format(more=unread, happened=unknown, now=WAIT)
    assert ended.code == 1

    database_state.ask(database, f"select pg_terminate_backend({pid})")
    assert database_state.history(database) == [("001", "executed", 1, None)]


def test_a_connection_that_leads_to_another_server_afterwards(
    quick: Quick, begin: Beginning, database: str, postgres16: postgres_servers.Server
) -> None:
    """The second host of the URL has sessions with our number: nothing is looked up, recorded or ended there."""
    quick.write(**FILES)
    name = conninfo_to_dict(database)["dbname"]
    postgres16.admin.execute(f"create database {name}")
    other = postgres16.url(str(name))
    try:
        with Line(database) as line, Line(other) as second, psycopg.connect(other) as application:
            running = begin("up", url=line.url.replace(f":{line.port}", f":{line.port},127.0.0.1:{second.port}"))
            pid = running.when("pg_sleep")
            line.is_open = False
            line.cut()
            ended = running.ended()
            application.execute("select 1")
            application.close()
            first, then = f"127.0.0.1:{line.port}", f"127.0.0.1:{second.port}"

        elsewhere = (
            "   the history could not be read: the new connection leads to another server: "
            f"{then}, before it was {first}\n"
            f"   hint    look at both servers before you go on; the statement may still be executed on {first}\n"
        )
        assert ended.code == 1
        assert elsewhere in ended.stderr
        assert ended.stderr.endswith("what now        sqlmigrate status\n\n")
        assert "it is not known whether 002_b was committed or rolled back" in ended.stderr
        assert database_state.is_untouched(other)
        database_state.ask(database, f"select pg_terminate_backend({pid})")
    finally:
        postgres16.admin.execute(f"drop database {name} with (force)")


@pytest.mark.slow
def test_a_server_that_is_killed(quick: Quick, begin: Beginning, servers: Path) -> None:
    """A server that is killed loses nothing that was committed, and the next `up` continues."""
    quick.write(**FILES)
    with postgres_servers.durable_server(servers / "killed") as server:
        running = begin("up", url=server.url(), watched=server.url())
        running.when("pg_sleep")
        server.run("pg_ctl", "stop", "--mode=immediate", "--pgdata", str(server.data))
        ended = running.ended()
        server.start({})

        assert ended.code == 1
        assert f"error: {LOST}\n  ──▶ sql/002_b.up.sql:2:1\n" in ended.stderr
        assert ended.stderr.endswith("what now        wait until the server can be reached, then: sqlmigrate up\n\n")
        assert database_state.relations(server.url()) == ["public.a"]
        assert database_state.history(server.url())[0] == ("001", "executed", 1, None)

        quick.write(**{"002_b.up.sql": FILES["002_b.up.sql"].replace("60", "0")})
        assert quick("up", DATABASE_URL=server.url()).code == 0
        assert database_state.relations(server.url()) == [f"public.{name}" for name in "abcd"]


# -- no room is left ---------------------------------------------------------------------------------------------------

NO_ROOM = {
    # The kernel's own ENOSPC, as on a full disk.
    "a full disk": (
        "copy (select generate_series(1, 10000)) to '/dev/full';\n",
        "could not write to COPY file: No space left on device",
        "53100 disk_full",
        "wait until the server has room again",
    ),
    "a limit for temporary files": (
        "set temp_file_limit = '64kB'; select count(*) from generate_series(1, 1000000);\n",
        'temporary file size exceeds "temp_file_limit" (64kB)',
        "53400 configuration_limit_exceeded",
        "raise that limit, or fix the file",
    ),
}


@pytest.mark.parametrize("case", NO_ROOM.values(), ids=NO_ROOM)
def test_no_room_in_mid_file(case: tuple[str, str, str, str], quick: Quick, database: str) -> None:
    """A file that does not fit on the disk is rolled back; the message asks for room, not for another file."""
    text, message, code, cure = case
    quick.write(
        **{"001_a.up.sql": "create table a ();", "002_b.up.sql": f"create table b ();\n{text}create table c ();"}
    )

    ended = quick("up")

    assert f"error: {message}\n  ──▶ sql/002_b.up.sql:2:" in ended.stderr
    assert ended.stderr.endswith(
        f"   code    {code}\n\n"
        "what happened   002_b was rolled back: nothing of it is in the database\n"
        "                001_a before it stays executed\n"
        f"what now        {cure}, then: sqlmigrate up\n\n"
    )
    assert ended.code == 1
    assert database_state.relations(database) == ["public.a"]
    assert database_state.history(database) == [("001", "executed", 1, None), ("002", "failed", 0, message)]


def test_no_room_for_the_failure_itself(quick: Quick, database: str) -> None:
    """If the failure cannot be recorded, the screen says so in addition to what happened."""
    quick.write(**{"001_a.up.sql": "create table a ();"})
    assert quick("up").code == 0
    database_state.ask(
        database,
        """create function full_disk() returns trigger language plpgsql as $$
           begin raise exception 'could not extend file: No space left on device' using errcode = '53100'; end $$;
           create trigger full_disk before insert or update on migrations for each row
             when (new.status = 'failed') execute function full_disk()""",
    )
    quick.write(**{"002_b.up.sql": "create table b ();\ndrop table nothing;\n"})

    ended = quick("up", SQLMIGRATE_DRIFT="off")

    assert said(ended) == (
        "DATABASE · 1 pending\n\n"
        "❌ 002_b   statement 2 of 2 N ms\n\n"
        "1 failed\n"
        'error: table "nothing" does not exist\n'
        "  ──▶ sql/002_b.up.sql:2:12\n"
        "   │\n"
        " 1 │ create table b ();\n"
        " 2 │ drop table nothing;\n"
        "   │            ^^^^^^^\n"
        "   │\n"
        "   the failure could not be written to the history: could not extend file: No space left on device\n"
        "   code    42P01 undefined_table\n\n"
        "what happened   002_b was rolled back: nothing of it is in the database\n"
        "what now        fix the file, then: sqlmigrate up\n\n"
    )
    assert ended.code == 1
    assert database_state.relations(database) == ["public.a"]
    assert database_state.history(database) == [("001", "executed", 1, None)]


def test_no_room_for_the_history_row(quick: Quick, database: str) -> None:
    """If the row cannot be completed, the file is rolled back as well: neither exists without the other."""
    quick.write(**{"001_a.up.sql": "create table a ();"})
    assert quick("up").code == 0
    database_state.ask(
        database,
        """create function full_disk() returns trigger language plpgsql as $$
           begin raise exception 'could not extend file: No space left on device' using errcode = '53100'; end $$;
           create trigger full_disk before update on migrations for each row
             when (new.status = 'executed') execute function full_disk()""",
    )
    quick.write(**{"002_b.up.sql": "create table b ();"})

    ended = quick("up", SQLMIGRATE_DRIFT="off")

    assert said(ended) == (
        "DATABASE · 1 pending\n\n"
        "❌ 002_b   at its end N ms\n\n"
        "1 failed\n"
        "error: could not extend file: No space left on device\n"
        "  ──▶ sql/002_b.up.sql\n"
        "   context PL/pgSQL function full_disk() line 2 at RAISE\n"
        "   code    53100 disk_full\n\n"
        "what happened   002_b was rolled back: nothing of it is in the database\n"
        "what now        wait until the server has room again, then: sqlmigrate up\n\n"
    )
    assert ended.code == 1
    assert database_state.relations(database) == ["public.a"]
    assert [row[:2] for row in database_state.history(database)] == [("001", "executed"), ("002", "failed")]
