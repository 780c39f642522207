"""Figures, printed as tables: ``make bench``, or ``python tests/bench/bench.py start files``. Nothing is asserted.

A figure is the median of several runs (the least of them in brackets); what is compared is run in turn, so that what
else the machine does falls on all alike. Other tools are got into a folder outside the repository the first time.
"""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

import generated_history
import other_tools
import postgres_servers
import psycopg
from pgbouncer import bouncer
from postgres_servers import PasswordServer, Server
from proxies import Delay
from psycopg.conninfo import conninfo_to_dict

from sqlmigrate.database.session import Request, Session, connect
from sqlmigrate.files.folder import load
from sqlmigrate.history import read
from sqlmigrate.history.state import State
from sqlmigrate.operations import look, snapshot, up_down
from sqlmigrate.plan.plan import DEFAULT_DRIFT, NO_DRIFT

SQLMIGRATE = str(Path(sys.executable).with_name("sqlmigrate"))
DELAY = 0.020  # of a round trip, in seconds: a database in the next region


@dataclass
class Times:
    """What the runs of one command took, in milliseconds: by the clock, and of the processor."""

    clock: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)
    memory: list[float] = field(default_factory=list)  # the most that was resident, in MB

    def __str__(self) -> str:
        return f"{statistics.median(self.clock):9,.0f} ({min(self.clock):,.0f})"

    @property
    def median(self) -> float:
        return statistics.median(self.clock)

    @property
    def used(self) -> float:
        return statistics.median(self.processor)


@dataclass(frozen=True)
class Bench:
    """What all parts need: how often to run, where to put things, the servers, and an environment of our own."""

    runs: int | None
    cache: Path
    scratch: Path
    server: Server
    far_server: PasswordServer

    def environment(self, url: str) -> dict[str, str]:
        """Give an environment in which Python keeps its compiled modules, as where a package is installed."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "PYTHON"))}
        return {**kept, "DATABASE_URL": url, "PYTHONPYCACHEPREFIX": str(self.cache / "compiled")}

    def folder(self, name: str) -> Path:
        made = self.scratch / name
        made.mkdir()
        return made


def timed(times: Times, command: Sequence[str], environment: Mapping[str, str], cwd: Path | None = None) -> None:
    """Run a command to its end, and note what it took; one that fails ends the benchmark with what it said."""
    with tempfile.TemporaryFile("w+") as said:
        start = time.perf_counter()
        process = subprocess.Popen(command, env=environment, cwd=cwd, stdout=said, stderr=said)
        _, status, usage = os.wait4(process.pid, 0)
        times.clock.append((time.perf_counter() - start) * 1000)
        times.processor.append((usage.ru_utime + usage.ru_stime) * 1000)
        times.memory.append(usage.ru_maxrss / 1024)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            said.seek(0)
            raise SystemExit(f"{' '.join(command)[:200]} ended with {process.returncode}:\n{said.read()[-2000:]}")


def in_turn(commands: Mapping[str, Sequence[str]], runs: int, environment: Mapping[str, str], cwd: Path) -> list[Times]:
    """Run commands one after the other, `runs` times, after a first round that does not count."""
    found = [Times() for _ in commands]
    for number in range(runs + 1):
        for times, command in zip(found, commands.values(), strict=True):
            timed(times if number else Times(), command, environment, cwd)
    return found


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table, a row as soon as it is known; the first column is a name, the others are figures."""
    say(f"\n{title}\n")
    widths = [46, *(max(16, len(column) + 2) for column in columns[1:])]
    for line in (columns, ["-" * len(column) for column in columns]):
        say(_line(line, widths))
    for row in rows:
        say(_line(row, widths))


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    name, *figures = cells
    return name.ljust(widths[0]) + "".join(f.rjust(width) for f, width in zip(figures, widths[1:], strict=True))


# -- start -------------------------------------------------------------------------------------------------------------


