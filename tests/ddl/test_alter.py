"""What makes objects what they were: executed after a change, the statements leave nothing of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path

import postgres_servers
import pytest
from catalog_mutations import MUTATIONS, NOTHING, Mutation
from inside import Inside
from tested_version import NEWEST, TESTED

from sqlmigrate.catalog import read
from sqlmigrate.catalog.compare import differences
from sqlmigrate.catalog.objects import Catalog, Difference
from sqlmigrate.catalog.stored import catalog_of, text_of
from sqlmigrate.ddl.alter import restoration
from sqlmigrate.ddl.created import Statement
from sqlmigrate.ddl.script import script

pytestmark = pytest.mark.sampled(4)

SERVERS = ["installed_postgres"] if TESTED else ["postgres", "postgres16", "installed_postgres"]
HERE = Path(__file__).parent
ROLES = ("catalog_owner", "catalog_reader", '"Odd Role"')
BASE = HERE.parent / "catalog" / "databases" / "base.sql"
RARE = HERE / "databases" / "rare.sql"
CHANGES = {
    path: (HERE / "databases" / name).read_text(encoding="utf-8").splitlines()[1:]
    for path, name in ((BASE, "base_changes.sql"), (RARE, "rare_changes.sql"))
}
# The first versions that know these words.
SINCE = {"set compression": 14, "set access method": 15}
ALL = [
    (path, sql)
    for path, changes in CHANGES.items()
    for sql in changes
    if not any(words in sql and since > NEWEST for words, since in SINCE.items())
]

COLUMNS_LAST = "-- cannot be put back: table app.orphan, the order of its columns: a new column is always the last"
# What PostgreSQL has no statement for, or what is not known any more: a comment says so.
IMPOSSIBLE = {
    "alter table app.child no inherit app.parent": (
        "-- cannot be put back: column app.child.a, that it comes only from a parent"
    ),
    "alter table app.orphan drop a": COLUMNS_LAST,
    "alter table app.orphan drop a, add c int": COLUMNS_LAST,
    "alter table app.orphan drop a, add a int": COLUMNS_LAST,
    "alter type app.state add value 'lost'": (
        "-- cannot be put back: enum app.state, PostgreSQL cannot remove the label 'lost'"
    ),
    "alter type app.state add value 'lost' before 'paid'": (
        "-- cannot be put back: enum app.state, PostgreSQL cannot remove the label 'lost'"
    ),
    "update pg_enum set enumsortorder = 9 where enumlabel = 'new' and enumtypid = 'app.state'::regtype": (
        "-- cannot be put back: enum app.state, PostgreSQL cannot change the order of labels"
    ),
    "alter server far options (set password 'Planted-3')": (
        "-- cannot be put back: foreign server far, option password: it may be a secret, and was not kept"
    ),
    "alter user mapping for public server far options (set password 'Planted-4')": (
        "-- cannot be put back: user mapping public on far, option password: it may be a secret, and was not kept"
    ),
    "drop user mapping for public server far": (
        "-- not written, because it may be a secret: option password\n"
        "CREATE USER MAPPING FOR PUBLIC SERVER far OPTIONS (\"user\" 'us')"
    ),
}  # fmt: skip
# Those that the other direction cannot make.
NOT_MADE = (
    "alter table app.orphan drop a, add a int",
    "update pg_index set indisvalid = false where indexrelid = 'app.orders_note'::regclass",
    "update pg_enum set enumsortorder = 9 where enumlabel = 'new' and enumtypid = 'app.state'::regtype",
    "alter server far options (set password 'Planted-3')",
    "alter user mapping for public server far options (set password 'Planted-4')",
    "create subscription theirs connection 'dbname=nowhere' publication news with (connect = false, slot_name = none)",
)
# No statement of PostgreSQL makes it, nor can the option be taken back on a server that does not know it.
WRITTEN_BY_HAND = "pg_attver=7"
MOST = [each for each in MUTATIONS if each.since <= NEWEST and WRITTEN_BY_HAND not in each.sql]


class Restored:
    """A database, and its catalog."""

    def __init__(self, session: Inside) -> None:
        self.session = session
        self.major = session.conn.info.server_version // 10000
        with session.after("select"):
            self.catalog = read.read(session)

    def after(self, sql: str) -> Catalog:
        """The catalog after statements, which are undone."""
        with self.session.after(sql):
            return read.read(self.session)

    def put_back(self, then: Catalog, *, now: str = "select", is_same: bool = True) -> tuple[list[str], list[str]]:
        """The statements that put back what statements have changed, and what is different after them."""
        with self.session.after(now):
            current = read.read(self.session)
            if not is_same:
                current = catalog_of(text_of(current))
            found = restoration(then, current, differences(then, current), is_same_database=is_same)
            for each in found:
                self.session.conn.execute(each.sql)  # type: ignore[call-overload]
            after = read.read(self.session)
            return [each.sql for each in found], different(then, after if is_same else catalog_of(text_of(after)))

    def statements(self, sql: str, *, is_same: bool = True) -> list[Statement]:
        """The statements that put back what statements have changed."""
        current = self.after(sql)
        return restoration(self.catalog, current, differences(self.catalog, current), is_same_database=is_same)


def different(before: Catalog, after: Catalog) -> list[str]:
    return [each for each in map(_named, differences(before, after)) if each]


def _named(each: Difference) -> str:
    attributes = [name for name, before, _ in each.attributes if "(hidden" not in (before or "")]
    return f"{each.kind} {each.name}: {', '.join(attributes)}" if attributes or not each.attributes else ""


@contextmanager
def _database(server: postgres_servers.Server, path: Path) -> Iterator[Restored]:
    with roles(server), server.database() as url:
        session = Inside(url)
        session.conn.execute(path.read_text(encoding="utf-8"))  # type: ignore[call-overload]
        try:
            yield Restored(session)
        finally:
            session.close()


@contextmanager
def roles(server: postgres_servers.Server) -> Iterator[None]:
    """Make the roles that the files name, unless they are there."""
    known = {name for (name,) in server.admin.execute("select quote_ident(rolname) from pg_roles")}
    new = [each for each in ROLES if each not in known]
    for role in new:
        server.admin.execute(f"create role {role}")  # type: ignore[call-overload]
    try:
        yield
    finally:
        for role in new:
            server.admin.execute(f"drop role {role}")  # type: ignore[call-overload]


@pytest.fixture(scope="module")
def made(request: pytest.FixtureRequest) -> Iterator[Callable[[str, Path], Restored]]:
    """The databases of a server, made when first asked for."""
    with ExitStack() as stack:
        yield cache(lambda server, path: stack.enter_context(_database(request.getfixturevalue(server), path)))


@pytest.fixture(params=SERVERS)
def database(request: pytest.FixtureRequest, made: Callable[[str, Path], Restored]) -> Callable[[Path], Restored]:
    """The databases, on each version in turn."""
    return lambda path: made(request.param, path)


@pytest.fixture
def newest(made: Callable[[str, Path], Restored]) -> Restored:
    """One of everything, on the server that knows most."""
    return made(SERVERS[0], BASE)


@pytest.mark.parametrize("mutation", MOST, ids=lambda each: each.name)
def test_a_change_is_put_back(mutation: Mutation, database: Callable[[Path], Restored]) -> None:
    """The definitions are what they were; where PostgreSQL has no statement for something, a comment says so."""
    base = database(BASE)
    if mutation.since <= base.major:
        statements, left = base.put_back(base.catalog, now=mutation.sql)
        assert [each for each in statements if each.startswith("--")] == _comments(mutation.sql)
        assert left == [] or mutation.sql in IMPOSSIBLE


def _comments(sql: str) -> list[str]:
    return [IMPOSSIBLE[sql]] if sql in IMPOSSIBLE else []


@pytest.mark.parametrize("mutation", [each for each in MOST if each.sql not in NOT_MADE], ids=lambda each: each.name)
def test_a_change_is_made_again(mutation: Mutation, database: Callable[[Path], Restored]) -> None:
    """The other direction: what somebody has undone by hand comes back."""
    base = database(BASE)
    if mutation.since <= base.major:
        assert base.put_back(base.after(mutation.sql))[1] == []


@pytest.mark.parametrize(("path", "sql"), ALL, ids=lambda each: each.stem if isinstance(each, Path) else each[:60])
def test_more_changes_are_put_back_and_made_again(path: Path, sql: str, database: Callable[[Path], Restored]) -> None:
    """Renamed and moved objects, owners, rights by other roles, partitions, replaced objects, whole schemas."""
    both = database(path)
    assert both.put_back(both.catalog, now=sql)[1] == []
    assert both.put_back(both.after(sql))[1] == []


# Neither the name of the table nor all names of its columns are what they were: it is dropped and created.
NOT_RECOGNISED = ("alter table app.orders rename to bills; alter table app.bills rename total to amount",)


@pytest.mark.parametrize(
    ("path", "sql"),
    [each for each in ALL if each[1] not in NOT_RECOGNISED],
    ids=lambda each: each.stem if isinstance(each, Path) else each[:60],
)
def test_what_was_kept_is_put_back(path: Path, sql: str, made: Callable[[str, Path], Restored]) -> None:
    """A catalog that was kept as text has no identities: what was renamed is recognised by its content."""
    both = made(SERVERS[0], path)
    for then, now in ((both.catalog, sql), (both.after(sql), "select")):
        assert both.put_back(catalog_of(text_of(then)), now=now, is_same=False)[1] == []


@pytest.mark.parametrize("sql", NOTHING)
def test_what_changes_no_definition_needs_no_statement(sql: str, newest: Restored) -> None:
    """Rows, counters, rights that were granted and revoked: there is nothing to put back."""
    assert newest.statements(sql) == []


STATEMENTS = {
    "alter table app.orders add fresh int; alter table app.orders alter total set default 5": [
        ("ALTER TABLE app.orders DROP COLUMN fresh", True),
        ("ALTER TABLE app.orders ALTER COLUMN total SET DEFAULT 0", False),
    ],
    "alter table app.orphan alter a type bigint, alter b set not null": [
        ("ALTER TABLE app.orphan ALTER COLUMN a TYPE integer USING a::integer", True),
        ("ALTER TABLE app.orphan ALTER COLUMN b DROP NOT NULL", False),
    ],
    "drop index app.orders_note; create index orders_total on app.orders (total)": [
        ("DROP INDEX app.orders_total", False),
        ("CREATE INDEX orders_note ON app.orders USING btree (note)", False),
    ],
    "drop table app.orphan; create table app.fresh (id int); drop sequence app.numbers": [
        ("DROP TABLE app.fresh", True),
        ("CREATE SEQUENCE app.numbers", True),
        ("ALTER SEQUENCE app.numbers OWNER TO postgres", True),
        ("CREATE TABLE app.orphan (\n    a integer,\n    b integer\n)", True),
        ("ALTER TABLE app.orphan OWNER TO postgres", True),
        ("REVOKE ALL ON TABLE app.orphan FROM catalog_reader", True),
    ],
    "alter table app.orders rename to bills; alter table app.bills rename total to amount": [
        ("ALTER TABLE app.bills RENAME TO orders", True),
        ("ALTER TABLE app.orders RENAME COLUMN amount TO total", True),
    ],
    "alter table app.orders owner to catalog_owner; grant select on app.orders to catalog_reader": [
        ("ALTER TABLE app.orders OWNER TO postgres", False),
        ("REVOKE ALL ON TABLE app.orders FROM catalog_reader", False),
    ],
    "drop policy mine on app.orders; alter table app.orders enable row level security": [
        ("ALTER TABLE app.orders DISABLE ROW LEVEL SECURITY", False),
        ("CREATE POLICY mine ON app.orders FOR SELECT\n    USING ((customer = 1))", False),
    ],
    "alter table app.customers alter id drop identity": [
        ("ALTER TABLE app.customers ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY", True),
        ("SELECT setval('app.customers_id_seq', max(id)) FROM app.customers", True),
    ],
    "create or replace function app.twice(n int) returns int language sql immutable as 'select n + n'": [
        (
            (
                "CREATE OR REPLACE FUNCTION app.twice(n integer)\n RETURNS integer\n LANGUAGE sql\n IMMUTABLE\n"
                "AS $function$select n * 2$function$"
            ),
            False,
        )
    ],
}


@pytest.mark.parametrize("sql", STATEMENTS)
def test_the_statements_say_whether_they_touch_what_holds_data(sql: str, newest: Restored) -> None:
    """Columns, tables and sequences are marked: whoever reads the statements decides about those."""
    assert [(each.sql, each.holds_data) for each in newest.statements(sql)] == STATEMENTS[sql]


def test_objects_of_another_database_are_not_taken_for_renamed(newest: Restored) -> None:
    """Identities mean nothing there: a table with other columns is left over, and one with the same looks renamed."""
    sql = "alter table app.orphan rename to found"
    other = "alter table app.orphan add c int; alter table app.orphan rename to found"
    assert [each.sql for each in newest.statements(other, is_same=False)] == [
        "DROP TABLE app.found",
        "CREATE TABLE app.orphan (\n    a integer,\n    b integer\n)",
        "ALTER TABLE app.orphan OWNER TO postgres",
        "REVOKE ALL ON TABLE app.orphan FROM catalog_reader",
    ]
    assert [each.sql for each in newest.statements(sql, is_same=False)] == [
        "-- table app.found looks like app.orphan, renamed\nALTER TABLE app.found RENAME TO orphan"
    ]
    assert [each.sql for each in newest.statements(sql)] == ["ALTER TABLE app.found RENAME TO orphan"]


def test_only_what_is_asked_for_is_put_back(newest: Restored) -> None:
    """A difference that is ignored gets no statement, also if its table has others."""
    current = newest.after("alter table app.orders add fresh int, alter total set default 5")
    wanted = [each for each in differences(newest.catalog, current) if each.name == "app.orders.total"]
    assert [each.sql for each in restoration(newest.catalog, current, wanted, is_same_database=True)] == [
        "ALTER TABLE app.orders ALTER COLUMN total SET DEFAULT 0"
    ]


def test_an_attribute_that_was_not_compared_stays_as_it_is(newest: Restored) -> None:
    """What two versions of PostgreSQL write differently, or a role may not see, is taken out of a difference."""
    current = newest.after("alter table app.orders alter note set storage external, alter note set statistics 5")
    [found] = differences(newest.catalog, current)
    wanted = replace(found, attributes=tuple(each for each in found.attributes if each[0] == "statistics"))
    assert [each.sql for each in restoration(newest.catalog, current, [wanted], is_same_database=True)] == [
        "ALTER TABLE app.orders ALTER COLUMN note SET STATISTICS -1"
    ]


SCRIPT = """\
-- These statements make the schema what it was.
-- None was executed: read them before you execute any.
-- Commented out is what may lose rows, or cannot be executed without that: what
-- creates, changes or drops tables, columns, sequences and materialized views,
-- and what drops schemas, types, extensions, publications and user mappings.

