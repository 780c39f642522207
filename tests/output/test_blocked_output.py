"""Output that cannot be written, on a full disk, a closed stream or a blocked terminal, does not harm a migration."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import children
import database_state
import pytest
from terminal import Terminal
from waiting import until

LOST = """\
error: cannot write to {stream}: {reason}
   the database is not affected: its history says what was done
   next    sqlmigrate status

"""
FULL, CLOSED = "No space left on device", "Bad file descriptor"


def shell(terminal: Terminal, line: str) -> tuple[int, str, str]:
    """Call the program through a shell, with redirections; returns exit code, stdout, stderr."""
    line = line.replace("sqlmigrate", f"'{sys.executable}' -m sqlmigrate", 1)
    environment = {**os.environ, **terminal.environment}
    ended = children.run(
        ["sh", "-c", line],
        cwd=terminal.folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    return ended.returncode, ended.stdout, ended.stderr


@pytest.fixture
def tables(terminal: Terminal) -> Terminal:
    """Two migrations, the first executed."""
    terminal.write(**{"001_a.up.sql": "create table a ();", "001_a.down.sql": "drop table a;"})
    assert shell(terminal, "sqlmigrate up")[0] == 0
    terminal.write(**{"002_b.up.sql": "do $$ begin raise notice 'look'; end $$; create table b ();"})
    return terminal


# -- a full disk -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["status", "verify", "log", "status --format json"])
def test_a_full_disk_while_looking(command: str, tables: Terminal) -> None:
    """If a screen cannot be written, the exit code is 1, and stderr says why."""
    code, stdout, stderr = shell(tables, f"sqlmigrate {command} >/dev/full")

    assert (code, stdout) == (1, "")
    if "json" in command:
        assert f'"message": "cannot write to stdout: {FULL}"' in stderr
    else:
        assert stderr == LOST.format(stream="stdout", reason=FULL)


EXECUTING = {
    "stdout full": (">/dev/full", "   notice: look\n" + LOST.format(stream="stdout", reason=FULL)),
    "stderr full": ("2>/dev/full", ""),
    "both full": (">/dev/full 2>&1", ""),
    "stdout closed": (">&-", "   notice: look\n" + LOST.format(stream="stdout", reason=CLOSED)),
    "both closed": (">&- 2>&-", ""),
}


@pytest.mark.parametrize("case", EXECUTING.values(), ids=EXECUTING)
def test_a_full_disk_while_executing(case: tuple[str, str], tables: Terminal, database: str) -> None:
    """The migration is committed and recorded, no session is left; exit code 1 says that output is missing."""
    redirected, said = case

    code, _, stderr = shell(tables, f"sqlmigrate up {redirected}")

    assert (code, stderr) == (1, said)
    assert database_state.relations(database) == ["public.a", "public.b"]
    assert [row[:2] for row in database_state.history(database)] == [("001", "executed"), ("002", "executed")]
    assert database_state.sessions(database) == []
    assert shell(tables, "sqlmigrate status --check")[0] == 0


def test_a_full_disk_while_undoing(tables: Terminal, database: str) -> None:
    """`down` continues to its end as `up` does."""
    assert shell(tables, "sqlmigrate down >/dev/full") == (1, "", LOST.format(stream="stdout", reason=FULL))
    assert database_state.relations(database) == []
    assert database_state.history(database) == []


def test_a_full_disk_and_a_failure(tables: Terminal, database: str) -> None:
    """The failure is on stderr and in the history, although stdout cannot be written."""
    tables.write(**{"002_b.up.sql": "select nothing;"})

    code, _, stderr = shell(tables, "sqlmigrate up >/dev/full")

    assert code == 1
    assert stderr.startswith('error: column "nothing" does not exist\n')
    assert stderr.endswith(LOST.format(stream="stdout", reason=FULL))
    assert database_state.history(database)[1][:2] == ("002", "failed")


CLOSED_STREAMS = ["2>&-", ">&-", ">&- 2>&-", "<&- >&- 2>&-", "2>/dev/full", ">/dev/full 2>&1"]


@pytest.mark.parametrize("head", ["", "-- sqlmigrate: no-transaction\n"], ids=["one transaction", "none"])
@pytest.mark.parametrize("redirected", CLOSED_STREAMS)
def test_a_failure_that_cannot_be_shown_is_recorded(
    redirected: str, head: str, tables: Terminal, database: str
) -> None:
    """Whatever stream is closed or full, the history has PostgreSQL's error, once, and the exit code is 1."""
    tables.write(**{"002_b.up.sql": f"{head}do $$ begin raise notice 'look'; end $$;\ncreate table a ();"})

    code, _, _ = shell(tables, f"sqlmigrate up {redirected}")

    error = 'relation "a" already exists'
    assert code == 1
    assert [(row[:2], row[3]) for row in database_state.history(database)] == [
        (("001", "executed"), None), (("002", "failed"), error),
    ]  # fmt: skip
    assert database_state.log(database) == [("up", "001", None), ("failure", "002", error)]