def start(bench: Bench) -> None:
    """How much longer than psycopg alone a command takes that has nothing to do."""
    with bench.server.database() as url:
        folder = bench.folder("start")
        _write(folder / "sql", [_statements(number) for number in range(3)])
        list(up_down.up(url, load(folder / "sql")))
        commands = {
            "python -c 'import psycopg; psycopg.connect(…)'": [
                sys.executable, "-c", f"import psycopg; psycopg.connect({url!r})",
            ],
            "sqlmigrate status": [SQLMIGRATE, "status"],
            "sqlmigrate up, nothing to do": [SQLMIGRATE, "up"],
            "sqlmigrate --help": [SQLMIGRATE, "--help"],
            "python -c pass": [sys.executable, "-c", "pass"],
        }  # fmt: skip
        found = in_turn(commands, bench.runs or 20, bench.environment(url), folder)
    rows = [
        (
            name,
            str(times),
            f"{times.median / found[0].median:.2f}",
            f"{times.used:.0f}",
            f"{times.used / found[0].used:.2f}",
        )
        for name, times in zip(commands, found, strict=True)
    ]
    table("Start, with nothing to do", ["", "ms", "times", "ms of processor", "times"], rows)


# -- files -------------------------------------------------------------------------------------------------------------


def _statements(number: int) -> list[str]:
    name = f"table_{number}"
    return [
        f"create table {name} (\n    id   bigint generated always as identity primary key,\n    name text not null\n);",
        f"create index {name}_name on {name} (lower(name));",
        f"comment on table {name} is 'Made for measuring; number {number}';",
        f"insert into {name} (name) values ('one'), ('two; three');",
    ]


def _write(folder: Path, migrations: Sequence[other_tools.Statements]) -> None:
    folder.mkdir()
    other_tools.write_pairs(folder, migrations)


_FILES = (
    # files, seconds of round trip, runs, which tools; None for all
    (200, 0.0, 5, None),
    (1_000, 0.0, 5, ("sqlmigrate", "psql, one script", "dbmate", "node-pg-migrate")),
    (50, DELAY, 3, ("sqlmigrate", "dbmate", "node-pg-migrate")),
    (200, DELAY, 1, ("sqlmigrate", "dbmate", "node-pg-migrate")),
    (200, 0.2, 3, ("sqlmigrate",)),
    (10_000, 0.0, 1, ("sqlmigrate",)),
)


def many_files(bench: Bench) -> None:
    """How long files take from the start of the process to its end, compared with other tools, near and far."""
    tools, missing = other_tools.found(bench.cache, bench.far_server.cluster.program("psql"))
    for number, delay, runs, names in _FILES:
        chosen = [tool for tool in tools if names is None or tool.name in names]
        _compare(bench, chosen, number, delay, bench.runs or runs)
    for reason in missing:
        say(f"not here: {reason}")


def _compare(bench: Bench, tools: Sequence[other_tools.Tool], number: int, delay: float, runs: int) -> None:
    """Run tools in turn on the same statements; the last column is how long ours takes as a share of theirs."""
    migrations = [_statements(each) for each in range(number)]
    found = {tool.name: Times() for tool in tools}
    with tempfile.TemporaryDirectory(dir=bench.scratch) as made:
        for tool in tools:
            (Path(made) / tool.name).mkdir()
            tool.write(Path(made) / tool.name, migrations)
        for _ in range(runs):
            for tool in tools:
                _execute(bench, tool, Path(made) / tool.name, (delay, found[tool.name]))
    ours = found["sqlmigrate"].median
    table(
        f"{number:,} files of 4 statements, {delay * 1000:.0f} ms of round trip",
        ["", "ms", "ms a file", "ms of processor", "ours / this"],
        (
            (name, str(times), f"{times.median / number:.1f}", f"{times.used:,.0f}", f"{ours / times.median:.2f}")
            for name, times in found.items()
        ),
    )


def _execute(bench: Bench, tool: other_tools.Tool, folder: Path, noted: tuple[float, Times]) -> None:
    delay, times = noted
    with bench.far_server.database("app") as url:
        near = bench.far_server.tcp_url(str(conninfo_to_dict(url)["dbname"]))
        with _far(near, delay) as far:
            environment = bench.environment(far.replace("postgresql://", tool.scheme) + tool.options)
            timed(times, tool.command(folder), environment, folder)


