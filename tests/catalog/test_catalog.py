"""The catalog: every change of a definition is noticed and named, and nothing else is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path

import postgres_servers
import pytest
from catalog_mutations import MUTATIONS, NOTHING, Mutation
from inside import Inside
from psycopg.pq import TransactionStatus
from tested_version import NEWEST, TESTED

from sqlmigrate.catalog import compare, functions, read, reading
from sqlmigrate.catalog.follow import FollowedCatalog
from sqlmigrate.catalog.objects import Catalog, Change
from sqlmigrate.database.session import Session

pytestmark = pytest.mark.sampled(3)

SERVERS = ["installed_postgres"] if TESTED else ["postgres", "postgres16", "installed_postgres"]
READ_ALL_DATA = ATOMIC = 14  # the first version that has them
BASE = (Path(__file__).parent / "databases" / "base.sql").read_text(encoding="utf-8")


class Everything:
    """A database with one of everything, and its catalog."""

    def __init__(self, session: Inside) -> None:
        self.session = session
        with session.after("select"):
            self.catalog = read.read(session)
            self.reading = reading.read(session)
        self.major = session.conn.info.server_version // 10000

    def differences(self, sql: str) -> tuple[str, ...]:
        """What `differences` says of statements, in short, sorted."""
        with self.session.after(sql):
            return _said(self.catalog, read.read(self.session))

    def changes(self, sql: str) -> list[str]:
        """What `changes` says of them."""
        with self.session.after(sql):
            return _told(compare.changes(self.catalog, read.read(self.session)))

    def read_twice(self, *statements: str) -> list[Catalog]:
        """The catalog after statements in one transaction, read again after each, and at the end read completely."""
        with self.session.conn.transaction(force_rollback=True):
            last = self.reading
            for sql in statements:
                self.session.conn.execute(sql)
                last = reading.read_again(self.session, last)
            return [last.catalog, read.read(self.session)]

    def followed(self, *statements: str) -> list[list[str]]:
        """What each of several statements has changed, as they are executed in one transaction."""
        with self.session.conn.transaction(force_rollback=True):
            follow = FollowedCatalog(self.session, self.catalog, in_one_transaction=True)
            found = []
            for sql in statements:
                self.session.conn.execute(sql)
                found.append(_told(follow.changed(self.session)))
            return found


def _told(changes: Iterable[Change]) -> list[str]:
    return sorted(
        f"{each.change} {each.kind} " + " -> ".join(dict.fromkeys(one.name for one in (each.before, each.after) if one))
        for each in changes
    )


def _said(before: Catalog, after: Catalog) -> tuple[str, ...]:
    said = []
    for each in compare.differences(before, after):
        which = ", ".join(name for name, *_ in each.attributes)
        said.append(f"{each.change} {each.kind} {each.name}" + (f": {which}" if which else ""))
    return tuple(sorted(said))


@contextmanager
def _everything(server: postgres_servers.Server) -> Iterator[Everything]:
    server.admin.execute("create role catalog_owner; create role catalog_reader")
    try:
        with server.database() as url:
            session = Inside(url)
            session.conn.execute(BASE)
            try:
                yield Everything(session)
            finally:
                session.close()
    finally:
        server.admin.execute("drop role catalog_owner; drop role catalog_reader")


@pytest.fixture(scope="module")
def made(request: pytest.FixtureRequest) -> Iterator[Callable[[str], Everything]]:
    """One of everything on a server, made when first asked for."""
    with ExitStack() as stack:
        yield cache(lambda server: stack.enter_context(_everything(request.getfixturevalue(server))))


@pytest.fixture
def newest(made: Callable[[str], Everything]) -> Everything:
    """One of everything, on the server that knows most."""
    return made(SERVERS[0])


@pytest.fixture(params=SERVERS[1:])
def older(request: pytest.FixtureRequest, made: Callable[[str], Everything]) -> Everything:
    """One of everything, on older servers in turn."""
    return made(request.param)


@pytest.fixture(params=SERVERS)
def everything(request: pytest.FixtureRequest, made: Callable[[str], Everything]) -> Everything:
    """One of everything, on each version in turn."""
    return made(request.param)


@pytest.mark.parametrize("mutation", [each for each in MUTATIONS if each.since <= NEWEST], ids=lambda each: each.name)
def test_a_change_is_noticed_and_named(mutation: Mutation, newest: Everything) -> None:
    """Whatever is made, altered or dropped: what is different is said, and only that."""
    assert newest.differences(mutation.sql) == mutation.said


@pytest.mark.parametrize("sql", NOTHING)
def test_what_changes_no_definition_is_no_difference(sql: str, newest: Everything) -> None:
    """Rows, counters, rights that were granted and revoked, statistics: all that is not the schema."""
    assert newest.differences(sql) == ()


def test_older_servers_tell_the_same(older: Everything) -> None:
    """What a server of an older version knows at all is said in the same words, and nothing is still nothing."""
    known = {each.sql: each.said for each in MUTATIONS if each.since <= older.major} | dict.fromkeys(NOTHING, ())
    assert {sql: older.differences(sql) for sql in known} == known


BODIES = {
    "a comment that ends": (
        "declare x int := 1; begin -- one x := 2;\n return x; end",
        "declare x int := 1; begin -- one\n x := 2; return x; end",
    ),
    "a text in dollar quotes": ("begin return $q$a b$q$; end", "begin return $q$a  b$q$; end"),
    "a text behind an escaped quote": ("begin return E'a\\'b  c'; end", "begin return E'a\\'b c'; end"),
    "a text between AND": ("begin return '(a AND (b AND c))'; end", "begin return '(a AND b AND c)'; end"),
}


@pytest.mark.parametrize("bodies", BODIES.values(), ids=BODIES)
def test_each_character_of_a_body_counts(bodies: tuple[str, str], newest: Everything) -> None:
    """White space, parentheses: nothing of a function is compared as an expression, which PostgreSQL prints."""
    first, second = (
        f"create or replace function app.body() returns text language plpgsql as $body$ {body} $body$"
        for body in bodies
    )
    with newest.session.after(first):
        before = read.read(newest.session)
        newest.session.conn.execute(second)

        assert _said(before, read.read(newest.session)) == ("different function app.body(): definition",)


# -- what became of it -------------------------------------------------------------------------------------------------

CHANGES = {
    "alter table app.orders rename to bills": ["renamed table app.orders -> app.bills"],
    "alter table app.orders rename total to amount": ["renamed column app.orders.total -> app.orders.amount"],
    "alter index app.orders_note rename to by_note": ["renamed index app.orders_note -> app.by_note"],
    "alter table app.orders rename constraint positive to sane": [
        "renamed constraint app.orders.positive -> app.orders.sane"
    ],
    "alter table app.orders rename constraint orders_pkey to one": [
        "renamed constraint app.orders.orders_pkey -> app.orders.one",
        "renamed index app.orders_pkey -> app.one",
    ],
    "alter type app.state rename to status": ["renamed enum app.state -> app.status"],
    "alter type app.state rename value 'paid' to 'settled'": [
        "renamed enum label app.state.'paid' -> app.state.'settled'"
    ],
    "alter sequence app.customers_id_seq rename to numbering": [
        "renamed sequence app.customers_id_seq -> app.numbering"
    ],
    "alter function app.twice rename to double": ["renamed function app.twice(integer) -> app.double(integer)"],
    "alter table app.orders set schema other": ["moved table app.orders -> other.orders"],
    "alter type app.state set schema other": ["moved enum app.state -> other.state"],
    "alter function app.next set schema other": ["moved function app.next(app.state) -> other.next(app.state)"],
    "alter statistics app.together set schema other": ["moved statistics app.together -> other.together"],
    "alter table app.orphan rename to found; alter table app.found rename a to first": [
        "renamed column app.orphan.a -> app.found.first",
        "renamed table app.orphan -> app.found",
    ],
    "alter table app.orders rename to bills; create or replace view app.cheap as select id, total from app.bills": [
        "altered view app.cheap",
        "renamed table app.orders -> app.bills",
    ],
    "alter table app.orphan rename a to c; alter table app.orphan rename b to a; "
    "alter table app.orphan rename c to b": [
        "renamed column app.orphan.a -> app.orphan.b",
        "renamed column app.orphan.b -> app.orphan.a",
    ],
    'alter table app."Odd.Name" rename "a.b" to "c.d"': [
        'renamed column app."Odd.Name"."a.b" -> app."Odd.Name"."c.d"'
    ],
    'alter table app."Odd.Name" rename to odd': ['renamed table app."Odd.Name" -> app.odd'],
    "drop table app.orphan; create table app.orphan (a int, b int)": [
        "gone column app.orphan.a", "gone column app.orphan.b", "gone table app.orphan",
        "new column app.orphan.a", "new column app.orphan.b", "new table app.orphan",
    ],
    "drop table app.orders cascade; create table app.orders (id bigint primary key)": [
        *(f"gone column app.cheap.{each}" for each in ("id", "total")),
        *(f"gone column app.orders.{each}" for each in ("customer", "doubled", "id", "note", "state", "total")),
        *(f"gone column app.sums.{each}" for each in ("customer", "total")),
        *(f"gone constraint app.orders.{each}" for each in ("later", "orders_customer", "orders_pkey", "positive")),
        "gone index app.orders_lower", "gone index app.orders_note", "gone index app.orders_pkey",
        "gone materialized view app.sums", "gone policy app.orders.mine", "gone statistics app.together",
        "gone table app.orders", "gone trigger app.orders.touch", "gone view app.cheap",
        "new column app.orders.id", "new constraint app.orders.orders_pkey", "new index app.orders_pkey",
        "new table app.orders",
        "altered publication news",
    ],
    "alter table app.orphan drop a, add a int": ["gone column app.orphan.a", "new column app.orphan.a"],
    "create or replace function app.next(s app.state) returns app.state language sql as 'select s limit 1'": [
        "altered function app.next(app.state)"
    ],
    "drop function app.twice; create function app.twice(n int) returns int language sql immutable as 'select n * 2'": [
        "gone function app.twice(integer)", "new function app.twice(integer)",
    ],
    "alter table app.customers alter email type varchar(80)": ["altered column app.customers.email"],
    "alter table app.customers alter id type int": [
        "altered column app.customers.id", "altered sequence app.customers_id_seq",
    ],
    "alter table app.orders drop note": [
        "gone column app.orders.note", "gone index app.orders_lower", "gone index app.orders_note",
    ],
    "drop index app.orders_note; create index orders_note on app.orders (note)": [],
    "drop index app.orders_note; create index orders_note on app.orders (note desc)": [
        "gone index app.orders_note", "new index app.orders_note",
    ],
    "alter table app.customers disable trigger all": ["altered table app.customers"],
    "alter table app.orders alter total set default 5": ["altered column app.orders.total"],
    "insert into app.parent values (1)": [],
}  # fmt: skip


@pytest.mark.parametrize("sql", CHANGES)
def test_what_became_of_an_object_is_told_by_its_identity(sql: str, newest: Everything) -> None:
    """A renamed object stays the same, one that is made again is another, one that only names it is unchanged."""
    assert newest.changes(sql) == sorted(CHANGES[sql])


def test_a_renamed_schema_moves_what_is_in_it(newest: Everything) -> None:
    """Everything in it is moved, and nothing is altered, gone or new; what is part of a table goes with it."""
    found = newest.changes("alter schema app rename to shop")
    parts = {"column", "constraint", "domain constraint", "enum label", "index", "policy", "rule", "trigger"}
    inside = [each for each in newest.catalog.objects.values() if each.path[0] == "app" and len(each.path) > 1]
    assert [each for each in found if each.startswith(("altered", "gone", "new"))] == []
    assert [each for each in found if each.startswith("renamed")] == ["renamed schema app -> shop"]
    assert {each.split(" -> ")[0].removeprefix("moved ") for each in found if each.startswith("moved")} == {
        f"{each.kind} {each.name}" for each in inside if each.kind not in parts and each.name != "app.customers_id_seq"
    }


# -- what each statement has changed ---------------------------------------------------------------------------------

# Their catalogs are shared by all databases, or only superusers read them.
NOT_FOLLOWED = ("database", "setting", "user mapping", "subscription")
# What is gone here leaves no other trace.
NOT_SEEN = ("comment on table app.customers is null",)


def _is_followed(change: str) -> bool:
    return not change.split(" ", 1)[1].startswith(NOT_FOLLOWED)


@pytest.mark.parametrize("sql", [*CHANGES, *(each.sql for each in MUTATIONS if each.since <= NEWEST)])
def test_a_statement_has_changed_what_two_whole_catalogs_differ_in(sql: str, newest: Everything) -> None:
    """Whatever is created, altered, renamed or dropped is found from what the statement has written alone."""
    first, second = newest.followed(sql, "select 1")
    assert first == ([] if sql in NOT_SEEN else [*filter(_is_followed, newest.changes(sql))])
    assert second == []


@pytest.mark.slow
def test_older_servers_follow_the_same(older: Everything) -> None:
    """What a statement has changed is found on each version."""
    known = [each.sql for each in MUTATIONS if each.since <= older.major and each.sql not in NOT_SEEN]
    expected = {sql: [*filter(_is_followed, older.changes(sql))] for sql in known}
    assert {sql: older.followed(sql)[0] for sql in known} == expected


@pytest.mark.parametrize("sql", [*CHANGES, *NOTHING, *(each.sql for each in MUTATIONS if each.since <= NEWEST)])
def test_what_is_read_again_is_what_is_read_completely(sql: str, newest: Everything) -> None:
    """Whatever was created, altered, renamed or dropped, nothing is missed by reading only what was written."""
    found, expected = newest.read_twice("insert into app.parent values (1)", sql)
    assert found.objects == expected.objects


def test_each_statement_has_its_own_changes(newest: Everything) -> None:
    """One object that several statements change is changed by each of them, also in a block that fails and goes on."""
    assert newest.followed(
        "alter table app.orphan add c int",
        "do $$ begin alter table app.orphan rename c to d; raise 'no'; exception when others then null; end $$",
        "do $$ begin alter table app.orphan rename c to d; exception when others then null; end $$",
        "insert into app.parent values (1)",
        "deallocate sqlmigrate_follow_written",
        "alter schema other rename to shop",
        "set local role catalog_owner",
        "set local search_path = nowhere",
        "reset role",
        "drop table app.orphan",
    ) == [
        ["new column app.orphan.c"],
        [],
        ["renamed column app.orphan.c -> app.orphan.d"],
        [],
        [],
        ["renamed schema other -> shop"],
        [],
        [],
        [],
        ["gone column app.orphan.a", "gone column app.orphan.b", "gone column app.orphan.d", "gone table app.orphan"],
    ]


def test_the_transaction_stays_as_it_is(newest: Everything) -> None:
    """Settings, locks and counters of the open transaction are not touched."""
    session = newest.session
    state = """\
