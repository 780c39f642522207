"""What is shown of a long statement: the live line of a terminal, the lines elsewhere, the percentages."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import termios
import threading
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import children
import psycopg
import pytest
from in_process import _HEAD
from piped_output import told_in_lines
from project import Project, succeeded
from terminal import stable
from waiting import until

from sqlmigrate.database.activity import Activity, Observer
from sqlmigrate.executor.events import Event, Finished, Progress
from sqlmigrate.output import progress_lines

COLUMNS = 80
COLOUR = re.compile(r"\x1b\[[0-9;]*m")
ERASE = "\r\x1b[K"


@dataclass
class Tty:
    """The program on a terminal of 80 columns, and everything that it has written there."""

    process: subprocess.Popen[bytes]
    end: int
    written: bytearray = field(default_factory=bytearray)

    @property
    def text(self) -> str:
        return self.written.decode(errors="ignore").replace("\r\n", "\n")

    def until(self, pattern: str) -> str:
        """Read until something is written, and return it."""
        while not (found := re.search(pattern, self.text)):
            assert self._read(), f"it ended without {pattern}:\n{self.text}"
        return found[0]

    def ended(self) -> int:
        """Read to the end and return the exit code."""
        while self._read():
            pass
        return self.process.wait()

    @property
    def screen(self) -> str:
        """What stays on the screen, without colours, times and durations; overwritten lines are gone."""
        lines = [line.rpartition(ERASE)[2] for line in COLOUR.sub("", self.text).split("\n")]
        return _HEAD.sub(r"\g<before>DATABASE", stable("\n".join(lines)))

    @property
    def drawn(self) -> list[str]:
        """The live lines, in their order."""
        return [line for line in re.findall(r"\r\x1b\[K([^\r\n]+)", self.text) if line.startswith("   ")]

    def _read(self) -> bytes:
        try:
            data = os.read(self.end, 65536)
        except OSError:  # EIO: the other side has closed it
            return b""
        self.written += data
        return data


@contextmanager
def on_terminal(project: Project, environment: Mapping[str, str], *arguments: str) -> Iterator[Tty]:
    ours, theirs = os.openpty()
    termios.tcsetwinsize(theirs, (24, COLUMNS))
    process = children.start(
        [sys.executable, "-m", "sqlmigrate", *arguments], cwd=project.folder.parent,
        env={**os.environ, "DATABASE_URL": project.url, "TZ": "UTC", **environment},
        preexec_fn=lambda: os.login_tty(theirs), pass_fds=[theirs],
    )  # fmt: skip
    os.close(theirs)
    try:
        yield Tty(process, ours)
    finally:
        process.kill()
        process.wait()
        os.close(ours)


@contextmanager
def reading(project: Project, table: str) -> Iterator[psycopg.Connection[Any]]:
    """Read a table in a transaction that stays open."""
    with closing(psycopg.connect(project.url, application_name="reports")) as conn:
        conn.execute(f"select count(*) from {table}")
        yield conn


def is_waited_for(project: Project) -> bool:
    return bool(project.query("select 1 from pg_stat_activity where cardinality(pg_blocking_pids(pid)) > 0"))


@pytest.fixture
def blocked(project: Project) -> Project:
    """A table, and a migration that alters it."""
    project.add_tables("t").up()
    return project.add("002_add_b", "alter table t add b int;")


SCREEN = """\
DATABASE · 1 pending

✅ 002_add_b   1 statement N ms