@contextmanager
def _far(url: str, delay: float) -> Iterator[str]:
    if not delay:
        yield url
        return
    with Delay(url, delay) as proxy:
        yield proxy.url


def through_a_pooler(bench: Bench, number: int = 200) -> None:
    """How long files take through PgBouncer in transaction mode, near and far."""
    if not (program := shutil.which("pgbouncer")):
        say("not here: pgbouncer")
        return
    folder = bench.folder("pooled")
    _write(folder / "sql", [_statements(each) for each in range(number)])
    rows = []
    with bouncer(program, bench.server, "transaction") as pool:
        for delay in (0, DELAY, 0.2):
            times = Times()
            for _ in range(bench.runs or 3):
                with bench.server.database() as url:
                    pooled = f"{pool}{conninfo_to_dict(url)['dbname']}"
                    with _far(pooled, delay) as far:
                        timed(times, [SQLMIGRATE, "up"], bench.environment(far), folder)
            rows.append((f"{delay * 1000:.0f} ms of round trip", str(times), f"{times.used:,.0f}"))
    table(
        f"{number:,} files of 4 statements through PgBouncer, in transaction mode", ["", "ms", "ms of processor"], rows
    )


# -- a large folder ----------------------------------------------------------------------------------------------------

_READING = """\
import os
for name in sorted(os.listdir("sql")):
    with open("sql/" + name, "rb", buffering=0) as file:
        file.read()
"""
_EXECUTED = """\
copy migrations (version, name, status, checksum, up_sql, down_sql, statements, statements_done, executed_at,
                 duration_ms, executed_by, tool_version) from stdin"""


def large_folder(bench: Bench, number: int = 10_000) -> None:
    """How long `status` takes where everything is executed already, compared with reading the files alone."""
    folder = bench.folder("large")
    _write(folder / "sql", [_statements(each) for each in range(number)])
    with bench.server.database() as url:
        _pretend_executed(url, folder / "sql")
        commands = {
            "python, reading the files": [sys.executable, "-c", _READING],
            "python -c 'import psycopg; psycopg.connect(…)'": [
                sys.executable, "-c", f"import psycopg; psycopg.connect({url!r})",
            ],
            "sqlmigrate status": [SQLMIGRATE, "status"],
            "sqlmigrate --format json status": [SQLMIGRATE, "--format", "json", "status"],
            "sqlmigrate up, nothing to do": [SQLMIGRATE, "up"],
        }  # fmt: skip
        found = in_turn(commands, bench.runs or 7, bench.environment(url), folder)
    rows = [(name, str(times), f"{times.used:,.0f}") for name, times in zip(commands, found, strict=True)]
    table(f"{number:,} migrations ({2 * number:,} files), all executed", ["", "ms", "ms of processor"], rows)


def _pretend_executed(url: str, folder: Path) -> None:
    """Execute the first migration, and write of all others that they were."""
    first, *others = load(folder)
    list(up_down.up(url, [first]))
    at = "2026-01-01 00:00:00+00"
    with psycopg.connect(url) as conn, conn.cursor() as cursor, cursor.copy(_EXECUTED) as copy:
        for each in others:
            texts = (each.up.text, each.down.text if each.down else None)
            copy.write_row((each.version, each.name, "executed", each.checksum, *texts, 4, 4, at, 5, "postgres", "0"))


# -- large files -------------------------------------------------------------------------------------------------------


def large_files(bench: Bench) -> None:
    """How long single files of unusual size take, compared with psql in one transaction."""
    psql = str(bench.server.cluster.program("psql"))
    rows = []
    for name, text in _LARGE.items():
        folder = bench.folder(name.replace(" ", "_"))
        (folder / "sql").mkdir()
        (folder / "sql" / "001_large.up.sql").write_text(f"create table t (a int, b text);\n{text()}", encoding="utf-8")
        options = ["--no-psqlrc", "--quiet", "--single-transaction", "--set=ON_ERROR_STOP=1"]
        found = [Times(), Times()]
        for _ in range(bench.runs or 5):
            for times, command in zip(found, ([SQLMIGRATE, "up"], [psql, *options]), strict=True):
                with bench.server.database() as url:
                    given = (
                        [] if command[0] == SQLMIGRATE else [f"--file={folder}/sql/001_large.up.sql", f"--dbname={url}"]
                    )
                    timed(times, [*command, *given], bench.environment(url), folder)
        rows.append((name, str(found[0]), str(found[1])))
    table("Large files, ms", ["", "sqlmigrate", "psql -1 -f"], rows)