select current_setting('search_path'), current_setting('statement_timeout'), current_setting('timezone'), current_user,
       (select count(*) from pg_locks l join pg_class c on c.oid = l.relation
         where l.pid = pg_backend_pid() and c.oid >= 16384),
       (select sum(seq_scan) from pg_stat_xact_user_tables)"""
    with session.conn.transaction(force_rollback=True):
        follow = FollowedCatalog(session, newest.catalog, in_one_transaction=True)
        session.conn.execute(
            "set local search_path = app; set local statement_timeout = '7s'; set local role catalog_owner"
        )
        session.conn.execute("reset role; create or replace view cheap as select id, total from orders where total < 9")
        before = session.conn.execute(state).fetchone()
        assert _told(follow.changed(session)) == ["altered view app.cheap"]
        assert session.conn.execute(state).fetchone() == before


# -- what is shown, and to whom ----------------------------------------------------------------------------------------


def test_a_difference_shows_both_values(newest: Everything) -> None:
    """Of what is different the attribute is shown, before and after, and as PostgreSQL writes it."""
    with newest.session.after(
        "alter table app.orders alter total set default 5; alter table app.orphan alter a set not null"
    ):
        found = compare.differences(newest.catalog, read.read(newest.session))
    assert [(each.name, each.attributes) for each in found] == [
        ("app.orders.total", (("default", "0", "5"),)),
        ("app.orphan.a", (("not null", None, "true"),)),
    ]


def test_secrets_are_not_shown(newest: Everything) -> None:
    """A password of a server, of a user mapping or of a parameter is in no attribute, and its name is."""
    secret = (
        "do $$begin execute format('alter database %I set app.jwt_secret = %L', current_database(), 'Planted-5'); end$$"
    )
    with newest.session.after(secret):
        after = read.read(newest.session)
    shown = {key: [*each.attributes.values()] for key, each in after.objects.items()}
    assert [key for key, values in shown.items() if "Planted" in str(values)] == []
    setting = after.objects["setting", "app.jwt_secret"].attributes["value"]
    assert setting is not None
    assert setting.startswith("(hidden, ")
    mapping = after.objects["user mapping", "public on far"].attributes["options"]
    assert mapping is not None
    assert mapping.startswith("password (hidden, ")
    assert mapping.endswith("), \"user\" 'us'")


def test_tables_that_are_left_out_take_all_with_them(newest: Everything) -> None:
    """Neither the table is read nor its columns, constraints and indexes, nor the sequence of a column."""
    with newest.session.after("select"):
        found = read.read(newest.session, ["app.customers"])
    assert sorted(newest.catalog.objects.keys() - found.objects.keys()) == [
        ("column", "app.customers.email"),
        ("column", "app.customers.id"),
        ("column", "app.customers.name"),
        ("constraint", "app.customers.customers_pkey"),
        ("index", "app.customers_email"),
        ("index", "app.customers_pkey"),
        ("sequence", "app.customers_id_seq"),
        ("table", "app.customers"),
    ]


def test_of_an_extension_only_its_name_is_read(everything: Everything) -> None:
    """Functions, types, operators, casts and what else an extension brings is its own."""
    available = "select name from pg_available_extensions where name in ('vector', 'hstore') order by name desc limit 1"
    (name,) = everything.session.conn.execute(available).fetchone() or ("none",)
    assert everything.differences(f"create extension {name} schema other") == (f"left over extension {name}",)


def test_what_is_in_a_schema_of_an_extension_is_its_own(everything: Everything) -> None:
    """TimescaleDB makes a table for each day there, and policies change them: migrations did not do that."""
    sql = (
        "create schema chunks; alter extension plpgsql add schema chunks;"
        "create table chunks.day (primary key (id)) inherits (app.customers); create index on chunks.day (name);"
        "create view chunks.seen as select 1 as one; create type chunks.kind as enum ('a');"
        "create function chunks.one() returns int language sql return 1;"
        "comment on table chunks.day is 'one day'"
    )
    assert everything.differences(sql) == ()


@pytest.mark.parametrize("role", ["catalog_reader", "catalog_owner"])
def test_who_may_do_little_reads_the_same(role: str, everything: Everything) -> None:
    """An ordinary owner, or a role that may read all data, misses nothing but the options of others' user mappings."""
    grant = "grant pg_read_all_data to catalog_reader;" if everything.major >= READ_ALL_DATA else ""
    assert everything.differences(f"{grant} set local role {role}") == (
        "different user mapping public on far: options",
    )


