"""What is measured of a statement: locks, rewrites, scans, rows written; as PostgreSQL does it (facts of locks.md).

`t` has 2,000 rows, an index and a column of each kind, `p` is referenced, `pt` partitioned. Expectations are written as
in those facts: the relations that were there before, with the short names of their lock modes.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import shadow_servers

from sqlmigrate.database import run_lock
from sqlmigrate.database.session import Request
from sqlmigrate.files.migration import Migration
from sqlmigrate.operations import up_down
from sqlmigrate.parsing.script import read
from sqlmigrate.plan.plan import Step
from sqlmigrate.review.measure import watch
from sqlmigrate.review.measure.facts import FileRun
from sqlmigrate.shadow import databases
from sqlmigrate.source import Source

pytestmark = pytest.mark.sampled(2)

SHORT = {
    "ACCESS SHARE": "AS",
    "ROW SHARE": "RS",
    "ROW EXCLUSIVE": "RX",
    "SHARE UPDATE EXCLUSIVE": "SUX",
    "SHARE": "S",
    "SHARE ROW EXCLUSIVE": "SRX",
    "EXCLUSIVE": "X",
    "ACCESS EXCLUSIVE": "AX",
}
BASE = """\
create table p (id int primary key);
insert into p select number from generate_series(1, 500) number;
create table t (id int, a int, c varchar(20), n numeric(10,2), at timestamp, e text);
insert into t select number, number % 500 + 1, 'c', 1, '2026-01-01', 'x' from generate_series(1, 2000) number;
create index t_a on t (a);
create index t_c on t (c);
create table pt (id int, v int) partition by range (id);
create table pt1 partition of pt for values from (0) to (100);
insert into pt values (1, 1);
create table nw (id int not null, v int);
insert into nw select number, 1 from generate_series(100, 199) number;
create materialized view mv as select id from t;
create unique index mv_id on mv (id);
create view vw as select id from p;
create domain positive as int check (value > 0);
create domain plain as int;
create function now_or_never() returns timestamptz volatile language sql as 'select timestamptz ''2026-01-01''';
"""

# statement: locks on tables (indexes left out), what was rewritten, what was scanned with its rows
FACTS = {
    "alter table t add column z int": ("t:AX", "", ""),
    "alter table t add column z int not null default 5": ("t:AX", "", ""),
    "alter table t add column z timestamptz default now()": ("t:AX", "", ""),
    "alter table t add column z timestamptz default clock_timestamp()": ("t:AX", "t", "t"),
    "alter table t add column z uuid default gen_random_uuid()": ("t:AX", "t", "t"),
    "alter table t add column z timestamptz default now_or_never()": ("t:AX", "", ""),
    "alter table t add column z bigserial": ("t:AX", "t", "t"),
    "alter table t add column z int generated always as identity": ("t:AX", "t", "t"),
    "alter table t add column z int generated always as (a + 1) stored": ("t:AX", "t", "t"),
    "alter table t add column z int generated always as (a + 1) virtual": ("t:AX", "", ""),
    "alter table t add column z int check (z > 0)": ("t:AX", "", "t(2000)"),
    "alter table t add column z int references p": ("p:SRX t:AX", "", ""),
    "alter table t add column z int default 1 references p": ("p:SRX t:AX", "", "p(500) t(2000)"),
    "alter table t add column z int unique": ("t:AX", "", "t(2000)"),
    "alter table t add column z positive": ("t:AX", "t", "t"),
    "alter table t add column z plain": ("t:AX", "", ""),
    "alter table t add column if not exists a int": ("t:AX", "", ""),
    "alter table t drop column e": ("t:AX", "", ""),
    "alter table t alter column a set not null": ("t:AX", "", "t(2000)"),
    "alter table t alter column a set default 1": ("t:AX", "", ""),
    "alter table t alter column a type bigint": ("t:AX", "t", "t"),
    "alter table t alter column c type varchar(40)": ("t:AX", "", ""),
    "alter table t alter column c type text": ("t:AX", "", ""),
    "alter table t alter column c type varchar(10)": ("t:AX", "t", "t"),
    "alter table t alter column n type numeric(12,2)": ("t:AX", "", ""),
    "alter table t alter column n type numeric(12,4)": ("t:AX", "t", "t"),
    "alter table t alter column at type timestamptz": ("t:AX", "", ""),
    "alter table t add constraint z check (a > 0)": ("t:AX", "", "t(2000)"),
    "alter table t add constraint z check (a > 0) not valid": ("t:AX", "", ""),
    "alter table t add constraint z foreign key (a) references p": ("p:SRX t:SRX", "", "p(500) t(2000)"),
    "alter table t add constraint z foreign key (a) references p not valid": ("p:SRX t:SRX", "", ""),
    "alter table t add constraint z unique (id)": ("t:AX", "", "t(2000)"),
    "alter table t rename to z": ("t:AX", "", ""),
    "alter table t alter column a set statistics 100": ("t:SUX", "", ""),
    "alter table t set (fillfactor = 80)": ("t:SUX", "", ""),
    "alter table t set unlogged": ("t:AX", "t", "t"),
    "alter table t enable row level security": ("t:AX", "", ""),
    "alter table t disable trigger all": ("t:SRX", "", ""),
    "create index z on t (n)": ("t:S", "", "t(2000)"),
    "create index if not exists t_a on t (a)": ("t:S", "", ""),
    "drop index t_a": ("t:AX", "", ""),
    "reindex table t": ("t:S", "", "t"),
    "cluster t using t_a": ("t:AX", "t", "t"),
    "analyze t": ("t:SUX", "", ""),
    "alter table pt attach partition nw for values from (100) to (200)": ("nw:AX pt:SUX", "", "nw(100)"),
    "create table z partition of pt for values from (200) to (300)": ("pt:AX", "", ""),
    "alter table pt detach partition pt1": ("pt:AX pt1:AX", "", ""),
    "drop table pt1": ("pt:AX pt1:AX", "", ""),
    "create index z on pt (v)": ("pt:S pt1:S", "", "pt1(1)"),
    "create table z (id int references p)": ("p:SRX", "", ""),
    "create table z as select * from t": ("t:AS", "", "t(2000)"),
    "truncate t": ("t:AX", "t", ""),
    "create or replace view vw as select id, 1 as one from p": ("p:AS vw:AX", "", ""),
    "refresh materialized view mv": ("mv:AX t:AS", "mv", "mv t(2000)"),  # its index is built again
    "do $$ begin execute 'alter table t alter column a type bigint'; end $$": ("t:AX", "t", "t"),
    "create index concurrently z on t (n)": ("t:SUX", "", ""),
    "drop index concurrently t_a": ("t:SUX", "", ""),
    "reindex table concurrently t": ("t:SUX", "", ""),
    "alter table pt detach partition pt1 concurrently": ("pt:SUX pt1:AX", "", ""),
    "vacuum full t": ("t:AX", "t", ""),
}  # fmt: skip


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[databases.Shadow]:
    """The embedded PostgreSQL 18, as a shadow."""
    with shadow_servers.of_tests(tmp_path_factory, 18) as found:
        yield found


@pytest.fixture(scope="module")
def base(server: databases.Shadow) -> databases.Template:
    migrations = [Migration("001", "base", Source("sql/001_base.up.sql", BASE), None)]
    return server.template("watch", lambda made: len(list(up_down.up(made.owner_url, migrations))))


@pytest.fixture
def watched(server: databases.Shadow, base: databases.Template) -> Iterator[watch.Watch]:
    with server.clone(base) as clone, watch.watching(clone.owner_url, clone.admin_url, "migrations") as watched:
        yield watched


def executed(watched: watch.Watch, text: str) -> FileRun:
    source = Source("sql/002_new.up.sql", text)
    return watched.run(Step("up", "002", "002_new", read(source), Migration("002", "new", source, None)))


def facts(done: FileRun, number: int = 1) -> tuple[str, str, str]:
    """Write what was measured as the facts are written; rows scanned only where the statement scans once."""
    touches = [each for each in done.statements[number - 1].touches if each.relation.kind != "index"]
    locks = [f"{each.relation.name}:{SHORT[each.mode]}" for each in touches if each.is_taken or each.is_work]
    scans = [
        each.relation.name + ("" if each.rewritten or each.scanned > 2000 else f"({each.scanned})")
        for each in touches
        if each.scanned
    ]
    return " ".join(locks), " ".join(each.relation.name for each in touches if each.rewritten), " ".join(scans)


@pytest.mark.parametrize(("statement", "expected"), FACTS.items(), ids=FACTS)
def test_a_statement_is_measured(statement: str, expected: tuple[str, str, str], watched: watch.Watch) -> None:
    """Its locks on what was there before, what it rewrites and what it scans are those of the facts."""
    done = executed(watched, statement)

    assert done.error is None
    assert facts(done) == expected


def test_what_the_file_made_is_nobodys(watched: watch.Watch) -> None:
    """A table that the file itself makes is not among what was there before, whatever is done to it."""
    done = executed(
        watched, "create table z (id int); insert into z select 1; alter table z alter id type text; drop table z;"
    )

    assert [each.touches for each in done.statements] == [(), (), (), ()]


def test_a_lock_of_an_earlier_statement_is_held(watched: watch.Watch) -> None:
    """The second statement of a file takes nothing new, and works under what the first has taken."""
    done = executed(watched, "alter table t add column z int; update t set z = 1 where id <= 10;")

    (touch,) = [each for each in done.statements[1].touches if each.relation.name == "t"]
    assert (touch.held, touch.mode, touch.is_taken, touch.updated) == (
        "ACCESS EXCLUSIVE",
        "ACCESS EXCLUSIVE",
        False,
        10,
    )


def test_writes_are_counted_by_their_kind(watched: watch.Watch) -> None:
    """Rows inserted, updated and deleted, and those of a statement before are not counted again."""
    done = executed(
        watched, "insert into p values (1001), (1002); delete from p where id > 1000; update p set id = id;"
    )

    counts = [
        (each.inserted, each.updated, each.deleted)
        for facts in done.statements
        for each in facts.touches
        if each.relation.name == "p"
    ]
    assert counts == [(2, 0, 0), (0, 0, 2), (0, 500, 0)]


WITHOUT_TRANSACTION = {
    "create unique index concurrently nw_id on nw (id);"
    "alter table nw add constraint nw_key unique using index nw_id": 2,
    "alter table nw add constraint c check (v > 0) not valid; alter table nw validate constraint c;"
    "alter table p add column z int; alter table nw add column z int": 4,
    "vacuum nw; alter table nw add column z int": 2,
}


@pytest.mark.parametrize(("text", "number"), WITHOUT_TRANSACTION.items(), ids=WITHOUT_TRANSACTION)
def test_rows_that_an_earlier_statement_read_are_not_counted_again(
    text: str, number: int, watched: watch.Watch
) -> None:
    """PostgreSQL adds its counters up in a session, so a statement without a transaction leaves them to the next."""
    done = executed(watched, f"-- sqlmigrate: no-transaction\n{text};")

    assert done.error is None
    assert facts(done, number) == ("nw:AX", "", "")


def test_a_statement_without_a_bound_is_seen(watched: watch.Watch) -> None:
    """`lock_timeout` is in force as for `up`, unless the file itself takes it away."""
    done = executed(watched, "create table y (); set local lock_timeout = 0; alter table t add column z int;")

    assert [each.is_bounded for each in done.statements] == [True, False, False]


@pytest.mark.slow
def test_a_statement_that_only_the_server_keeps_out_of_a_transaction_is_measured(watched: watch.Watch) -> None:
    """REINDEX of a partitioned table is refused in a transaction: the second try is what is measured.

    No other session is in its way here, so its locks may be too short to be seen: they are known from the statement.
    """
    done = executed(watched, "-- sqlmigrate: no-transaction\nreindex table pt;\nalter table t add column z int;")

    assert done.error is None
    assert [each.number for each in done.statements] == [1, 2]
    assert done.statements[0].is_alone
    assert facts(done, 1) == ("pt:S pt1:S", "", "")  # it has no index
    assert facts(done, 2) == ("t:AX", "", "")


# of a partitioned table `Orders` in a schema, with a partition that is partitioned as well
REINDEXES = {
    'reindex table app."Orders"': 'app."Orders":S app.of_one:S app.part:S',
    'reindex (verbose) table app."Orders"': 'app."Orders":S app.of_one:S app.part:S',
    "reindex index /* all */ app.by_v": 'app."Orders":S app.of_one:S app.part:S',
    "reindex table app.part": "app.of_one:S app.part:S",
    'reindex table concurrently app."Orders"': 'app."Orders":SUX app.of_one:SUX app.part:SUX',
    "reindex (concurrently) index app.by_v": 'app."Orders":SUX app.of_one:SUX app.part:SUX',
}


@pytest.mark.slow
@pytest.mark.parametrize(("statement", "locks"), REINDEXES.items(), ids=REINDEXES)
def test_the_locks_of_reindex_are_known(statement: str, locks: str, server: databases.Shadow) -> None:
    """On every partition, and on each index that has rows, all of it unless it is done concurrently."""
    sql = (
        'create schema app; create table app."Orders" (id int, v int) partition by range (id);'
        'create table app.part partition of app."Orders" for values from (0) to (100) partition by range (id);'
        "create table app.of_one partition of app.part for values from (0) to (10);"
        'create index by_v on app."Orders" (v);'
    )
    made = Migration("001", "base", Source("sql/001_base.up.sql", sql), None)
    template = server.template("reindex", lambda on: len(list(up_down.up(on.owner_url, [made]))))
    with (
        server.clone(template) as clone,
        watch.watching(clone.owner_url, clone.admin_url, "migrations") as watched,
    ):
        done = executed(watched, f"-- sqlmigrate: no-transaction\n{statement};")

    assert done.error is None
    touches = sorted(done.statements[0].touches, key=lambda each: each.relation.name)
    assert " ".join(f"{each.relation.name}:{SHORT[each.mode]}" for each in touches if each.relation.table is None) == (
        locks
    )
    indexes = {each.relation.name for each in touches if each.relation.table and each.mode == "ACCESS EXCLUSIVE"}
    assert indexes >= (set() if "concurrently" in statement else {"app.of_one_v_idx"})


def test_a_statement_that_hangs_is_stopped(server: databases.Shadow, base: databases.Template) -> None:
    """Also one that catches its own cancelling: the session is ended, and the next file can be executed."""
    hanging = (
        "do $$ begin loop begin perform pg_sleep(1); exception when query_canceled then null; end; end loop; end $$"
    )
    with (
        server.clone(base) as clone,
        watch.watching(clone.owner_url, clone.admin_url, "migrations", limit=0.3) as watched,
    ):
        done = executed(watched, hanging)
        after = executed(watched, "alter table t add column z int")

    assert (done.is_stopped, done.statements, after.error) == (True, (), None)


LEFT_ALONE = {
    "in a transaction": "create index t_e on t (e);",
    "without one": "-- sqlmigrate: no-transaction\ncreate index concurrently t_e on t (e);",
}


@pytest.mark.parametrize("text", LEFT_ALONE.values(), ids=LEFT_ALONE)
def test_the_lock_of_a_run_is_left_alone(text: str, watched: watch.Watch) -> None:
    """The clone belongs to one review. It needs no lock, and its last session may still be ending."""
    (((got,),),) = watched.observer.ask(run_lock.try_lock(run_lock.lock_key("public.migrations")))
    assert got == "true"

    done = executed(watched, text)

    ours = Request("select from pg_locks where locktype = 'advisory' and pid = $1::int", (str(watched.session.pid),))
    built = Request("select from pg_index where indexrelid = to_regclass('public.t_e') and indisvalid")
    assert done.error is None
    assert [len(rows) for rows in watched.observer.ask(ours, built)] == [0, 1]