def _values(first: int, number: int) -> str:
    return ",\n".join(
        f"({each}, 'a text of forty characters; number {each:06}')" for each in range(first, first + number)
    )


_LARGE: dict[str, Callable[[], str]] = {
    "a table alone: what the others add to": str,
    "10,000 statements": lambda: "".join(f"insert into t values {_values(each, 1)};\n" for each in range(10_000)),
    "one statement of 5 MB": lambda: f"insert into t values {_values(0, 86_000)};\n",
    "COPY of 20 MB": lambda: "copy t from stdin;\n" + "".join(
        f"{each}\ta text of forty characters, number {each:06}\n" for each in range(425_000)
    ) + "\\.\n",
}  # fmt: skip


# -- memory ------------------------------------------------------------------------------------------------------------

_PEAK = """\
import os, sys
_, status, usage = os.wait4(os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ), 0)
print(usage.ru_maxrss, usage.ru_utime + usage.ru_stime, os.waitstatus_to_exitcode(status))"""
_LINE = "{0}\ta text of forty characters, number {0:06}\n"


def memory(bench: Bench) -> None:
    """How much resident memory a command takes at its peak: for one large file, for many files, for a long history."""
    table("Memory of the process", ["", "MB", "ms of processor"], _peaks(bench))


def _peaks(bench: Bench) -> Iterator[Sequence[str]]:
    for size in (20, 200, 1024):
        folder = bench.folder(f"copy-{size}")
        _write_copy(folder / "sql", size)
        with bench.server.database() as url:
            yield f"up, a COPY of {size:,} MB", *_peak(bench, ["up"], url, folder)
        shutil.rmtree(folder)
    folder = bench.folder("insert")
    (folder / "sql").mkdir()
    text = f"create table t (a int, b text);\ninsert into t values {_values(0, 1_720_000)};\n"
    (folder / "sql" / "001_large.up.sql").write_text(text, encoding="utf-8")
    with bench.server.database() as url:
        yield f"up, one INSERT of {len(text) >> 20} MB", *_peak(bench, ["up"], url, folder)
    for number in (1_000, 10_000):
        folder = bench.folder(f"many-{number}")
        _write(folder / "sql", [_statements(each) for each in range(number)])
        with bench.server.database() as url:
            yield f"up, {number:,} files", *_peak(bench, ["up"], url, folder)
            yield f"down --all, {number:,} files", *_peak(bench, ["down", "--all", "--yes"], url, folder)
    folder, number = bench.folder("history"), 100_000
    _write(folder / "sql", [_statements(each) for each in range(number)])
    with bench.server.database() as url:
        _pretend_executed(url, folder / "sql")
        yield f"status, {number:,} executed migrations", *_peak(bench, ["status"], url, folder)


def _peak(bench: Bench, arguments: Sequence[str], url: str, folder: Path) -> tuple[str, str]:
    """Run a command as the child of a small process: it would inherit the peak of a large one."""
    command = [sys.executable, "-S", "-c", _PEAK, SQLMIGRATE, *arguments]
    ended = subprocess.run(command, env=bench.environment(url), cwd=folder, check=True, capture_output=True, text=True)
    kilobytes, seconds, code = ended.stdout.split()[-3:]
    if code != "0":
        raise SystemExit(f"{' '.join(arguments)} ended with {code}:\n{ended.stderr[-2000:]}")
    return f"{int(kilobytes) / 1024:,.0f}", f"{float(seconds) * 1000:,.0f}"


