"""A catalog that is read again: what was not written is not read, and nothing that changed is missed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import generated_history
import psycopg
import pytest
from postgres_servers import Server
from tested_version import NEWEST

from sqlmigrate.catalog import read, reading
from sqlmigrate.database.session import Request, Session
from sqlmigrate.executor.events import Finished
from sqlmigrate.files import folder
from sqlmigrate.operations import up_down

BASE = """\
create type pair as (a int, b int);
create domain amount as numeric default 0;
create table customers (id int primary key, name text);
create table orders (id int primary key, customer int references customers, total amount, note text);
create table items (id int, ordered int constraint items_order references orders, paid pair default row(1, 2)::pair);
create table empty ();
create table heir (a int) inherits (empty);
create view paid as select note, paid from orders join items on ordered = orders.id;
create view joined as select * from orders full join customers using (id);
create table priced (amount amount check (amount > 0));
create rule quiet as on delete to heir do instead select * from customers left join items using (id);
comment on table orders is 'what was ordered';
comment on column orders.note is 'by the customer';
create function twice(n int) returns int language sql immutable as 'select n * 2';
create table computed (a int, b int generated always as (twice(a)) stored);
alter table items disable trigger all;
"""
# What a statement changes leaves no new row in the relation whose definition it changes.
BY_ANOTHER_WAY = {
    "a comment that is removed": "comment on table orders is null; comment on column orders.note is null",
    "a foreign key whose triggers were disabled": "alter table items drop constraint items_order",
    "a table without columns that has no heir any more": "alter table heir no inherit empty",
    "a row value of a type with more attributes": "alter type pair add attribute c int",
    "a view over a table with a new column": "alter table customers add note text",
    "a rule over a table with a new column": "alter table customers add ordered int",
    "a column that a view names": "alter table orders rename note to remark",
    "a function that a column names": "alter function twice(int) rename to doubled",
    "a schema": "alter schema public rename to shop",
    "a function that only does something else":
        "create or replace function twice(n int) returns int language sql immutable as 'select n + n'",
    "a domain": "alter domain amount rename to money_amount",
    "an index": "create index orders_note on orders (note); drop index orders_note",
    "an index of a key": "alter index orders_pkey rename to orders_key",
    "an index's statistics": "create index lower on orders (lower(note)); alter index lower alter 1 set statistics 50",
    "a table of the same name": "drop table computed; create table computed (a int)",
    "nothing": "insert into customers values (1, 'one')",
}  # fmt: skip


@pytest.fixture
def session(database: str) -> Iterator[Session]:
    with closing(Session(database)) as made:
        made.conn.execute(BASE)
        yield made


@pytest.mark.parametrize("sql", BY_ANOTHER_WAY.values(), ids=BY_ANOTHER_WAY)
def test_nothing_is_missed(sql: str, session: Session) -> None:
    """Where a definition changes, but not the rows of its relation, it is read again as well."""
    first = reading.read(session)
    session.conn.execute(sql)
    second = reading.read_again(session, first)
    assert second.catalog == read.read(session)
    assert reading.read_again(session, second).catalog == second.catalog


def test_a_role_is_renamed(postgres: Server, session: Session) -> None:
    """The owners of objects are shown by name."""
    postgres.admin.execute("create role owner_once")
    try:
        session.conn.execute("alter table orders owner to owner_once")
        first = reading.read(session)
        postgres.admin.execute("alter role owner_once rename to owner_now")
        second = reading.read_again(session, first)
        assert second.catalog.objects["table", "public.orders"].attributes["owner"] == "owner_now"
        assert second.catalog == read.read(session)
    finally:
        session.conn.execute("drop table orders cascade")
        postgres.admin.execute("drop role if exists owner_once, owner_now")


def test_a_table_becomes_a_member_of_an_extension(session: Session) -> None:
    """What extensions own is not read, and no row of the table tells it."""
    session.conn.execute("create extension vector")
    first = reading.read(session)
    session.conn.execute("alter extension vector add table priced")
    assert ("table", "public.priced") in first.catalog.objects
    assert ("table", "public.priced") not in reading.read_again(session, first).catalog.objects


def test_a_schema_becomes_a_member_of_an_extension(session: Session) -> None:
    """What is in it is the work of the extension, also what is created there later."""
    session.conn.execute("create schema chunks; create table chunks.one (id int); create extension vector")
    first = reading.read(session)
    session.conn.execute("alter extension vector add schema chunks")
    second = reading.read_again(session, first)
    session.conn.execute("create table chunks.two (id int)")
    third = reading.read_again(session, second)
    assert ("table", "chunks.one") in first.catalog.objects
    assert not [name for _, name in second.catalog.objects if name.startswith("chunks")]
    assert third.catalog == second.catalog == read.read(session)


def test_a_transaction_that_began_before_the_last_reading(database: str, session: Session) -> None:
    """What it had written by then is seen after its COMMIT."""
    with psycopg.connect(database) as other:
        other.execute("alter table orders alter note set statistics 50")
        session.conn.execute("create table meanwhile (a int)")
        first = reading.read(session)
    second = reading.read_again(session, first)
    assert "statistics" not in first.catalog.objects["column", "public.orders.note"].attributes
    assert second.catalog == read.read(session)
    assert second.catalog.objects["column", "public.orders.note"].attributes["statistics"] == "50"


def test_tables_stay_left_out(session: Session) -> None:
    """Neither a table nor its parts are in a catalog that was read without it, also after they were altered."""
    first = reading.read(session, ["public.orders"])
    session.conn.execute("alter table orders add more int; create index on orders (more)")
    second = reading.read_again(session, first)
    assert [each.name for each in second.catalog.objects.values() if each.table == "public.orders"] == []
    assert second.catalog == read.read(session, ["public.orders"])


class Counted(Session):
    """A session that notes what it sends."""

    sent: list[str]

    def ask(self, *requests: Request) -> list[list[list[str | None]]]:
        self.sent = [*getattr(self, "sent", []), *(each.sql for each in requests)]
        return super().ask(*requests)


@pytest.mark.parametrize(
    ("sql", "table", "is_complete"),
    [
        ("select 1", "", False),
        ("create index orders_note on orders (note)", "orders", False),
        ("create table fresh (a int)", "fresh", False),
        ("drop table computed", "computed", False),
        ("alter table orders rename to purchases", "orders", True),
    ],
)
def test_only_what_was_written_is_read(
    sql: str,
    table: str,
    is_complete: bool,  # noqa: FBT001 - a parameter of the table
    database: str,
    session: Session,
) -> None:
    """The queries for relations name the one that was written, or there are none; after a renaming all are read."""
    with closing(Counted(database)) as counted:
        first = reading.read(counted)
        oids = {each.name: each.identity.oid for each in first.catalog.tables.values()}
        session.conn.execute(sql)
        counted.sent = []
        oids |= {each.name: each.identity.oid for each in read.read(session).tables.values()}
        reading.read_again(counted, first)
        asked = [each for each in counted.sent if each.startswith("execute sqlmigrate_parts")]
        assert {str(oids[f"public.{table}"]) in each for each in asked} == ({True} if table else set())
        others = {"public.customers", "public.priced"}
        assert not any(str(oids[each]) in sent for each in others for sent in asked)
        assert ("execute sqlmigrate_catalog_3" in counted.sent) == is_complete


@pytest.mark.slow
def test_a_long_history_is_read_file_by_file(every_postgres: Server, tmp_path: Path) -> None:
    """After each of 100 migrations of all kinds, reading again gives what reading all gives."""
    version = every_postgres.admin.info.server_version // 10000
    generated_history.write(tmp_path, generated_history.migrations(100, 15, min(version, NEWEST), ("elsewhere",)))
    migrations = folder.load(tmp_path)
    with every_postgres.database() as url, closing(Session(url)) as session:
        last = reading.read(session)
        for number in range(1, len(migrations) + 1):
            assert isinstance(list(up_down.up(url, migrations[:number], into_existing=True))[-1], Finished)
            last = reading.read_again(session, last)
            assert last.catalog == read.read(session), migrations[number - 1].label
        list(up_down.down(url, migrations, all=True))  # the roles of the server are dropped as well