1 executed
"""


# -- on a terminal -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("environment", "is_coloured"),
    [({"TERM": "xterm-256color"}, True), ({"TERM": "xterm-256color", "NO_COLOR": "1"}, False)],
    ids=["colour", "NO_COLOR"],
)
def test_the_live_line(environment: Mapping[str, str], is_coloured: bool, blocked: Project) -> None:  # noqa: FBT001
    """One line says which statement, how long, who blocks it and with what; nothing of it stays."""
    with reading(blocked, "t") as reader, on_terminal(blocked, environment, "up", "--lock-timeout", "1min") as tty:
        pid = reader.info.backend_pid
        tty.until(r"waits for reports[^\r]*")
        reader.rollback()
        assert tty.ended() == 0

    whole = (
        f"   002_add_b: statement 1 of 1, N s, waits for reports (process {pid}), Lock relation, "
        "idle in transaction, open for N s: select count(*) from t"
    )
    shown = [line for line in tty.drawn if "waits for" in line]
    assert shown
    assert {len(line) for line in shown} == {COLUMNS - 1}
    assert {whole.startswith(re.sub(r"(, |for )\d+ s", r"\1N s", line).removesuffix("…")) for line in shown} == {True}
    assert tty.screen == SCREEN
    assert bool(COLOUR.search(tty.text)) is is_coloured


def test_a_long_name_leaves_room(blocked: Project) -> None:
    """In the live line the version stands for a long name."""
    blocked.remove("002_add_b").add("20260213_120530_add_a_column_to_the_table_t", "alter table t add b int;")
    with (
        reading(blocked, "t") as reader,
        on_terminal(blocked, {"TERM": "xterm"}, "up", "--lock-timeout", "1min") as tty,
    ):
        line = tty.until(r"   20260213_120530: statement 1 of 1, \d+ s, waits for reports \(process \d+\)[^\r]*")
        reader.rollback()
        assert tty.ended() == 0

    assert len(line) <= COLUMNS - 1


def test_a_dumb_terminal(blocked: Project) -> None:
    """It gets plain lines: no colour, and nothing that is overwritten."""
    with reading(blocked, "t") as reader, on_terminal(blocked, {"TERM": "dumb"}, "up") as tty:
        until(lambda: is_waited_for(blocked))
        reader.rollback()
        assert tty.ended() == 0

    assert tty.screen == SCREEN
    assert "\x1b" not in tty.text


def test_a_try_on_a_terminal(blocked: Project) -> None:
    """The lines about a try fit into 80 columns, except the command to paste; the live line does not stay."""
    with (
        reading(blocked, "t") as reader,
        on_terminal(blocked, {"TERM": "xterm"}, "up", "--lock-timeout", "2s") as tty,
    ):
        tty.until(r"blocked by[\s\S]*again in")
        reader.rollback()
        assert tty.ended() == 0

    screen = re.sub(r"(process |pid = )\d+", r"\g<1>4711", re.sub(r"\d+ s:|\d+\.\d s", "N s", tty.screen))
    head = "⏳ 002_add_b: statement 1: canceling statement due to lock timeout\n"
    blind = (
        f"{head}   rolled back, trying again in N s (try N of 10)\n"  # nothing was seen in time: the machine is slow
    )
    assert re.sub(r"try \d+ of", "try N of", screen).replace(blind, "") == (
        f"DATABASE · 1 pending\n\n{head}"
        "   blocked by process 4711 (reports, user postgres, local socket)\n"
        "   idle in transaction, open for N s select count(*) from t\n"
        "   if its program is gone, end the session:\n"
        "   select pg_terminate_backend(pid) from pg_stat_activity where pid = 4711 and backend_start = 'TIME';\n"
        "   rolled back, trying again in N s (try N of 10)\n"
        "✅ 002_add_b   1 statement N ms\n\n"
        "1 executed\n"
    )


# -- elsewhere ---------------------------------------------------------------------------------------------------------


def test_lines_where_there_is_no_terminal(blocked: Project) -> None:
    """A line every ten seconds says everything, however often the run looks."""
    blocked.add("002_add_b", "select 1;\nalter table t add b int;")
    looks = [1, 9.9, 10, 11, 19.9, 20.4, 29.9, 30, 55, 59, 60]
    with reading(blocked, "t") as reader:
        said = told_in_lines(blocked, lambda seen: seen.blockers, looks, reader.rollback)

    said = re.sub(r"process \d+", "process 4711", _HEAD.sub("DATABASE", stable(said)))
    said = re.sub(r"open for \d+ s", "open for N s", said)
    assert max(map(len, said.splitlines())) <= 100
    lines = "".join(
        f"   002_add_b: statement 2 of 2, {seconds} s, waits for Lock relation: "
        "process 4711 (reports, user postgres, local socket), idle in transaction, open for N s: "
        "select count(*) from t\n"
        for seconds in (10, 20, 30, 55, 60)
    )
    assert re.sub(r"\n   (?=[a-z(])", " ", said) == (
        f"DATABASE · 1 pending\n\n{lines}✅ 002_add_b   2 statements N ms\n\n1 executed\n"
    )


# -- how far it is -----------------------------------------------------------------------------------------------------

# Rows that fill half a page each, and a function that waits at the row in the middle until the test opens the gate.
GATE = """\
create function gate(n int) returns int immutable language plpgsql
  as 'begin if n = 21 then perform pg_catalog.pg_advisory_xact_lock_shared(7); end if; return n; end';