def test_a_body_may_hold_any_character(newest: Everything) -> None:
    """What separates records in the answer, or looks like it, breaks nothing: a pull request may be hostile."""
    body = "E'select \x1e\x1f, \\'\x1e0a0b0c\x1f0a0b0c=\\' --\n\\\\'"
    hostile = f"set local check_function_bodies = off; create function app.odd() returns text language sql as {body}"
    assert newest.differences(hostile) == ("left over function app.odd()",)


def test_a_session_that_was_tidied_up_is_read_again(database: str) -> None:
    """Queries are prepared once for a session; where it has lost them they are prepared again."""
    session = Session(database)
    session.conn.execute("create table orders (id int)")
    first = read.read(session)
    session.conn.execute("deallocate all")
    assert read.read(session) == first
    session.reconnect()
    assert read.read(session) == first
    session.conn.execute("deallocate sqlmigrate_catalog_0")
    assert read.read(session) == first
    assert session.conn.info.transaction_status == TransactionStatus.IDLE
    session.close()


# -- functions that no longer compile ----------------------------------------------------------------------------------

FUNCTIONS = """\
create table orders (id int, total int, note text);
create table others (id int, total int);
create table "Odd Names" ("A Total" int);
create view cheap as select id from orders;
create function one() returns int language sql as 'select total from orders limit 1';
create function one(n int) returns int language sql as 'select n + id from orders limit 1';
create function whole() returns orders language sql as 'select * from orders limit 1';
create function theirs() returns int language sql as 'select total from others limit 1';
create function views() returns setof cheap language sql as 'select * from cheap';
create procedure empty() language sql as 'update orders set total = null';
create function loop() returns int language plpgsql as 'begin return (select max(total) from orders); end';
create function other_loop() returns int language plpgsql as 'begin return (select max(total) from others); end';
create function calls() returns int language plpgsql as 'begin return one(); end';
create function said() returns int language plpgsql as 'begin /* orders.total */ return 1; -- total of orders
end';
create function nested() returns int language plpgsql as 'begin /* a /* b */ orders.total */ return 1; end';
create function dashes() returns text language plpgsql as $$begin return (select '--' || total from orders); end$$;
create function fires() returns trigger language plpgsql as 'begin new.total = 1; return new; end';
create function fires_not() returns trigger language plpgsql as 'begin new.total = 1; return new; end';
create trigger fires before update on orders for each row execute function fires();
create trigger fires before update on others for each row execute function fires_not();
create function odd() returns int language plpgsql as 'begin return (select "A Total" from "Odd Names"); end';
create type state as enum ('new', 'paid');
create function paid() returns state language sql as $$select 'paid'::state$$;
create function paid_loop() returns state language plpgsql as $$begin return 'paid'::state; end$$;
create function typed(o orders) returns int language plpgsql as 'begin return o.total; end';
"""
NO_TOTAL = [
    ("public.dashes()", 'column "total" does not exist'),
    ("public.empty()", 'column "total" of relation "orders" does not exist'),
    ("public.fires()", 'record "new" has no field "total"'),
    ("public.loop()", 'column "total" does not exist'),
    ("public.one()", 'column "total" does not exist'),
    ("public.typed(public.orders)", 'record "o" has no field "total"'),
]
BROKEN = {
    "alter table orders drop total": NO_TOTAL,
    "alter table orders rename total to amount": NO_TOTAL,
    "drop function one()": [("public.calls()", "function one() does not exist")],
    'alter table "Odd Names" rename "A Total" to t': [("public.odd()", 'column "A Total" does not exist')],
    "alter type state rename value 'paid' to 'settled'": [
        ("public.paid()", 'invalid input value for enum state: "paid"'),
        ("public.paid_loop()", 'invalid input value for enum state: "paid"'),
    ],
    "alter table others drop id": [],
    "alter table orders drop note": [],
    "alter table orders add more text": [],
}