BEGIN;
SET LOCAL lock_timeout = '5s';

-- this drops:
--   CREATE INDEX orders_total ON app.orders USING btree (total);
-- on a large table, outside of this transaction, so that writes go on:
-- DROP INDEX CONCURRENTLY app.orders_total;
DROP INDEX app.orders_total;

-- CREATE TABLE app.orphan (
--     a integer,
--     b integer
-- );

-- ALTER TABLE app.orphan OWNER TO postgres;

-- REVOKE ALL ON TABLE app.orphan FROM catalog_reader;

-- cannot be put back: enum app.state, PostgreSQL cannot remove the label 'lost'

COMMIT;
"""


def test_what_holds_data_is_commented_out_of_the_text(newest: Restored) -> None:
    """Every line of such a statement; what is executed without reading touches no rows."""
    sql = (
        "create index orders_total on app.orders (total); drop table app.orphan; alter type app.state add value 'lost'"
    )
    assert script(sorted(newest.statements(sql), key=lambda each: each.is_comment), "what it was") == SCRIPT


def test_a_new_label_comes_before_the_transaction() -> None:
    """PostgreSQL refuses to use a label in the transaction that adds it."""
    statements = [
        Statement("ALTER TYPE app.state ADD VALUE 'paid' AFTER 'new'"),
        Statement("ALTER TABLE app.orders ALTER COLUMN state SET DEFAULT 'paid'::app.state"),
    ]
    assert script(statements, "what it was").partition("publications and user mappings.\n")[2] == (
        "\n-- a new label can be used only when it is committed, so it comes before the transaction:\n"
        "ALTER TYPE app.state ADD VALUE 'paid' AFTER 'new';\n"
        "\nBEGIN;\nSET LOCAL lock_timeout = '5s';\n"
        "\nALTER TABLE app.orders ALTER COLUMN state SET DEFAULT 'paid'::app.state;\n"
        "\nCOMMIT;\n"
    )


def test_a_label_of_an_enum_that_is_renamed_comes_after_that() -> None:
    statements = [
        Statement("ALTER TYPE app.found RENAME TO state", gives="app.state"),
        Statement("ALTER TYPE app.state ADD VALUE 'paid' AFTER 'new'"),
    ]
    lines = [line for line in script(statements, "what it was").splitlines() if line and not line.startswith("--")]
    assert [line.split()[0] for line in lines] == ["BEGIN;", "SET", "ALTER", "ALTER", "COMMIT;"]


CHECKED = """\
-- on a large table, outside of this transaction, in two steps, so that writes go on:
-- ALTER TABLE app.orders ADD CONSTRAINT "My Check" CHECK ((total > 0)) NOT VALID;
-- ALTER TABLE app.orders VALIDATE CONSTRAINT "My Check";
ALTER TABLE app.orders ADD CONSTRAINT "My Check" CHECK ((total > 0));
"""
ONE_STEP = {
    "it is not valid": ("ALTER TABLE app.orders ADD CONSTRAINT c CHECK ((total > 0)) NOT VALID", ()),
    "a key": ("ALTER TABLE app.orders ADD CONSTRAINT c UNIQUE (total)", ()),
    "a foreign key of a partitioned table": (
        "ALTER TABLE app.orders ADD CONSTRAINT c FOREIGN KEY (a) REFERENCES app.other(id)",
        ("app.orders",),
    ),
}


def test_a_constraint_that_checks_rows_has_a_form_in_two_steps() -> None:
    statement = Statement('ALTER TABLE app.orders ADD CONSTRAINT "My Check" CHECK ((total > 0))')
    assert CHECKED in script([statement], "what it was")


@pytest.mark.parametrize(("sql", "partitioned"), ONE_STEP.values(), ids=ONE_STEP)
def test_other_constraints_have_one_form(sql: str, partitioned: tuple[str, ...]) -> None:
    assert "VALIDATE" not in script([Statement(sql)], "what it was", partitioned)


LIVE = {
    "create schema hand; create table hand.own (id int)": [],
    "create type app.mood as enum ('a'); create table app.own (mood app.mood)": [],
    "create domain app.short as text; alter table app.orphan add c app.short": [],
    "create extension vector; alter table app.orphan add c vector": [],
    "create function app.one() returns int language sql return 1; create table app.own (a int default app.one())": [],
    "create materialized view app.kept as select 1 as one": [],
    "create sequence app.own": [],
    "alter table app.orphan rename to found": [],
    "alter table app.orphan rename a to found": [],
    "create index on app.orphan (b); alter table app.orphan drop a": ["DROP INDEX app.orphan_b_idx"],
    "create view app.own as select 1 as one": ["DROP VIEW app.own"],
    "alter table app.orphan alter a type bigint": [],
    "create publication own": [],
}


@pytest.mark.parametrize("sql", LIVE)
def test_what_needs_a_commented_statement_is_commented_out_too(sql: str, newest: Restored) -> None:
    """What is left can be executed as it stands: no table, row, type or schema is dropped by it."""
    text = script(newest.statements(sql, is_same=False), "what it was")
    lines = [line.removesuffix(";") for line in text.splitlines() if line and not line.startswith("--")]
    assert lines == ["BEGIN", "SET LOCAL lock_timeout = '5s'", *LIVE[sql], "COMMIT"]


def test_a_renamed_view_is_renamed_back(newest: Restored) -> None:
    """What depends on it, and its rights, stay."""
    sql = "alter view app.cheap rename to other"
    assert [each.sql for each in newest.statements(sql, is_same=False)] == [
        "-- view app.other looks like app.cheap, renamed\nALTER VIEW app.other RENAME TO cheap"
    ]


def test_a_new_object_does_not_keep_rights_that_default_privileges_give(newest: Restored) -> None:
    """Whoever creates a table again gives it the default privileges that there are by then."""
    sql = (
        "alter default privileges in schema app grant select on tables to catalog_reader;"
        "alter default privileges revoke execute on functions from public;"
        "drop table app.orphan; drop function app.twice"
    )
    statements, left = newest.put_back(newest.catalog, now=sql)
    assert "REVOKE ALL ON TABLE app.orphan FROM catalog_reader" in statements
    assert "GRANT ALL ON FUNCTION app.twice(integer) TO PUBLIC" in statements
    assert left == []
