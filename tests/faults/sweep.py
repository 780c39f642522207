"""The connection cut before and after each message, and the process killed at each event; then the same once more.

Whatever was cut, the next `up` must end with the schema, the rows and the history of an undisturbed run, with no manual
step. So must the next `down` of a history with a down file.

`python tests/faults/sweep.py` (`make faults`) tries every point; `test_sweep.py` a sample of them.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))  # also where it runs as a program of its own

import children
import postgres_servers
import psycopg
from postgres_servers import Server
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from sqlmigrate.errors import SqlmigrateError
from sqlmigrate.executor.events import Event
from sqlmigrate.files import migration
from sqlmigrate.files.folder import load
from sqlmigrate.operations import drift, up_down
from sqlmigrate.plan.plan import DEFAULT_DRIFT

Side = Literal["client", "server"]
Mode = Literal["at once", "watched"]

TRANSACTIONS = {
    "001_tables": "create table t (a int primary key); create table counted (n int); insert into counted values (1);",
    "002_more": "alter table t add b text default 'x'; insert into counted values (2);\ncreate index t_b on t (b);",
    "003_set": "set search_path = pg_catalog; insert into public.counted values (3); create temp table gone ();",
}
ALONE = {
    "001_tables": "create table t (a int); create table counted (n int); insert into t select generate_series(1, 50);"
    "create table p (a int) partition by list (a); create table p1 partition of p for values in (1);"
    "create index old on t ((a + 1));",
    "002_alone": "-- sqlmigrate: no-transaction\ninsert into counted values (1);\n"
    "create index concurrently t_a on t (a);\ninsert into counted values (2);\ndrop index concurrently old;\n"
    "alter table p detach partition p1 concurrently;\nvacuum t;\ninsert into counted values (3);",
    "003_index": "create unique index concurrently u on t (a);",
}
UNDONE = {
    "001_tables": "create table t (a int); create table counted (n int); insert into t select generate_series(1, 50);"
    "create table p (a int) partition by list (a); create table p1 partition of p for values in (1);",
    "002_alone": "create table more (n int); create index old on t ((a + 1));",
    "002_alone.down": "-- sqlmigrate: no-transaction\ninsert into counted values (1);\n"
    "drop index concurrently old;\ninsert into counted values (2);\ncreate index concurrently on t (a);\n"
    "alter table p detach partition p1 concurrently;\nreindex table concurrently t;\nvacuum t;\n"
    "insert into counted values (3);\ndrop table more;",
}
# Files that give the lock of the run back, in a transaction and without one.
GIVEN_AWAY = {
    "001_tables": "create table t (a int); create table counted (n int); create table p (a int);",
    "002_given": "select pg_advisory_unlock_all(); insert into counted values (1);",
    "003_discard": "discard all;",
    "004_alone": "-- sqlmigrate: no-transaction\ndo $$ begin perform pg_advisory_unlock_all(); end $$;\n"
    "insert into counted values (2);\ncreate index concurrently t_a on t (a);\ninsert into counted values (3);",
}
# A squashed migration of which the database has a part: the archive is executed, its rows are folded, and it goes on.
FOLDED = {
    "squashed/001_tables": "create table t (a int primary key); create table counted (n int); create table p (a int);",
    "squashed/002_more": "alter table t add b text; insert into counted values (1);",
    "squashed/003_alone": "-- sqlmigrate: no-transaction\ninsert into counted values (2);\n"
    "create index concurrently t_b on t (b);\ninsert into counted values (3);",
    "003_squashed": "-- sqlmigrate: replaces 001-003\nselect 'it is not executed'::int;",
    "004_later": "insert into counted values (4);",
}
HISTORIES = {
    "in transactions": TRANSACTIONS,
    "without": ALONE,
    "half-done down": UNDONE,
    "lock given away": GIVEN_AWAY,
    "folded": FOLDED,
}

_FOUND = """
select pg_catalog.jsonb_build_object(
    'counted', (select pg_catalog.jsonb_agg(n order by n) from public.counted),
    'rows', (select pg_catalog.count(*) from public.t),
    'columns', (select pg_catalog.jsonb_agg(attrelid::pg_catalog.regclass || '.' || attname
                                                    order by attrelid::pg_catalog.regclass::text, attname)
                  from pg_catalog.pg_attribute where attrelid::pg_catalog.regclass::text in ('t', 'counted', 'p', 'p1')
                   and attnum > 0),
    'indexes', (select pg_catalog.jsonb_agg(indexrelid::pg_catalog.regclass || ' ' || indisvalid
                                                    order by indexrelid::pg_catalog.regclass::text)
                  from pg_catalog.pg_index where indrelid = 'public.t'::pg_catalog.regclass),
    'attached', (select pg_catalog.count(*) from pg_catalog.pg_inherits),
    'history', (select pg_catalog.jsonb_agg(version || status || statements || statements_done
                                            || coalesce(unfinished, '') order by version) from public.migrations),
    'more', pg_catalog.to_regclass('public.more'),
    'folded', (select pg_catalog.count(*) from public.migrations_log where action = 'fold'),
    'undone', (select pg_catalog.count(*) from public.migrations_log where action = 'down'),
    'executed', (select pg_catalog.count(*) from public.migrations_log where action = 'up'))::text"""


def found(url: str) -> str:
    """Say what is in a database: rows, columns, indexes with their validity, the history."""
    with closing(psycopg.connect(url)) as conn:
        (text,) = conn.execute(_FOUND).fetchone() or ("",)
        return str(text)


def write(folder: Path, texts: dict[str, str]) -> tuple[migration.Migration, ...]:
    (folder / "squashed").mkdir(exist_ok=True)
    for label, text in texts.items():
        (folder / (f"{label}.sql" if label.endswith(".down") else f"{label}.up.sql")).write_text(text)
    return load(folder)


def is_down(migrations: tuple[migration.Migration, ...]) -> bool:
    """Tell whether a history is about a down: it has a down file."""
    return any(each.down for each in migrations)


def prepare(url: str, migrations: tuple[migration.Migration, ...]) -> None:
    """Execute first what is to be undone, or a part of what a squashed migration replaces."""
    if is_down(migrations):
        list(up_down.up(url, migrations))
    elif archived := migration.archive_of(migrations).migrations:
        list(up_down.up(url, archived, steps=1))


def run(url: str, migrations: tuple[migration.Migration, ...], *, watched: bool = False) -> list[Event]:
    """Execute a history; of one with a down file, undo all but the first migration."""
    if is_down(migrations):
        return list(up_down.down(url, migrations, to="1", step_by_step=watched))
    return list(up_down.up(url, migrations, step_by_step=watched))


def require_no_drift(url: str) -> None:
    """What is in the database was made by migrations: the snapshot says so, or it is known to be older."""
    compared = drift.drift(url, DEFAULT_DRIFT).compared
    if compared.problem:
        is_older = compared.snapshot is None or not compared.snapshot.tie.is_same(compared.now.found.tie)
        assert is_older, compared.problem
    else:
        assert compared.drift is not None
        assert compared.drift.differences == ()


# -- the proxy ---------------------------------------------------------------------------------------------------------


@dataclass
class Cut:
    """A proxy that understands messages, and cuts one connection after so many of one side (None: never)."""

    upstream: str
    side: Side = "client"
    after: int | None = None
    connection: int = 1
    counts: Counter[Side] = field(default_factory=Counter)
    _seen: int = 0

    @contextmanager
    def listening(self) -> Iterator[str]:
        """Listen, and yield the URL."""
        with socket.create_server(("127.0.0.1", 0)) as listener:
            threading.Thread(target=self._accept, args=(listener,), daemon=True).start()
            host, port = listener.getsockname()
            yield make_conninfo(self.upstream, host=host, port=port, sslmode="disable", gssencmode="disable")
            listener.shutdown(socket.SHUT_RDWR)

    def _accept(self, listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                client, _ = listener.accept()
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._seen += 1
                server = self._connected()
                for side, source, target in (("client", client, server), ("server", server, client)):
                    arguments = (side, source, target, self._seen == self.connection)
                    threading.Thread(target=self._forward, args=arguments, daemon=True).start()

    def _connected(self) -> socket.socket:
        named = conninfo_to_dict(self.upstream)
        server = socket.socket(socket.AF_UNIX)
        server.connect(f"{named['host']}/.s.PGSQL.{named['port']}")
        return server

    def _forward(self, side: Side, source: socket.socket, target: socket.socket, is_cut: bool) -> None:  # noqa: FBT001
        with suppress(OSError):
            for message in _messages(source, is_startup=side == "client"):
                if is_cut and self.after is not None and side == self.side and self.counts[side] >= self.after:
                    break
                target.sendall(message)
                self.counts[side] += is_cut
        for end in (source, target):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
                end.close()


def _messages(source: socket.socket, *, is_startup: bool) -> Iterator[bytes]:
    """Cut what comes into messages: a type and a length; the client's first has no type.

    https://www.postgresql.org/docs/current/protocol-message-formats.html
    """
    stream = source.makefile("rb")
    while head := stream.read(4 if is_startup else 5):
        length = int.from_bytes(head[-4:])
        yield head + stream.read(length - 4)
        is_startup = False


# -- one point ---------------------------------------------------------------------------------------------------------


def _ignoring(url: str, migrations: tuple[migration.Migration, ...]) -> None:
    with suppress(SqlmigrateError):
        run(url, migrations)


def cut_once(server: Server, migrations: tuple[migration.Migration, ...], side: Side, after: int) -> str:
    """Cut a run, run it again, and say what is found."""
    with server.database() as url:
        prepare(url, migrations)
        with Cut(url, side, after).listening() as through:
            _ignoring(through, migrations)
        again = run(url, migrations)
        assert len(run(url, migrations)) == 1, f"something is left to do after {side} {after}: {again}"
        require_no_drift(url)
        return found(url)


_VICTIM = """\
import os, signal, sys
from sqlmigrate import down, load, up
options = {"step_by_step": sys.argv[4] == "watched"} | ({"to": "1"} if sys.argv[5] == "down" else {})
work = down if sys.argv[5] == "down" else up
for number, event in enumerate(work(sys.argv[1], load(sys.argv[2]), **options)):
    if number == int(sys.argv[3]):
        os.kill(os.getpid(), signal.SIGKILL)