@pytest.mark.parametrize("sql", BROKEN)
def test_functions_that_no_longer_work_are_named(sql: str, every_database: str) -> None:
    """SQL bodies are compiled again, of PL/pgSQL every query is planned; what still works is not named."""
    assert broken_by(every_database, FUNCTIONS, sql) == BROKEN[sql]


def broken_by(url: str, base: str, sql: str) -> list[tuple[str, str]]:
    """Execute two texts, and name the functions that the second one breaks."""
    session = Session(url)
    session.conn.execute(base)
    before = read.read(session)
    session.conn.execute(sql)
    found = functions.broken_bodies(session, before, read.read(session))
    assert session.conn.info.transaction_status == TransactionStatus.IDLE
    session.close()
    return [(each.function, each.reason) for each in found]


def test_bodies_that_postgresql_watches_itself_are_left_alone(every_database: str) -> None:
    """A body in BEGIN ATOMIC follows a rename; a function that was broken before is not reported."""
    atomic = "create function one() returns int begin atomic select total from orders limit 1; end;"
    base = (
        "create table orders (id int, total int); set check_function_bodies = off;"
        "create function never() returns int language sql as 'select missing from orders, nowhere';"
        "create function nor() returns int language plpgsql as 'begin return (select missing from orders); end';"
    )
    sql = "alter table orders rename total to amount"
    assert broken_by(every_database, base + (atomic if NEWEST >= ATOMIC else ""), sql) == []
