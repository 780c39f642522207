"""A connection cut after each message, a process killed at each event: the next run ends as an undisturbed one.

Whatever was cut, the next `up` must end with the schema, the rows and the history of an undisturbed run, with no manual
step. So must the next `down` of a history with a down file.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
from cut import Cut, Side, after_each
from orders import Order, disturbed
from points import Point, Site

from sqlmigrate.files import migration
from sqlmigrate.files.folder import load
from sqlmigrate.operations import drift, up_down
from sqlmigrate.plan.plan import DEFAULT_DRIFT

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


def require_no_drift(url: str) -> None:
    """Nothing is called changed by hand; that something is not known is said only behind a run that was cut short."""
    compared = drift.drift(url, DEFAULT_DRIFT).compared
    snapshot = compared.snapshot
    is_known = snapshot is not None and snapshot.tie.is_same(compared.now.found.tie) and not snapshot.is_unsure
    assert (compared.problem is None) == is_known, compared.problem
    assert compared.drift is None or compared.drift.differences == ()
    assert compared.drift is not None or not is_known


@dataclass(frozen=True)
class Rerun:
    """A history of which a run is disturbed, and run again.

    Attributes:
        name: Its name.
        texts: Its files.
        sample: Every how many points are tried by `make check`.
    """

    name: str
    texts: dict[str, str] = field(repr=False)
    sample: int
    _expected: dict[str, str] = field(default_factory=dict, repr=False, compare=False)

    @property
    def is_down(self) -> bool:
        """Whether the run is a down: the history has a down file."""
        return any(label.endswith(".down") for label in self.texts)

    def order(self, site: Site) -> Order:
        folder = site.written(self.name, self.texts)
        return Order(str(folder), "down", to="1") if self.is_down else Order(str(folder))

    def points(self, site: Site) -> Iterator[Point]:
        """Give every point: each message of each side, and each event, sent at once and watched."""
        order = self.order(site)
        yield from (Point(self.name, side, after) for side, after in after_each(self.undisturbed(site)[1]))
        for how, run in (("at once", order), ("watched", order.watched())):
            with site.server.database() as url:
                self.prepare(url, order)
                yield from (Point(self.name, how, number) for number, _ in enumerate(list(run.events(url))))

    def prepare(self, url: str, order: Order) -> None:
        """Execute first what is to be undone, or a part of what a squashed migration replaces."""
        migrations = load(Path(order.folder))
        if self.is_down:
            list(up_down.up(url, migrations))
        elif archived := migration.archive_of(migrations).migrations:
            list(up_down.up(url, archived, steps=1))

    def undisturbed(self, site: Site) -> tuple[str, Counter[Side]]:
        """Say what an undisturbed run leaves, and how many messages each side sends in it."""
        order = self.order(site)
        with site.server.database() as url:
            self.prepare(url, order)
            cut = Cut(url)
            with cut.listening() as through:
                list(order.events(through))
            return found(url), cut.counts

    def disturb(self, site: Site, point: Point) -> bool:
        """Disturb a run, run it again, and compare what is found with what an undisturbed one leaves."""
        order = self.order(site)
        if order.folder not in self._expected:
            self._expected[order.folder] = self.undisturbed(site)[0]
        with site.server.database() as url:
            self.prepare(url, order)
            told = disturbed(order, url, point)
            again = list(order.events(url))
            assert len(list(order.events(url))) == 1, f"something is left to do after the next run: {again}"
            require_no_drift(url)
            seen = found(url)
        assert seen == self._expected[order.folder], f"not as after an undisturbed run: {seen}"
        return told.is_reached


RERUNS = (
    Rerun("in transactions", TRANSACTIONS, 3),
    Rerun("without", ALONE, 4),
    Rerun("half-done down", UNDONE, 9),
    Rerun("lock given away", GIVEN_AWAY, 9),
    Rerun("folded", FOLDED, 5),
)