def _write_copy(folder: Path, size: int) -> None:
    folder.mkdir()
    part = "".join(_LINE.format(each) for each in range(20_000))
    with (folder / "001_large.up.sql").open("w", encoding="utf-8") as file:
        file.write("create table t (a int, b text);\ncopy t from stdin;\n")
        for _ in range((size << 20) // len(part) + 1):
            file.write(part)
        file.write("\\.\n")


# -- a busy table ------------------------------------------------------------------------------------------------------


def locks(bench: Bench) -> None:
    """How long 20 clients of a table wait while it is altered, and a reader keeps it in a transaction for 30 s."""
    import busy_table  # noqa: PLC0415 - each part brings what it needs

    folder = bench.folder("locks")
    (folder / "sql").mkdir()
    (folder / "sql" / "001_note.up.sql").write_text(busy_table.MIGRATION, encoding="utf-8")
    psql = [str(bench.server.cluster.program("psql")), "--no-psqlrc", "--quiet", "--single-transaction"]
    psql += ["--set=ON_ERROR_STOP=1", "--file=sql/001_note.up.sql"]
    table(
        f"A table read for {busy_table.READER_SECONDS:.0f} s, {busy_table.CLIENTS} clients, and an ALTER TABLE on it",
        ["", "longest wait, ms", "99th percentile", "queries", "migration, s", "ended"],
        (_busy(bench, *each, folder) for each in (("sqlmigrate up", [SQLMIGRATE, "up"]), ("psql -1 -f", psql))),
    )


def _busy(bench: Bench, name: str, command: Sequence[str], folder: Path) -> Sequence[str]:
    import busy_table  # noqa: PLC0415 - each part brings what it needs

    with bench.server.database() as url:
        given = [] if command[0] == SQLMIGRATE else [f"--dbname={url}"]
        found = busy_table.waits(url, [*command, *given], bench.environment(url), folder)
    ended = "well" if not found.code else f"with {found.code}"
    figures = (f"{found.longest * 1000:,.0f}", f"{found.percentile * 1000:,.0f}", f"{len(found.each):,}")
    return (name, *figures, f"{found.command:.1f}", ended)


# -- all of it ---------------------------------------------------------------------------------------------------------


def cutting(_bench: Bench) -> None:
    """How fast a text is cut into statements."""
    import splitting  # noqa: PLC0415 - what it compares with is loaded only where it is measured

    splitting.main()
    table(
        "Texts made to be slow, of 200,000 characters: the slowest, and those that grow most with twice the length",
        ["", "ms", "times"],
        splitting.growing(),
    )


def reviews(bench: Bench) -> None:
    """What the review of three new migrations takes on a history of 1 and of 300: without and with a kept base."""
    import review_parts  # noqa: PLC0415 - each part brings what it needs

    others, missing = other_tools.reviewers(bench.cache)
    environment = {**bench.environment(""), "DATABASE_URL": ""}
    ours = [SQLMIGRATE, "review", "--base", "main", "--postgres", "18", "--fail-on", "never"]
    for number in (1, 300):
        folder = bench.folder(f"review-{number}")
        review_parts.write(folder, number)
        took = {"sqlmigrate, cold: server and base made": Times(), "sqlmigrate, warm: base kept": Times()}
        for times, is_cold in zip(took.values(), (True, False), strict=True):
            for _ in range(3 if is_cold else bench.runs or 5):
                if is_cold:
                    shutil.rmtree(folder / ".sqlmigrate", ignore_errors=True)
                timed(times, ours, environment, folder)
        files = [str(path) for path in sorted((folder / "sql").glob("203002*.up.sql"))]
        for name, command in others.items():
            took[name] = Times()
            for _ in range(bench.runs or 5):
                timed(took[name], ["sh", "-c", '"$0" "$@" || true', *command, *files], environment, folder)
        warm = list(took.values())[1].median
        table(
            f"A pull request of 3 migrations on a history of {number}",
            ["", "ms", "times ours, warm"],
            [(name, str(times), f"{times.median / warm:.2f}") for name, times in took.items()],
        )
    made, executed, watched = review_parts.watching(folder / "shadow")
    parts = [("a shadow database, made and dropped", f"{made:.1f}"), ("a statement executed", f"{executed:.2f}")]
    table("Parts of it", ["", "ms"], [*parts, ("a statement executed and watched", f"{watched:.2f}")])
    with bench.server.database() as url:
        table(
            "The rows of 180 tables of 300 rows each",
            ["", "ms"],
            [(name, f"{took:,.0f}") for name, took in review_parts.rows(url, bench.runs or 5)],
        )
    for why in missing:
        say(why)


def shadow(bench: Bench) -> None:
    """How long a review waits for its server: the first time, and when its data and its template are there."""
    import shadow_server  # noqa: PLC0415 - each part brings what it needs

    home = bench.folder("shadow")
    for temperature in ("cold: nothing is there", "warm: data and template are kept"):
        rows = [(name, f"{took:,.1f}") for name, took in shadow_server.times(home, 18, bench.runs or 5)]
        table(f"The server of a review, {temperature}", ["", "ms"], rows)


_NOT_TWICE = ("elsewhere", "refactor", "security")  # stories whose roles a server has once


def snapshots(bench: Bench, number: int = 200) -> None:
    """What the snapshot of the schema and the look before cost: as a share of an `up`, and for 5,000 objects."""
    small = bench.folder("small files")
    _write(small / "sql", [_statements(each) for each in range(number)])
    real = bench.folder("files as in a project")
    generated_history.write(real / "sql", generated_history.migrations(number, 5, 18, _NOT_TWICE))
    for name, folder in {"small files of 4 statements": small, "files as a project has them": real}.items():
        found = {"off": Times(), "warn": Times()}
        for _ in range(bench.runs or 7):
            for answer, times in found.items():
                with bench.server.database() as url:
                    timed(times, [SQLMIGRATE, "up", "--drift", answer], bench.environment(url), folder)
        rows = [(f"up --drift {answer}", str(times), f"{times.used:,.0f}") for answer, times in found.items()]
        table(f"{number} {name}", ["", "ms", "ms of processor"], rows)
        without, with_ = min(found["off"].clock), min(found["warn"].clock)
        say(f"The least of each: the snapshot takes {with_ - without:,.0f} ms, {(with_ - without) / without:.1%}")
    with bench.server.database() as url:
        tables = 720
        (bench.scratch / "one").mkdir()
        (bench.scratch / "one" / "001_first.up.sql").write_text("create table first ();", encoding="utf-8")
        list(up_down.up(url, load(bench.scratch / "one"), drift=NO_DRIFT))
        with psycopg.connect(url) as conn:
            for each in range(tables):
                for statement in _statements(each)[:3]:
                    conn.execute(statement)
        steps = {"a snapshot of all of it": _take, "nothing has changed": snapshot.take, "the look before a run": _look}
        rows = [(name, str(_in_session(url, work, bench.runs or 5))) for name, work in steps.items()]
        table(f"{tables * 7:,} objects", ["", "ms"], rows)


def squashed(bench: Bench, number: int = 200) -> None:
    """How long a new database takes before a squash and after it, and the squash itself, with its proof."""
    folder = bench.folder("squashed")
    generated_history.write(folder / "sql", generated_history.migrations(number, 5, 18, _NOT_TWICE))
    last = load(folder / "sql")[-1].version
    rows = []
    for name in ("before the squash", "after it"):
        if rows:
            squash = [SQLMIGRATE, "squash", last, "all", "--yes", "--trusted", "--shadow-url", bench.server.url()]
            once = Times()
            timed(once, squash, bench.environment(""), folder)
            rows.append(("the squash, which executes them three times", str(once)))
        times = Times()
        for _ in range(bench.runs or 5):
            with bench.server.database() as url:
                timed(times, [SQLMIGRATE, "up"], bench.environment(url), folder)
                timed(Times(), [SQLMIGRATE, "down", "--all", "--yes"], bench.environment(url), folder)
        rows.append((f"{number} files as a project has them, up, {name}", str(times)))
    table("A new database", ["", "ms"], rows)


def _take(session: Session, state: State) -> object:
    session.ask(Request(f"drop table if exists {state.history.quoted_snapshots}"))
    return snapshot.take(session, replace(state, history=replace(state.history, snapshots="missing")))


def _look(session: Session, state: State) -> object:
    return look.look(session, state, DEFAULT_DRIFT, may_refuse=True)


def _in_session(url: str, work: Callable[[Session, State], object], runs: int) -> Times:
    """Time some work in sessions of its own: their first queries are planned."""
    times = Times()
    for _ in range(runs):
        with connect(url) as session:
            state = read.read(session, "migrations")
            start = time.perf_counter()
            work(session, state)
            times.clock.append((time.perf_counter() - start) * 1000)
    return times


# -- fleet -------------------------------------------------------------------------------------------------------------

FILES_OF_A_FLEET = 20
AT_ONCE = 8


def fleets(bench: Bench, number: int = 100) -> None:
    """Bring many databases up to date: in one process, in a loop, four processes at once; then with nothing to do.

    The server is one that users have: each COMMIT waits for the disk, whoever sends it. Where none waits, and the data
    are in memory, only the work of the processors is compared.
    """
    with (
        postgres_servers.session_folder(is_on_disk=True) as folder,
        postgres_servers.durable_server(folder / "durable") as cluster,
        psycopg.connect(cluster.url(), autocommit=True) as admin,
    ):
        durable = replace(bench, server=Server(cluster, admin), scratch=bench.folder("durable"))
        _many_databases(durable, number // 4, "each COMMIT waits for the disk")  # which takes long to make them
    _many_databases(bench, number, "fsync is off, data in memory")
    _many_schemas(bench, bench.scratch / "fleet" / "sqlmigrate")


def _many_databases(bench: Bench, number: int, server: str) -> None:
    migrations = [_statements(each) for each in range(FILES_OF_A_FLEET)]
    tools, missing = other_tools.found(bench.cache, bench.server.cluster.program("psql"))
    for line in missing:
        say(f"not measured: {line}")
    folder = bench.folder("fleet")
    ways: list[tuple[str, list[Times]]] = []
    for tool in tools:
        if tool.name not in ("sqlmigrate", "dbmate"):
            continue
        files = folder / tool.name
        files.mkdir()
        tool.write(files, migrations)
        if tool.name == "sqlmigrate":
            ways.append(_bare(bench, files, number))
            ways += [_fleet(bench, folder, files, number, drift) for drift in ("warn", "off")]
        ways += [_called_for_each(bench, tool, files, processes, number) for processes in (1, 4)]
    columns = ["", "files", "times psycopg", "processor", "nothing to do", "processor", "MB"]
    title = f"{number} databases, {FILES_OF_A_FLEET} files: milliseconds for each, by the clock and of our processor"
    least = ways[0][1][0].median
    table(f"{title}; {server}", columns, ([name, *_figures(times, number, least)] for name, times in ways))


def _figures(times: Sequence[Times], number: int, least: float) -> list[str]:
    files, *nothing = times
    figures = [f"{files.median / number:,.1f}", f"{files.median / least:.2f}", f"{files.used / number:,.1f}"]
    figures += [f"{figure / number:,.1f}" for each in nothing for figure in (each.median, each.used)] or ["", ""]
    return [*figures, f"{max(files.memory):,.0f}" if files.memory else ""]


@contextmanager
def _databases(bench: Bench, number: int) -> Iterator[list[str]]:
    with ExitStack() as stack:
        yield [stack.enter_context(bench.server.database()) for _ in range(number)]


def _fleet(bench: Bench, folder: Path, files: Path, number: int, drift: str) -> tuple[str, list[Times]]:
    with _databases(bench, number) as urls:
        lines = "".join(f"shop_{index} {url}\n" for index, url in enumerate(urls))
        (folder / "targets.txt").write_text(lines, encoding="utf-8")
        command = [SQLMIGRATE, "--directory", str(files), "fleet", "up", "--targets", str(folder / "targets.txt")]
        name = f"fleet, --jobs {AT_ONCE}, --drift {drift}"
        return name, _twice([*command, "--jobs", str(AT_ONCE), "--drift", drift], bench)


def _called_for_each(
    bench: Bench, tool: other_tools.Tool, files: Path, processes: int, number: int
) -> tuple[str, list[Times]]:
    with _databases(bench, number) as urls:
        named = [url.replace("postgresql://", tool.scheme) + tool.options.replace("?", "&") for url in urls]
        each = f"DATABASE_URL={{}} {shlex.join(tool.command(files))}"
        script = f"printf '%s\\n' {' '.join(map(shlex.quote, named))} | xargs -P {processes} -I {{}} env {each}"
        how = f"xargs -P {processes}" if processes > 1 else "in a loop"
        return f"{tool.name}, {how}", _twice(["sh", "-c", script], bench)


def _twice(command: Sequence[str], bench: Bench) -> list[Times]:
    environment = bench.environment("")
    del environment["DATABASE_URL"]
    found = [Times(), Times()]
    for times in found:
        timed(times, command, environment)
    return found


def _bare(bench: Bench, files: Path, number: int) -> tuple[str, list[Times]]:
    """Execute the files with psycopg alone, from as many threads: what no tool can be faster than."""
    texts = [path.read_text(encoding="utf-8") for path in sorted(files.glob("*.up.sql"))]

    def execute(url: str) -> None:
        with psycopg.connect(url) as conn:
            for text in texts:
                conn.execute(text)
                conn.commit()

    with _databases(bench, number) as urls, ThreadPoolExecutor(AT_ONCE) as pool:
        start, used = time.perf_counter(), time.process_time()
        list(pool.map(execute, urls))
        clock, used = time.perf_counter() - start, time.process_time() - used
    return f"psycopg alone, {AT_ONCE} threads", [Times([clock * 1000], [used * 1000])]


def _many_schemas(bench: Bench, files: Path) -> None:
    """Bring 1,000 schemas up to date, and 2,000 with small changes; then these have nothing to do."""
    few = bench.folder("few") / "sql"
    _write(few, [_statements(each) for each in range(2)])
    rows = []
    for number, folder, actions in ((1_000, files, ("up",)), (2_000, few, ("up", "up", "status"))):
        with bench.server.database() as url:
            with psycopg.connect(url, autocommit=True) as conn:
                for each in range(number):
                    conn.execute(f"create schema tenant_{each}")
            for place, action in enumerate(actions):
                times = Times()
                command = [SQLMIGRATE, "--directory", str(folder), "fleet", action, "--schemas", "tenant_*"]
                timed(times, command, bench.environment(url))
                what = "nothing to do" if place else f"{len(list(folder.glob('*.up.sql')))} files"
                figures = (times.median / 1000, times.used / 1000)
                rows.append(
                    (
                        f"{action}, {number:,} schemas, {what}",
                        *(f"{figure:,.1f}" for figure in figures),
                        f"{figures[0] * 1000 / number:,.1f}",
                        f"{times.memory[0]:,.0f}",
                    )
                )
    table("Schemas of one database", ["", "s", "s of processor", "ms for each", "MB"], rows)


PARTS = {
    "snapshots": snapshots, "squash": squashed,
    "start": start, "files": many_files, "pooler": through_a_pooler, "folder": large_folder, "large": large_files,
    "memory": memory, "split": cutting, "locks": locks, "review": reviews, "shadow": shadow, "fleet": fleets,
}  # fmt: skip


def main() -> None:
    """Measure the parts that are named, or all."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of: {', '.join(PARTS)}; all by default")
    parser.add_argument("--runs", type=int, help="how often each is run; each part has its own default")
    parser.add_argument(
        "--cache", type=Path, default=Path.home() / ".cache" / "sqlmigrate-bench", help="where other tools are kept"
    )
    arguments = parser.parse_args()
    if unknown := [name for name in arguments.parts if name not in PARTS]:
        parser.error(f"no part {unknown[0]}; there are {', '.join(PARTS)}")
    arguments.cache.mkdir(parents=True, exist_ok=True)
    say(
        f"PostgreSQL {' and '.join(postgres_servers.versions())}, Python {sys.version.split()[0]}, "
        f"{os.cpu_count()} processors"
    )
    say("Median of the runs (the least in brackets). What else this machine does counts.")
    with (
        tempfile.TemporaryDirectory() as scratch,
        postgres_servers.session_folder() as folder,
        postgres_servers.server(folder / "near", 18) as server,
        postgres_servers.password_server(folder / "far") as far_server,
    ):
        bench = Bench(arguments.runs, arguments.cache, Path(scratch), server, far_server)
        for name in arguments.parts or PARTS:
            PARTS[name](bench)


if __name__ == "__main__":
    main()