def test_a_reader_that_has_seen_enough(tables: Terminal) -> None:
    """`| head -1` is not an error: there is no message, and the exit code is that of the command."""
    code, stdout, stderr = shell(tables, "{ sqlmigrate log; echo $? >code; } | head -0")
    assert (code, stdout, stderr) == (0, "", "")
    assert (tables.folder / "code").read_text() == "0\n"


# -- a terminal that stands still --------------------------------------------------------------------------------------

NOISE = "do $$ begin for i in 1..2000 loop raise notice '%', repeat('x', 100); end loop; end $$;\n"
WRITING = "select count(*) from pg_stat_activity where application_name = 'sqlmigrate' and datname = current_database()"
LOCKS = """\
select count(*) from pg_locks l join pg_stat_activity a using (pid)
 where a.application_name = 'sqlmigrate' and a.datname = current_database()"""


@contextmanager
def stopped_terminal(terminal: Terminal, *arguments: str) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """Call the program in a terminal whose other side reads nothing; yields the process and that side."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, **terminal.environment, "TERM": "xterm"}
    command = [sys.executable, "-m", "sqlmigrate", *arguments]
    process = children.start(command, cwd=terminal.folder, env=environment, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    try:
        yield process, ours
    finally:
        process.kill()
        process.wait()
        os.close(ours)


def read_on(ours: int) -> bytes:
    """Read what the terminal should show, up to the end of the program."""
    shown = b""
    while True:
        try:
            chunk = os.read(ours, 65536)
        except OSError:  # EIO: the other side is closed
            return shown
        shown += chunk


@pytest.fixture
def noisy(terminal: Terminal) -> Terminal:
    """Migrations with more output than the buffer of a terminal holds."""
    for number in (1, 2, 3):
        terminal.write(**{f"00{number}_t.up.sql": f"create table t{number} ();\n{NOISE}"})
    return terminal


def test_a_blocked_terminal_holds_no_lock(noisy: Terminal, database: str) -> None:
    """Everything is committed and all locks are released while the program still waits to write its first line."""
    with stopped_terminal(noisy, "up") as (process, ours):
        until(lambda: database_state.ask(database, "select to_regclass('migrations')") != [(None,)])
        until(lambda: len(database_state.history(database)) == 3)
        until(lambda: database_state.ask(database, WRITING) == [(0,)])
        assert database_state.ask(database, LOCKS) == [(0,)]
        assert [row[1] for row in database_state.history(database)] == ["executed"] * 3
        assert process.poll() is None

        shown = read_on(ours)

        assert process.wait() == 0
        assert shown.count(b"x" * 100) == 6000
        assert b"3 executed" in shown


def test_a_blocked_terminal_while_a_file_fails(noisy: Terminal, database: str) -> None:
    """The failure is rolled back and recorded before it is shown."""
    noisy.write(**{"002_t.up.sql": f"create table t2 ();\n{NOISE}select nothing;\n"})
    with stopped_terminal(noisy, "up") as (process, ours):
        until(lambda: database_state.ask(database, "select to_regclass('migrations')") != [(None,)])
        until(lambda: [row[1] for row in database_state.history(database)] == ["executed", "failed"])
        until(lambda: database_state.ask(database, WRITING) == [(0,)])
        assert process.poll() is None
        read_on(ours)
        assert process.wait() == 1


def test_a_signal_ends_the_wait_for_the_terminal(noisy: Terminal, database: str) -> None:
    """SIGTERM ends a program that only has output left to write."""
    with stopped_terminal(noisy, "up") as (process, _):
        until(lambda: database_state.ask(database, "select to_regclass('migrations')") != [(None,)])
        until(lambda: len(database_state.history(database)) == 3)
        until(lambda: database_state.ask(database, WRITING) == [(0,)])
        process.send_signal(signal.SIGTERM)
        assert process.wait() == 128 + signal.SIGTERM


@pytest.mark.slow
def test_an_interrupt_within_a_file_with_a_blocked_terminal(noisy: Terminal, database: str) -> None:
    """The statement is cancelled and rolled back, and the program ends soon, even if its output is not read."""
    noisy.write(**{"003_t.up.sql": f"create table t3 ();\n{NOISE}select pg_sleep(60);\n"})
    with stopped_terminal(noisy, "up") as (process, _):
        slow = "select 1 from pg_stat_activity where datname = current_database() and query like 'select pg_sleep%'"
        until(lambda: database_state.ask(database, slow) == [(1,)])
        process.send_signal(signal.SIGINT)
        assert process.wait() == 128 + signal.SIGINT
    assert [row[1] for row in database_state.history(database)] == ["executed", "executed", "failed"]
    assert database_state.sessions(database) == []
