"""Many small files on their way at once: whatever is cut, what is executed is the first files, without a gap.

That holds before the next run, too, and each file that was told to be finished is among them. The next run then
executes what is left, and nothing twice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import psycopg
from cut import Cut, after_each
from orders import Order, disturbed
from points import Point, Site
from waiting import until

from sqlmigrate.executor.events import Event, Failed

FILES = 20
WINDOW = (5, 8_000)  # steps and bytes: it moves on with each file, and one of them is larger
# What some files do besides: what a file may leave behind in the session, by itself or in a function of a trigger.
_MORE = {
    2: "create table left_behind (n int);\n"
    "create function leave() returns trigger language plpgsql as $$\n"
    "begin execute format('prepare left_%s as select 1', abs(new.n)); return null; end $$;\n"
    "create trigger leave after insert on left_behind for each row execute function leave();",
    4: "set search_path = pg_catalog;\ncreate temporary table gone ();",
    6: "insert into left_behind values (6);",
    7: "insert into left_behind values (7);",
    9: "prepare one as select 1;\nlisten two;\ndeclare three cursor with hold for select 1;",
    10: "copy left_behind from stdin;\n10\n\\.\n",
    12: "deallocate all;\nset lock_timeout = '9s';\nset default_transaction_read_only = on;",
    14: "select pg_advisory_unlock_all();",
    16: f"comment on table left_behind is '{'x' * WINDOW[1]}';",
    17: "alter table left_behind add unique (n) deferrable initially deferred;\n"
    "update left_behind set n = n + 1;\nupdate left_behind set n = n - 1;",
    19: "do $$ begin raise notice 'on its way'; end $$;\nset client_encoding = latin1;",
}
_LESS = {
    2: "drop table left_behind;\ndrop function leave();",
    8: "insert into left_behind values (-8);",
    11: "set role none;\nset search_path = pg_catalog;",
    15: "insert into left_behind values (-15);",
    17: "alter table public.left_behind drop constraint left_behind_n_key;",
}


def files(count: int, more: dict[int, str], less: dict[int, str]) -> dict[str, str]:
    """Give the texts of files, each with a table of its own and a row in the table of all; some do more first."""
    texts = {}
    for n in range(1, count + 1):
        first = "create table public.counted (n int);\n" if n == 1 else ""
        own = f"create table public.n{n} ();\ninsert into public.counted values ({n});"
        texts[f"{n:03}_n"] = f"{more.get(n, '')}\n{first}{own}"
        last = "drop table public.counted;" if n == 1 else f"delete from public.counted where n = {n};"
        texts[f"{n:03}_n.down"] = f"drop table public.n{n};\n{last}\n{less.get(n, '')}"
    return texts


# -- what is in a database ---------------------------------------------------------------------------------------------

# A session of a pooler stays connected. It is idle for a moment between two files that were sent already, too: what is
# read is of one moment, and is right at each.
_OTHERS = """\
select count(*) from pg_stat_activity
 where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend'
   and (%s or state <> 'idle')"""
_THERE = "select to_regclass('public.counted') is not null, to_regclass('public.migrations') is not null"
_TABLES = "select substr(relname, 2)::int from pg_class where relkind = 'r' and relname ~ '^n[0-9]+$' order by 1"


@dataclass(frozen=True)
class Seen:
    """What is in a database.

    Attributes:
        executed: The numbers of the migrations that are executed, by the history.
        others: The numbers and the states of others in the history.
        tables: The numbers of the tables that there are.
        counted: The numbers of the rows that there are.
        logged: How often which action is logged of which number.
    """

    executed: list[int]
    others: list[tuple[int, str]]
    tables: list[int]
    counted: list[int]
    logged: Counter[tuple[str, int]]

    def require_first(self) -> int:
        """Require that history and schema are those of the first files, without a gap, and give how many."""
        first = list(range(1, len(self.executed) + 1))
        assert (self.executed, self.tables, self.counted) == (first, first, first), f"not the first files: {self}"
        return len(first)


def look(url: str, *, is_pooled: bool = False) -> Seen:
    """Say what is in a database as soon as no one else is at work: a session that was cut may still commit."""
    with closing(psycopg.connect(url, autocommit=True)) as conn:
        until(lambda: conn.execute(_OTHERS, [not is_pooled]).fetchone() == (0,))
        return seen_by(conn)


def seen_by(conn: psycopg.Connection[Any]) -> Seen:
    """Say what is in a database at one moment."""
    with conn.transaction():
        conn.execute("set transaction isolation level repeatable read")
        return _seen_by(conn)


def _seen_by(conn: psycopg.Connection[Any]) -> Seen:
    def numbers(query: str) -> list[int]:
        return [number for (number,) in conn.execute(query)]

    is_counted, has_history = conn.execute(_THERE).fetchone() or (False, False)
    rows: Sequence[tuple[int, str]] = []
    logged: Sequence[tuple[str, int]] = []
    if has_history:
        rows = conn.execute("select version::int, status from migrations order by 1").fetchall()
        logged = conn.execute("select action, version::int from migrations_log").fetchall()
    return Seen(
        [number for number, status in rows if status == "executed"],
        [(number, status) for number, status in rows if status != "executed"],
        numbers(_TABLES),
        numbers("select n from counted order by 1") if is_counted else [],
        Counter(logged),
    )


def require_told(told: Sequence[str], executed: int, direction: str, count: int) -> None:
    """Require that what was told to be finished is finished, in its order."""
    numbers = [int(version) for version in told]
    if direction == "up":
        assert numbers == list(range(1, len(told) + 1)), f"told in another order: {numbers}"
        assert len(told) <= executed, f"told {len(told)}, executed {executed}"
    else:
        assert numbers == list(range(count, count - len(told), -1)), f"told in another order: {numbers}"
        assert count - len(told) >= executed, f"told that all behind {count - len(told)} are undone, left {executed}"


def require_complete(seen: Seen, direction: str, count: int) -> None:
    """Require that everything is executed, or undone, and each once."""
    assert seen.require_first() == (count if direction == "up" else 0), f"not complete: {seen}"
    assert seen.others == [], f"left in the history: {seen}"
    done = {(action, n): 1 for action in {"up", direction} for n in range(1, count + 1)}
    logged = {entry: times for entry, times in seen.logged.items() if entry[0] != "failure"}
    assert logged == done, f"logged is {logged}"


def require_succeeded(events: Sequence[Event]) -> None:
    failed = [f"{event.step.label}: {event.error.message}" for event in events if isinstance(event, Failed)]
    assert not failed, f"the next run failed: {failed}"


# -- the kinds ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class InFlight:
    """A history of small files that are on their way at once.

    Attributes:
        name: Its name.
        texts: Its files.
        sample: Every how many points are tried by `make check`.
        direction: `up` or `down`.
        fails: The file that fails; None if none does.
        wrong: The text of that file with what fails.
        window: As in `Order`.
        is_pooled: Whether the run goes through PgBouncer in transaction mode.
    """

    name: str
    texts: dict[str, str] = field(repr=False)
    sample: int
    direction: str = "up"
    fails: int | None = None
    wrong: str = ""
    window: tuple[int, int] | None = None
    is_pooled: bool = False

    @property
    def count(self) -> int:
        return sum(not label.endswith(".down") for label in self.texts)

    def order(self, site: Site) -> Order:
        """Give the run that is disturbed."""
        wrong = {} if self.fails is None else {f"{self.fails:03}_n": self.wrong}
        folder = site.written(self.name, self.texts | wrong)
        return Order(str(folder), self.direction, looks=False, window=self.window)

    def mended(self, site: Site) -> Order:
        """Give the run after it."""
        return replace(self.order(site), folder=str(site.written(f"{self.name}, mended", self.texts)))

    def points(self, site: Site) -> Iterator[Point]:
        """Give every point: each message of each side, and each event, sent at once and watched."""
        order = self.order(site)
        with self._prepared(site, order) as (_, through):
            cut = Cut(through)
            with cut.listening() as cuttable:
                list(order.events(cuttable))
        yield from (Point(self.name, side, after) for side, after in after_each(cut.counts))
        for how, run in (("at once", order), ("watched", order.watched())):
            with self._prepared(site, order) as (_, through):
                yield from (Point(self.name, how, number) for number, _ in enumerate(list(run.events(through))))

    def disturb(self, site: Site, point: Point) -> bool:
        order = self.order(site)
        with self._prepared(site, order) as (url, through):
            told = disturbed(order, through, point)
            self._require_first(look(url, is_pooled=self.is_pooled), told.finished, is_watched=point.how == "watched")
            is_whole = len(told.finished) == self.count
            assert told.is_wrong is not False or is_whole, f"told {told.finished}, and nothing of what went wrong"
            require_succeeded(list(self.mended(site).events(through)))
            require_complete(look(url, is_pooled=self.is_pooled), self.direction, self.count)
        return told.is_reached

    @contextmanager
    def _prepared(self, site: Site, order: Order) -> Iterator[tuple[str, str]]:
        """Make a database with what is undone; gives its URL, and the one that the run has."""
        with site.server.database() as url:
            if self.direction == "down":
                require_succeeded(list(replace(order, direction="up", window=None).events(url)))
            yield url, site.pooled(url) if self.is_pooled else url

    def _require_first(self, seen: Seen, told: Sequence[str], *, is_watched: bool) -> None:
        executed = seen.require_first()
        require_told(told, executed, self.direction, self.count)
        failed = [(executed + 1, "failed")] if self.direction == "up" else []
        assert seen.others in ([], failed), f"more than the file that was disturbed is recorded: {seen}"
        if self.fails is not None:
            assert executed < self.fails, f"what fails, or what is behind it, is executed: {seen}"
        if is_watched:  # then no file is sent before its events are read
            assert len(told) == (executed if self.direction == "up" else self.count - executed), f"told {told}: {seen}"


_FAILING = files(7, {2: _MORE[2], 3: "insert into left_behind values (3);\nset search_path = pg_catalog;"}, {})
_OWN = "create table public.n4 ();\ninsert into public.counted values (4);\n"
# We check deferred constraints before the history row is completed; what is deferred again after that fails at the
# COMMIT. It has ended the transaction, so the files behind it could begin.
_FAILS_AT_COMMIT = """\
create function public.defer() returns trigger language plpgsql as $$
begin set constraints all deferred; return new; end $$;
create trigger defer before insert on public.migrations_log for each row execute function public.defer();
create function public.refuse() returns trigger language plpgsql as $$ begin raise 'not 4'; end $$;
create constraint trigger refuse after insert on public.migrations_log
  deferrable initially deferred for each row execute function public.refuse();
"""
_ALL = files(FILES, _MORE, _LESS)
_SHARED = files(12, {n: _MORE[n] for n in (2, 4, 6, 7, 9, 10, 12)}, {2: _LESS[2], 8: _LESS[8]})

IN_FLIGHT = (
    InFlight("in flight", _ALL, 37, window=WINDOW),
    InFlight("in flight down", _ALL, 37, "down", window=WINDOW),
    InFlight("in flight pooled", _SHARED, 41, window=WINDOW, is_pooled=True),
    InFlight("in flight pooled down", _SHARED, 41, "down", window=WINDOW, is_pooled=True),
    InFlight("a statement fails", _FAILING, 23, fails=4, wrong=_OWN + "select nothing;"),
    InFlight("a COMMIT fails", _FAILING, 23, fails=4, wrong=_OWN + _FAILS_AT_COMMIT),
    InFlight("a COMMIT fails pooled", _FAILING, 23, fails=4, wrong=_OWN + _FAILS_AT_COMMIT, is_pooled=True),
)