"""


def kill_once(server: Server, folder: Path, number: int, mode: str) -> tuple[str, bool]:
    """Kill a process at its event `number`, run again; says what is found, and whether it was killed."""
    migrations = load(folder)
    with server.database() as url:
        prepare(url, migrations)
        direction = "down" if is_down(migrations) else "up"
        command = [sys.executable, "-c", _VICTIM, url, str(folder), str(number), mode, direction]
        ended = children.run(command, capture_output=True, timeout=60)
        assert ended.returncode in (0, -signal.SIGKILL), ended.stderr.decode()
        run(url, migrations)
        assert len(run(url, migrations)) == 1
        require_no_drift(url)
        return found(url), ended.returncode != 0


# -- all points --------------------------------------------------------------------------------------------------------


def undisturbed(server: Server, migrations: tuple[migration.Migration, ...]) -> tuple[str, Counter[Side]]:
    """Say what an undisturbed run leaves, and how many messages each side sends in it."""
    with server.database() as url:
        prepare(url, migrations)
        cut = Cut(url)
        with cut.listening() as through:
            run(through, migrations)
        return found(url), cut.counts


def points(counts: Counter[Side], every: int = 1) -> list[tuple[Side, int]]:
    """Give the points of a sweep: after each message of each side, and before the first."""
    sides: tuple[Side, Side] = ("client", "server")
    return [(side, after) for side in sides for after in range(0, counts[side] + 1, every)]


@dataclass(frozen=True)
class Point:
    """Where one of the histories is disturbed: cut after so many messages of a side, or killed at an event."""

    history: str
    how: Side | Mode
    number: int

    @property
    def is_kill(self) -> bool:
        return self.how in ("at once", "watched")


@dataclass(frozen=True)
class Site:
    """A server, and what an undisturbed run of each history leaves on it."""

    server: Server
    folders: dict[str, Path]
    expected: dict[str, str]

    def problem(self, point: Point) -> str | None:
        """Disturb a run at a point; says what is wrong after the next one, if anything is."""
        folder = self.folders[point.history]
        try:
            if point.is_kill:
                seen, _ = kill_once(self.server, folder, point.number, point.how)
            else:
                seen = cut_once(self.server, load(folder), point.how, point.number)
        except Exception as error:  # noqa: BLE001 - every point is tried, and told of
            return f"{point}: {type(error).__name__}: {error}"
        return None if seen == self.expected[point.history] else f"{point}: {seen}"


def all_points(server: Server, name: str, folder: Path) -> Iterator[Point]:
    """Give every point of a history: each message of each side, and each event, sent at once and watched."""
    migrations = load(folder)
    _, counts = undisturbed(server, migrations)
    yield from (Point(name, side, after) for side, after in points(counts))
    modes: tuple[Mode, Mode] = ("at once", "watched")
    for mode in modes:
        with server.database() as url:
            prepare(url, migrations)
            events = len(run(url, migrations, watched=mode == "watched"))
        yield from (Point(name, mode, number) for number in range(events))


@contextmanager
def site(folder: Path) -> Iterator[Site]:
    """Start a server and execute each history on it, undisturbed."""
    with postgres_servers.server(folder, 18) as server, tempfile.TemporaryDirectory() as made:
        folders = {name: Path(made) / str(index) for index, name in enumerate(HISTORIES)}
        for name, texts in HISTORIES.items():
            folders[name].mkdir()
            write(folders[name], texts)
        yield Site(server, folders, {name: undisturbed(server, load(folders[name]))[0] for name in HISTORIES})


def _share(folder: Path, tried: Sequence[Point]) -> list[str]:
    """Try some of the points on a server of our own; gives what is wrong."""
    with site(folder) as ours:
        return [problem for point in tried if (problem := ours.problem(point))]


# The look at the schema and the snapshot have made each run hundreds of messages longer.
SAMPLED = {"in transactions": 3, "without": 4, "half-done down": 9, "lock given away": 9, "folded": 5}


def sweep(every: Mapping[str, int]) -> tuple[list[Point], list[str]]:
    """Try every point, or every n-th of some histories, on all processors; gives the points, and what is wrong."""
    workers = os.cpu_count() or 1
    with postgres_servers.session_folder() as folder, ProcessPoolExecutor(workers) as pool:
        with site(folder / "counted") as ours:
            tried = [
                point
                for name in HISTORIES
                for point in list(all_points(ours.server, name, ours.folders[name]))[:: every.get(name, 1)]
            ]
        shares = [pool.submit(_share, folder / str(index), tried[index::workers]) for index in range(workers)]
        return tried, [problem for share in shares for problem in share.result()]


def main() -> None:
    """Try every point, and say in a line how many there were; what is wrong stands above it.

    With `--sample`, as `make check` calls it, some of the points of each history are tried.
    """
    began = time.monotonic()
    tried, problems = sweep(SAMPLED if "--sample" in sys.argv[1:] else {})
    print(*problems, sep="\n", end="\n" * bool(problems))
    counts = Counter((point.history, "kills" if point.is_kill else "cuts") for point in tried)
    told = "; ".join(f"{name} {counts[name, 'cuts']} cuts, {counts[name, 'kills']} kills" for name in HISTORIES)
    verdict = f"{len(problems)} did not end" if problems else "every next run ended"
    print(f"faults: {len(tried)} points ({told}): {verdict} as an undisturbed run, {time.monotonic() - began:.0f} s")
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    os.environ.pop("DATABASE_URL", None)
    children.restore_default_signals()
    main()