create table wide (n int, filling text);
alter table wide alter filling set storage plain;
insert into wide select n, repeat('x', 3500) from generate_series(1, 40) n;
"""


@contextmanager
def under_way(project: Project, statement: str, data: str | None = None) -> Iterator[int]:
    """Execute a statement that waits at the gate, which is opened at the end of the block; yields its process."""
    with project.connection() as gate, closing(psycopg.connect(project.url, autocommit=True)) as conn:
        gate.execute("select pg_advisory_lock(7)")

        def work() -> None:
            if data is None:
                conn.execute(statement)
                return
            with conn.cursor() as cursor, cursor.copy(statement) as copy:
                copy.write(data)

        thread = threading.Thread(target=work)
        thread.start()
        try:
            until(lambda: gate.execute("select 1 from pg_locks where locktype = 'advisory' and not granted").fetchone())
            yield conn.info.backend_pid
        finally:
            gate.execute("select pg_advisory_unlock(7)")
            thread.join()


PROGRESS = {
    "an index": ("create index on wide (gate(n))", "building index: scanning table, 50 %"),
    "an index, concurrently": (
        "create index concurrently on wide (gate(n))", "building index: scanning table, 50 %",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("statement", "expected"), PROGRESS.values(), ids=PROGRESS)
def test_the_percentage_of_an_index(statement: str, expected: str, every_database: str, project: Project) -> None:
    """10 of 20 pages are read: the percentage is PostgreSQL's own, and the blocker is shown with it."""
    project = project.at(every_database)
    project.execute(GATE)
    with under_way(project, statement) as pid, closing(Observer(project.url)) as observer:
        sight = observer.look(pid)

    assert sight.progress == expected
    assert sight.waits_for == "Lock advisory"
    assert [blocker.application for blocker in sight.blockers] == [""]


def test_the_phase_of_a_cluster(project: Project) -> None:
    """While CLUSTER builds the indexes again the server counts nothing: only the phase is shown."""
    project.execute(GATE)
    project.execute("create index ordered on wide (n)")
    project.execute("create index gated on wide (gate(n))")
    with under_way(project, "cluster wide using ordered") as pid, closing(Observer(project.url)) as observer:
        assert observer.look(pid).progress == "rebuilding index"


def test_the_percentage_of_a_copy(project: Project) -> None:
    """The server does not know how much data will come; the sender does."""
    project.execute(GATE)
    project.execute("create table copied (n int check (gate(n) = n), filling text)")
    data = "".join(f"{n}\t{'x' * 20_000}\n" for n in range(1, 41))
    with under_way(project, "copy copied from stdin", data) as pid, closing(Observer(project.url)) as observer:
        told = observer.look(pid, len(data)).progress or ""
        unknown = observer.look(pid).progress

    percentage = re.fullmatch(r"copying, (\d+) %", told)
    assert percentage is not None, told
    assert 50 <= int(percentage[1]) < 70
    assert unknown == "copying"


def _cancelled(conn: psycopg.Connection[Any], statement: str) -> None:
    with suppress(psycopg.errors.QueryCanceled):
        conn.execute(statement)


