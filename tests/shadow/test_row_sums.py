"""The rows of a database: what changes a checksum, and what does not."""

from __future__ import annotations

import psycopg
import pytest
from proxies import TurnCounter
from psycopg.pq import TransactionStatus

from sqlmigrate.database.session import connect
from sqlmigrate.shadow import row_sums
from sqlmigrate.shadow.row_sums import TableRows

BEFORE = (
    "create table t (id int primary key, a text, f float8, j json);"
    "insert into t values (1, 'x', 0.1, '{\"a\": 1}'), (2, null, 'NaN', null), (3, '', 1e300, '[]')"
)

SAME = {
    "nothing": "select 1",
    "rows in another order": "create table c as table t; truncate t; insert into t select * from c order by id desc",
    "columns in another order": "create table c as table t; drop table t;create table t as select j, f, a, id from c",
    "a column dropped and added again": "alter table t add b int; alter table t drop b",
    "a type that writes the same": "alter table t alter id type bigint",
    "a rewrite": "vacuum full t",
    "a time zone": "set timezone = 'Asia/Tokyo'",
}
OTHER = {
    "a value": "update t set a = 'y' where id = 1",
    "NULL for an empty text": "update t set a = null where id = 3",
    "a float by its last digit": "update t set f = 0.1 + 1e-17 * 2 where id = 1",
    "json by a space": "update t set j = '{\"a\":1}' where id = 1",
    "values that change places": "update t set a = case id when 1 then '' else 'x' end where id in (1, 3)",
    "a row gone": "delete from t where id = 1",
    "a row twice": "alter table t drop constraint t_pkey; insert into t select * from t where id = 1",
}


def _read(url: str, columns: dict[str, list[str]] | None = None) -> TableRows:
    with connect(url) as session:
        return row_sums.read(session, columns)["public.t"]


def _execute(url: str, text: str) -> None:
    with psycopg.connect(url, autocommit=True) as conn:
        for statement in text.split(";"):
            conn.execute(statement)


@pytest.mark.parametrize("change", SAME)
def test_the_checksum_stays(every_database: str, change: str) -> None:
    """What leaves every value in its row leaves count, columns and checksum."""
    _execute(every_database, BEFORE)
    before = _read(every_database)
    _execute(every_database, SAME[change])
    after = _read(every_database)
    assert (after.count, after.columns, after.checksum) == (3, ("a", "f", "id", "j"), before.checksum)


@pytest.mark.parametrize("change", OTHER)
def test_the_checksum_tells(every_database: str, change: str) -> None:
    """What changes a value or the number of rows changes the checksum."""
    _execute(every_database, BEFORE)
    before = _read(every_database)
    _execute(every_database, OTHER[change])
    assert _read(every_database).checksum != before.checksum


def test_over_the_columns_that_were_there_before(every_database: str) -> None:
    """A new column, filled, does not count where only the old ones are asked for; a column that is gone is left out."""
    _execute(every_database, BEFORE)
    before = _read(every_database)
    _execute(every_database, "alter table t add b int default 7")
    assert _read(every_database, {"public.t": ["id", "a", "f", "j"]}) == before
    _execute(every_database, "alter table t drop a")
    assert _read(every_database, {"public.t": ["id", "a", "f", "j"]}).columns == ("f", "id", "j")


def test_which_tables_are_read(every_database: str) -> None:
    """Ordinary tables and partitions that hold rows, each once; no parent's sum, no view, nothing of ours or theirs."""
    _execute(
        every_database,
        'create schema "S p"; create table "S p"."T ""q""" (a int); create table parent (a int);'
        "create table child () inherits (parent); insert into child values (1);"
        "create table p (a int) partition by list (a); create table p_1 partition of p for values in (1);"
        "insert into p values (1), (1); create view v as select 1; create table migrations (a int); create table e ();"
        "create materialized view m as select 1; create unlogged table u (a int)",
    )
    with connect(every_database) as session:
        found = row_sums.read(session, ignore=["public.migrations"])
        assert session.conn.info.transaction_status == TransactionStatus.IDLE
    assert {name: each.count for name, each in found.items()} == {
        '"S p"."T ""q"""': 0,
        "public.child": 1,
        "public.e": 0,
        "public.p_1": 2,
        "public.parent": 0,
        "public.u": 0,
    }
    assert (found["public.parent"].checksum, found["public.e"].columns) == ("0", ())


def test_an_empty_database(every_database: str) -> None:
    """There is nothing to read."""
    with connect(every_database) as session:
        assert row_sums.read(session) == {}


def test_all_tables_are_read_in_two_turns(every_database: str) -> None:
    """The names of 180 tables are read in one turn, all their rows in another."""
    for start in range(0, 180, 60):
        _execute(every_database, ";".join(f"create table t_{n} (id int)" for n in range(start, start + 60)))
    with TurnCounter(every_database) as counter, connect(counter.url) as session:
        counter.reset()
        assert len(row_sums.read(session)) == 180
        assert counter.turns == 2