def test_the_percentage_of_a_vacuum(project: Project) -> None:
    """The progress of a slow VACUUM is shown."""
    project.execute(GATE)
    with project.connection() as conn, closing(Observer(project.url)) as observer:
        conn.execute("set vacuum_cost_delay = 100")
        conn.execute("set vacuum_cost_limit = 1")
        pid = conn.info.backend_pid
        thread = threading.Thread(target=lambda: _cancelled(conn, "vacuum wide"))
        thread.start()
        seen: list[str] = []
        until(lambda: seen.append(observer.look(pid).progress or "") or re.search(r"[1-9]\d? %$", seen[-1]))
        project.execute("select pg_cancel_backend(%s)", pid)
        thread.join()

    assert re.fullmatch(r"scanning heap, \d\d? %", seen[-1])


def test_a_long_copy_is_watched(project: Project) -> None:
    """While the server takes data slowly, the percentage is reported."""
    project.add(
        "001_slow",
        """\
        create function slow(text) returns boolean language plpgsql
          as 'begin
            while not pg_catalog.pg_try_advisory_xact_lock_shared(7) loop perform pg_catalog.pg_sleep(0.01); end loop;
            return true; end';
        create table slow (t text check (slow(t)));""",
    ).up()
    data = f"{'x' * 1000}\n" * 1000
    project.add("002_copy", f"copy slow from stdin;\n{data}\\.\n")
    events: list[Event] = []
    with project.connection() as gate:
        gate.execute("select pg_advisory_lock(7)")
        for event in project.running_up(tick=0.1):
            events.append(event)
            if isinstance(event, Progress) and event.activity.progress:
                gate.execute("select pg_advisory_unlock_all()")

    told = [event.activity.progress for event in events if isinstance(event, Progress) and event.activity.progress]
    assert succeeded(events) == ["002_copy"]
    assert told
    assert all(re.fullmatch(r"copying, \d\d? %", each) for each in told), told


def test_a_copy_that_is_stuck_is_left_at_once(project: Project) -> None:
    """Closed while the server takes no data, the run is cancelled there without waiting for the gate."""
    project.add("001_gate", f"{GATE}create table copied (n int check (gate(n) = n), filling text);").up()
    data = "".join(f"{n}\t{'x' * 20_000}\n" for n in range(1, 101))
    project.add("002_copy", f"copy copied from stdin;\n{data}\\.\n")
    with project.connection() as gate:
        gate.execute("select pg_advisory_lock(7)")
        with closing(project.running_up(tick=0.2)) as events:
            watched = next(event for event in events if isinstance(event, Progress) and event.activity.waits_for)

        assert watched.activity.waits_for == "Lock advisory"
        assert project.query("select statements_done, error from migrations where version = '002'") == [
            (0, "interrupted: the statement was cancelled on the server")
        ]
        assert project.value("select count(*) from copied") == 0


@pytest.mark.parametrize(
    ("is_commit", "said"), [(True, "its COMMIT waits for the workers"), (False, "executed on the workers")]
)
def test_what_the_workers_of_citus_execute(is_commit: bool, said: str, project: Project) -> None:  # noqa: FBT001
    """If no session is in the way there, it is not called a wait."""
    (step,) = (event.step for event in project.add("001_a", "select 1;").up() if isinstance(event, Finished))
    seen = Activity("Client ClientRead", is_on_workers=True, is_commit=is_commit)

    line = progress_lines.live(Progress(step, 1, 1, 10_000, seen), 200)

    assert line.endswith(f"{'1 of 1 statements done' if is_commit else 'statement 1 of 1'}, 10 s, {said}")


def test_a_lost_second_connection_harms_nothing(blocked: Project) -> None:
    """If it is ended, the run continues, and sees activity again later."""
    with reading(blocked, "t") as reader, closing(Observer(blocked.url)) as observer:
        assert observer.look(reader.info.backend_pid).blockers == ()
        assert observer._session is not None
        blocked.execute("select pg_terminate_backend(%s)", observer._session.pid)
        until(lambda: not blocked.query("select 1 from pg_stat_activity where application_name = 'sqlmigrate'"))
        assert observer.look(reader.info.backend_pid).progress is None
        assert observer._session is None
